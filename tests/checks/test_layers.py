"""Layers, optimizers, capacity, functions: each check fires on its own fault, and on nothing else."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nntui import Task, init_final_bias
from nntui.checks import TaskError, adam, capacity, gate, layers, matches, scale_final_layer, scaled_inputs

X = torch.randn(256, 6, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] * X[:, 1] > 0).long()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).relu()).relu())


def task(model: Any = Net, **more: Any) -> Task:
    return Task(**({"model": model, "loss": nn.CrossEntropyLoss(), "train": TensorDataset(X, Y)} | more))


def changed(change: Any) -> Any:
    def build() -> nn.Module:
        net = Net()
        change(net)
        return net

    return build


class Listed(Net):
    def __init__(self) -> None:
        super().__init__()
        self.extra = [nn.Linear(16, 16)]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.extra[0](self.first(x).relu()).relu() + self.second(self.first(x)))


class Plain(Net):
    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.ones(2, requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.gain


class Unused(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.first(x).relu())


class Detached(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).relu()).relu().detach())


class Saturated(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.first(x * 100)))


class Deep(nn.Sequential):
    def __init__(self) -> None:
        hidden = [part for _ in range(14) for part in (nn.Linear(16, 16), nn.Sigmoid())]
        super().__init__(nn.Linear(6, 16), nn.Sigmoid(), *hidden, nn.Linear(16, 2))


class Residual(Net):
    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        return self.head(x + self.second(x))


class Aliased(Net):
    def __init__(self) -> None:
        super().__init__()
        self.all = [self.first, self.second]


FAULTS = {
    "a list of layers": (Listed, "fail", "plain list"),
    "a plain tensor": (Plain, "fail", "no nn.Parameter"),
    "a layer nobody calls": (Unused, "warn", "never used"),
    "a graph that is cut": (Detached, "warn", "the graph is cut"),
    "a layer of zeros": (
        changed(lambda n: [nn.init.zeros_(p) for p in n.second.parameters()]),
        "fail",
        "weights of zero",
    ),
    "dead units": (changed(lambda n: nn.init.constant_(n.first.bias, -100.0)), "fail", "dead units"),
    "half of the units dead": (
        changed(lambda n: n.first.bias.data.copy_(torch.arange(16) * -4.0)),
        "warn",
        "dead from the start",
    ),
    "saturation": (Saturated, "warn", "saturated"),
    "a vanishing gradient": (Deep, "warn", "vanishes"),
    "no activation": (lambda: nn.Sequential(nn.Linear(6, 16), nn.Linear(16, 2)), "warn", "linear function"),
    "frozen, and not said": (changed(lambda n: n.second.requires_grad_(requires_grad=False)), "warn", "not declared"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_layer_that_cannot_learn_is_found(name: str) -> None:
    model, status, words = FAULTS[name]
    finding = layers(task(model))
    assert finding.status == status, finding.message
    assert words in f"{finding.message} {finding.advice}"


@pytest.mark.parametrize("model", [Net, Residual, Aliased, lambda: nn.Linear(6, 2)])
def test_layers_that_learn_are_left_alone(model: Any) -> None:
    finding = layers(task(model))
    assert finding.status == "pass", finding.message


@pytest.mark.parametrize("model", [Unused, Detached, changed(lambda n: n.second.requires_grad_(requires_grad=False))])
def test_what_is_declared_frozen_is_left_alone(model: Any) -> None:
    assert layers(task(model, declared=("frozen:first.*", "frozen:second.*"))).status == "pass"


def replaced_head(net: Any) -> torch.optim.Optimizer:
    optimizer = torch.optim.Adam(net.parameters())
    net.head = nn.Linear(16, 2)
    return optimizer


OPTIMIZERS = {
    "whole": (lambda n: torch.optim.SGD(n.parameters(), 0.1), "pass", ""),
    "two": (lambda n: [torch.optim.SGD([*n.first.parameters(), *n.second.parameters()], 0.1),
                       torch.optim.Adam(n.head.parameters())], "pass", ""),
    "part": (lambda n: torch.optim.SGD(n.head.parameters(), 0.1), "warn", "in no optimizer"),
    "another model's": (lambda n: torch.optim.SGD(Net().parameters(), 0.1), "fail", "not the model's"),
    "before the head was replaced": (replaced_head, "fail", "not the model's"),
    "a rate of zero": (lambda n: torch.optim.SGD(n.parameters(), 0.0), "warn", "is 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_holds_what_it_is_to_move(name: str) -> None:
    optimizer, status, words = OPTIMIZERS[name]
    finding = layers(task(optimizer=optimizer))
    assert finding.status == status, finding.message
    assert words in finding.message


def test_a_clipped_loss_has_no_gradient() -> None:
    finding = layers(task(loss=lambda o, t: nn.functional.cross_entropy(o, t).clamp(max=0.1)))
    assert finding.status == "fail"
    assert "clipped" in finding.advice


def sgd(**settings: Any) -> Any:
    return lambda net: torch.optim.SGD(net.parameters(), **settings)


LEARN = {
    "sgd with momentum": (sgd(lr=0.1, momentum=0.9), Net, None, "pass", ""),
    "a small rate for a long training": (sgd(lr=1e-3), Net, None, "pass", ""),
    "a rate far too high": (sgd(lr=1e4), Net, None, None, "far too high"),
    "a rate far too low": (sgd(lr=1e-9), Net, None, "warn", "far too low"),
    "weight decay": (
        lambda n: torch.optim.Adam(n.parameters(), 1e-3, weight_decay=100.0),
        Net,
        None,
        "warn",
        "weight decay",
    ),
    "dropout": (
        lambda n: torch.optim.Adam(n.parameters(), 1e-3),
        lambda: nn.Sequential(
            nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.99), nn.Linear(16, 16), nn.Dropout(0.99), nn.Linear(16, 2)
        ),
        None,
        "warn",
        "dropout",
    ),
    "warm-up tames a high rate": (
        sgd(lr=0.5),
        Net,
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda k: min(1.0, (k + 1) / 100)),
        "pass",
        "",
    ),
}


@pytest.mark.parametrize("name", LEARN)
def test_an_optimizer_that_does_not_learn_is_found_and_its_cause_named(name: str) -> None:
    optimizer, model, schedule, status, words = LEARN[name]
    labels = (X[:, 0] > 0).long()
    finding = adam(task(model, optimizer=optimizer, schedule=schedule, train=TensorDataset(X, labels)), budget=20.0)
    assert finding.status == status if status else finding.status in ("warn", "fail"), finding.message
    assert words in f"{finding.message} {finding.advice}"


def test_a_model_that_fits_needs_no_more_capacity_and_one_that_does_not_gets_it() -> None:
    assert gate(task(), budget=30.0).status == capacity(task(), budget=30.0).status == "pass"
    noise = TensorDataset(X, torch.randint(0, 2, (256,), generator=torch.Generator().manual_seed(1)))
    small = task(lambda: nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 2)), train=noise)
    assert gate(small, budget=30.0).status == "warn"
    assert "More capacity lowers" in capacity(small, budget=30.0).message


def test_capacity_that_brings_nothing_is_told_and_that_of_a_linear_model_is_explained() -> None:
    same = TensorDataset(torch.ones(256, 6), torch.arange(256) % 2)
    assert capacity(task(train=same), budget=30.0).status == "warn"
    linear = capacity(task(lambda: nn.Linear(6, 2)), budget=30.0)
    assert (linear.status, linear.evidence["linear"]) == ("pass", True)


def test_capacity_is_compared_of_a_model_that_its_task_calls_in_parts() -> None:
    def parts() -> nn.ModuleDict:
        return nn.ModuleDict({"body": nn.Linear(6, 2), "head": nn.Linear(2, 2)})

    def forward(net: nn.ModuleDict, inputs: torch.Tensor) -> torch.Tensor:
        return net["head"](net["body"](inputs).relu())

    assert "a model of twice its size" in capacity(task(parts, forward=forward), budget=30.0).message


def test_a_larger_model_of_ones_own_is_asked() -> None:
    made = []
    small = task(lambda: nn.Sequential(nn.Linear(6, 2), nn.ReLU(), nn.Linear(2, 2)))
    wide = lambda: made.append(1) or Net()  # noqa: E731
    assert "the larger model" in capacity(dataclasses.replace(small, larger=wide), budget=30.0).message
    assert made


def fast(x: Tensor, w: Tensor) -> Tensor:
    return torch.einsum("bi,oi->bo", x, w)


def plain(x: Tensor, w: Tensor) -> Tensor:
    return torch.stack([torch.stack([(row * column).sum() for column in w]) for row in x])


def shapes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    b, i, o = (int(torch.randint(1, 5, (), generator=generator)) for _ in range(3))
    return torch.randn(b, i, generator=generator), torch.randn(o, i, generator=generator)


def test_a_fast_function_is_held_to_its_plain_version() -> None:
    assert matches(fast, plain, shapes).status == "pass"
    assert matches(fast, plain, (torch.randn(3, 4), torch.randn(2, 4))).status == "pass"
    off = matches(lambda x, w: fast(x, w) + 1e-2, plain, shapes)
    assert (off.status, "values" in off.message) == ("fail", True)
    cut = matches(lambda x, w: fast(x, w.detach()) + 0 * w.sum(), plain, shapes)
    assert (cut.status, "gradients" in cut.message) == ("fail", True)
    turned = matches(lambda x, w: fast(x, w).T, plain, (torch.randn(3, 4), torch.randn(2, 4)))
    assert (turned.status, "shapes" in turned.message) == ("fail", True)
    assert matches(lambda x: x / 0 * 0, lambda x: x * math.nan, torch.ones(3)).status == "pass"
    assert matches(lambda x: 1 / 0, plain, shapes).status == "crash"


def test_the_final_bias_is_what_the_targets_say() -> None:
    net = Net()
    shares = torch.tensor([0] * 30 + [1] * 10)
    assert init_final_bias(net, shares).softmax(0) == pytest.approx([0.75, 0.25])
    one = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    assert float(init_final_bias(one, torch.tensor([[0.0], [0.0], [0.0], [1.0]]))) == pytest.approx(math.log(1 / 3))
    assert float(init_final_bias(one, torch.tensor([1.0, 2.0, 6.0]))) == pytest.approx(3.0)
    assert torch.equal(one[-1].bias, torch.tensor([3.0]))
    assert bool(init_final_bias(one, torch.zeros(50)).isfinite().all())
    for bad in (torch.tensor([]), torch.tensor([math.nan]), torch.zeros(4, 3)):
        with pytest.raises(TaskError):
            init_final_bias(one, bad)


def test_inputs_are_scaled_by_what_train_says() -> None:
    train, held_out = X * 7 + 3, X[:20] * 7 + 3
    train[:, 5] = 4.0
    scaled, other = scaled_inputs(train, held_out)
    assert torch.allclose(scaled[:, :5].mean(0), torch.zeros(5), atol=1e-5)
    assert torch.allclose(scaled[:, :5].std(0, correction=0), torch.ones(5), atol=1e-5)
    assert torch.equal(scaled[:, 5], torch.zeros(256))
    assert torch.allclose(other[:, :5], scaled[:20, :5])


def test_a_last_layer_is_made_smaller() -> None:
    net = Net()
    before = net.head.weight.detach().clone()
    assert scale_final_layer(net, 0.5) == "head"
    assert torch.equal(net.head.weight, before * 0.5)


def test_a_rate_a_hundredth_of_which_learns_faster_is_far_too_high() -> None:
    labels = (X[:, 0] > 0).long()
    rough = lambda m: torch.optim.Adam(m.parameters(), lr=2.0)  # noqa: E731
    finding = adam(task(train=TensorDataset(X, labels), optimizer=rough), budget=20.0)
    assert (finding.status, "too high" in finding.advice) == ("warn", True), finding.message
    plain = lambda m: torch.optim.SGD(m.parameters(), lr=0.05)  # noqa: E731
    assert adam(task(train=TensorDataset(X, labels), optimizer=plain), budget=20.0).status == "pass"
