"""The zoo itself: it is large enough, every entry can be made, and a few are looked at as the script looks at all of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

import nntui
from nntui.checks.task import tensors

from . import bestiary

BUGS, HEALTHY = bestiary.load()
BROKEN_AT_ONCE = ("labels_outside_the_classes", "a_few_labels_are_255")
"""Bugs with which the first loss raises."""
FOUND = ("softmax_before_cross_entropy@lightning", "view_for_permute@friedman", "mask_filled_with_zero@gpt")


def test_there_are_enough_bugs_and_healthy_programs_in_both_halves() -> None:
    kinds = {name.partition("@")[0] for name in BUGS}
    assert len(kinds) >= 60
    assert len(HEALTHY) >= 30
    for entries in (BUGS, HEALTHY):
        held_out = sum(entry.half == "held-out" for entry in entries.values())
        assert 0.3 < held_out / len(entries) < 0.7


def test_one_mistake_is_in_one_half_whatever_its_program() -> None:
    halves: dict[str, set[str]] = {}
    for name, entry in BUGS.items():
        halves.setdefault(name.partition("@")[0], set()).add(entry.half)
    assert all(len(half) == 1 for half in halves.values())


def test_a_name_is_used_once() -> None:
    with pytest.raises(ValueError, match="two entries"):
        bestiary.bug("digits", cause=("x",))(next(iter(BUGS.values())).make.args[0])  # pyright: ignore


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_program_takes_its_first_batch(name: str) -> None:
    task = HEALTHY[name].make(0)
    inputs, targets = task.first_batch()
    model = task.build(0)
    loss = task.loss(task.call(model, inputs), targets)
    assert loss.dim() == 0
    assert torch.isfinite(loss)
    assert HEALTHY[name].note


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_can_be_made(name: str) -> None:
    task = BUGS[name].make(0)
    inputs, targets = task.first_batch()
    outputs = task.call(task.build(0), inputs)
    if name.partition("@")[0] not in BROKEN_AT_ONCE:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            assert task.loss(outputs, targets).dim() == 0


@pytest.mark.parametrize("name", bestiary.PROGRAMS)
def test_a_seed_makes_the_same_data_and_another_seed_others(name: str) -> None:
    def first(seed: int) -> list[torch.Tensor]:
        return tensors(bestiary.PROGRAMS[name](seed).first_batch()[0])

    assert all(torch.equal(one, other) for one, other in zip(first(0), first(0), strict=True))
    others = zip(first(0), first(1), strict=True)
    assert any(one.shape != other.shape or not torch.equal(one, other) for one, other in others)


@pytest.mark.parametrize("name", FOUND)
def test_a_bug_is_found(name: str) -> None:
    rows = ("overfit_batch", "dependency")
    assert any(found.status in ("warn", "fail") for found in nntui.preflight(BUGS[name].make(0), only=rows))


def test_the_script_reports_a_bug_with_the_rank_of_its_cause_and_a_healthy_program(tmp_path: Path, script) -> None:
    entries = ("softmax_before_cross_entropy@lightning", "plain@lightning")
    words = ("--half", "both", "--jobs", "1", "--budget", "3", "--json", tmp_path / "zoo.json")
    said = script("zoo.py", *words, "--only", *entries)
    assert "softmax_before_cross_entropy@lightning, seed 0: found, cause 1 of" in said
    assert "plain@lightning, seed 0: left alone" in said
    (line,) = [line for line in said.splitlines() if line.startswith("| cause named first or second |")]
    assert "1 of 1 (100 %)" in line
    assert (tmp_path / "zoo.json").read_text().startswith("[")


def test_a_name_that_is_nowhere_is_a_usage_error(script) -> None:
    script("zoo.py", "--only", "a mistake nobody makes", code=2)
