"""The scripts that make the README's numbers run, on a little of their work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
BENCHMARKS = sorted(path.name for path in SCRIPTS.glob("bench_*.py"))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_says_how_it_is_run(script: Callable[..., str], name: str) -> None:
    assert "usage:" in script(name, "--help")


def test_the_cost_of_a_call_is_measured_beside_the_least_possible(script: Callable[..., str]) -> None:
    said = script("bench_log.py", "--calls", "300", "--seconds", "0.2", "--only", "append,nntui")
    assert said.count("\n  append ") == said.count("\n  nntui ") == 4


def test_bytes_per_scalar_are_measured_beside_csv(script: Callable[..., str]) -> None:
    said = script("bench_bytes.py", "--steps", "200")
    assert "nntui" in said
    assert "CSV" in said


def test_the_cost_of_probes_is_measured_beside_training_without_them(script: Callable[..., str]) -> None:
    said = script("bench_probes.py", "--seconds", "0.2", "--warm", "0.1", "--only", "tiny", "--systems", "nntui")
    assert "\n  tiny        nntui " in said
    assert "says" in said


def test_the_cost_of_recording_a_script_is_measured_beside_the_bare_script(script: Callable[..., str]) -> None:
    said = script(
        "bench_run.py", "--pairs", "1", "--blocks", "2", "--seconds", "0.05", "--warm", "0.1", "--only", "mlp"
    )
    assert "\n  mlp         nntui run " in said
    assert "\n  mlp         two bare " in said
    assert "processor: median" in said
