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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_a_dashboard_that_was_started_with_interrupts_ignored_ends_all_the_same(run, terminal, number, code) -> None:
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        screen = terminal("watch", run)
    finally:
        signal.signal(signal.SIGINT, kept)
    screen.wait_for("train/loss")
    os.kill(screen.pid, number)
    assert screen.wait_closed() == code


def test_a_defect_of_the_dashboard_is_one_line_and_gives_the_terminal_back(run, terminal, environment) -> None:
    environment["PYTHONPATH"] = str(run.parent)
    (run.parent / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'watch' in sys.orig_argv:\n"
        "    from nntui.tui import app\n"
        "    def broken(self, message): raise RuntimeError('planted \x1b]52;c;x\x07')\n"
        "    app.NntuiApp.on_snapshot_ready = broken\n"
    )
    screen = terminal("watch", run, fresh=True)
    assert screen.wait_closed() == 1
    assert b"\x1b[?1049l" in screen.raw
    assert "nntui watch: RuntimeError: planted" in screen.text
    assert "Traceback" not in screen.text
    assert "\u256d" not in screen.raw.decode(errors="replace").split("\x1b[?1049l")[-1], (
        "no frame of a traceback either"
    )
    assert b"\x1b]52" not in screen.raw
