"""Seed, final bias, blind baseline and one batch by heart: bugs found with their cause, healthy tasks left alone."""

import dataclasses
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task
from nntui.checks import blind, init_bias, overfit_batch, seed
from nntui.checks.race import Pairs

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


def learnable(task: Task, kind: str = "classes") -> Task:
    """The task with targets that its inputs tell."""
    inputs = task.train.tensors[0]
    flat = inputs.flatten(1) if inputs.dim() == 2 else functional.avg_pool2d(inputs, 4).flatten(1)
    targets = {
        "classes": (flat[:, 0] > 0).long() + 2 * (flat[:, 1] > 0).long(),
        "price": flat[:, :1] * 3 + flat[:, 1:2],
    }[kind]
    return dataclasses.replace(task, train=TensorDataset(inputs, targets))


# --- healthy ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_healthy_task_is_the_same_twice(tasks, name) -> None:
    finding = seed(tasks[name])
    assert finding.status == "pass", finding.message
    assert finding.measured == finding.expected


@pytest.mark.parametrize(("start", "name"), list(enumerate(NAMES)))
def test_every_healthy_task_learns_one_batch_by_heart(tasks, name, start) -> None:
    finding = overfit_batch(tasks[name], seed=start, budget=30.0)
    assert finding.status == "pass", finding.message


def test_label_smoothing_has_a_floor_of_its_own(tasks) -> None:
    finding = overfit_batch(tasks["label smoothing"])
    smooth = torch.full((10,), 0.2 / 10)
    smooth[0] += 0.8
    assert finding.evidence["floor"] == pytest.approx(float(-(smooth * smooth.log()).sum()), abs=1e-3)


@pytest.mark.parametrize(("start", "name"), list(enumerate(["mlp", "batch norm", "recurrent"])))
def test_a_network_that_uses_its_inputs_beats_the_blind_one(tasks, name, start) -> None:
    finding = blind(learnable(tasks[name]), seed=start)
    assert finding.status == "pass", finding.message


@pytest.mark.parametrize(("ahead", "status"), [(0.5, "skip"), (0.2, "warn"), (-0.5, "warn")])
def test_a_network_that_may_only_be_slow_is_not_accused(tasks, monkeypatch, ahead, status) -> None:
    """The time ended it after 120 steps: what it was trained on is known, and held-out batches are so far ahead."""
    module = sys.modules["nntui.checks.blind"]

    def pairs(ahead: float) -> Pairs:
        return Pairs([1.0] * 16, [1 + ahead + (-1) ** i for i in range(16)])

    def ended(task, seed, *_):
        model = task.build(seed)
        race = SimpleNamespace(real=model, compared=lambda *_: pairs(8.0))
        yield module._Look(race, pairs(ahead), 1e-3, 120)

    monkeypatch.setattr(module, "_looks", ended)
    finding = blind(tasks["mlp"])
    assert finding.status == status, finding.message


def test_a_network_that_has_not_moved_gives_no_failure(tasks, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules["nntui.checks.blind"], "LOOKS", {1e-3: (1,)})
    assert blind(tasks["mlp"]).status == "skip"
    monkeypatch.setattr(sys.modules["nntui.checks.blind"], "LEAST_STEPS", 1)
    finding = blind(tasks["mlp"])
    assert finding.status == "warn"
    assert "plateau" in finding.advice


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("mlp", "pass"),
        ("label smoothing", "pass"),
        ("batch norm", "pass"),
        ("transformer", "pass"),
        ("regression with the right bias", "pass"),
        ("regression far from zero", "warn"),
        ("absolute error", "warn"),
    ],
)
@pytest.mark.parametrize("start", [0, 1, 2])
def test_the_final_bias_is_asked_for_where_it_is_missing(tasks, name, status, start) -> None:
    finding = init_bias(tasks[name], seed=start)
    assert finding.status == status, finding.message


