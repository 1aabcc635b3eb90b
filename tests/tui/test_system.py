"""The machine's words, and how its screen is moved about in."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nntui import names
from nntui.session.snapshot import Head, PlotView
from nntui.session.system import Gpu, Process, Reading, System, SystemView
from nntui.tui.app import NntuiApp
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint
from nntui.tui.panels import system as panels
from nntui.tui.themes import DARK
from nntui.tui.units import size
from nntui.tui.widgets.plot import plot_lines

PAINT = Paint(DARK, SETS["braille"])


def readings(**values: float) -> dict[str, Reading]:
    """`system__cpu=1.0` is system/cpu."""
    return {name.replace("__", "/"): Reading(value, 0.0, value, np.full(8, value)) for name, value in values.items()}


def said(data: System, width: int = 160, head: Head | None = None) -> str:
    lines = panels.reading_lines(data, head or Head(), width, 99, PAINT, 0.4)
    assert all(line.cell_len <= width for line in lines)
    return "\n".join(line.plain for line in lines)


def test_what_was_not_recorded_says_what_would_record_it() -> None:
    text = said(System())
    for words in ("unless system=False", "log samples_per_second, or nntui.watch", "no step yet", "nntui.watch(model"):
        assert words in text
    assert "no probes" in text
    assert "not watched: read once" in text


@pytest.mark.parametrize(
    ("blind", "words"),
    [
        ((), "none is used, as far as can be seen"),
        (("GPU: the package nvidia-ml-py is not installed",), "the package nvidia-ml-py is not installed"),
        (("disk: on fire",), "none is used, as far as can be seen"),
    ],
)
def test_a_machine_without_readings_of_a_gpu_says_why(blind: tuple[str, ...], words: str) -> None:
    assert words in said(System(readings=readings(system__cpu=1.0), blind=blind))


def test_a_gpu_that_is_nearly_full_is_marked() -> None:
    for used, marked in ((71.0, False), (73.0, True)):
        data = System(readings=readings(**{"system/gpu.0/memory": used * 2**30}), gpus=(Gpu(0, "H100", 80 * 2.0**30),))
        assert (f"▲ {used:g}" in said(data)) is marked
    unknown = System(readings=readings(**{"system/gpu.0/memory": 71.0 * 2**30}))
    assert "71 GiB" in said(unknown)
    assert "▲" not in said(unknown)


def test_only_what_was_recorded_is_plotted() -> None:
    data = System(readings=readings(system__cpu=1.0, probe__data_wait=0.1), throughput="", timed="")
    assert panels.plotted(data) == [("waiting for data", (names.DATA_WAIT,)), ("processor", (names.CPU,))]
    timed = System(readings=readings(probe__step_seconds=1.0), timed="loss")
    assert panels.plotted(timed) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300, 5e-324])
@pytest.mark.parametrize("width", [1, 13, 80, 300])
def test_any_number_fits_at_any_width(value: float, width: int) -> None:
    every = {name: value for name in vars(names).values() if isinstance(name, str) and "/" in name}
    every |= {names.gpu(0, s): value for s in (names.GPU_UTILIZATION, names.GPU_MEMORY, names.GPU_POWER)}
    data = System(
        readings={n: Reading(v, v, v, np.full(3, v)) for n, v in every.items()}, throughput=names.SAMPLES_PER_SECOND
    )
    said(data, width)
    one = Process("w", 3, 2**40, "live", started=value, beat_at=value, step=2**62, steps_per_second=value, behind=2**61)
    assert panels.process_row(one, width, PAINT, 0.0).cell_len <= width
    assert all(line.cell_len <= width for line in panels.process_detail(one, max(12, width), PAINT)) or width < 12


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (1024, "1 KiB"),
        (80 * 2**30, "80 GiB"),
        (1.5e18, "1.4e6 TiB"),
        (math.nan, "–"),
    ],
)
def test_bytes_in_few_cells(count: float, words: str) -> None:
    assert size(count) == words


def test_moving_to_another_process_asks_for_its_readings(tui: SimpleNamespace) -> None:
    async def main() -> None:
        feed = tui.CannedFeed("failing")
        app = NntuiApp(Path("runs/exp42"), feed=feed)
        async with app.run_test(size=(200, 50)) as pilot:
            await pilot.press("8")
            await tui.settle(pilot)
            assert feed.view.system == SystemView("", 40)
            assert {plot.writer for plot in feed.view.plots} == {"w-r0"}
            assert any("GPU 0" in row for row in tui.lines(app))
            await pilot.press("j", "j")
            await tui.settle(pilot)
            assert feed.view.system == SystemView("w-r2", 40)
            assert {plot.writer for plot in feed.view.plots} == {"w-r2"}
            assert any("GPU 2" in row for row in tui.lines(app))
            assert any("580 steps behind the foremost rank" in row for row in tui.lines(app))
            await pilot.press("enter")
            await tui.settle(pilot)
            assert feed.view.plots == ()
            assert not any("processor" in row for row in tui.lines(app))
            await pilot.press("escape", "1")
            await tui.settle(pilot)
            assert feed.view.system is None

    asyncio.run(main())


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (60, 10), (110, 36), (400, 100)])
def test_any_size_is_drawn(tui: SimpleNamespace, size: tuple[int, int]) -> None:
    async def main() -> None:
        app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed("failing"))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("8")
            await pilot.resize_terminal(*size)
            await tui.settle(pilot)
            assert not any("cannot draw" in row for row in tui.lines(app))

    asyncio.run(main())


def drawn(tui: SimpleNamespace, metric: str, value: float, **wanted: bool) -> str:
    """The plot of a reading that falls by a tenth while it is taken."""
    series = tui.series(metric, value * np.linspace(1.0, 0.9, 50))
    data = panels.in_units(tui.plot_of(PlotView("p", (metric,), 80, **wanted), {metric: series}))
    return "\n".join(line.plain for line in plot_lines(data, 60, 9, PAINT, title=""))


def test_what_is_plotted_of_the_machine_has_a_unit_and_a_throughput_its_own_name(tui: SimpleNamespace) -> None:
    data = System(
        readings=readings(**dict.fromkeys((*panels.NAMED, names.gpu(2, names.GPU_MEMORY), "samples_per_second"), 1.0)),
        throughput="samples_per_second",
    )
    shown = [metric for _, metrics in panels.plotted(data) for metric in metrics]
    titles = {metric: drawn(tui, metric, 1.0).partition(" ── ")[2].partition(" 0.9")[0] for metric in shown}
    assert "GPU 2, B" in titles[names.gpu(2, names.GPU_MEMORY)]
    assert [metric for metric, words in titles.items() if ", " not in words] == ["samples_per_second"]


@pytest.mark.parametrize(
    ("metric", "value", "title", "ticks"),
    [
        (names.RESIDENT, 500 * 2.0**20, "memory, MiB 450", ("460", "480")),
        (names.RESIDENT, 64 * 2.0**30, "memory, GiB 57.6", ("58", "60", "62", "64")),
        (names.gpu(1, names.GPU_MEMORY), 3e13, "GPU 1, TiB 24.56", ("25", "26", "27")),
        (names.MACHINE_CPU, 1.0, "processor, % 90", ("92", "96", "100")),
        (names.gpu(0, names.GPU_UTILIZATION), 0.5, "GPU 0, % busy 45", ("46", "48", "50")),
        (names.STEP_SECONDS, 0.02, "step time, ms 18", ("18", "19", "20")),
        (names.STEP_SECONDS, 20.0, "step time, s 18", ("18", "19", "20")),
        (names.CPU, 2.0, "processor, cores 1.8", ("1.8", "1.9", "2")),
        (names.WORKERS_MEMORY, 0.0, "workers, B 0", ("0",)),
    ],
)
def test_an_axis_of_the_machine_counts_in_units_that_a_person_reads(
    tui: SimpleNamespace, metric: str, value: float, title: str, ticks: tuple[str, ...]
) -> None:
    text = drawn(tui, metric, value)
    assert f" {title} " in text
    labels = {line[1:7].strip() for line in text.splitlines() if line[7:8] == "┤"}
    assert set(ticks) <= labels


def test_a_logarithmic_axis_of_the_machine_counts_in_the_same_unit(tui: SimpleNamespace) -> None:
    known = {names.RESIDENT: tui.series(names.RESIDENT, np.geomspace(1.0, 400.0, 50) * 2.0**20)}
    data = panels.in_units(tui.plot_of(PlotView("p", (names.RESIDENT,), 80, log_y=True), known))
    assert dict(data.y_ticks)[10.0 * 2**20] == "10¹"


def test_only_what_is_clipped_is_counted(tui: SimpleNamespace) -> None:
    assert "clipped" not in drawn(tui, names.STEP_SECONDS, 1.0, clip_outliers=True)
    values = np.linspace(1.0, 2.0, 1000)
    values[500] = 1e6
    known = {names.STEP_SECONDS: tui.series(names.STEP_SECONDS, values)}
    data = panels.in_units(
        tui.plot_of(PlotView("p", (names.STEP_SECONDS,), 80, clip_outliers=True, log_y=False), known)
    )
    assert " clipped" in plot_lines(data, 60, 9, PAINT, title="")[0].plain
