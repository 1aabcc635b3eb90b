"""What a batch normalisation would do in evaluation: against the layer itself, and nothing where batches are alike."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import nntui
from nntui.probes.normalization import gap, normalizations_of


def layer(dimensions: int, **options) -> nn.Module:
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[dimensions]
    return kind(6, **options)


def drawn(dimensions: int, count: int, seed: int = 0) -> torch.Tensor:
    shape = (count, 6, *[3] * (dimensions - 2))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5])
def test_the_gap_is_the_difference_between_both_modes_less_chance(dimensions: int) -> None:
    norm = layer(dimensions, affine=False)
    norm.running_mean.normal_(generator=torch.Generator().manual_seed(1))
    norm.running_var.uniform_(0.2, 3.0, generator=torch.Generator().manual_seed(2))
    x = 2 * drawn(dimensions, 400) + 1
    with torch.no_grad():
        evaluated = copy.deepcopy(norm).eval()(x)
        trained = copy.deepcopy(norm)(x)
    own = (trained - evaluated).square().transpose(0, 1).flatten(1).mean(1)
    expected = float(own.sort().values[(len(own) - 1) // 2].sqrt())
    found = gap(norm, x)
    assert found is not None
    assert float(found) == pytest.approx(expected, rel=0.02), "chance is little of 400 examples"


@pytest.mark.parametrize("dimensions", [2, 4])
@pytest.mark.parametrize("count", [4, 16, 256])
def test_batches_that_are_alike_have_no_gap_however_small(dimensions: int, count: int) -> None:
    norm = layer(dimensions)
    gaps = [float(gap(norm, drawn(dimensions, count, seed)) or 0.0) for seed in range(40)]
    assert sum(gaps) / len(gaps) < 0.15 + 0.6 / count


@pytest.mark.parametrize("what", ["evaluation", "one example", "no statistics"])
def test_what_is_not_normalised_by_its_own_statistics_has_none(what: str) -> None:
    norm = layer(2, track_running_stats=what != "no statistics")
    norm.train(what != "evaluation")
    assert gap(norm, drawn(2, 1 if what == "one example" else 8)) is None
    assert bool(normalizations_of(nn.Sequential(norm))) == (what != "no statistics")


@pytest.mark.parametrize("momentum", [0.1, 0.001])
def test_the_gap_is_recorded_with_each_look(recorded, loop, momentum: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16, momentum=momentum, affine=False), nn.ReLU(), nn.Linear(16, 2)
    )
    with torch.no_grad():
        model[0].weight.mul_(5.0)
    training = loop(model)

    def run_it(run) -> None:
        with nntui.watch(model, training.optimizer, run, every=1):
            training.steps(60)

    found, events = recorded(run_it)
    assert not [event for event in events if "stopped" in event["message"]]
    late = [*found["layer/1/norm_gap"].values()][-5:]
    assert (min(late) > 0.5) if momentum == 0.001 else (max(late) < 0.3)
