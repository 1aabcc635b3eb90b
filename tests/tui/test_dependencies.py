"""What stands beside a dependency matrix that leaves room."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from rich.cells import cell_len

from nntui.finding import Finding
from nntui.runlog.schema import DEPENDENCIES
from nntui.session.dependencies import Dependencies, DependenciesView, Matrices
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.panels.dependencies import dependency_lines
from nntui.tui.panels.reach import about_lines, history_lines
from nntui.tui.themes import DARK

PAINT = Paint(DARK, SETS["braille"])
CHECK = Finding("skeleton.dependency", "fail", "example 0 reaches 1", advice="Look for a \x1b[31mview.")
Moment = tuple[int, float]


def recorded(*moments: Moment, axis: str = "batch", size: int = 4) -> Matrices:
    """A matrix at several steps, each with one number off the diagonal."""
    known = Matrices()
    for step, reach in moments:
        matrix = np.eye(size)
        matrix[0, 1] = reach
        row = {"name": "model", "step": step, "wall_time_ns": 1, "axis": axis, "rows": size, "cols": size}
        row |= {"data": matrix.ravel().tolist(), "leak_row": 0 if reach else -1, "leak_col": 1 if reach else -1}
        known.fold(pa.RecordBatch.from_pylist([row | {"leak_value": reach}], schema=DEPENDENCIES))
    return known


def shown(*moments: Moment, axis: str = "batch", size: int = 4) -> Dependencies:
    return recorded(*moments, axis=axis, size=size).shown(DependenciesView(0, 40, 90))


def words(lines: object) -> str:
    return "\n".join(line.plain for line in lines)  # type: ignore[attr-defined]


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_a_small_matrix_grows_and_what_it_means_stands_beside_it(
    tui: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, glyphs: str
) -> None:
    known = recorded((0, 0.0), (100, 1e-6), (200, 0.5), (300, 0.25))
    monkeypatch.setattr(
        tui.CannedFeed, "_dependencies", lambda feed: known.shown(feed.view.dependencies or DependenciesView())
    )
    feed = tui.CannedFeed("live")
    feed.base = dataclasses.replace(feed.base, checks=(CHECK,))

    async def main() -> None:
        app = NntuiApp(Path("runs/exp42"), feed=feed, glyphs=glyphs)
        async with app.run_test(size=(200, 50)) as pilot:
            await pilot.press("4")
            await tui.settle(pilot)
            tui.assert_screen(f"dependencies-alone-{glyphs}", app)
            place = [line.find("must be") for line in tui.lines(app)]
            await pilot.press("j", "l")
            await tui.settle(pilot)
            assert [line.find("must be") for line in tui.lines(app)] == place, "reading a cell moves no words"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("reach", "axis", "said"),
    [
        (0.0, "batch", "All 12 numbers off the diagonal are exactly 0."),
        (0.25, "batch", "1 of 12 numbers off the diagonal are not 0, the largest 0.25."),
        (0.25, "time", "1 of 6 numbers right of the diagonal are not 0, the largest 0.25."),
    ],
)
def test_what_must_be_zero_is_counted_in_words(reach: float, axis: str, said: str) -> None:
    lines = words(about_lines(shown((0, reach), axis=axis), (), 90, 40, PAINT))
    assert said in lines
    assert "4 outputs, one per" in lines


def test_of_an_axis_of_another_kind_no_more_is_said_than_is_known() -> None:
    lines = words(about_lines(shown((0, 0.5), (1, 0.5), axis="heads"), (), 90, 40, PAINT))
    assert "4 outputs" in lines
    assert "must be" not in lines
    assert "diagonal" not in lines


def test_what_the_check_would_try_is_told_and_nothing_of_one_that_passed() -> None:
    data = shown((0, 0.5))
    told = words(about_lines(data, (CHECK,), 90, 40, PAINT))
    assert "what to try" in told
    assert "\x1b" not in told
    passed = (dataclasses.replace(CHECK, status="pass"), Finding("skeleton.blind", "fail", "other", advice="no"))
    assert "what to try" not in words(about_lines(data, passed, 90, 40, PAINT))


def test_bars_over_time_tell_zero_from_the_least_and_stand_for_every_recording() -> None:
    lines = history_lines(shown((0, 0.0), (10, 1e-9), (20, 1.0), (30, 0.0)), 50, 8, PAINT)
    assert lines[0].plain == "largest off the diagonal, 4 recordings"
    bars = [line.plain[10:].ljust(40) for line in lines[1:-1]]
    columns = [["".join(row[k * 10 : k * 10 + 10] for row in bars)][0].strip() for k in range(4)]
    assert [bool(column) for column in columns] == [False, True, True, False]
    assert bars[0].strip() == "█" * 10, "the largest alone reaches the top"
    assert lines[1].plain.split()[0] == "1"
    assert lines[-2].plain.split()[0] == "1e-9"
    assert lines[-1].plain.split() == ["step", "0", "step", "30"]
    assert cell_len(lines[-1].plain) == 50, "the newest at the right edge"


@pytest.mark.parametrize(
    "values", [[(0, 0.0)] * 2, [(0, float("nan")), (1, 0.5)], [(0, float("inf")), (1, 0.0)], [(0, 0.5)] * 40]
)
def test_whatever_was_recorded_has_bars(values: list[Moment]) -> None:
    for width in (12, 20, 60):
        lines = history_lines(shown(*((k, reach) for k, (_, reach) in enumerate(values))), width, 6, PAINT)
        assert all(cell_len(line.plain) <= width for line in lines)
    assert not history_lines(shown(values[0]), 60, 8, PAINT), "one recording is no history"


@pytest.mark.parametrize("size", [1, 2, 8, 70, 200])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (150, 4), (150, 30), (200, 50), (400, 90)])
def test_no_size_is_too_small_or_too_large(size: int, width: int, height: int) -> None:
    lines = dependency_lines(shown((0, 0.5 * (size > 1)), size=size) if size > 1 else one(), width, height, PAINT)
    assert len(lines) <= height
    assert all(cell_len(line.plain) <= width for line in lines)


def one() -> Dependencies:
    """A matrix of one cell."""
    known = Matrices()
    row = {"name": "m", "step": 0, "wall_time_ns": 1, "axis": "batch", "rows": 1, "cols": 1, "data": [1.0]}
    known.fold(pa.RecordBatch.from_pylist([row], schema=DEPENDENCIES))
    return known.shown(DependenciesView())
