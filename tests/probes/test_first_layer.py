"""The weights of the first layer: which they are, when they are recorded, how much of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nntui
from nntui.probes import first_layer
from nntui.probes.first_layer import kept


def trained(path: Path, model: nn.Module, inputs: Tensor, steps: int = 1, **options: Any) -> list[dict[str, Any]]:
    """Rows of tensors of a short training."""
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    with nntui.init(path) as run, nntui.watch(model, optimizer, run, **options):
        for _ in range(steps):
            optimizer.zero_grad()
            model(inputs).square().mean().backward()
            optimizer.step()
            run.log({"loss": 0.0})
    return nntui.read(path).tensors.to_pylist()


def conv() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))


def test_the_first_filters_are_recorded_as_they_are_before_the_first_update(tmp_path: Path) -> None:
    model = conv()
    before = model[1].weight.detach().clone()
    (row,) = trained(tmp_path / "run", model, torch.randn(4, 3, 8, 8))
    assert (row["name"], row["step"], row["shape"]) == ("1.weight", 0, [8, 3, 5, 5])
    np.testing.assert_array_equal(np.array(row["data"], np.float32), before.numpy().ravel())
    assert not torch.equal(before, model[1].weight)


def test_a_matrix_over_pictures_is_recorded_as_pictures(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 2))
    (row,) = trained(tmp_path / "run", model, torch.randn(4, 1, 8, 8))
    assert (row["name"], row["shape"]) == ("1.weight", [8, 1, 8, 8])
    np.testing.assert_array_equal(np.array(row["data"]).reshape(8, 64)[:, 0], np.array(row["data"])[::64])


def test_any_other_first_layer_is_recorded_too(tmp_path: Path) -> None:
    (row,) = trained(tmp_path / "rows", nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2)), torch.randn(4, 6))
    assert (row["name"], row["shape"]) == ("0.weight", [8, 6])
    words = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    (row,) = trained(tmp_path / "words", words, torch.randint(0, 10, (4, 3)))
    assert (row["name"], row["shape"]) == ("0.weight", [10, 4])


def test_the_first_layer_is_that_which_forward_calls_come_by_first(tmp_path: Path) -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.stem = nn.Linear(8, 2), nn.Linear(6, 8)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.stem(x))

    (row,) = trained(tmp_path / "run", Backwards(), torch.randn(4, 6))
    assert row["name"] == "stem.weight"


def test_moments_are_farther_and_farther_apart(tmp_path: Path) -> None:
    rows = trained(tmp_path / "run", nn.Linear(6, 2), torch.randn(4, 6), steps=140, every=1)
    assert [row["step"] for row in rows] == [0, 16, 32, 64, 128]
    assert rows[0]["name"] == "Linear.weight"
    assert len({tuple(row["data"]) for row in rows}) == 5


def test_there_is_an_end_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_layer, "MOMENTS", 2)
    rows = trained(tmp_path / "run", nn.Linear(6, 2), torch.randn(4, 6), steps=80, every=1)
    assert [row["step"] for row in rows] == [0, 16]


@pytest.mark.parametrize(
    "model",
    [nn.BatchNorm1d(6), nn.Identity()],
    ids=["no matrix", "no parameters"],
)
def test_where_there_are_no_such_weights_nothing_is_recorded_and_nothing_said(tmp_path: Path, model: nn.Module) -> None:
    path = tmp_path / "run"
    parameters = [*model.parameters()] or [nn.Parameter(torch.ones(1))]
    optimizer = torch.optim.SGD(parameters, 0.1)
    with nntui.init(path) as run, nntui.watch(model, optimizer, run):
        model(torch.randn(4, 6, requires_grad=True)).square().mean().backward()
        optimizer.step()
    assert nntui.read(path).tensors.num_rows == 0
    assert "stopped" not in str(nntui.read(path).events["message"].to_pylist())


def test_a_rank_that_is_not_the_first_records_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_layer, "_is_first_rank", lambda: False)
    assert trained(tmp_path / "run", nn.Linear(6, 2), torch.randn(4, 6)) == []


SHAPES: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [
    ((100, 3, 7, 7), (3, 224, 224), (64, 3, 7, 7)),
    ((100, 784), (28, 28), (64, 28, 28)),
    ((100, 784), (784,), (64, 784)),
    ((4, 3 * 224 * 224), (3, 224, 224), (4, 3, 32, 32)),
    ((4, 224 * 224 * 3), (224, 224, 3), (4, 32, 32, 3)),
    ((4, 100_000), (100_000,), (4, 4096)),
    ((4, 2000, 3, 3), (2000, 8, 8), (4, 455, 3, 3)),
    ((4, 8, 65, 65), (8, 256, 256), (4, 1, 33, 33)),
    ((4, 9000, 3), (9000, 8), (4, 3000, 1)),
    ((4, 1, 2, 9000), (1, 8, 9000), (4, 1, 1, 3000)),
    ((64, 3, 5, 16, 16), (3, 8, 64, 64), (64, 3, 16, 16)),
    ((4, 5), (5, 1, 1, 1), (4, 5)),
]


@pytest.mark.parametrize(("shape", "entered", "expected"), SHAPES)
def test_what_is_kept_is_a_view_that_is_small_enough(
    shape: tuple[int, ...], entered: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    weight = torch.zeros(shape)
    found = kept(weight, entered)
    assert tuple(found.shape) == expected
    assert found.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr()
    assert found.numel() <= first_layer.NUMBERS


def test_training_is_the_same_bit_by_bit(tmp_path: Path) -> None:
    after: Callable[[nn.Module], list[Tensor]] = lambda model: [p.detach().clone() for p in model.parameters()]  # noqa: E731
    watched, plain = nn.Linear(6, 2), nn.Linear(6, 2)
    plain.load_state_dict(watched.state_dict())
    x = torch.randn(4, 6)
    trained(tmp_path / "run", watched, x, steps=20, every=1)
    optimizer = torch.optim.SGD(plain.parameters(), 0.5)
    for _ in range(20):
        optimizer.zero_grad()
        plain(x).square().mean().backward()
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(after(watched), after(plain), strict=True))
