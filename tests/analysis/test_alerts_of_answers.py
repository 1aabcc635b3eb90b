"""Rules on what the network says of a fixed batch: collapse, jitter, outputs that never change, fewer right than by chance."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from nntui.analysis.rules import below_chance, collapse, evaluation, generalization, jitter
from nntui.analysis.series import Series
from nntui.finding import Finding

from .columns import answers, falling, line, told

LABELS = np.arange(32) % 4


def learned(moments: int, wrong: float, seed: int = 0, labels=LABELS) -> np.ndarray:
    """What a network says that is wrong about a share of the examples, other ones each time; (moments, n)."""
    random = np.random.default_rng(seed)
    off = random.random((moments, len(labels))) < wrong
    return np.where(off, (labels + random.integers(1, 4, off.shape)) % 4, labels)


# --- collapse ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apart", "found"), [([1.0, 1e-7, 1e-7, 1e-7], True), ([1.0, 1.0, 1e-7, 1e-7], False), ([2e-6] * 4, False)]
)
def test_outputs_that_are_the_same_for_all_are_an_error(apart, found: bool) -> None:
    said = answers(learned(4, 0.1), LABELS, apart=apart)
    assert told(collapse, answers=said) == ([("live.collapse", "error")] if found else [])
    alike = answers(np.zeros((4, 32)), np.zeros(32), apart=0.0)
    assert not told(collapse, answers=alike), "nothing to be told apart"


@pytest.mark.parametrize(
    ("before", "lasts", "status"), [(0.1, 3, "warn"), (0.1, 2, ""), (0.75, 3, ""), (0.75, 8, "info")]
)
def test_one_class_for_all_is_a_collapse_where_more_was_known_before(before: float, lasts: int, status: str) -> None:
    said = np.concatenate([learned(6, before), np.full((lasts, 32), 2)])
    assert told(collapse, answers=answers(said, LABELS)) == ([("live.collapse", status)] if status else [])


def test_the_commonest_class_for_all_is_no_collapse_of_a_network_that_knew_no_more() -> None:
    rare = (np.arange(32) < 3).astype(float)
    said = np.zeros((12, 32))
    said[:6, :2] = np.random.default_rng(0).integers(0, 2, (6, 2))
    assert not told(collapse, answers=answers(said, rare))


# --- jitter -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("wrong", "found"), [(0.0, False), (0.05, False), (0.25, True), (0.4, True)])
def test_what_is_forgotten_from_moment_to_moment_is_jitter(seed: int, wrong: float, found: bool) -> None:
    said = answers(learned(20, wrong, seed), LABELS)
    assert told(jitter, answers=said) == ([("live.jitter", "warn")] if found else [])


@pytest.mark.parametrize(("moments", "found"), [(8, False), (9, True)])
def test_jitter_needs_moments_and_a_rate_that_has_not_decayed(moments: int, found: bool) -> None:
    said = answers(learned(moments, 0.35), LABELS)
    assert bool(told(jitter, answers=said)) == found
    assert not told(jitter, line("lr", [1e-3] * 50 + [4e-4] * 50), answers=said)
    assert not told(jitter, answers=said, watched={"declared": ["curriculum"]})


@pytest.mark.parametrize(("moments", "found"), [(9, False), (22, False), (23, True), (24, False)])
def test_early_in_a_training_all_moments_tell_of_jitter_and_later_the_last_third(moments: int, found: bool) -> None:
    wrong = (np.arange(32) // 4)[None, :] == (np.arange(moments) % 8)[
        :, None
    ]  # of 28 that are right, 4 are lost each time
    said = answers(np.where(wrong, (LABELS + 1) % 4, LABELS), LABELS)
    assert bool(told(jitter, answers=said)) == found


@pytest.mark.parametrize("seed", range(6))
def test_coins_and_what_is_being_learned_are_no_jitter(seed: int) -> None:
    coins, labels = np.random.default_rng(seed).integers(0, 2, (30, 32)), np.arange(32) % 2
    assert not told(jitter, answers=answers(coins, labels))
    first = np.random.default_rng(seed).integers(0, 30, 32)
    learning = np.where(np.arange(30)[:, None] < first, (LABELS + 1) % 4, LABELS)
    assert not told(jitter, answers=answers(learning, LABELS))


@pytest.mark.parametrize(("right", "status"), [(8, "info"), (30, "")])
def test_answers_that_never_change_are_information_where_nothing_is_known(right: int, status: str) -> None:
    said = np.tile(np.where(np.arange(32) < right, LABELS, (LABELS + 1) % 4), (10, 1))
    assert told(jitter, answers=answers(said, LABELS)) == ([("live.jitter", status)] if status else [])


# --- outputs that never change ----------------------------------------------------------------


@pytest.mark.parametrize(("same", "found"), [(2, False), (3, True)])
def test_outputs_that_stay_to_the_last_bit_are_those_of_a_copy(same: int, found: bool) -> None:
    said = answers(learned(4 + same, 0.1), LABELS, digest=[1, 2, 3, 4, *[5] * same])
    train = line("train/loss", falling(800))
    expected = [("live.stale_evaluation", "error")] if found else []
    assert told(evaluation, train, answers=said) == expected
    assert not told(evaluation, answers=said), "nothing is known to be trained"
    still = np.concatenate([falling(100), np.full(700, 0.3) + 1e-9 * np.arange(700)])
    assert not told(evaluation, line("train/loss", still), answers=said), "training does not move either"
    assert not told(evaluation, train, line("lr", [1e-3] * 9 + [1e-9]), answers=said), "the rate is all but zero"
    whole = answers(learned(4 + same, 0.1), LABELS, digest=[1, 2, 3, 4, *[5] * same], apart=math.nan)
    assert not told(evaluation, train, answers=whole), "whole numbers may well stay"


def test_a_loss_that_may_well_stay_is_not_stale() -> None:
    train, steps = line("train/loss", falling(700)), 100
    for tail in (0.0, 0.33):
        assert not told(evaluation, train, line("val/loss", [2.0, 1.5, 1.25, *[tail] * 5], steps))
    odd = line("val/loss", np.array([2.0, 1.5, 1.25, *[0.4] * 4]) / 3, steps)
    assert told(evaluation, train, odd)
    assert not told(evaluation, train, odd, line("lr", [1e-3] * 690 + [1e-9] * 10))
    over = line("train/loss", np.concatenate([falling(300), 1e-15 * np.random.default_rng(0).random(400)]))
    assert not told(evaluation, over, odd), "nothing is left to be learned"


@pytest.mark.parametrize(("last", "found"), [(0.6, False), (0.2, True)])
def test_a_score_that_falls_with_the_loss_must_lose_half_of_itself(last: float, found: bool) -> None:
    loss, score = line("val/loss", np.linspace(2, 1, 12), 50), line("val/f1", np.linspace(0.9, last, 12), 50)
    assert bool(told(evaluation, line("train/loss", falling(600)), loss, score)) == found


# --- below chance -----------------------------------------------------------------------------


def counted(*counts: int) -> dict[str, Finding]:
    evidence = {"validation_classes": {str(k): n for k, n in enumerate(counts)}}
    return {"data.balance": Finding("data.balance", "pass", "", evidence=evidence)}


@pytest.mark.parametrize(
    ("counts", "score", "found"),
    [
        ((100, 100, 100, 100), 0.15, True),
        ((100, 100, 100, 100), 0.20, False),  # chance less four standard errors is 0.163
        ((350, 50), 0.15, False),
        ((350, 50), 0.03, True),
        ((10, 10, 10, 10), 0.03, False),
    ],
)
def test_fewer_right_than_the_rarest_class_is_below_chance(counts, score: float, found: bool) -> None:
    parts = line("train/loss", falling(600)), line("val/accuracy", np.full(3, score), 200)
    assert bool(told(below_chance, *parts, checks=counted(*counts))) == found
    assert not told(below_chance, line("train/loss", np.full(600, 2.3)), parts[1], checks=counted(*counts))
    assert not told(below_chance, parts[0], line("val/acc_count", np.full(3, score), 200), checks=counted(*counts))


@pytest.mark.parametrize(("score", "evaluations", "found"), [(0.04, 5, True), (0.04, 4, False), (0.06, 5, False)])
def test_where_only_the_number_of_classes_is_known_half_of_chance_is_the_limit(score, evaluations, found) -> None:
    parts = line("train/loss", falling(600)), line("val/accuracy", np.full(evaluations, score), 100)
    for known in ({"watched": {"outputs": [10]}}, {"answers": answers(np.zeros((1, 4)), range(4), classes=10)}):
        assert told(below_chance, *parts, **known) == ([("live.below_chance", "warn")] if found else [])
    assert not told(below_chance, *parts), "nothing is known of the classes"
    assert not told(below_chance, *parts, watched={"outputs": [100]})
    assert not told(below_chance, *parts, watched={"outputs": [10, 28]}), "classes, or places"
    for score, below in ((0.24, True), (0.26, False)):
        parts = line("train/loss", falling(600)), line("val/accuracy", np.full(5, score), 100)
        assert bool(told(below_chance, *parts, watched={"outputs": [1]})) == below, "yes or no"


@pytest.mark.parametrize(
    ("metric", "score", "evaluations", "found"),
    [
        ("val/auc", 0.02, 5, True),
        ("eval_roc_auc", 0.24, 5, True),
        ("val/auc", 0.02, 4, False),
        ("val/auc", 0.26, 5, False),
        ("train/auc", 0.02, 5, False),
        ("val/pr_auc", 0.02, 5, False),  # of a rare class it is small by chance
        ("val/auc_stderr", 0.02, 5, False),
    ],
)
def test_an_order_that_is_the_wrong_way_round_is_below_chance(metric: str, score: float, evaluations, found) -> None:
    parts = line("train/loss", falling(600)), line(metric, np.full(evaluations, score), 100)
    assert told(below_chance, *parts) == ([("live.below_chance", "warn")] if found else [])
    assert not told(below_chance, line("train/loss", np.full(600, 2.3)), parts[1]), "nothing was learned yet"


def test_examples_that_are_never_right_are_no_other_labels_unless_one_label_is_told_as_one_class() -> None:
    parts = line("train/loss", falling(600)), line("val/accuracy", np.zeros(6), 100)
    moved, any_other = (LABELS + 1) % 4, (LABELS + 1 + np.arange(32) // 4 % 3) % 4
    for said, found in ((moved, True), (any_other, False)):
        assert bool(told(below_chance, *parts, answers=answers([said] * 3, LABELS, classes=4))) == found


def test_an_accuracy_that_is_carried_on_counts_once_for_each_loss() -> None:
    loss = line("val/loss", np.repeat([2.0, 1.9, 1.8], 100))
    parts = line("train/loss", falling(600)), loss, line("val/accuracy", np.full(300, 0.01))
    assert not told(below_chance, *parts, watched={"outputs": [10]})


@pytest.mark.parametrize(("loss", "status"), [(0.05, "info"), (0.06, ""), (0.4, "")])
def test_a_loss_that_is_content_with_one_class_for_all_is_told(loss: float, status: str) -> None:
    labels = np.where(np.arange(32) < 12, 1.0, 0.0)  # 12 of 32 wrong cost 0.26 at least, of which a fifth is 0.052
    found = told(collapse, line("train/loss", [0.7, *[loss] * 40]), answers=answers(np.zeros((9, 32)), labels))
    assert found == ([("live.collapse", status)] if status else [])
    early = answers(np.zeros((7, 32)), labels)
    assert not told(collapse, line("train/loss", [0.7, *[loss] * 40]), answers=early)


@pytest.mark.parametrize(
    ("apart", "found"),
    [
        ([0.6, *[0.2] * 5, 0.05, 0.05, 0.05], True),
        ([0.6, *[0.2] * 6, 0.05, 0.05], False),
        ([0.6, *[0.2] * 5, 0.07, 0.07, 0.07], False),
        ([0.02] * 9, False),  # so they were made
        ([0.2] * 6 + [3.0] + [0.05] * 3, False),  # apart for once only
        ([0.6, *[0.2] * 4, 0.05, 0.05, 0.05], True),
        ([0.6, *[0.2] * 3, 0.05, 0.05, 0.05], False),
    ],
)
def test_outputs_without_labels_that_become_alike_are_told(apart: list[float], found: bool) -> None:
    said = np.random.default_rng(0).integers(0, 9, (len(apart), 32))
    unlabelled = answers(said, np.full(32, np.nan), apart=apart)
    assert told(collapse, answers=unlabelled) == ([("live.collapse", "warn")] if found else [])
    of_numbers = {name: dataclasses.replace(one, labels=True) for name, one in unlabelled.items()}
    assert not told(collapse, answers=of_numbers), "labels that are numbers are labels"
    assert not told(collapse, answers=answers(said, np.arange(32.0), apart=apart))


# --- validation that is another task ----------------------------------------------------------

EPOCH = 60


def training(first: float, after: float) -> dict[str, Series]:
    """Accuracies of ten epochs of 60 steps: those of the first rise to `first`, the others are `after`."""
    noise = 0.03 * np.random.default_rng(0).standard_normal(600)
    accuracy = np.concatenate([np.linspace(0.1, first, EPOCH), np.full(540, after)]) + noise
    return line("train/accuracy", accuracy.clip(0, 1))


@pytest.mark.parametrize(
    ("first", "validation", "found"), [(0.7, 0.1, True), (0.7, 0.22, True), (0.7, 0.4, False), (0.15, 0.1, False)]
)
def test_what_is_right_on_examples_seen_for_the_first_time_is_right_in_validation(
    first: float, validation: float, found: bool
) -> None:
    noise = 0.01 * np.random.default_rng(1).standard_normal(10)
    parts = training(first, 1.0), line("val/accuracy", validation + noise, EPOCH, EPOCH - 1)
    facts = {"steps_per_epoch": EPOCH}
    assert told(generalization, *parts, **facts) == ([("live.contradiction", "warn")] if found else [])
    assert not told(generalization, *parts), "nobody knows when an example comes twice"
    epochs = line("epoch", np.arange(600) // EPOCH)
    assert bool(told(generalization, *parts, epochs)) == found
    assert not told(generalization, *parts, **facts, watched={"declared": ["curriculum"]})
    assert not told(generalization, parts[0], line("val/accuracy", [validation] * 2, EPOCH, EPOCH - 1), **facts)
    (accuracy,) = parts[0].values()
    assert not told(generalization, line("train/accuracy", 100 * accuracy.value), parts[1], **facts), "one in percent"
    assert not told(generalization, line("train/contrast_acc", accuracy.value), parts[1], **facts), "of something else"
    later = (
        line("train/accuracy", accuracy.value, 1, 10 * EPOCH),
        line("val/accuracy", [validation] * 9, EPOCH, 10 * EPOCH),
    )
    assert not told(generalization, *later, **facts), "the first epoch was not recorded"


def test_what_training_gets_right_in_its_first_epoch_is_weighed_by_how_sure_that_is() -> None:
    few = line("train/accuracy", [0.0, 0.0, 1.0, 0.0, 1.0, 0.0], 10)  # four of the last third, half right by chance
    assert not told(generalization, few, line("val/accuracy", [0.2] * 9, 60, 59), steps_per_epoch=60)
