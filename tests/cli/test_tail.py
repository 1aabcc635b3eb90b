"""A run without a screen: a line for everything new, and others told of what is bad, whatever they do."""

from __future__ import annotations

import dataclasses
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import nntui as package
from nntui.cli.notify import Notifier
from nntui.cli.tail import Teller
from nntui.finding import Finding, Severity
from nntui.session.alerts import HOLD
from nntui.session.log import EventRow
from nntui.session.snapshot import Head, Snapshot


@pytest.fixture
def ended(tmp_path):
    """A finished run with a failed check and a loss that became NaN."""
    path = tmp_path / "runs" / "bad"
    with package.init(path, total_steps=50) as run:
        run.check(Finding("skeleton.dependency", "fail", "example 3 reaches 7", expected=0.0, measured=0.7))
        for step in range(50):
            run.log({"train/loss": 1.0 if step < 40 else float("nan")}, step=step)
    return path


@pytest.fixture
def healthy(tmp_path):
    path = tmp_path / "runs" / "good"
    with package.init(path, total_steps=50) as run:
        for step in range(50):
            run.log({"train/loss": 2.0 / (step + 1)}, step=step)
    return path


def test_a_run_that_has_ended_is_told_once_and_gives_its_exit_code(nntui, ended, healthy) -> None:
    bad, good = nntui("tail", str(ended)), nntui("tail", str(healthy), "--strict")
    assert (bad.returncode, good.returncode) == (4, 0)
    for words in ("state     ended", "fail skeleton.dependency", "raised error live.nonfinite", "step 49/50"):
        assert bad.stdout.count(words) == 1
    assert bad.stderr == ""


def test_the_command_is_given_each_new_finding_as_json(nntui, ended, tmp_path) -> None:
    nntui("tail", str(ended), "--on-alert", f"cat >> {tmp_path}/told; echo >> {tmp_path}/told")
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert [(one["change"], one["finding"]["id"]) for one in told] == [
        ("raised", "skeleton.dependency"),
        ("raised", "live.nonfinite"),
    ]
    assert told[0] | {"finding": 0} == {
        "format": 1, "change": "raised", "run": "bad", "path": str(ended), "state": "ended", "step": 49, "finding": 0,
    }  # fmt: skip


def test_programs_get_one_object_per_line(nntui, ended) -> None:
    lines = [json.loads(line) for line in nntui("tail", str(ended), "--json").stdout.splitlines()]
    assert {line["kind"] for line in lines} == {"state", "event", "check", "alert", "progress"}


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["tail", "nowhere"], 3, "no such run"),
        (["tail", "{run}", "--webhook", "ftp://x"], 2, "ftp://x"),
        (["tail", "{run}", "--every", "0"], 2, "--every"),
        (["report", "nowhere"], 3, "no such run"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(nntui, healthy, words, code, part) -> None:
    done = nntui(*(word.format(run=healthy) for word in words))
    assert done.returncode == code
    assert part in done.stderr
    assert "Traceback" not in done.stderr


class Told(Notifier):
    """A notifier that only remembers."""

    def __init__(self) -> None:
        super().__init__("true", None, print)
        self.messages: list[dict] = []

    def tell(self, message: str) -> None:
        self.messages.append(json.loads(message))


def alert(status: Severity = "warn") -> Finding:
    return Finding("live.plateau", status, "train/loss is flat", evidence={"metric": "train/loss"}, step=7)


def playing(step=10, **changes) -> Snapshot:
    return dataclasses.replace(Snapshot(head=Head(name="r", state="live", step=step)), **changes)


def test_an_alert_is_told_once_and_once_when_it_is_over(capsys) -> None:
    told = Told()
    teller = Teller(told, as_json=False, every=1e9, keep_on=True)
    for now in (0.0, 1.0, 2.0):
        teller.tell(playing(alerts=(alert(),)), now, over=False)
    teller.tell(playing(), 2.0 + HOLD, over=False)
    assert [message["change"] for message in told.messages] == ["raised", "cleared"]
    assert capsys.readouterr().out.count("live.plateau") == 2


def test_information_is_printed_and_told_to_nobody(capsys) -> None:
    told = Told()
    teller = Teller(told, as_json=False, every=1e9, keep_on=True)
    teller.tell(playing(alerts=(alert("info"),)), 0.0, over=False)
    teller.tell(playing(), HOLD, over=False)
    assert told.messages == []
    assert "raised info" in capsys.readouterr().out


def test_events_are_told_once_and_progress_now_and_then(capsys) -> None:
    teller = Teller(Told(), as_json=False, every=10.0, keep_on=True)
    one = EventRow(1e9, 3, "info", "note", "\x1b[31mred", "w")
    for now in range(20):
        teller.tell(playing(step=now, events=(one,) * (1 + (now > 5))), float(now), over=False)
    out = capsys.readouterr().out
    assert out.count("note at step 3: ␛[31mred") == 2
    assert out.count("progress") == 2


def test_a_command_that_hangs_is_ended_and_the_next_message_arrives(tmp_path) -> None:
    said: list[str] = []
    marker = tmp_path / "told"
    hanging = Notifier(
        f"read -r line; echo $line >> {marker}; [ $line = 2 ] || sleep 60", None, said.append, timeout=0.3
    )
    hanging.tell("1\n")
    hanging.tell("2\n")
    hanging.finish(10.0)
    assert marker.read_text().split() == ["1", "2"]
    assert len(said) == 1
    assert "still running after 0.3 s" in said[0]


def test_a_command_that_fails_is_said_in_one_line() -> None:
    said: list[str] = []
    failing = Notifier("exit 3", None, said.append)
    failing.tell("{}")
    failing.finish(10.0)
    assert said == ["--on-alert 'exit 3': exit code 3; expected 0."]


def served(codes: list[int]) -> tuple[HTTPServer, list[bytes]]:
    """A server that answers with each of the codes in turn."""
    bodies: list[bytes] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(codes[min(len(bodies), len(codes)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, bodies


@pytest.mark.parametrize(
    ("codes", "attempts", "failed"),
    [([200], 1, False), ([503, 429, 200], 3, False), ([404], 1, True), ([500], 4, True)],
)
def test_a_webhook_is_tried_again_only_where_that_may_help(codes, attempts, failed) -> None:
    server, bodies = served(codes)
    said: list[str] = []
    told = Notifier(None, f"http://127.0.0.1:{server.server_port}/", said.append, retries=(0.01,) * 3)
    told.tell('{"a": 1}')
    deadline = threading.Event()
    for _ in range(500):
        if len(bodies) >= attempts:
            break
        deadline.wait(0.01)
    told.finish(10.0)
    server.shutdown()
    server.server_close()
    assert bodies == [b'{"a": 1}'] * attempts
    assert bool(said) is failed


def test_a_webhook_that_is_not_there_is_said_in_one_line() -> None:
    said: list[str] = []
    told = Notifier(None, "http://127.0.0.1:1/", said.append, retries=())
    told.tell("{}")
    told.finish(10.0)
    assert len(said) == 1
    assert "not delivered" in said[0]
