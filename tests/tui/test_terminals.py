"""Which terminals show pictures with all their pixels."""

from __future__ import annotations

import pytest

from nntui.tui import terminals, tmux
from nntui.tui.terminals import pictures

ALONE = [
    ({"TERM": "xterm-kitty"}, True),
    ({"TERM": "xterm-kitty", "SSH_CONNECTION": "a b"}, True),
    ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, True),
    ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, True),
    ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, True),
    ({"TERM": "xterm-256color", "GHOSTTY_RESOURCES_DIR": "/x"}, True),
    ({"TERM": "xterm-kitty", "KONSOLE_VERSION": "1"}, True),
    ({"TERM": "xterm-256color"}, False),
    ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, False),
    ({}, False),
    ({"TERM": "xterm-kitty", "NO_COLOR": ""}, False),
    ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "vscode"}, False),
    ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "XTERM_VERSION": "XTerm(1)"}, False),
    ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty", "NVIM": "/run/nvim"}, False),
    ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, False),
    ({"TERM": "screen.xterm-256color", "KITTY_WINDOW_ID": "1", "STY": "1.a"}, False),
    ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, False),
    ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "TERMINAL_EMULATOR": "JetBrains-JediTerm"}, False),
]


@pytest.mark.parametrize(("environment", "shown"), ALONE)
def test_a_terminal_is_known_by_its_environment(environment, shown: bool) -> None:
    def ask(*_: str) -> str:
        raise AssertionError("no tmux is asked outside of it")

    found = pictures(environment, ask=ask)
    assert found.kitty is shown
    assert found.why


@pytest.mark.parametrize("environment", [environment for environment, _ in ALONE])
def test_the_user_has_the_last_word_but_for_colours(environment) -> None:
    assert not pictures(environment, "blocks").kitty
    assert pictures(environment, "kitty").kitty is ("NO_COLOR" not in environment)


@pytest.mark.parametrize(
    ("client", "through", "shown"),
    [
        ("xterm-kitty kitty(0.41.1)", "on", True),
        ("xterm-kitty ", "all", True),
        ("xterm-256color ghostty 1.1", "on", True),
        ("xterm-kitty ", "off", False),
        ("xterm-kitty ", "", False),
        ("xterm-kitty kitty(0.26.5)", "on", False),
        ("xterm-256color XTerm(379)", "on", False),
        ("tmux-256color tmux 3.5", "on", False),
        ("", "on", False),
    ],
)
def test_inside_tmux_it_is_asked_for_the_terminal_around(client: str, through: str, shown: bool) -> None:
    def ask(*words: str) -> str:
        return through if words[-1] == "allow-passthrough" else client

    found = pictures({"TMUX": "/x", "TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, ask=ask)
    assert found.kitty is shown
    assert bool(found.advice) is (client == "xterm-kitty " and not shown), "only what helps is advised"


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("version: Version = Version(0, 26, 5)", False),
        ("version: Version = Version(0, 28, 0)", True),
        ("version: Version = Version(1, 0, 0)", True),
        ("\0", True),
    ],
)
@pytest.mark.parametrize("name", [{"TERM": "xterm-kitty"}, {"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}])
def test_an_old_kitty_is_known_by_its_own_files(tmp_path, name, told: str, shown: bool) -> None:
    (tmp_path / "kitty").mkdir()
    (tmp_path / "kitty" / "constants.py").write_text(f"class Version(NamedTuple):\n    major: int\n\n{told}\n")
    found = pictures(name | {"KITTY_INSTALLATION_DIR": str(tmp_path)})
    assert found.kitty is shown
    assert pictures(name | {"KITTY_INSTALLATION_DIR": str(tmp_path / "gone\0")}).kitty


def test_a_tmux_that_answers_late_is_seldom_asked() -> None:
    for takes, fewest, most in ((0.01, 600, 600), (2.0, 2, 3)):
        now = [0.0]

        def ask(*_: str, takes: float = takes, now: list[float] = now) -> str:
            now[0] += takes
            return "812"

        where, told = tmux.Around({}, ask, lambda now=now: now[0]), []
        for _ in range(600):
            told.append(where())
            now[0] += 0.1
        assert fewest <= told.count("812") <= most, "a late one takes a few seconds of a minute"
        assert set(told) <= {"812", ""}, "in between it is not known where pictures would go"


def test_a_pane_is_asked_for_by_its_own_name() -> None:
    asked: list[tuple[str, ...]] = []
    assert tmux.Around({"TMUX_PANE": "%3"}, lambda *words: asked.append(words) or "812")() == "812"
    assert asked[0][:4] == ("display-message", "-p", "-t", "%3")
    assert "-t" not in [word for words in asked[1:] for word in words]


def test_what_goes_through_tmux_has_every_escape_twice() -> None:
    assert tmux.through("\x1b_Ga=d\x1b\\") == "\x1bPtmux;\x1b\x1b_Ga=d\x1b\x1b\\\x1b\\"


def test_a_file_that_is_no_terminal_has_the_usual_cells(tmp_path) -> None:
    with (tmp_path / "a").open("w") as file:
        assert terminals.cell(file) == terminals.CELL


@pytest.mark.parametrize(
    ("told", "cell"),
    [((24, 80, 720, 432), (9, 18)), ((24, 80, 0, 0), None), ((0, 0, 0, 0), None), ((24, 80, 80, 24), None)],
)
def test_a_terminal_may_tell_how_large_its_cells_are(told, cell) -> None:
    fcntl, os, pty, struct, termios = map(pytest.importorskip, ("fcntl", "os", "pty", "struct", "termios"))
    ends = pty.openpty()
    try:
        fcntl.ioctl(ends[0], termios.TIOCSWINSZ, struct.pack("HHHH", *told))
        with os.fdopen(os.dup(ends[1]), "w") as file:
            assert terminals.cell(file) == (cell or terminals.CELL)
    finally:
        for end in ends:
            os.close(end)
