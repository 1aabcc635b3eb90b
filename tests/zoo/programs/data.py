"""What the programs learn from: scikit-learn's bundled tables, the text that ships with Python, and generators.

Owns the splits: every function takes a seed, gives the same data for the same seed, and scales by the training split alone.
"""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, make_friedman1
from torch import Tensor
from torch.utils.data import TensorDataset

Split = tuple[TensorDataset, TensorDataset]
"""Training and validation."""


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_digits(return_X_y=True)
    return np.asarray(images), np.asarray(labels)


def rows(count: int, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training and of the validation split."""
    order = np.random.default_rng(seed).permutation(count)
    return order[held_out:], order[:held_out]


def digits(seed: int, *, train: int = 900, validation: int = 300, scaled: bool = True) -> Split:
    """Digits as (N, 64), of mean 0 and spread 1 over the training split unless `scaled` is off: then from 0 to 16."""
    images, labels = _digits()
    kept, held_out = rows(len(labels), validation, seed)
    kept = kept[:train]
    pixels, classes = torch.tensor(images, dtype=torch.float32), torch.tensor(labels, dtype=torch.int64)
    if scaled:
        pixels = (pixels - pixels[kept].mean()) / pixels[kept].std()
    return TensorDataset(pixels[kept], classes[kept]), TensorDataset(pixels[held_out], classes[held_out])


def pictures(seed: int) -> Split:
    """Digits as (N, 1, 8, 8)."""
    train, validation = digits(seed)
    return tuple(TensorDataset(s.tensors[0].unflatten(1, (1, 8, 8)), s.tensors[1]) for s in (train, validation))  # pyright: ignore


def cancer(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Thirty raw measurements of tumours and whether they are benign: train rows, labels, validation rows, labels."""
    table, labels = load_breast_cancer(return_X_y=True)
    kept, held_out = rows(len(labels), 140, seed)
    return table[kept].astype(np.float32), labels[kept], table[held_out].astype(np.float32), labels[held_out]


def friedman(seed: int, *, noise: float = 0.5) -> Split:
    """Ten columns, five of which matter, and a number of mean 0 and spread 1 (Friedman 1991), as (N, 1)."""
    table, numbers = make_friedman1(n_samples=800, noise=noise, random_state=seed)
    inputs = torch.tensor((table - 0.5) / np.sqrt(1 / 12), dtype=torch.float32)
    targets = torch.tensor(numbers, dtype=torch.float32).unsqueeze(1)
    targets = (targets - targets[:600].mean()) / targets[:600].std()
    return TensorDataset(inputs[:600], targets[:600]), TensorDataset(inputs[600:], targets[600:])


def waves(seed: int, *, count: int = 700, held_out: int = 200) -> Split:
    """Noisy sine, square and saw-tooth waves of any phase and pitch, as (N, 40, 1), and which of the three."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, 3, count)
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + np.arange(40) * rng.uniform(0.4, 0.7, (count, 1))
    kinds = np.stack([np.sqrt(2) * np.sin(angle), np.sign(np.sin(angle)), (angle / np.pi % 2 - 1) * np.sqrt(3)])
    series = kinds[shape, np.arange(count)] + rng.normal(0, 0.15, (count, 40))
    inputs = torch.tensor(series, dtype=torch.float32).unsqueeze(2)
    classes = torch.tensor(shape, dtype=torch.int64)
    return TensorDataset(inputs[held_out:], classes[held_out:]), TensorDataset(inputs[:held_out], classes[:held_out])


def demand(seed: int, *, window: int = 24, drift: float = 0.0) -> Split:
    """Hourly demand: two seasons and noise; windows of a day (N, 24) and the hour after it (N, 1); validation comes last."""
    rng = np.random.default_rng(seed)
    hours = np.arange(1500)
    series = np.sin(2 * np.pi * hours / 24) + 0.5 * np.sin(2 * np.pi * hours / 168) + rng.normal(0, 0.2, len(hours))
    series = series + drift * hours / len(hours)
    series = (series - series[:1200].mean()) / series[:1200].std()
    values = torch.tensor(series, dtype=torch.float32)
    inputs = values.unfold(0, window, 1)[:-1].contiguous()
    targets = values[window:].unsqueeze(1).contiguous()
    cut = 1200 - window
    return TensorDataset(inputs[:cut], targets[:cut]), TensorDataset(inputs[cut + window :], targets[cut + window :])


@cache
def english() -> str:
    """The language reference as plain text."""
    from pydoc_data.topics import topics

    return " ".join("".join(char if char.isascii() else "?" for char in " ".join(topics.values())).split())[
        20_000:140_000
    ]


@cache
def code() -> str:
    """Some of the standard library's source, one blank for any run of blanks."""
    library = Path(sysconfig.get_paths()["stdlib"])
    text = " ".join((library / name).read_text(encoding="utf-8") for name in ("argparse.py", "difflib.py", "csv.py"))
    return " ".join("".join(char if char.isascii() else "?" for char in text).split())


def windows(seed: int, *, length: int = 32, count: int = 500, held_out: int = 120) -> tuple[Tensor, Tensor]:
    """Stretches of English that do not overlap, as codes below 128: (count, length + 1) and (held_out, length + 1)."""
    codes = torch.tensor(list(english().encode("ascii")), dtype=torch.int64)
    stretches = codes[: len(codes) // (length + 1) * (length + 1)].view(-1, length + 1)
    order = torch.randperm(len(stretches), generator=torch.Generator().manual_seed(seed))
    return stretches[order[held_out : held_out + count]], stretches[order[:held_out]]
