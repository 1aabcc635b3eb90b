"""Which example reaches which output: planted leaks found and named, healthy models left alone."""

import dataclasses
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from nntui import Task
from nntui.checks import dependency
from nntui.checks.dependency import matrices_of

NAMES = (
    *("mlp", "batch norm", "group norm", "instance norm", "transformer", "recurrent", "several inputs", "multi-label"),
    *("regression far from zero", "dense predictions"),
)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_a_healthy_model_keeps_its_examples_apart(tasks, name, seed) -> None:
    finding = dependency(tasks[name], seed=seed)
    assert finding.status == "pass", finding.message
    assert finding.measured == 0.0
    matrix = np.array(finding.evidence["matrix"])
    assert (np.diagonal(matrix) > 0).all(), "every example reaches its own output"


def leaks(module) -> dict[str, nn.Module]:
    """Models of 12 inputs and 10 outputs that mix the batch, by the bug."""

    def views(m, x):
        return m.out(m.hidden(x).t().contiguous().view(x.shape[0], -1))

    def heads(m, x):
        q = m.qkv(x).view(x.shape[0], 4, 8)  # (batch, heads, width)
        attention = torch.softmax(q.transpose(0, 1) @ q.transpose(0, 1).transpose(1, 2), dim=-1)  # over the batch
        return m.out((attention @ q.transpose(0, 1)).transpose(0, 1).reshape(x.shape[0], -1))

    return {
        "view for transpose": module(views, hidden=nn.Linear(12, 32), out=nn.Linear(32, 10)),
        "attention over the batch": module(heads, qkv=nn.Linear(12, 32), out=nn.Linear(32, 10)),
        "softmax over the batch": module(lambda m, x: torch.softmax(m.out(x), dim=0), out=nn.Linear(12, 10)),
        "mean over the batch": module(lambda m, x: m.out(x - x.mean(0)), out=nn.Linear(12, 10)),
        "sum kept in a corner": module(lambda m, x: m.out(x) + 1e-12 * x.sum(), out=nn.Linear(12, 10)),
        "cumulated along the batch": module(lambda m, x: m.out(x.cumsum(0)), out=nn.Linear(12, 10)),
        "rolled labels": module(lambda m, x: m.out(x.roll(1, 0)), out=nn.Linear(12, 10)),
    }


def test_planted_leaks_are_found_and_the_pair_is_named(tasks, module) -> None:
    for name, model in leaks(module).items():
        finding = dependency(dataclasses.replace(tasks["mlp"], model=lambda model=model: model))
        assert finding.status == "fail", name
        row, col = finding.evidence["leak_row"], finding.evidence["leak_col"]
        assert row != col
        assert finding.evidence["matrix"][row][col] == finding.measured > 0
        assert f"Example {row}'s output depends on input {col}" in finding.message
        assert "permute" in finding.advice
        assert [one.leak for one in matrices_of(finding)] == [(row, col, finding.measured)]


def test_a_norm_without_running_statistics_is_named_and_not_called_a_view_bug(tasks) -> None:
    def build():
        return nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 10))

    finding = dependency(dataclasses.replace(tasks["mlp"], model=build))
    assert finding.status == "warn"
    assert finding.evidence["layers"] == ["1"]
    assert "running statistics" in finding.message


def test_integer_inputs_are_followed_through_their_embedding(tasks, module) -> None:
    tokens = torch.randint(0, 30, (32, 9))
    for leak, status in ((False, "pass"), (True, "fail")):

        def use(m, ids, leak=leak):
            hidden = m.embed(ids)
            return m.out(hidden.roll(1, 0) + hidden if leak else hidden).mean(1)

        task = Task(
            lambda use=use: module(use, embed=nn.Embedding(30, 8), out=nn.Linear(8, 4)),
            nn.CrossEntropyLoss(),
            TensorDataset(tokens, tokens[:, 0] % 4),
        )
        assert dependency(task).status == status


def test_where_no_gradient_reaches_the_inputs_examples_are_replaced(tasks, module) -> None:
    for leak, status in ((False, "pass"), (True, "fail")):

        def use(m, x, leak=leak):
            hard = (x > 0).float().detach()
            return m.out(hard.roll(1, 0) if leak else hard)

        finding = dependency(
            dataclasses.replace(tasks["mlp"], model=lambda use=use: module(use, out=nn.Linear(12, 10)))
        )
        assert finding.status == status
        assert finding.evidence["way"] == "replacement"


def test_the_world_is_left_as_it_was(tasks) -> None:
    model = tasks["batch norm"].model()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = (random.random(), np.random.rand(), torch.rand(1))
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    dependency(dataclasses.replace(tasks["batch norm"], model=lambda: model))
    assert (random.random(), np.random.rand(), torch.rand(1)) == expected
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(p.grad is not None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"declared": ("contrastive",)}, "skip", "contrastive"),
        ({"train": TensorDataset(torch.randn(1, 12), torch.zeros(1, dtype=torch.long))}, "skip", "single example"),
        ({"train": []}, "crash", "empty"),
        ({"model": lambda: nn.Linear(3, 3)}, "crash", "shapes cannot be multiplied"),
        ({"split": lambda batch: (["words"], None)}, "skip", "No input is a tensor"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(tasks, change, status, words) -> None:
    finding = dependency(dataclasses.replace(tasks["mlp"], **change))
    assert finding.status == status
    assert words in finding.message
