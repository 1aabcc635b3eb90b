"""The loss at initialisation: bugs found with their cause, healthy tasks left alone."""

import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from nntui import Task
from nntui.checks import init_loss

NAMES = (
    *(
        "mlp",
        "label smoothing",
        "class weights",
        "sum reduction",
        "batch norm",
        "group norm",
        "instance norm",
        "transformer",
    ),
    *("recurrent", "several inputs", "multi-label", "rare positives", "regression far from zero"),
    *("regression with the right bias", "absolute error", "dense predictions"),
)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_healthy_task_passes(tasks, name, seed) -> None:
    finding = init_loss(tasks[name], seed=seed)
    assert finding.status == "pass", finding.message
    assert "knows something" not in finding.message, finding.message


def test_a_loss_whose_gradient_is_zero_is_measured_where_it_begins() -> None:
    rows = TensorDataset(torch.randn(64, 3), torch.rand(64, 1).round())
    loss = lambda out, y: nn.functional.binary_cross_entropy(out.sigmoid().round(), y)  # noqa: E731
    finding = init_loss(Task(lambda: nn.Linear(3, 1), loss, rows))
    assert finding.status != "crash", finding.message


def test_all_healthy_tasks_were_tried(tasks) -> None:
    assert set(tasks) == set(NAMES)


def test_the_range_of_cross_entropy_begins_at_the_entropy_of_the_prior(tasks) -> None:
    finding = init_loss(tasks["mlp"])
    labels = torch.stack([label for _, label in tasks["mlp"].train])
    share = torch.bincount(labels).double() / len(labels)
    entropy = float(-(share * share.log()).sum())
    assert finding.evidence["best_constant_loss"] == pytest.approx(entropy, abs=1e-4)
    assert finding.evidence["neutral_output_loss"] == pytest.approx(math.log(10), abs=1e-6)


def test_the_range_of_squared_error_begins_at_the_variance(tasks) -> None:
    finding = init_loss(tasks["regression far from zero"])
    price = torch.stack([target for _, target in tasks["regression far from zero"].train]).double()
    assert finding.evidence["best_constant_loss"] == pytest.approx(float(price.var(correction=0)), rel=1e-3)
    assert finding.evidence["neutral_output_loss"] == pytest.approx(float((price**2).mean()), rel=1e-4)


def changed_model(task: Task, change) -> Task:
    def build():
        model = task.model()
        with torch.no_grad():
            change(model)
        return model

    return dataclasses.replace(task, model=build)


def test_a_last_layer_that_starts_too_large_is_found(tasks) -> None:
    finding = init_loss(changed_model(tasks["mlp"], lambda m: m[3].weight.mul_(60.0)))
    assert finding.status == "fail"
    assert "last layer starts too large" in finding.message
    assert "Refute" in finding.advice


def test_inputs_that_are_not_scaled_are_found(tasks) -> None:
    inputs, labels = tasks["mlp"].train.tensors
    finding = init_loss(dataclasses.replace(tasks["mlp"], train=TensorDataset(inputs * 255, labels)))
    assert finding.status == "fail"
    assert "inputs are not scaled" in finding.message


def test_a_confident_wrong_bias_is_found(tasks) -> None:
    finding = init_loss(changed_model(tasks["rare positives"], lambda m: m[3].bias.fill_(8.0)))
    assert finding.status == "fail"


def test_a_loss_of_the_wrong_sign_is_found(tasks) -> None:
    ce = nn.CrossEntropyLoss()
    finding = init_loss(dataclasses.replace(tasks["mlp"], loss=lambda o, t: -ce(o, t)))
    assert finding.status == "fail"
    assert "no lowest value" in finding.message


def test_nan_in_the_inputs_is_found(tasks) -> None:
    inputs, labels = tasks["mlp"].train.tensors
    finding = init_loss(dataclasses.replace(tasks["mlp"], train=TensorDataset(inputs * math.nan, labels)))
    assert finding.status == "fail"
    assert "nan" in finding.message


def test_a_network_that_knows_something_is_information(tasks) -> None:
    inputs, _ = tasks["mlp"].train.tensors
    labels = (inputs[:, 0] > 0).long()

    def trained():
        model = nn.Linear(12, 2)
        with torch.no_grad():
            model.weight.zero_()
            model.weight[1, 0] = 10.0
        return model

    finding = init_loss(Task(trained, nn.CrossEntropyLoss(), TensorDataset(inputs, labels)))
    assert finding.status == "pass"
    assert "knows something already" in finding.message
    assert "leak" in finding.advice


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"loss": lambda o, t: nn.functional.cross_entropy(o, t, reduction="none")}, "crash", "expected one number"),
        ({"loss": lambda o, t: (_ for _ in ()).throw(ValueError("mine"))}, "crash", "ValueError: mine"),
        ({"model": lambda: nn.Linear(3, 10)}, "crash", "shapes cannot be multiplied"),
        ({"model": lambda: "no module"}, "crash", "expected a torch.nn.Module"),
        ({"train": []}, "crash", "empty"),
        ({"train": TensorDataset(torch.zeros(0, 12), torch.zeros(0, dtype=torch.long))}, "crash", "empty"),
        ({"declared": ("contrastive",)}, "skip", "contrastive"),
        ({"forward": lambda m, x: {"logits": m(x)}}, "crash", "not dict"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(tasks, change, status, words) -> None:
    finding = init_loss(dataclasses.replace(tasks["mlp"], **change))
    assert finding.status == status
    assert words in finding.message
    assert "\n" not in finding.message


def test_a_dataset_of_one_example_is_enough_for_an_answer(tasks) -> None:
    inputs, labels = tasks["mlp"].train.tensors
    one = TensorDataset(inputs[:1], labels[:1])
    assert init_loss(dataclasses.replace(tasks["mlp"], train=one)).status in ("pass", "fail")
