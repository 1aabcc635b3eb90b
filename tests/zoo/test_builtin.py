"""The checks on every built-in task: healthy ones are silent, planted bugs are found and their cause is named."""

import dataclasses
from collections.abc import Iterable

import pytest
import torch
from torch import nn

from nntui import Task
from nntui.checks import preflight
from nntui.checks.preflight import CHECKS
from trainer import tasks

FLOATS = ("digits", "digits-conv", "digits-rare", "diabetes")
CLASSES = ("digits", "digits-conv", "stdlib-chars")
ALL = tasks.NAMES
# Rows that must pass; others may have nothing to look at.
ROWS = ("seed", "init_loss", "init_bias", "blind", "overfit_batch", "dependency")

PLANTED = [
    ("view_for_transpose", ALL, "dependency", "a view or reshape where a permute"),
    ("mean_over_the_batch", ALL, "dependency", "mean, softmax or norm over the batch"),
    ("no_mask", ("stdlib-chars",), "dependency", "no causal mask reaches the softmax"),
    ("mask_of_zeros", ("stdlib-chars",), "dependency", "filled with 0 where -inf belongs"),
    ("mask_one_late", ("stdlib-chars",), "dependency", "depends on the input at time 1, which comes later"),
    ("softmax_twice", CLASSES, "overfit_batch", "softmax is applied twice"),
    ("sigmoid_twice", ("digits-rare",), "overfit_batch", "as after a sigmoid, and the loss applies another"),
    ("bias_of_zero", ("digits-rare", "diabetes", "stdlib-chars"), "init_bias", "Set the bias of the last layer"),
    ("inputs_of_zero", ALL, "blind", "before they reach a layer"),
    ("dead_from_the_start", FLOATS, "blind", "lost in"),
    ("sum_reduction", ALL, "init_loss", "reduction='sum'"),
    ("flat_targets", ("diabetes",), "overfit_batch", "are broadcast"),
    ("constant_weights", ALL, "overfit_batch", "set to one constant"),
    ("detached_body", ALL, "overfit_batch", "detach"),
    ("times_thousand", ("digits", "digits-rare", "diabetes"), "init_loss", "inputs are not scaled"),
    (
        "last_layer_too_large",
        ("digits", "digits-conv", "digits-rare", "stdlib-chars"),
        "init_loss",
        "last layer starts too large",
    ),
    ("unseeded_weights", ALL, "seed", "the initial parameters differ"),
    ("unseeded_data", FLOATS, "seed", "the batches differ"),
    ("labels_of_others", ("digits", "digits-rare", "diabetes"), "blind", "labels that do not belong to their inputs"),
    ("wrong_sign", ALL, "init_loss", "a wrong sign"),
    ("tanh_on_the_output", ("diabetes",), "overfit_batch", "a tanh holds the outputs"),
]


def found(task: Task, *rows: str, budget: float = 10.0) -> dict:
    """Findings by row; those that train longest and need no answer take a few hundred updates."""
    quick = () if rows else tuple(row for row in CHECKS if row.partition(".")[2] not in ROWS)
    findings = [
        *preflight(task, only=rows or ROWS, budget=budget),
        *(preflight(task, only=quick, budget=0.5) if quick else ()),
    ]
    return {f.id.partition(".")[2]: f for f in findings}


def left_alone(findings: dict, may_skip: Iterable[str] = ()) -> None:
    for row, finding in findings.items():
        fine = ("pass", "skip") if row not in ROWS or row in may_skip else ("pass",)
        assert finding.status in fine, (row, finding.message, finding.advice)


@pytest.mark.parametrize("name", ALL)
def test_a_healthy_task_is_left_alone(zoo, name) -> None:
    left_alone(found(zoo.short(name, characters=40)))


@pytest.mark.parametrize(
    ("bug", "name", "row", "words"),
    [(bug, name, row, words) for bug, names, row, words in PLANTED for name in names],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_planted_bug_is_found_and_its_cause_is_named(zoo, bug, name, row, words) -> None:
    few = 6.0 if row == "blind" else 1.5  # a thousand updates of each network, or 750 at each rate
    finding = found(getattr(zoo, bug)(zoo.short(name)), row, budget=few)[row]
    assert finding.status in ("warn", "fail"), finding.message
    assert words in f"{finding.message} {finding.advice}"
    assert "Refute: " in finding.advice


def test_an_attention_written_by_hand_is_left_alone(zoo) -> None:
    left_alone(found(zoo.causal_by_hand(zoo.short("stdlib-chars")), *ROWS))


TRICKY = {
    "label smoothing": lambda zoo: dataclasses.replace(
        zoo.healthy("digits"), loss=nn.CrossEntropyLoss(label_smoothing=0.1)
    ),
    "class weights": lambda zoo: dataclasses.replace(
        zoo.healthy("digits"), loss=nn.CrossEntropyLoss(weight=torch.linspace(0.2, 5.0, 10))
    ),
    "rare positives weighted, and the bias as the weighted loss wants it": lambda zoo: zoo.with_model(
        dataclasses.replace(zoo.healthy("digits-rare"), loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0))),
        lambda m: nn.init.zeros_(zoo.layers(m)[-1].bias) is None or m,
    ),
    "frozen on purpose": lambda zoo: dataclasses.replace(
        zoo.with_model(zoo.healthy("digits"), lambda m: zoo.layers(m)[0].requires_grad_(requires_grad=False) and m),
        declared="frozen:0.*",
    ),
    "frozen by no_grad and declared": lambda zoo: dataclasses.replace(
        zoo.detached_body(zoo.healthy("digits")), declared="frozen:0.*"
    ),
    "a sum, declared": lambda zoo: dataclasses.replace(zoo.sum_reduction(zoo.healthy("digits")), declared="sum"),
    "dropout": lambda zoo: zoo.with_model(
        zoo.healthy("digits"), lambda m: nn.Sequential(m[0], m[1], nn.Dropout(0.5), m[2], m[3], nn.Dropout(0.5), m[4])
    ),
    "pixels from 0 to 1": lambda zoo: zoo.with_data(
        zoo.healthy("digits"), lambda pair, _: ((pair[0] - pair[0].min()) / (pair[0].max() - pair[0].min()), pair[1])
    ),
    "unscaled inputs behind a normalisation": lambda zoo: zoo.times_thousand(zoo.healthy("digits-conv")),
    "a last layer of zeros": lambda zoo: zoo.with_model(
        zoo.healthy("digits"), lambda m: nn.init.zeros_(m[-1].weight) is None or m
    ),
}


@pytest.mark.parametrize("name", TRICKY)
def test_what_is_unusual_and_right_is_left_alone(zoo, name) -> None:
    left_alone(found(TRICKY[name](zoo)))


def test_a_pretrained_start_is_left_alone(zoo) -> None:
    task = zoo.healthy("digits")
    model = task.build(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    inputs, targets = task.train.tensors
    for _ in range(100):
        optimizer.zero_grad()
        task.loss(model(inputs), targets).backward()
        optimizer.step()
    left_alone(found(dataclasses.replace(task, model=lambda: model)), may_skip={"init_bias"})


def test_checks_run_where_the_task_is_but_a_model_a_loss_and_a_batch(zoo) -> None:
    task = zoo.healthy("digits")
    batch = next(iter(task.batches(size=64)))
    for given in (task.build(0), task.model):
        statuses = {row: f.status for row, f in found(Task.of(given, task.loss, batch)).items()}
        assert {statuses[row] for row in ROWS} == {"pass"}, statuses
        assert set(statuses.values()) == {"pass", "skip"}, statuses
