"""What `nntui watch` opens."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import nntui
from nntui.cli import main
from nntui.cli.watch import GIVE_BACK, TAKE_SCREEN
from nntui.tui import app as app_module


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
        newest = SimpleNamespace(head=SimpleNamespace(state="ended", step=0))
        return SimpleNamespace(path=path, newest=newest, failure=None, run=lambda: None)

    monkeypatch.setattr(app_module, "NntuiApp", watched)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["watch", word]) == 0
    (path,) = opened
    assert path.name == "a"
    assert path.samefile(tmp_path / "a")
    assert f"nntui watch {path}" in capsys.readouterr().out


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_cannot_begin_gives_the_screen_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: type[BaseException]
) -> None:
    nntui.init(tmp_path / "a\x1b[5m").finish()

    def watched(path: Path, **_: Any) -> SimpleNamespace:
        raise error

    monkeypatch.setattr(app_module, "NntuiApp", watched)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["watch", str(tmp_path / "a\x1b[5m")]) != 0
    shown = capsys.readouterr().out
    assert shown.startswith(TAKE_SCREEN + "a␛[5m")
    assert shown.removesuffix("\n").endswith(GIVE_BACK)
