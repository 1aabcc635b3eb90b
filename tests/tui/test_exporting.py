"""What is on the screen as files."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import io
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nntui.analysis.downsampling import ABOVE, BELOW, NAN
from nntui.session.snapshot import PlotView
from nntui.tui import exporting
from nntui.tui.app import NntuiApp


def pressed(tui: SimpleNamespace, *keys: str, scene: str = "failing") -> list[str]:
    async def main() -> list[str]:
        app = NntuiApp(Path("runs/exp42"), feed=tui.CannedFeed(scene))
        async with app.run_test(size=(160, 40)) as pilot:
            await tui.settle(pilot)
            for key in (*keys, "e"):
                await pilot.press(key)
                await tui.settle(pilot)
            return tui.lines(app)

    return asyncio.run(main())


def test_a_picture_and_the_plotted_columns_are_written_here(
    tui: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(exporting.VARIABLE, raising=False)
    lines = pressed(tui)
    picture, table = sorted(tmp_path.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert picture.name.startswith("nntui-exp42-live-")
    assert "train/loss" in "".join(ET.parse(picture).getroot().itertext()).replace("\xa0", " ")
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert {row["metric"] for row in rows} >= {"train/loss", "val/loss"}
    assert any("nan" in row["nonfinite"].split() for row in rows)
    assert lines[1].startswith("wrote nntui-exp42-live-")


def test_they_go_where_the_variable_says(tui: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(exporting.VARIABLE, str(tmp_path / "deep" / "down"))
    pressed(tui, "9", scene="hostile")
    (picture,) = (tmp_path / "deep" / "down").iterdir()
    assert picture.suffix == ".svg"
    assert picture.name.isascii()
    assert "/" not in picture.name


def test_nothing_is_written_into_a_run_folder(
    tui: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.delenv(exporting.VARIABLE, raising=False)
    assert "inside a run folder" in pressed(tui)[1]
    assert not list((tmp_path / "below").iterdir())


def test_a_disk_that_refuses_is_said(tui: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(exporting.VARIABLE, str(tmp_path / "file"))
    assert "nothing more was exported" in pressed(tui)[1]


def test_the_table_holds_the_prepared_columns_exactly(tui: SimpleNamespace) -> None:
    known = {one.metric: one for one in tui.curves()}
    data = tui.plot_of(PlotView("main", ("train/loss",), 50), known)
    rows = list(csv.DictReader(io.StringIO(exporting.table({"main": data}))))
    (one,) = data.series
    np.testing.assert_array_equal([float(row["low"]) for row in rows], one.low[np.isfinite(one.low)])
    np.testing.assert_array_equal([float(row["high"]) for row in rows], one.high[np.isfinite(one.low)])


def test_other_ranks_are_told_from_the_run_and_kinds_of_what_is_not_finite_from_each_other(
    tui: SimpleNamespace,
) -> None:
    known = {one.metric: one for one in tui.curves()}
    data = tui.plot_of(PlotView("main", ("train/loss",), 8), known)
    (line,) = data.series
    kinds = [NAN, ABOVE, BELOW, NAN | ABOVE, NAN | ABOVE | BELOW, 0, 0, 0]
    own = dataclasses.replace(line, nonfinite=np.array(kinds))
    band = dataclasses.replace(line, line=np.full(8, np.nan), nonfinite=np.zeros(8, np.int64), ranks=3)
    table = exporting.table({"main": dataclasses.replace(data, series=(band, own))})
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {(row["run"], row["ranks"]) for row in rows} == {("0", "0"), ("0", "3")}
    assert {row["line"] for row in rows if row["ranks"] == "3"} == {"nan"}
    expected = ["nan", "inf", "-inf", "nan inf", "nan inf -inf", "", "", ""]
    assert [row["nonfinite"] for row in rows if row["ranks"] == "0"] == expected
