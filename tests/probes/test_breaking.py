"""What goes wrong in training, or in a probe."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import nn

import nntui
from nntui import names


@pytest.mark.parametrize("broken", ["0", "2", "4"])
def test_the_first_layer_whose_output_is_not_finite_is_found(recorded, loop, mlp, broken: str) -> None:
    def train(run: nntui.Run) -> None:
        model = mlp()
        optimizer = torch.optim.SGD(model[int(broken) :].parameters(), 0.1)  # the layers before it stay what they are
        training = loop(model, optimizer)

        def poison(step: int) -> None:
            if step == 3:
                with torch.no_grad():
                    model.get_submodule(broken).bias[0] = math.nan

        with nntui.watch(model, optimizer, run):
            training.steps(40, after=poison)

    found, events = recorded(train)
    order = next(e for e in events if e["event"] == names.WATCH_EVENT)["data"]
    shares = {name: found[names.layer(name, names.NONFINITE)] for name in ("0", "2", "4")}
    assert all(f'"{name}"' in order for name in shares)
    step = min(shares["0"])
    assert step > 3
    assert [name for name, share in shares.items() if share[step] > 0] == [
        name for name in ("0", "2", "4") if name >= broken
    ]


def test_a_healthy_training_counts_no_number_that_is_not_finite(recorded, loop, mlp) -> None:
    def train(run: nntui.Run) -> None:
        training = loop(mlp())
        with nntui.watch(training.model, training.optimizer, run):
            training.steps(40)

    found, _ = recorded(train)
    assert not [metric for metric in found if names.layer_of(metric)[1] == names.NONFINITE]


def test_gradients_that_come_within_the_update_are_those_of_the_update(recorded, mlp) -> None:
    norms: list[float] = []

    def train(run: nntui.Run) -> None:
        model, generator = mlp(), torch.Generator().manual_seed(0)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with nntui.watch(model, optimizer, run, every=1):
            for _ in range(3):
                x = torch.randn(64, 6, generator=generator)

                def evaluate(x: torch.Tensor = x) -> torch.Tensor:
                    optimizer.zero_grad()
                    loss = model(x).square().mean()
                    loss.backward()
                    return loss

                optimizer.step(evaluate)
                norms.append(sum(float(p.grad.double().square().sum()) for p in model.parameters()) ** 0.5)

    found, _ = recorded(train)
    assert list(found[names.WHOLE_GRAD_NORM].values()) == pytest.approx(norms, rel=1e-5)
    assert names.layer("0", names.ACTIVATION_MEAN) in found
    assert names.LATE_CLIPPING not in found


def test_layers_that_get_their_parameters_late_are_seen(recorded, loop) -> None:
    def train(run: nntui.Run) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
        training = loop(model, torch.optim.SGD(model.parameters(), 0.1))
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(3)

    found, events = recorded(train)
    assert set(found[names.layer("0", names.GRAD_NORM)]) == {0, 1, 2}
    assert not [event for event in events if event["level"] == "warn"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_probe_that_fails_in_an_update_raises_nothing_into_it(recorded, loop, mlp, monkeypatch, where: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    def train(run: nntui.Run) -> None:
        training = loop(mlp())
        with nntui.watch(training.model, training.optimizer, run, every=1):
            monkeypatch.setattr(f"nntui.probes.updates.Updates.{where}", fail)
            training.steps(5)
            assert len(training.losses) == 5

    _, events = recorded(train)
    assert len([event for event in events if event["event"] == "watch" and event["level"] == "warn"]) == 1


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Only what nothing refers to is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("updates", [0, 1, 2, 3, 7])
def test_a_model_that_nobody_needs_is_gone_at_once(recorded, loop, mlp, without_collector, updates: int) -> None:
    def train(run: nntui.Run) -> None:
        training = loop(mlp())
        nntui.watch(training.model, training.optimizer, run)
        training.steps(updates)
        gone = [weakref.ref(one) for one in (training.model, training.optimizer, training.model[0].weight)]
        del training
        assert [one() for one in gone] == [None] * 3

    recorded(train)


def test_an_optimizer_that_nobody_needs_is_gone_at_once(recorded, loop, mlp, without_collector) -> None:
    def train(run: nntui.Run) -> None:
        training = loop(mlp())
        nntui.watch(training.model, training.optimizer, run)
        training.steps(3)
        gone = weakref.ref(training.optimizer)
        training.optimizer = None
        assert gone() is None

    recorded(train)
