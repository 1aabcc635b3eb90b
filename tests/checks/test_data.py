"""The checks of the data: each fires on its own fault, and on nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nntui import Finding, Task
from nntui.checks import balance, corrupt, duplicates, label_noise, leak, outliers, resolution
from nntui.checks.dataset import train_split
from nntui.checks.duplicates import _rarely_nearer, _stretches
from nntui.checks.outliers import distances

CE = nn.CrossEntropyLoss()
RNG = np.random.default_rng(0)


def clusters(count: int, *, classes: int = 4, width: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Inputs (N, width) around a centre per class, and their labels."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(classes, width)) * 4
    labels = rng.integers(0, classes, count)
    return torch.tensor(centres[labels] + rng.normal(size=(count, width)), dtype=torch.float32), torch.tensor(labels)


def task(given: tuple[Tensor, ...], validation: tuple[Tensor, ...] | None = None, **more: Any) -> Task:
    width = given[0][0].numel()
    outputs = 4 if not given[1].is_floating_point() else 1
    model = lambda: nn.Sequential(nn.Flatten(), nn.Linear(width, outputs))  # noqa: E731
    loss = CE if outputs == 4 else nn.MSELoss()
    held_out = None if validation is None else TensorDataset(*validation)
    return Task(**({"model": model, "loss": loss, "train": TensorDataset(*given), "validation": held_out} | more))


def regression(count: int, seed: int = 2) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 5))
    y = x @ np.arange(1, 6) / 4 + rng.normal(size=count)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]


def said(finding: Finding) -> str:
    return f"{finding.message} {finding.advice}"


HEALTHY = {
    "classes": lambda: task(clusters(400), clusters(200, seed=3)),
    "numbers": lambda: task(regression(400), regression(150, seed=3)),
    "few": lambda: task(clusters(24), clusters(12, seed=3)),
    "no validation": lambda: task(clusters(200)),
    "few values": lambda: task(
        (torch.tensor(RNG.integers(0, 3, (500, 4)), dtype=torch.float32), torch.tensor(RNG.integers(0, 4, 500))),
        (torch.tensor(RNG.integers(0, 3, (200, 4)), dtype=torch.float32), torch.tensor(RNG.integers(0, 4, 200))),
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("check", [duplicates, corrupt, label_noise, balance, outliers, leak, resolution])
def test_healthy_data_are_left_alone(name: str, check: Any) -> None:
    finding = check(HEALTHY[name]())
    assert finding.status in ("pass", "skip"), said(finding)


# --- duplicates -------------------------------------------------------------------------------


@pytest.mark.parametrize(("copied", "status"), [(0, "pass"), (1, "warn"), (60, "fail")])
def test_rows_of_train_in_validation_are_counted_and_named(copied: int, status: str) -> None:
    (x, y), (u, v) = clusters(400), clusters(200, seed=3)
    u[5 : 5 + copied], v[5 : 5 + copied] = x[100 : 100 + copied], y[100 : 100 + copied]
    finding = duplicates(task((x, y), (u, v)))
    assert finding.status == status
    if copied:
        assert finding.measured == pytest.approx(copied / 200)
        assert finding.evidence["pairs"][0] == [5, 100]


@pytest.mark.parametrize(("noise", "status"), [(1e-4, "fail"), (1.0, "pass")])
def test_near_copies_are_found_by_their_distance(noise: float, status: str) -> None:
    (x, y), (u, v) = clusters(400), clusters(200, seed=3)
    u[:60] = x[:60] + noise * torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    assert duplicates(task((x, y), (u, v))).status == status


def test_copies_inside_of_train_are_no_leak_but_told() -> None:
    x, y = clusters(400)
    x[:40], y[:40] = x[40:80], y[40:80]
    finding = duplicates(task((x, y), clusters(100, seed=3)))
    assert (finding.status, finding.measured) == ("warn", pytest.approx(80 / 400))
    assert duplicates(task((x, y), clusters(100, seed=3), declared="repeated")).status == "pass"


def test_windows_that_overlap_across_the_split_are_found() -> None:
    text = torch.tensor(np.random.default_rng(0).integers(0, 50, 3000))
    windows = text.unfold(0, 32, 4)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))
    apart = (windows[:300], windows[400:])
    mixed = (windows[order[:500]], windows[order[500:]])
    for (train, validation), status in ((apart, "pass"), (mixed, "warn")):
        model = lambda: nn.Sequential(nn.Embedding(50, 50))  # noqa: E731
        made = Task(
            model,
            lambda o, t: CE(o.flatten(0, 1), t.flatten()),
            TensorDataset(train[:, :-1], train[:, 1:]),
            TensorDataset(validation[:, :-1], validation[:, 1:]),
        )
        assert duplicates(made).status == status


def test_a_nearest_distance_is_rare_as_often_as_it_says() -> None:
    points = np.random.default_rng(0).uniform(size=(4000, 3))
    away = np.sort(np.linalg.norm(points[:400, None] - points[None], axis=2), axis=1)[:, 1:3]
    limit = _rarely_nearer(away)
    assert 0.0 < limit < np.median(away[:, 0])
    assert (away[:, 0] < limit).mean() < 0.01


def test_stretches_are_equal_where_the_tokens_are() -> None:
    tokens = np.array([[1, 2, 3, 4], [9, 2, 3, 4]])
    one, other = _stretches(tokens, 3).reshape(2, -1)
    assert one[1] == other[1]
    assert one[0] != other[0]


# --- corrupt ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_numbers_that_are_not_finite_are_found_with_their_place(value: float, split: str) -> None:
    parts = {"train": clusters(200), "validation": clusters(100, seed=3)}
    parts[split][0][17, 2] = value
    finding = corrupt(task(parts["train"], parts["validation"]))
    assert finding.status == "fail"
    assert finding.evidence[f"{split}_inputs_not_finite"] == [17]


def test_a_target_that_is_no_number_is_found() -> None:
    x, y = regression(100)
    y[3] = math.nan
    assert corrupt(task((x, y))).evidence["train_targets_not_finite"] == [3]


@pytest.mark.parametrize(("label", "status"), [(4, "fail"), (-1, "fail"), (-100, "pass"), (3, "pass")])
def test_a_label_without_an_output_is_found(label: int, status: str) -> None:
    x, y = clusters(200)
    y[9] = label
    assert corrupt(task((x, y))).status == status


def test_blank_examples_are_found() -> None:
    x = torch.rand(200, 8, 8)
    x[[3, 50]] = 0.0
    finding = corrupt(task((x, torch.arange(200) % 4)))
    assert (finding.status, finding.evidence["train_blank"]) == ("warn", [3, 50])


def test_blank_examples_are_no_copies_of_each_other() -> None:
    x, other = torch.rand(200, 8, 8), torch.rand(100, 8, 8)
    x[:10], other[:10] = 0.0, 0.0
    assert duplicates(task((x, torch.arange(200) % 4), (other, torch.arange(100) % 4))).status == "pass"
    other[10:20] = x[10:20]
    found = duplicates(task((x, torch.arange(200) % 4), (other, torch.arange(100) % 4)))
    assert (found.status, found.measured) == ("fail", 0.1)


def test_a_column_of_a_table_that_never_changes_is_found_and_one_of_a_picture_is_not() -> None:
    x, y = clusters(200)
    x[:, 4] = 7.0
    assert "column 4" in corrupt(task((x, y))).message
    assert corrupt(task((x, y), show=lambda given: given.unflatten(1, (2, 3)))).status == "pass"


@pytest.mark.parametrize(("length", "status"), [(4, "warn"), (20, "pass")])
def test_sequences_of_mostly_padding_are_found(length: int, status: str) -> None:
    tokens = torch.tensor(np.random.default_rng(0).integers(1, 30, (100, 24)))
    tokens[:, length:] = 0
    model = lambda: nn.Sequential(nn.Embedding(30, 4), nn.Flatten(), nn.Linear(96, 4))  # noqa: E731
    assert corrupt(Task(model, CE, TensorDataset(tokens, torch.arange(100) % 4))).status == status


# --- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "status"), [(0.0, "pass"), (0.15, "warn")])
def test_wrong_labels_are_found_among_their_neighbours(share: float, status: str) -> None:
    x, y = clusters(600)
    wrong = np.random.default_rng(0).choice(600, int(600 * share), replace=False)
    y[wrong] = (y[wrong] + 1) % 4
    finding = label_noise(task((x, y)))
    assert finding.status == status
    named = finding.evidence["suspects"]
    assert set(named) <= set(wrong.tolist())


def test_equal_inputs_with_different_labels_are_found() -> None:
    x, y = clusters(400)
    x[:20] = x[20:40]
    y[:20] = (y[20:40] + 1) % 4
    assert "a different label" in label_noise(task((x, y))).message


def test_labels_parted_from_their_inputs_are_found_in_the_split_where_they_are() -> None:
    x, y = clusters(400)
    apart = y[torch.randperm(400, generator=torch.Generator().manual_seed(0))]
    finding = label_noise(task((x, apart), clusters(200, seed=3)))
    assert finding.status == "fail"
    assert "labels of train" in finding.message
    assert "labels of validation" in label_noise(task(clusters(200, seed=3), (x, apart))).message


@pytest.mark.parametrize("names", [[1, 0, 2, 3], [1, 2, 3, 0]])
def test_classes_that_validation_calls_by_other_numbers_are_found(names: list[int]) -> None:
    x, y = clusters(200, seed=3)
    finding = label_noise(task(clusters(400), (x, torch.tensor(names)[y])))
    assert finding.status == "fail"
    assert finding.evidence["meant"] == sorted([name, place] for place, name in enumerate(names))
    assert "two label maps" in finding.advice


def test_no_label_map_is_accused_for_noise_or_for_inputs_of_another_scale() -> None:
    x, y = clusters(200, seed=3)
    noisy = torch.where(torch.rand(200, generator=torch.Generator().manual_seed(0)) < 0.4, (y + 1) % 4, y)
    for validation in ((x, y), (x, noisy), (x * 40, y), (torch.full_like(x, 0.5) + 0.01 * x, y)):
        assert "label maps" not in label_noise(task(clusters(400), validation)).advice


def test_labels_that_no_distance_tells_are_left_alone() -> None:
    bits = torch.tensor(np.random.default_rng(0).integers(0, 2, (600, 12)), dtype=torch.float32)
    parity = bits.sum(dim=1).long() % 2
    assert label_noise(task((bits[:400], parity[:400]), (bits[400:], parity[400:]))).status == "pass"


def test_the_agreement_of_neighbours_is_what_a_plain_search_gives() -> None:
    x, y = clusters(120)
    scaled = (x.double() - x.double().mean(0)) / x.double().std(0, correction=0)
    away = torch.cdist(scaled, scaled).fill_diagonal_(math.inf)
    expected = float((y[away.argmin(dim=1)] == y).double().mean())
    assert label_noise(task((x, y))).evidence["neighbours_agree"] == pytest.approx(expected)


# --- balance ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda u: u, "pass"),
        (lambda u: u + 0.2, "pass"),
        (lambda u: u * 255.0, "fail"),
        (lambda u: u * 2.0 + 1.0, "warn"),
        (lambda u: u + 100.0, "fail"),
    ],
)
def test_another_preprocessing_of_validation_is_found(change: Any, status: str) -> None:
    u, v = clusters(200, seed=3)
    made = task(clusters(400), (change(u), v))
    assert balance(made).status == status


def test_classes_of_one_split_only_are_named() -> None:
    (x, y), (u, v) = clusters(400), clusters(200, seed=3)
    finding = balance(task((x[y < 3], y[y < 3]), (u, v), classes=["a", "b", "c", "d"]))
    assert (finding.status, "Class d occurs in validation" in finding.message) == ("warn", True)
    finding = balance(task((x, y), (u[v > 0], v[v > 0])))
    assert "Class 0 occurs in train and never in validation" in finding.message
    assert "All 100 labels" in balance(task((x[y == 1][:100], y[y == 1][:100]))).message


def test_a_shift_of_one_column_is_told_unless_it_is_declared() -> None:
    u, v = regression(200, seed=3)
    u[:, 2] += 3.0
    assert balance(task(regression(400), (u, v))).status == "warn"
    assert balance(task(regression(400), (u, v), declared="shift")).status == "pass"


@pytest.mark.parametrize(("shuffle", "status"), [(True, "pass"), (False, "warn")])
def test_a_loader_that_gives_sorted_labels_is_found(shuffle: bool, status: str) -> None:
    x, y = clusters(400)
    order = y.argsort()
    data = TensorDataset(x[order], y[order])
    loader = lambda: DataLoader(data, batch_size=32, shuffle=shuffle)  # noqa: E731
    assert balance(task((x, y), train=loader)).status == status
    assert balance(task((x, y), train=loader, declared="curriculum")).status == "pass"


# --- outliers, leaks, resolution --------------------------------------------------------------


@pytest.mark.parametrize(("factor", "status"), [(1.0, "pass"), (1e5, "warn")])
def test_an_example_far_from_the_rest_is_named(factor: float, status: str) -> None:
    x, y = clusters(400)
    x[33] *= factor
    finding = outliers(task((x, y)))
    assert finding.status == status
    if factor > 1:
        assert finding.evidence["farthest"][0] == 33


def test_a_column_in_another_unit_is_named_unless_it_is_normalised_first() -> None:
    x, y = clusters(400)
    x[:, 2] *= 1e6
    assert "column 2" in outliers(task((x, y))).message
    normalised = lambda: nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 4))  # noqa: E731
    assert outliers(task((x, y), model=normalised)).status == "pass"


def test_a_target_far_from_the_others_is_told() -> None:
    x, y = regression(300)
    y[7] = 1e6
    assert "target" in outliers(task((x, y))).message


def test_distances_are_those_to_the_fifth_nearest_in_robust_spreads() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3)) * [1.0, 10.0, 0.1]
    low, middle, high = np.percentile(rows, [16, 50, 84], axis=0)
    scaled = (rows - middle) / ((high - low) / 2)
    away = np.sort(np.linalg.norm(scaled[:, None] - scaled[None], axis=2), axis=1)[:, 5]
    assert distances(rows) == pytest.approx(away)


@pytest.mark.parametrize("slip", [0.0, 1e-3])
def test_a_column_that_gives_the_class_away_is_named(slip: float) -> None:
    x, y = clusters(400)
    x[:, 3] = y.float() * 2 - 1 + slip * torch.randn(400, generator=torch.Generator().manual_seed(0))
    finding = leak(task((x, y)))
    assert (finding.status, finding.evidence["column_that_decides"]) == ("warn", 3)


def test_a_column_that_nearly_gives_the_class_away_is_no_leak() -> None:
    x, y = clusters(400)
    x[:, 3] = y.float()
    x[11, 3] = (y[11] + 1) % 4
    assert leak(task((x, y))).status == "pass"


def test_a_column_that_is_the_target_is_named() -> None:
    x, y = regression(200)
    x[:, 1] = 3 * y[:, 0] + 1
    assert leak(task((x, y))).evidence["column_that_decides"] == 1


@pytest.mark.parametrize(("shift", "status"), [(0, "fail"), (1, "pass")])
def test_targets_that_were_not_shifted_are_found(shift: int, status: str) -> None:
    text = torch.tensor(np.random.default_rng(0).integers(0, 20, (64, 17)))
    rows = [{"input_ids": row[:-1], "labels": row[shift : 16 + shift]} for row in text]

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Embedding(20, 20))

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.net(input_ids)

    made = Task(Model, lambda o, t: CE(o.flatten(0, 1), t.flatten()), rows, causal=True)
    assert leak(made).status == status


def test_pictures_are_scored_at_half_their_size() -> None:
    rng = np.random.default_rng(0)
    labels = torch.tensor(rng.integers(0, 4, 300))
    coarse = torch.tensor(rng.normal(size=(4, 1, 2, 2)), dtype=torch.float32)[labels].repeat_interleave(4, 2)
    pictures = coarse.repeat_interleave(4, 3) + 0.01 * torch.randn(300, 1, 8, 8)
    finding = resolution(task((pictures, labels)))
    assert finding.evidence["coarsest"] == 4
    assert set(finding.evidence["scores"]) == {"1", "2", "4"}


def test_a_large_split_is_looked_at_in_part_and_says_so() -> None:
    class Many(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 10**7

        def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
            return torch.tensor([float(place), 1.0]), torch.tensor(place % 4)

    split = train_split(task(clusters(8), train=Many()))
    assert 0 < len(split) <= 10_000
    assert "of 10,000,000 examples of train" in split.looked_at
    assert (split.features[:, 0] == split.places).all()
