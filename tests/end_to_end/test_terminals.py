"""The dashboard in terminals of other kinds: fewer colours, none, fewer characters, other sizes."""

import re

import pytest

import nntui as package
from nntui import Finding

SCREENS = "2345678911"
COLOUR = re.compile(rb"(?:^|;)(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;|$)")


@pytest.fixture
def run(tmp_path):
    with package.init(tmp_path / "run") as run:
        run.check(Finding("skeleton.init_loss", "fail", "too high", expected=2.3, measured=9.1))
        for step in range(100):
            run.log({"train/loss": 1.0 / (step + 1), "val/loss": 2.0 / (step + 1)}, step=step)
            pictures = [[[float(step)] * 8, [1.0] * 8] * 4] * 2
            run.predictions([[step, 1.0], [1.0, 2.0]], targets=[0, 1], inputs=pictures, step=step)
    return tmp_path / "run"


def styles(raw: bytes) -> list[bytes]:
    """The parameters of every change of style."""
    return re.findall(rb"\x1b\[([0-9;]*)m", raw)


def walked(screen) -> bytes:
    """Everything that was sent while each screen was looked at."""
    screen.wait_for("train/loss")
    for key in SCREENS:
        screen.press(key)
        screen.read(0.3)
    screen.wait_for("val/loss")
    screen.press("q")
    assert screen.wait_closed() == 0
    return screen.raw


def test_without_colours_none_is_sent_and_words_are_bold_or_dim(run, terminal, environment) -> None:
    environment["NO_COLOR"] = "1"
    sent = styles(walked(terminal("watch", run)))
    assert {b"1", b"2"} <= {code for one in sent for code in one.split(b";")}
    assert not [one for one in sent if COLOUR.search(one)]


@pytest.mark.parametrize(("name", "foreign"), [("xterm-256color", rb"[34]8;2;"), ("xterm-16color", rb"[34]8;[25];")])
def test_a_terminal_is_sent_the_colours_it_has(run, terminal, environment, name, foreign) -> None:
    environment["TERM"] = name
    sent = styles(walked(terminal("watch", run)))
    assert [one for one in sent if COLOUR.search(one)]
    assert not [one for one in sent if re.search(foreign, one)]


def test_a_terminal_of_ascii_is_sent_nothing_else(run, terminal) -> None:
    assert walked(terminal("watch", "--glyphs", "ascii", run)).isascii()


def test_a_terminal_may_shrink_to_one_cell_and_grow_again(run, terminal) -> None:
    screen = terminal("watch", run)
    screen.wait_for("train/loss")
    for columns, rows in ((1, 1), (200, 1), (1, 50), (7, 3), (200, 50), (80, 24)):
        screen.resize(columns, rows)
        for key in SCREENS:
            screen.press(key)
            screen.read(0.05)
    screen.wait_for("train/loss")
    screen.press("q")
    assert screen.wait_closed() == 0
    assert "defect" not in screen.raw.decode(errors="replace")