def test_the_advice_names_the_bias_that_the_data_want(tasks) -> None:
    price = torch.stack([target for _, target in tasks["regression far from zero"].train])
    finding = init_bias(tasks["regression far from zero"])
    assert finding.evidence["best_constant"][0] == pytest.approx(float(price.mean()), rel=1e-3)
    rare = Task(
        lambda: nn.Linear(12, 1), nn.BCEWithLogitsLoss(), TensorDataset(torch.randn(256, 12), torch.zeros(256, 1))
    )
    share = torch.zeros(256, 1)
    share[::10] = 1.0
    finding = init_bias(dataclasses.replace(rare, train=TensorDataset(torch.randn(256, 12), share)))
    assert finding.status == "warn"
    p = float(share.mean())
    assert finding.evidence["best_constant"][0] == pytest.approx(math.log(p / (1 - p)), abs=0.02)


# --- planted bugs -----------------------------------------------------------------------------


def changed(task: Task, change, **other) -> Task:
    def build():
        return change(task.model())

    return dataclasses.replace(task, model=build, **other)


def test_softmax_twice_is_named_by_its_floor(tasks) -> None:
    finding = overfit_batch(changed(tasks["mlp"], lambda m: nn.Sequential(m, nn.Softmax(dim=1))), budget=6.0)
    assert finding.status == "fail"
    assert "softmax is applied twice" in finding.advice
    assert f"{math.log(math.e + 9) - 1:.3f}"[:4] in finding.advice


def test_a_softmax_inside_the_loss_itself_is_named_by_what_sure_answers_cost(tasks) -> None:
    ce = nn.CrossEntropyLoss()
    twice = dataclasses.replace(tasks["mlp"], loss=lambda out, y: ce(out.softmax(1), y))
    assert "applies a softmax twice" in overfit_batch(twice, budget=6.0).message
    bce = nn.BCEWithLogitsLoss()
    twice = dataclasses.replace(tasks["multi-label"], loss=lambda out, y: bce(out.sigmoid(), y))
    assert "applies a sigmoid twice" in overfit_batch(twice, budget=6.0).message


@pytest.mark.parametrize("inside", [True, False])
def test_probabilities_where_their_logarithm_is_due_are_named(tasks, inside) -> None:
    nll = nn.NLLLoss()
    if inside:
        wrong = dataclasses.replace(tasks["mlp"], loss=lambda out, y: nll(out.softmax(1), y))
    else:
        wrong = changed(tasks["mlp"], lambda m: nn.Sequential(m, nn.Softmax(dim=1)), loss=nll)
    finding = overfit_batch(wrong, budget=6.0)
    assert (finding.status, "log_softmax" in finding.advice) == ("fail", True)
    right = changed(tasks["mlp"], lambda m: nn.Sequential(m, nn.LogSoftmax(dim=1)), loss=nll)
    assert overfit_batch(right, budget=6.0).status == "pass"


def test_a_relu_after_the_last_layer_is_named(tasks) -> None:
    finding = overfit_batch(changed(tasks["mlp"], lambda m: nn.Sequential(m, nn.ReLU())), budget=6.0)
    assert finding.status == "pass" or "below 0" in finding.advice


def test_a_sigmoid_into_a_loss_of_logits_is_named(tasks) -> None:
    finding = overfit_batch(changed(tasks["multi-label"], lambda m: nn.Sequential(m, nn.Sigmoid())), budget=6.0)
    assert finding.status == "fail"
    assert "sigmoid" in finding.advice


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_outputs_broadcast_against_targets_are_named(tasks) -> None:
    inputs, price = tasks["regression far from zero"].train.tensors
    finding = overfit_batch(
        dataclasses.replace(tasks["regression with the right bias"], train=TensorDataset(inputs, price[:, 0])),
        budget=6.0,
    )
    assert finding.status == "fail"
    assert "broadcast" in finding.message
    assert "(8, 1)" in finding.message


def test_a_detached_head_cannot_learn_by_heart(tasks, module) -> None:
    def build():
        layers = {"body": nn.Linear(12, 32), "head": nn.Linear(32, 10)}
        return module(lambda m, x: m.head(m.body(x).relu()).detach() + 0 * m.body.weight.sum(), **layers)

    finding = overfit_batch(dataclasses.replace(tasks["mlp"], model=build), budget=6.0)
    assert finding.status == "fail"


