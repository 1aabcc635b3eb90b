"""`nntui label` in a pseudo-terminal, from the first picture to the line in the dashboard."""

import json
import os
import signal

import pytest

import nntui as package


def human(folder) -> dict:
    (row,) = [row for row in package.read(folder).checks.to_pylist() if row["id"] == "skeleton.human"]
    return json.loads(row["evidence"])


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50), (30, 10)])
def test_a_person_labels_and_the_dashboard_of_a_later_training_draws_the_line(
    tmp_path, terminal, nntui, columns, rows
) -> None:
    screen = terminal("label", "digits", "--examples", "3", columns=columns, rows=rows)
    for at in (1, 2, 3):
        screen.wait_for(f"{at} of 3", "answer:")
        assert "▀" in screen.text, "the picture is in half blocks"
        screen.press("4\r")
    assert screen.wait_closed() == 0
    assert b"\x1b[38;5;" in screen.raw
    assert b"\x1b[38;2;" not in screen.raw, "without COLORTERM there are 256 colours"
    assert "recorded in" in screen.text
    assert human(tmp_path / "runs" / "label-digits")["answers"] == [4, 4, 4]
    done = nntui("train", "digits", "--no-checks", "--steps", "20", "--eval-every", "10", "--out", "runs/next")
    assert done.returncode == 0, done.stderr
    shown = nntui("show", "runs/next", "--plot", "val/accuracy")
    assert "human 0." in shown.stdout
    watched = terminal("watch", "runs/next", columns=80, rows=24)
    watched.wait_for("train/loss")
    watched.press("j")
    watched.wait_for("human 0.", "╌╌")
    watched.press("q")
    assert watched.wait_closed() == 0


@pytest.mark.parametrize("ending", ["\x04", "\x03", "q\r", signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_the_conversation_keeps_what_was_answered(tmp_path, terminal, ending) -> None:
    screen = terminal("label", "digits-rare")
    screen.wait_for("1 of 20", "answer:")
    screen.press("ano\r")
    screen.wait_for("2 of 20", "answer:")
    if isinstance(ending, str):
        screen.press(ending)
    else:
        os.kill(screen.pid, ending)
    assert screen.wait_closed() == 0
    assert "Traceback" not in screen.text
    found = human(tmp_path / "runs" / "label-digits-rare")
    assert (found["answers"], found["n"]) == ([0], 1)


def test_ctrl_c_before_any_answer_is_one_line(tmp_path, terminal) -> None:
    screen = terminal("label", "diabetes")
    screen.wait_for("1 of 20", "answer:")
    screen.press("\x03")
    assert screen.wait_closed() == 130
    assert "nothing was answered" in screen.text
    assert "Traceback" not in screen.text


def test_answers_come_from_a_pipe_too_and_no_colours_reach_one(tmp_path, environment) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-P", "-m", "nntui", "label", "stdlib-chars", "--examples", "2", "--out", "mine"],
        input=b"e\n\xff\xfe\nspace\n",
        capture_output=True,
        cwd=tmp_path,
        env=environment | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert done.stdout.isascii()
    assert human(tmp_path / "mine")["n"] == 2


def test_a_terminal_without_colours_gets_characters(tmp_path, terminal, environment) -> None:
    environment["NO_COLOR"] = "1"
    screen = terminal("label", "digits", "--examples", "1")
    screen.wait_for("1 of 1", "answer:", "@@@@")
    assert b"\x1b[38" not in screen.raw
    screen.press("4\r")
    assert screen.wait_closed() == 0


def test_whoever_stops_reading_loses_nothing(tmp_path, environment) -> None:
    import subprocess
    import sys

    shell = f"printf '1\\n2\\n' | {sys.executable} -P -m nntui label digits --examples 2 | head -n 1; exit ${{PIPESTATUS[1]}}"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert "Traceback" not in done.stderr
    assert human(tmp_path / "runs" / "label-digits")["n"] == 2
    assert done.returncode == 0
