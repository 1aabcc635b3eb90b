"""What nntui doctor finds, in environments of many kinds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nntui.cli.doctor_folder import folder
from nntui.cli.doctor_terminal import pictures, terminal, tmux

SIZE = (100, 30)


def told(answers: object) -> dict[str, tuple[str, str]]:
    """Status and words by what they are about."""
    return {about: (status, " ".join(words)) for about, status, *words in answers}  # pyright: ignore


@pytest.mark.parametrize(
    ("environment", "status", "words"),
    [
        ({"TERM": "xterm-256color"}, "ok", "256"),
        ({"TERM": "tmux-256color", "COLORTERM": "truecolor"}, "ok", "millions"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "ok", "none"),
        ({"TERM": "xterm"}, "look", "16"),
        ({"TERM": "linux"}, "look", "16"),
    ],
)
def test_colours_are_those_that_the_environment_tells_of(environment, status: str, words: str) -> None:
    found = told(terminal(environment, True, SIZE, "utf-8"))["colours"]
    assert found[0] == status
    assert words in found[1]


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_terminal_that_can_do_nothing_is_broken(term: str) -> None:
    found = told(terminal({"TERM": term}, True, SIZE, "utf-8"))["terminal"]
    assert found[0] == "broken"
    assert "export TERM" in found[1]


def test_no_terminal_an_encoding_without_braille_and_a_small_size_are_worth_a_look() -> None:
    assert told(terminal({"TERM": "xterm-256color"}, False, (0, 0), "utf-8"))["terminal"][0] == "look"
    found = told(terminal({"TERM": "xterm-256color", "SSH_CONNECTION": "a b"}, True, (79, 24), "ISO-8859-1"))
    assert found["terminal"] == ("ok", "TERM is xterm-256color, over SSH")
    assert found["characters"][0] == "look"
    assert "--glyphs ascii" in found["characters"][1]
    assert found["size"][0] == "look"
    assert told(terminal({"TERM": "xterm-256color"}, True, (80, 24), "UTF-8"))["size"] == ("ok", "80 columns, 24 rows")


def test_how_pictures_are_shown_is_said_with_its_reason() -> None:
    assert told(pictures({"TERM": "xterm-kitty"})) == {"pictures": ("ok", "with all their pixels: TERM is xterm-kitty")}
    assert told(pictures({"TERM": "xterm-256color"}))["pictures"][0] == "ok"
    answers = {"allow-passthrough": "off", "#{client_termname} #{client_termtype}": "xterm-kitty kitty(0.41.1)"}
    status, words = told(pictures({"TMUX": "/x"}, lambda *words: answers[words[-1]]))["pictures"]
    assert status == "look"
    assert words.endswith("tmux set -g allow-passthrough on")


def test_tmux_is_asked_for_what_alerts_and_keys_need() -> None:
    answers = {"-V": "tmux 3.3a", "allow-passthrough": "off", "default-terminal": "screen", "escape-time": "500"}
    found = told(tmux({"TMUX": "/tmp/x,1,0"}, lambda *words: answers[words[-1]]))
    assert found["tmux"] == ("ok", "3.3a")
    assert [found[name][0] for name in ("notifications", "tmux colours", "escape key")] == ["look"] * 3
    good = {"-V": "tmux 3.5", "allow-passthrough": "on", "default-terminal": "tmux-256color", "escape-time": "10"}
    found = told(tmux({"TMUX": "/tmp/x,1,0"}, lambda *words: good[words[-1]]))
    assert {status for status, _ in found.values()} == {"ok"}
    assert found.keys() == {"tmux", "notifications"}


def test_outside_of_tmux_nothing_is_asked_and_a_tmux_that_is_gone_is_no_error(monkeypatch) -> None:
    assert not told(tmux({}, lambda *words: pytest.fail("asked")))
    monkeypatch.setenv("PATH", "/nowhere")
    assert told(tmux({"TMUX": "gone"}))["tmux"] == ("ok", "does not answer")


@pytest.mark.parametrize(
    ("kind", "words"), [("nfs4", "five seconds"), ("fuse.sshfs", "not told"), ("ext4", "inotify"), ("", "unknown")]
)
def test_the_file_system_tells_how_changes_are_noticed(tmp_path: Path, monkeypatch, kind: str, words: str) -> None:
    monkeypatch.setattr("nntui.cli.doctor_folder.file_system", lambda path: kind)
    assert words in told(folder(tmp_path))["file system"][1]


def test_a_clock_that_differs_is_told_by_how_much(tmp_path: Path, small_run: Callable) -> None:
    writer = small_run(tmp_path / "run", step=3)
    assert told(folder(tmp_path / "run"))["clock"][0] == "ok"
    os.utime(writer / "beat", (time.time() + 90, time.time() + 90))
    status, words = told(folder(tmp_path / "run"))["clock"]
    assert status == "look"
    assert "91 s behind" in words


def test_the_command_prints_a_line_for_each_and_is_content_without_torch_or_runs(
    tmp_path: Path, nntui: Callable
) -> None:
    done = nntui("doctor")
    assert done.returncode == 0, done.stderr
    assert "runs: no such folder" in done.stdout
    assert "pyarrow" in done.stdout
    answers = json.loads(nntui("doctor", "--json").stdout)["answers"]
    assert {one["status"] for one in answers} <= {"ok", "look"}


def test_a_folder_that_is_not_there_is_broken(nntui: Callable) -> None:
    done = nntui("doctor", "nowhere")
    assert done.returncode == 4
    assert "nowhere: no such folder" in done.stdout