def test_constant_weights_cannot_learn_by_heart(tasks) -> None:
    def constant(model):
        for p in model.parameters():
            nn.init.constant_(p, 0.0)
        return model

    assert overfit_batch(changed(tasks["mlp"], constant), budget=6.0).status == "fail"


def test_contradicting_labels_are_named(tasks) -> None:
    inputs = torch.randn(4, 12).repeat(2, 1)
    labels = torch.tensor([0, 1, 2, 3, 4, 1, 2, 3])
    finding = overfit_batch(dataclasses.replace(tasks["mlp"], train=TensorDataset(inputs, labels)), budget=6.0)
    assert finding.status == "fail"
    assert "different labels" in finding.advice


def test_a_dead_input_is_found_exactly(tasks) -> None:
    task = learnable(tasks["mlp"])
    finding = blind(dataclasses.replace(task, forward=lambda m, x: m(x * 0)), budget=5.0)
    assert finding.status == "fail"
    assert "inputs are ignored" in finding.message


def test_shuffled_labels_are_learned_by_heart_and_not_taken_for_a_pass(tasks) -> None:
    task = learnable(tasks["mlp"])
    inputs, labels = task.train.tensors
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    finding = blind(dataclasses.replace(task, train=TensorDataset(inputs, labels[order])), budget=3.0)
    assert finding.status == "warn"
    assert "shuffled" in finding.advice


@pytest.mark.parametrize(
    ("source", "words"),
    [("model", "initial parameters differ"), ("data", "batches differ"), ("forward", "forward or backward")],
)
def test_an_unseeded_source_is_named(tasks, module, source, words) -> None:
    wild = np.random.default_rng()
    inputs, labels = tasks["mlp"].train.tensors

    def noisy(tensor):
        return tensor + torch.tensor(wild.normal(size=tensor.shape), dtype=tensor.dtype)

    def unseeded(model):
        with torch.no_grad():
            model[0].weight.copy_(noisy(model[0].weight))
        return model

    task = {
        "model": lambda: changed(tasks["mlp"], unseeded),
        "data": lambda: dataclasses.replace(
            tasks["mlp"], train=lambda: DataLoader(TensorDataset(noisy(inputs), labels), 32)
        ),
        "forward": lambda: dataclasses.replace(tasks["mlp"], forward=lambda m, x: m(noisy(x))),
    }[source]()
    finding = seed(task)
    assert finding.status == "fail"
    assert words in finding.message


def test_shuffling_by_torch_is_seeded(tasks) -> None:
    shuffled = dataclasses.replace(tasks["mlp"], train=lambda: DataLoader(tasks["mlp"].train, 32, shuffle=True))
    assert seed(shuffled).status == "pass"


# --- what cannot be checked -------------------------------------------------------------------


@pytest.mark.parametrize("check", [seed, init_bias, blind, overfit_batch])
@pytest.mark.parametrize(
    "change",
    [
        {"loss": lambda o, t: functional.cross_entropy(o, t, reduction="none")},
        {"loss": lambda o, t: 1 / 0},
        {"model": lambda: nn.Linear(3, 10)},
        {"model": lambda: "no module"},
        {"train": []},
        {"train": lambda: 7},
        {"split": lambda batch: batch["no such key"]},
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(tasks, check, change) -> None:
    finding = check(dataclasses.replace(tasks["mlp"], **change), budget=1.0)
    assert finding.status in ("crash", "skip")
    assert finding.message
    assert "\n" not in finding.message


@pytest.mark.parametrize("check", [seed, init_bias, blind, overfit_batch])
def test_nan_in_the_data_gives_an_answer(tasks, check) -> None:
    inputs, labels = tasks["mlp"].train.tensors
    finding = check(dataclasses.replace(tasks["mlp"], train=TensorDataset(inputs * math.nan, labels)), budget=1.0)
    assert finding.status in ("pass", "warn", "fail", "crash", "skip")
    assert finding.message
