"""The dashboard is taken away, and the terminal is as it was."""

import os
import signal

import pytest

import nntui as package


@pytest.fixture
def run(tmp_path):
    with package.init(tmp_path / "run") as run:
        for step in range(100):
            run.log({"train/loss": 1.0 / (step + 1)}, step=step)
    return tmp_path / "run"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_a_dashboard_that_is_asked_to_end_gives_the_terminal_back(run, terminal, number, code) -> None:
    screen = terminal("watch", run)
    screen.wait_for("train/loss")
    os.kill(screen.pid, number)
    assert screen.wait_closed() == code
    assert b"\x1b[?1049l" in screen.raw, "the screen of before comes back"
    assert b"\x1b[?25h" in screen.raw, "the cursor too"
    assert b"\x1b[?1003l" in screen.raw, "and the mouse is the terminal's own"
    assert "Back to it with" in screen.text
