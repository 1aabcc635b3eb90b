"""Whatever a program does, it computes what it would have computed, bit by bit."""

from __future__ import annotations

import pytest

from .programs import PROGRAMS

RUNS = {"functions": 0, "sequence_of_models": 2}
"""Where it is not one."""


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_computes_what_it_would(record, name: str) -> None:
    program = PROGRAMS[name]
    found = record(program)
    assert found.given == program()
    assert len(found.runs) == RUNS.get(name, 1)
    assert not [event for events in found.events for event in events if event["level"] != "info"]
    for metrics in found.metrics:
        assert len(metrics["lr"]) >= 4
        assert any(metric.startswith("train/loss") for metric in metrics)
        assert [metric for metric in metrics if metric.endswith("/grad_norm")]
