"""The real commands in a pseudo-terminal, as a user runs them."""

import json
import os
import sys
from pathlib import Path

import pytest

import nntui as package

TEN_LINES = """
import random, sys, time
import nntui

with nntui.init(sys.argv[1], total_steps=100_000) as run:
    loss = 2.3
    for step in range(100_000):
        loss = 0.999 * loss + 0.001 * random.random()
        run.log({"train/loss": loss, "lr": 3e-4})
        time.sleep(0.002)
"""


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_loop_of_ten_lines_is_watched_live(tmp_path, terminal, background, columns, rows) -> None:
    script = tmp_path / "loop.py"
    script.write_text(TEN_LINES)
    (tmp_path / "trainer.py").write_text("raise RuntimeError('a user has a trainer of their own')")
    job = background(sys.executable, script, tmp_path / "runs" / "mine")
    screen = terminal("watch", "runs/mine", "--wait", columns=columns, rows=rows, fresh=True)
    first = screen.wait_for("mine", "live", "step ", "train/loss", "no alerts")
    step = int(first.split("step ")[1].split("/")[0].replace(",", ""))
    screen.wait_for("live")
    for _ in range(200):
        screen.read(0.1)
        if int(screen.text.split("step ")[1].split("/")[0].replace(",", "")) > step:
            break
    else:
        raise AssertionError(f"the step stood still:\n{screen.text}")
    screen.press("q")
    assert screen.wait_closed() == 0
    assert "Back to it with" in screen.text
    assert job.poll() is None, "leaving the dashboard must not stop the job"


def test_every_key_of_the_help_can_be_pressed_and_ctrl_c_leaves(tmp_path, terminal) -> None:
    with package.init(tmp_path / "run") as run:
        for step in range(300):
            run.log({"train/loss": 1.0 / (step + 1), "val/loss": 0.5, "lr": 1e-3}, step=step)
    screen = terminal("watch", tmp_path / "run")
    screen.wait_for("train/loss")
    screen.press("?")
    screen.wait_for("this page")
    for key in "12a9?yxsSo+-0hljk \r\x1b1":
        screen.press(key)
        screen.read(0.1)
    screen.press("1")
    screen.wait_for("train/loss")
    for columns, rows in ((1, 1), (40, 10), (240, 60), (80, 24)):
        screen.resize(columns, rows)
        screen.read(0.3)
    screen.wait_for("train/loss")
    screen.press("\x03")
    assert screen.wait_closed() == 0


HOSTILE = {
    "clears": "\x1b[2J\x1b[Hgone",
    "clipboard": "\x1b]52;c;cHduZWQ=\x07",
    "c1": "\x9b31mred\x9d0;title\x9c",
    "markup": "[/b][bold red]x[/]",
    "bidi": "safe\u202egnp.exe\u2066",
    "nul": "a\x00b\rc\x08d",
    "long": "n" * 10_000,
}


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50), (50, 20)])
def test_hostile_names_reach_the_terminal_as_visible_text_only(tmp_path, terminal, columns, rows) -> None:
    with package.init(tmp_path / "run") as run:
        for step in range(30):
            run.log({f"{name}" + text: float(step) for name, text in HOSTILE.items()}, step=step)
        text = "".join(HOSTILE[name] for name in ("clears", "clipboard", "c1", "markup", "bidi", "nul"))
        run.check(package.Finding(text, "fail", text, expected=text, measured=text, advice=text, evidence={text: text}))
        run.event(text, text, level="error")
    screen = terminal("watch", tmp_path / "run", columns=columns, rows=rows)
    screen.wait_for("ended")
    for key in "2\r\x1b9\r?1jjjj\r":
        screen.press(key)
        screen.read(0.2)
    screen.press("\x03")
    screen.wait_closed()
    for payload in (
        b"\x1b]52",
        b"\x1b[2J\x1b[Hgone",
        b"\x9b31m",
        "\x9b".encode(),
        "\u202e".encode(),
        b"a\x00",
        b"\x08d",
    ):
        assert payload not in screen.raw
    assert "␛".encode() in screen.raw


