"""Models and data of many kinds, small enough to be checked in milliseconds."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task


@pytest.fixture(autouse=True)
def _counted(counted_time):
    """No verdict hangs on how busy the machine is."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def data(inputs, targets, seed=0):
    return TensorDataset(inputs, targets)


class Model(nn.Module):
    """Layers by name and a function that uses them."""

    def __init__(self, function, **layers) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._function = function

    def forward(self, *inputs, **named):
        return self._function(self, *inputs, **named)


def flat_cross_entropy(outputs, targets):
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def healthy() -> dict[str, Task]:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(256, 12, generator=random)
    pictures = torch.randn(128, 1, 8, 8, generator=random)
    classes = torch.randint(0, 10, (256,), generator=random)
    tokens = torch.randint(0, 30, (64, 9), generator=random)
    price = 152 + 77 * torch.randn(256, 1, generator=random)
    several = (torch.rand(256, 5, generator=random) < 0.3).float()
    rare = (torch.rand(256, 1, generator=random) < 0.1).float()
    ce = nn.CrossEntropyLoss()

    def mlp(out=10):
        return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, out))

    def conv(norm):
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), norm(), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10)
        )

    def transformer():
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        layers = {"embed": nn.Embedding(30, 16), "place": nn.Embedding(8, 16), "layer": layer, "out": nn.Linear(16, 30)}
        mask = nn.Transformer.generate_square_subsequent_mask(8)
        return Model(
            lambda m, input_ids: m.out(m.layer(m.embed(input_ids) + m.place.weight, src_mask=mask, is_causal=True)),
            **layers,
        )

    def recurrent():
        layers = {"gru": nn.GRU(1, 8, batch_first=True), "out": nn.Linear(8, 10)}
        return Model(lambda m, x: m.out(m.gru(x.unsqueeze(-1))[0][:, -1]), **layers)

    def two_inputs():
        return Model(lambda m, a, b: m.a(a) + m.b(b), a=nn.Linear(6, 10), b=nn.Linear(6, 10))

    def dense():
        return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1))

    def with_bias():
        model = mlp(1)
        nn.init.constant_(model[3].bias, 152.0)
        return model

    mapping = [{"input_ids": t[:-1], "labels": t[1:]} for t in tokens]
    pairs = [((row[:6], row[6:]), label) for row, label in zip(x, classes, strict=True)]
    weights = torch.linspace(0.1, 5.0, 10)
    return {
        "mlp": Task(mlp, ce, data(x, classes)),
        "label smoothing": Task(mlp, nn.CrossEntropyLoss(label_smoothing=0.2), data(x, classes)),
        "class weights": Task(mlp, nn.CrossEntropyLoss(weight=weights), data(x, classes)),
        "sum reduction": Task(mlp, nn.CrossEntropyLoss(reduction="sum"), data(x, classes), declared="sum"),
        "batch norm": Task(lambda: conv(lambda: nn.BatchNorm2d(8)), ce, data(pictures, classes[:128])),
        "group norm": Task(lambda: conv(lambda: nn.GroupNorm(2, 8)), ce, data(pictures, classes[:128])),
        "instance norm": Task(lambda: conv(lambda: nn.InstanceNorm2d(8)), ce, data(pictures, classes[:128])),
        "transformer": Task(transformer, flat_cross_entropy, lambda: DataLoader(mapping, batch_size=16)),
        "recurrent": Task(recurrent, ce, data(x, classes)),
        "several inputs": Task(two_inputs, ce, lambda: DataLoader(pairs, batch_size=32)),
        "multi-label": Task(lambda: mlp(5), nn.BCEWithLogitsLoss(), data(x, several)),
        "rare positives": Task(lambda: mlp(1), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0)), data(x, rare)),
        "regression far from zero": Task(lambda: mlp(1), nn.MSELoss(), data(x, price)),
        "regression with the right bias": Task(with_bias, nn.MSELoss(), data(x, price)),
        "absolute error": Task(lambda: mlp(1), nn.L1Loss(), data(x, price)),
        "dense predictions": Task(dense, ce, data(pictures[:64], (pictures[:64, 0] > 0).long())),
    }


@pytest.fixture(scope="session")
def tasks() -> dict[str, Task]:
    """Healthy tasks by name."""
    return healthy()


@pytest.fixture(scope="session")
def module():
    """module(function, **layers): a model from a function and its layers."""
    return Model
