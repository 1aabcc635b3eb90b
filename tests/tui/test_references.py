"""The line of what a person reaches, in plots of every kind of glyphs."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntui.cli import plotting as printed
from nntui.session import plotting
from nntui.session.columns import Lineage
from nntui.session.snapshot import Mark, PlotData, PlotView, Reference
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.themes import DARK
from nntui.tui.widgets.plot import plot_lines, raster_columns

HUMAN = Reference(0.97, "human 0.97 ± 0.02")
DASHES = {"braille": "╌", "block": "╌", "ascii": "-"}


def referred(data: PlotData, tui: SimpleNamespace, *lines: Reference) -> PlotData:
    """The same plot with lines across it, made as the session makes it."""
    curves = {one.metric: one for one in tui.curves(2000)}
    lineages = [Lineage(curves[m]) for m in data.view.metrics if m in curves]
    return plotting.plot(data.view, [plotting.Drawn(lineages, plotting.XScale(0, 0.0))], data.marks, references=lines)


@pytest.fixture(params=list(DASHES))
def kind(request: Any) -> str:
    return request.param


def made(tui: SimpleNamespace, kind: str, *lines: Reference, width: int = 80) -> PlotData:
    curves = {one.metric: one for one in tui.curves(2000)}
    view = PlotView("main", ("val/accuracy",), raster_columns(width, kind))
    return referred(tui.plot_of(view, curves), tui, *lines)


def drawn(data: PlotData, kind: str, width: int = 80, height: int = 16) -> list[str]:
    return [line.plain for line in plot_lines(data, width, height, Paint(DARK, SETS[kind]), title="t")]  # pyright: ignore[reportArgumentType]


def test_the_line_runs_where_no_data_are_and_says_what_it_is(tui: SimpleNamespace, kind: str) -> None:
    with_line, without = (drawn(made(tui, kind, *lines), kind) for lines in ((HUMAN,), ()))
    label = "human 0.97 +- 0.02" if kind == "ascii" else HUMAN.label
    (row,) = [k for k, line in enumerate(with_line) if label in line]
    assert with_line[row].count(DASHES[kind]) > 10
    assert all(label not in line for line in without)
    inner = "".join(line[8:-1] for line in with_line[1:-1])
    data = made(tui, kind, HUMAN)
    bare = "".join(line[8:-1] for line in drawn(dataclasses.replace(data, references=()), kind)[1:-1])
    assert all(after == before for after, before in zip(inner, bare, strict=True) if before != " "), (
        "no point is hidden"
    )


def test_a_line_outside_is_words_in_the_corner(tui: SimpleNamespace, kind: str) -> None:
    for value, word in ((9.0, "above"), (-9.0, "below")):
        shown = drawn(made(tui, kind, Reference(value, "human 9")), kind)
        assert f"human 9 is {word}" in shown[0]
        assert all("human" not in line for line in shown[1:])


def test_a_line_without_a_gap_for_its_label_has_it_in_the_corner(tui: SimpleNamespace, kind: str) -> None:
    data = made(tui, kind, Reference(0.9, "human 0.90 ± 0.03 " * 2), width=40)
    assert "human" in drawn(data, kind, width=60)[0] or any("human" in line for line in drawn(data, kind, width=60)[1:])
    assert {len(line) for line in drawn(data, kind, width=40)} == {40}


@settings(max_examples=40)
@given(
    width=st.integers(20, 160),
    height=st.integers(4, 40),
    value=st.sampled_from([-1.0, 0.05, 0.5, 0.97, 1.1, 3.0, 1e308]),
    label=st.sampled_from(["human 0.97 ± 0.02", "\x1b[2J\u202e", "人" * 30, "", "x" * 500]),
    kind=st.sampled_from(list(DASHES)),
)
def test_a_plot_with_a_line_fills_its_size_exactly(
    tui: SimpleNamespace, width: int, height: int, value: float, label: str, kind: str
) -> None:
    data = made(tui, kind, Reference(value, label), width=width)
    lines = plot_lines(data, width, height, Paint(DARK, SETS[kind]), title="t")
    assert [line.cell_len for line in lines] == [width] * height
    assert all(line.plain.isprintable() for line in lines)


def test_a_mark_keeps_its_words_on_a_line(tui: SimpleNamespace) -> None:
    data = made(tui, "braille", Reference(0.97, "h"))
    top = dataclasses.replace(data, y_range=(0.0, 0.97), marks=(Mark(1000.0, "restart"),), series=())
    top = dataclasses.replace(top, series=made(tui, "braille").series)
    line = drawn(top, "braille")[1]
    assert "╌" in line
    assert "▼" in line


def test_the_line_is_printed_too(tui: SimpleNamespace) -> None:
    curves = {one.metric: one for one in tui.curves(2000)}
    view = PlotView("main", ("val/accuracy",), printed.raster_columns(80))
    text, far, without = (
        printed.printed(referred(tui.plot_of(view, curves), tui, *lines), 80, 18, colour=False)
        for lines in ((HUMAN,), (Reference(90.0, "human 90"),), ())
    )
    assert HUMAN.label in text
    assert "-" * 20 in text
    assert "-" * 20 not in without
    assert "-" * 20 not in far


@pytest.mark.parametrize("glyphs", list(DASHES))
@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_the_live_screen_draws_it(tui: SimpleNamespace, glyphs: str, size: tuple[int, int]) -> None:
    class Labelled(tui.CannedFeed):
        """A run whose person was right in 97 of 100."""

        def snapshot(self) -> Any:
            shown = super().snapshot()
            lines = {k: (HUMAN,) if "val/accuracy" in p.view.metrics else () for k, p in shown.plots.items()}
            plots = {key: self._plot(one, lines[key]) if lines[key] else one for key, one in shown.plots.items()}
            return dataclasses.replace(shown, plots=plots)

        def _plot(self, one: PlotData, lines: tuple[Reference, ...]) -> PlotData:
            known = {series.metric: series for series in self.curves}
            lineages = [Lineage(known[m]) for m in one.view.metrics if m in known]
            return plotting.plot(
                one.view, [plotting.Drawn(lineages, plotting.XScale(1600, 0.0))], one.marks, references=lines
            )

    async def look() -> None:
        app = NntuiApp(Path("runs/exp42"), feed=Labelled("live"), glyphs=glyphs)
        async with app.run_test(size=size) as pilot:
            await tui.settle(pilot)
            await pilot.press("down")
            await tui.settle(pilot)
            tui.assert_screen(f"live-human-{size[0]}-{glyphs}", app)
            assert any("human 0.97" in line for line in tui.lines(app))

    asyncio.run(look())
