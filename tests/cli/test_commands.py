"""Words in, a line and an exit code out."""

import json
import signal
import subprocess
import sys

import pytest

import nntui as package
from nntui.runlog.layout import End


@pytest.fixture
def recorded(tmp_path):
    """A finished run with everything that a page shows."""
    path = tmp_path / "runs" / "done"
    with package.init(path, total_steps=100) as run:
        run.check(
            package.Finding("skeleton.init_loss", "pass", "in range", expected="2.2 to 2.7", measured=2.3, unit="nats")
        )
        for step in range(100):
            run.log({"train/loss": 2.0 / (step + 1), "val/loss": 0.5, "bad": float("nan")}, step=step)
    return path


def bad_inputs(tmp_path) -> dict[str, tuple[list[str], int, str]]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for name, content in (("newer", '{"format": 99}'), ("broken", "{"), ("wrong", '{"format": "one"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(content)
    return {
        "no such run": (["show", "nowhere"], 3, "no such run"),
        "an empty folder": (["show", "empty"], 3, "found an empty folder"),
        "a folder of something else": (["show", "other"], 3, "a folder without a run"),
        "a file": (["show", "file"], 3, "found a file"),
        "a newer format": (["show", "newer"], 3, "format 99"),
        "a broken run.json": (["show", "broken"], 3, "run.json"),
        "a wrong run.json": (["show", "wrong"], 3, "'one'"),
        "no runs here": (["show"], 3, "runs"),
        "an unknown verb": (["dance"], 2, "dance"),
        "an unknown option": (["show", "--loud"], 2, "--loud"),
        "an unknown task": (["train", "poetry"], 2, "'poetry'"),
        "no task": (["train"], 2, "TASK"),
        "a wrong number": (["train", "digits", "--steps", "-3"], 2, "-3"),
        "a wrong fault": (["train", "digits", "--fault", "sabotage"], 2, "sabotage"),
        "training into a file": (["train", "digits", "--out", "file"], 3, "found a file"),
        "training into something else": (["train", "digits", "--out", "other"], 3, "a folder of something else"),
        "training into a newer format": (["train", "digits", "--out", "newer"], 3, "format 99"),
        "the status of nothing": (["status", "nowhere"], 3, "no such run"),
        "listing nothing": (["ls", "nowhere"], 3, "no such folder"),
        "listing a file": (["ls", "file"], 3, "found a file"),
        "watching nothing": (["watch", "nowhere"], 3, "no such run"),
    }


def test_bad_input_gets_one_clear_line_and_its_exit_code(tmp_path, nntui) -> None:
    for name, (words, code, part) in bad_inputs(tmp_path).items():
        done = nntui(*words)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == code, (name, done)
        assert part in lines[-1], (name, done.stderr)
        assert "Traceback" not in done.stderr, name
        assert len(lines) == 1 or lines[0].startswith("usage:"), (name, done.stderr)


def test_a_page_holds_numbers_checks_and_a_plot(recorded, nntui) -> None:
    done = nntui("show", recorded)
    assert done.returncode == 0, done.stderr
    for part in (
        "ended",
        "step 99/100",
        "train/loss",
        "skeleton.init_loss",
        "expected 2.2 to 2.7 nats, measured 2.3 nats",
        "⠉",
    ):
        assert part in done.stdout
    assert "\x1b" not in done.stdout


def test_numbers_of_any_length_stand_apart(tmp_path, nntui) -> None:
    with package.init(tmp_path / "run") as run:
        run.log({"loss": -1.25e-308}, step=1_000_000_000_000)
    table = nntui("show", tmp_path / "run").stdout.partition("metric  ")[2].splitlines()
    assert table[1].split() == ["loss", "-1.25e-308", "1,000,000,000,000", "-1.25e-308", "-1.25e-308"]


def test_a_folder_means_its_latest_run(recorded, nntui, small_run) -> None:
    small_run(recorded.parent / "older", started=1e9, beat=1e9, end=End())
    assert json.loads(nntui("show", recorded.parent, "--json").stdout)["run"] == "done"
    assert json.loads(nntui("show", "--json", cwd=recorded.parent.parent).stdout)["run"] == "done"


def test_json_has_the_promised_shape(recorded, nntui) -> None:
    done = nntui("show", recorded, "--json")
    page = json.loads(done.stdout)
    assert set(page) == {
        *("format", "run", "state", "step", "total_steps", "data_age", "metrics", "checks", "alerts", "lost"),
    }
    assert page["format"] == 1
    assert page["state"] == "ended"
    assert page["metrics"]["train/loss"] == {"last": 0.02, "step": 99, "min": 0.02, "max": 2.0}
    assert page["metrics"]["bad"]["last"] == "nan"
    assert page["lost"] == {"points": 0, "frames": 0}
    assert page["checks"][0]["measured"] == 2.3
    assert json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize(
    ("status", "plain", "strict"), [("pass", 0, 0), ("warn", 0, 4), ("fail", 4, 4), ("crash", 0, 0)]
)
def test_the_exit_code_says_what_the_page_says(tmp_path, nntui, status, plain, strict) -> None:
    with package.init(tmp_path / "run") as run:
        run.check(package.Finding("skeleton.seed", status, "as it is"))
    assert nntui("show", tmp_path / "run").returncode == plain
    assert nntui("show", tmp_path / "run", "--strict").returncode == strict


def test_an_unknown_metric_names_the_nearest(recorded, nntui) -> None:
    done = nntui("show", recorded, "--plot", "train/los")
    assert done.returncode == 2
    assert "train/loss" in done.stderr
    assert nntui("show", recorded, "--plot", "val/loss").returncode == 0


def test_a_reader_that_leaves_the_pipe_is_no_error(recorded, environment) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -P -m nntui show {recorded} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert done.stderr == ""


def test_watching_without_a_terminal_points_to_show(recorded, nntui) -> None:
    done = nntui("watch", recorded)
    assert done.returncode == 2
    assert "nntui show" in done.stderr


def test_no_words_give_help(nntui) -> None:
    done = nntui()
    assert done.returncode == 2
    assert "examples:" in done.stdout
    assert nntui("--version").stdout.startswith("nntui ")


INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "nntui.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from nntui.__main__ import main
main()
"""


def test_an_interrupt_that_met_an_exec_leaves_the_exit_code_alone(tmp_path) -> None:
    (tmp_path / "met.py").write_text(
        "import sys, nntui.cli, nntui.__main__\n"
        "def run():\n"
        "    try:\n"
        "        exec('raise KeyboardInterrupt')\n"
        "    except KeyboardInterrupt:\n"
        "        return 143\n"
        "nntui.cli.main = run\n"
        "sys.exit(nntui.__main__.main())\n"
    )
    assert subprocess.run([sys.executable, "-m", "met"], cwd=tmp_path, check=False).returncode == 143


def test_an_interrupt_while_the_command_line_is_imported_shows_no_traceback() -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
