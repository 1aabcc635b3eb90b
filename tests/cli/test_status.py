"""`nntui status`: one line, a few lines, JSON; and what it must not import."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nntui.cli import main
from nntui.cli.status import WIDTH, short
from nntui.runlog.layout import End
from nntui.session.glance import Glance
from nntui.tui import run_words
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.themes import DARK
from nntui.tui.units import cell_len

Make = Callable[..., Path]
NUMBERS = {"step": 12_400, "total_steps": 50_000, "loss": 0.412, "lr": 3e-4}


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main(["status", *map(str, words)])
    return code, capsys.readouterr().out


STATES = {
    "live": ({}, 0, "live 12,400/50,000 24% loss 0.412 lr 3e-4"),
    "ended": ({"end": End("finished", 0)}, 0, "ended 12,400/50,000 24% loss 0.412 lr 3e-4"),
    "stopped": ({"end": End("interrupted", 1)}, 0, "interrupted from the keyboard"),
    "raised": (
        {"end": End("exception", 1, message="ValueError: no")},
        4,
        "crashed 12,400/50,000 24% loss 0.412 lr 3e-4 V",
    ),
    "killed": ({"alive": "gone"}, 4, "is gone wi"),
    "silent": ({"alive": "elsewhere", "beat": 40.0}, 5, "silent 12,400/50,000 24% loss 0.412 lr 3e-4 no sign of life"),
    "elsewhere": ({"alive": "elsewhere"}, 0, "live 12,400/50,000"),
    "frozen": ({"beat": 40.0}, 5, "silent"),
}


@pytest.mark.parametrize("name", STATES)
def test_the_exit_code_and_the_line_say_how_the_run_is(
    name: str, small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how, code, words = STATES[name]
    small_run(tmp_path / "exp42", **NUMBERS, **how)
    answered, line = said(capsys, tmp_path / "exp42", "--short")
    assert answered == code
    assert words in line
    assert line.startswith("exp42 ")
    assert line.count("\n") == 1
    assert cell_len(line.rstrip("\n")) <= WIDTH
    assert said(capsys, tmp_path / "exp42")[0] == code
    assert said(capsys, tmp_path / "exp42", "--json")[0] == code


def test_a_run_whose_data_stopped_while_it_lives_is_quiet_and_no_error(
    small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = small_run(tmp_path / "exp", **NUMBERS, started=600.0) / "metrics-00000.arrows"
    rows.write_bytes(b"")
    os.utime(rows, (rows.stat().st_mtime - 300,) * 2)
    for kind in ("system", "output"):  # come as long as the process lives
        rows.with_name(f"{kind}-00000.arrows").write_bytes(b"")
    code, line = said(capsys, tmp_path / "exp", "--short")
    assert code == 0
    assert "quiet 12,400" in line
    assert "data     5 min old" in said(capsys, tmp_path / "exp")[1]


def test_the_latest_run_below_runs_is_meant_without_a_path(
    small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(capsys)[0] == 3
    small_run(tmp_path / "runs" / "old", started=900.0, beat=800.0, end=End())
    small_run(tmp_path / "runs" / "new", started=300.0, beat=200.0, end=End())
    assert said(capsys, "--short")[1].startswith("new ")


def test_the_few_lines_tell_reason_age_launches_and_ranks(
    small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_run(tmp_path / "exp", started=7300.0, step=9, alive="gone", manifest={"rank": 0, "world_size": 2})
    small_run(
        tmp_path / "exp", started=3700.0, step=90, total_steps=100, lost=7, manifest={"rank": 0, "resume_step": 9}
    )
    small_run(tmp_path / "exp", started=3699.0, step=90, alive="gone", manifest={"rank": 1})
    code, page = said(capsys, tmp_path / "exp")
    assert code == 0
    lines = dict(line.strip().split(maxsplit=1) for line in page.splitlines()[1:])
    assert lines["step"] == "90/100 (90%)"
    assert lines["started"] == "2h01m ago, 2 launches"
    assert lines["ranks"] == "2: 1 live, 1 crashed"
    assert lines["lost"] == "7 points"
    assert lines["path"] == str(tmp_path / "exp")


def test_a_loss_that_became_nan_is_said_and_one_never_logged_is_not(
    small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_run(tmp_path / "lost", step=3, loss=math.nan)
    small_run(tmp_path / "none", step=3, loss=math.nan, has_loss=False)
    assert "loss nan" in said(capsys, tmp_path / "lost", "--short")[1]
    assert "loss" not in said(capsys, tmp_path / "none", "--short")[1]
    assert json.loads(said(capsys, tmp_path / "lost", "--json")[1])["loss"] == "nan"
    assert json.loads(said(capsys, tmp_path / "none", "--json")[1])["loss"] is None


def test_a_real_run_tells_the_same_in_status_and_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import nntui

    with nntui.init(tmp_path / "mine", total_steps=40) as run:
        for step in range(40):
            run.log({"train/loss": 1 / (step + 1), "lr": 0.01}, step=step)
    with nntui.init(tmp_path / "unlost") as run:
        run.log({"reward": 1.0}, step=1)
    status = json.loads(said(capsys, tmp_path / "mine", "--json")[1])
    assert main(["show", str(tmp_path / "mine"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {status[key] == shown[key] for key in ("run", "state", "step", "total_steps")} == {True}
    assert status["loss"] == pytest.approx(shown["metrics"]["train/loss"]["last"])
    assert json.loads(said(capsys, tmp_path / "unlost", "--json")[1])["loss"] is None


def test_hostile_names_reach_neither_the_terminal_nor_the_bar(
    small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a\x1b]52;c;x\x07#[fg=red]宽宽宽宽宽宽宽宽宽宽宽宽宽宽"
    small_run(path, end=End("exception", 1, message="\x1b[2J\u202e" + "宽" * 90))
    for options in ([], ["--short"]):
        code, text = said(capsys, path, *options)
        assert code == 4
        assert not {c for c in text if (ord(c) < 32 and c != "\n") or c in "\x7f\x9b\u202e"}
    assert cell_len(text.rstrip("\n")) <= WIDTH + 1  # the escape of # is no cell of the bar
    assert "##[fg" in text


def test_an_encoding_without_the_glyphs_gets_ascii() -> None:
    one = Glance(Path("x"), "x" * 99, "crashed", "it went wrong " * 9, step=4, total_steps=9)
    assert "✗ crashed 4/9 44%" in short(one, "utf-8")
    for encoding in ("ascii", None, "no-such-encoding"):
        line = short(one, encoding)
        assert line.isascii()
        assert "X crashed 4/9 44%" in line
        assert len(line) <= WIDTH


def test_the_glyphs_are_those_of_the_dashboard() -> None:
    for state, pair in run_words.GLYPHS.items():
        if state != "problem":
            assert pair == tuple(Paint(DARK, SETS[kind]).state(state)[0] for kind in ("braille", "ascii"))


def test_a_status_brings_the_standard_library_alone(small_run: Make, tmp_path: Path) -> None:
    small_run(tmp_path / "exp", **NUMBERS)
    words = [str(tmp_path / "exp"), "--short"]
    code = f"import sys\nfrom nntui.cli import main\nmain(['status', *{words!r}])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    line, modules = done.stdout.splitlines()
    assert "live 12,400/50,000" in line
    roots = {name.partition(".")[0] for name in modules.split()}
    bare = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    before = {name.partition(".")[0] for name in bare.stdout.split()}
    assert roots - set(sys.stdlib_module_names) - before == {"nntui"}


@pytest.mark.parametrize("garbage", [b"", b"{", b"\x00" * 512, b'{"run_id": 3}'])
def test_half_written_small_files_are_survived(
    small_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], garbage: bytes
) -> None:
    folder = small_run(tmp_path / "exp", **NUMBERS)
    for name in ("beat", "writer.json", "end.json"):
        (folder / name).write_bytes(garbage)
    code, line = said(capsys, tmp_path / "exp", "--short")
    assert code in (0, 5)
    assert line.startswith("exp ")
    (tmp_path / "exp" / "run.json").unlink()
    (tmp_path / "exp" / "run.json").write_bytes(garbage)
    assert main(["status", str(tmp_path / "exp"), "--short"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