def test_hostile_names_are_printed_as_visible_text_only(tmp_path, nntui) -> None:
    with package.init(tmp_path / "run") as run:
        for name, text in HOSTILE.items():
            run.log({name + text: 1.0})
        run.check(package.Finding("x" + HOSTILE["clears"], "pass", HOSTILE["clipboard"]))
    shown = nntui("show", tmp_path / "run")
    assert shown.returncode == 0
    assert not {c for c in shown.stdout if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066"}
    as_json = json.loads(nntui("show", tmp_path / "run", "--json").stdout)
    assert "clears" + HOSTILE["clears"] in as_json["metrics"]


def test_the_trainer_survives_kill_9_and_its_curves_go_on(tmp_path, nntui, preloaded, environment, eventually) -> None:
    run = tmp_path / "run"
    words = ("train", "digits", "--no-checks", "--out", run, "--steps", "100000", "--eval-every", "50")
    steps = []
    for _ in range(2):
        job = preloaded.start("trainer", *words, env=environment)
        before = steps[-1] if steps else -1

        def moved(before: int = before) -> bool:
            shown = nntui("show", run, "--json")
            return shown.returncode == 0 and json.loads(shown.stdout)["step"] > before + 200

        eventually(moved)
        with job:
            job.kill()
        page = json.loads(nntui("show", run, "--json").stdout)
        assert page["state"] == "crashed"
        assert [alert["id"] for alert in page["alerts"] if alert["status"] == "error"] == ["live.crash"]
        steps.append(page["step"])
    assert steps[1] > steps[0]
    points = package.read(run).metrics
    current = [r["step"] for r in points.to_pylist() if r["metric"] == "train/loss" and not r["superseded"]]
    assert current == list(range(len(current))), "the curve of both launches has neither holes nor doubles"


def test_leaving_with_a_trainer_of_ones_own_beside_breaks_neither_show_nor_train(tmp_path, nntui) -> None:
    (tmp_path / "trainer.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "torch.py").write_text("raise RuntimeError('nor this one')")
    words = ("--no-checks", "--out", tmp_path / "run", "--steps", "20", "--eval-every", "10")
    done = nntui("train", "digits", *words, fresh=True)
    assert done.returncode == 0, done.stderr
    assert nntui("show", tmp_path / "run", fresh=True).returncode == 0


def test_what_a_full_disk_took_is_shown_and_training_goes_on(tmp_path: Path, nntui, environment) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    code = f"""
import os, nntui
from nntui.recorder import outbox
outbox.BUFFER_LIMIT = 1000
outbox.BACKOFF = (0.05, 0.05)
run = nntui.init({str(small / "run")!r})
run.log({{"train/loss": 1.0}}); assert run.flush()
ballast = open({str(small / "ballast")!r}, "wb", buffering=0)
try:
    while True: ballast.write(b"x" * 4096)
except OSError: pass
logged = 1
for part in range(40):
    for step in range(500):
        run.log({{"train/loss": 1.0}}); logged += 1
    run.flush(0.2)
assert run.dropped > 0, "the disk was not full"
ballast.close(); os.remove({str(small / "ballast")!r})
run.log({{"train/loss": 2.0}}); logged += 1
assert run.flush(10), "there is room again"
run.finish()
print(logged, run.dropped)
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        logged, dropped = map(int, done.stdout.split())
        assert done.stderr.count("\n") == 1, done.stderr
        assert "No space left" in done.stderr
        page = json.loads(nntui("show", small / "run", "--json").stdout)
        assert page["lost"]["points"] == dropped
        assert package.read(small / "run").metrics.num_rows == logged - dropped
    finally:
        subprocess.run(["umount", str(small)], check=True)
