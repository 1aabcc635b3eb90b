"""What `nntui watch` opens."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nntui
from nntui.cli import main, verbs
from nntui.cli.watch import GIVE_BACK, TAKE_SCREEN
from nntui.session.snapshot import EMPTY, Head, Snapshot
from nntui.tui import app as app_module


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of the tests' own process are as they were."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert signal.getsignal(signal.SIGINT) == kept[signal.SIGINT]
    for number, handler in kept.items():
        signal.signal(number, handler)


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, *, without: str = "") -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, name), "isatty", partial(bool, name != without))


@pytest.mark.parametrize("without", ["stdin", "stdout", "stderr"])
def test_no_screen_is_taken_where_a_stream_is_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], without: str
) -> None:
    nntui.init(tmp_path / "a").finish()
    monkeypatch.setattr(app_module, "NntuiApp", None)
    at_a_terminal(monkeypatch, without=without)
    assert main(["watch", str(tmp_path / "a")]) == 2
    shown = capsys.readouterr()
    assert (shown.out, "nntui show" in shown.err) == ("", True)


@pytest.mark.parametrize(("where", "word"), [("a", "."), ("a/checkpoints", ".."), ("", "a")])
def test_a_run_is_known_by_its_name_from_wherever_it_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str, word: str
) -> None:
    with nntui.init(tmp_path / "a") as run:
        run.log({"loss": 1.0})
    (tmp_path / "a" / "checkpoints").mkdir()
    monkeypatch.chdir(tmp_path / where)
    opened: list[Path] = []

    def watched(path: Path, **_: Any) -> SimpleNamespace:
        opened.append(path)
        newest = Snapshot(head=Head(state="ended", step=0))
        return SimpleNamespace(path=path, newest=newest, failure=None, run=lambda: None)

    monkeypatch.setattr(app_module, "NntuiApp", watched)
    at_a_terminal(monkeypatch)
    assert main(["watch", word]) == 0
    (path,) = opened
    assert path.name == "a"
    assert path.samefile(tmp_path / "a")
    assert f"nntui watch {path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("newest", "said"),
    [
        (EMPTY, "not read yet."),
        (Snapshot(number=1, complete=True, head=Head(state="waiting")), "waiting."),
        (Snapshot(number=1, complete=True, head=Head(state="ended", step=7)), "ended, step 7."),
    ],
)
def test_who_leaves_is_told_how_the_run_was_if_it_was_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    newest: Snapshot,
    said: str,
) -> None:
    nntui.init(tmp_path / "a").finish()
    app = SimpleNamespace(path=tmp_path / "a", newest=newest, failure=None, run=lambda: None)
    monkeypatch.setattr(app_module, "NntuiApp", lambda *_, **__: app)
    at_a_terminal(monkeypatch)
    assert main(["watch", str(tmp_path / "a")]) == 0
    assert f"{tmp_path / 'a'}: {said} Back" in capsys.readouterr().out


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_cannot_begin_gives_the_screen_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: type[BaseException]
) -> None:
    nntui.init(tmp_path / "a\x1b[5m").finish()

    def watched(path: Path, **_: Any) -> SimpleNamespace:
        raise error

    monkeypatch.setattr(app_module, "NntuiApp", watched)
    at_a_terminal(monkeypatch)
    assert main(["watch", str(tmp_path / "a\x1b[5m")]) != 0
    shown = capsys.readouterr().out
    assert shown.startswith(TAKE_SCREEN + "a␛[5m")
    assert shown.removesuffix("\n").endswith(GIVE_BACK)


def _in_a_class() -> None:
    class Interrupting:
        def __set_name__(self, owner: type, name: str) -> None:
            signal.raise_signal(signal.SIGINT)

    class Half:  # Python 3.11 makes a RuntimeError of what comes out of __set_name__
        part = Interrupting()


def _in_a_destructor() -> None:
    class Interrupting:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    Interrupting()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("met", "code"),
    [(_in_a_class, 130), (_in_a_destructor, 130), (partial(signal.raise_signal, signal.SIGTERM), 143)],
    ids=["a class half made", "a destructor", "SIGTERM"],
)
def test_an_interrupt_before_the_dashboard_is_there_is_one_whatever_it_meets(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    met: Callable[[], None],
    code: int,
) -> None:
    nntui.init(tmp_path / "a").finish()

    def watched(path: Path, **_: Any) -> SimpleNamespace:
        met()
        return SimpleNamespace()

    monkeypatch.setattr(app_module, "NntuiApp", watched)
    at_a_terminal(monkeypatch)
    assert main(["watch", str(tmp_path / "a")]) == code
    shown = capsys.readouterr()
    assert shown.out.removesuffix("\n").endswith(GIVE_BACK)
    assert "defect" not in shown.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_while_the_dashboard_takes_over_gives_the_screen_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    code: int,
) -> None:
    nntui.init(tmp_path / "a").finish()
    monkeypatch.setattr(
        app_module, "NntuiApp", lambda *_, **__: SimpleNamespace(run=partial(signal.raise_signal, number))
    )
    at_a_terminal(monkeypatch)
    assert main(["watch", str(tmp_path / "a")]) == code
    assert capsys.readouterr().out.removesuffix("\n").endswith(GIVE_BACK)


def test_an_interrupt_while_the_words_are_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verbs, "parser", lambda *_: signal.raise_signal(signal.SIGINT))
    assert main(["ls"]) == 130
    assert capsys.readouterr().err == "nntui ls: interrupted.\n"
