"""The live half of the zoo: a few of its trainings, and the script that reports on all."""

from __future__ import annotations

import pytest

from nntui.session.load import Loaded
from nntui.session.snapshot import View

from .live import ENTRIES

FEW = (
    "GradientsThatOverflowAtAnyScale",
    "TwoKindsInTurn",
    "ZeroGradForgotten",
    "EvalModeNeverTakenBack",
    "GradientsOfALayerDropped",
    "ValidationWithAnotherLabelMap",
)


@pytest.mark.parametrize("name", FEW)
def test_the_first_alert_of_a_bug_names_its_cause(tmp_path, name: str) -> None:
    entry = ENTRIES[name]
    entry.make(0).train(tmp_path / "run")
    alerts = [one.id for one in Loaded(tmp_path / "run").snapshot(View()).alerts if one.status in ("warn", "error")]
    assert alerts[0] in entry.alerts


@pytest.mark.parametrize("name", ["Plain", "AccumulatedByFour", "FirstLayerFrozen", "HalfPrecision"])
def test_a_healthy_training_is_left_alone(tmp_path, name: str) -> None:
    ENTRIES[name].make(0).train(tmp_path / "run")
    assert not [one.message for one in Loaded(tmp_path / "run").snapshot(View()).alerts if one.status != "info"]


def test_entries_lie_in_both_halves_by_their_name_alone() -> None:
    for bug in (True, False):
        halves = [entry.half for entry in ENTRIES.values() if bool(entry.alerts) == bug]
        assert min(halves.count("develop"), halves.count("held-out")) >= 5


def test_the_script_reports_where_a_bug_was_found_and_leaves_a_healthy_training_alone(script) -> None:
    said = script("zoo_live.py", "--half", "both", "--only", "ClippedAfterTheUpdate", "Plain")
    assert "bug      ClippedAfterTheUpdate, seed 0: by error live.late_clipping at step" in said
    assert "healthy  Plain, seed 0: left alone" in said
