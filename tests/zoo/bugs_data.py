"""Mistakes in the inputs: broken examples, scales, leaks, padding, augmentation, the order of reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from nntui import Task

from .bestiary import bug
from .changes import Changed, chosen, generator, replace, with_both, with_train, with_validation
from .programs import data, mapping, script
from .programs.script import tensor

NONFINITE = (r"\bnan\b", r"\binf", r"non-?finite", r"not finite", r"missing value")
LEAKED = (
    r"leak",
    r"gives? .*(target|label|answer|class).* away",
    r"\b(is|are|holds?|contains?) the (target|label|answer)",
    r"alone (predicts|follows|gives|tells)",
    r"among the inputs",
)
SHARED = (
    r"leak",
    r"(also|too|both|was|were).*(train|validation)",
    r"shared",
    r"trained on",
    r"in both",
    r"(are|is|were) in train",
    r"overlap",
)
SCALE = (r"scal", r"normali[sz]", r"standardi[sz]", r"spread", r"\bunit", r"magnitude")
DRIFT = (*SCALE, r"drift", r"differ", r"preprocess", r"distribution", r"shift")
RANDOM = (r"augment", r"random", r"drawn anew", r"twice", r"same example")


@bug("digits", "friedman", cause=NONFINITE)
def some_inputs_are_nan(task: Task, seed: int) -> Task:
    def divide_by_zero(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x[chosen(len(x), 0.03, seed), 3] = math.nan
        return x, y

    return with_train(task, divide_by_zero)


@bug("forecast", cause=NONFINITE)
def one_input_is_infinite(task: Task, seed: int) -> Task:
    def logarithm_of_zero(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x[chosen(len(x), 0.001, seed), 5] = -math.inf
        return x, y

    return with_train(task, logarithm_of_zero)


@bug("diabetes", cause=NONFINITE)
def a_target_is_nan(task: Task, seed: int) -> Task:
    def lost(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        y[chosen(len(y), 0.01, seed)] = math.nan
        return x, y

    return with_train(task, lost)


@bug(
    "digits-conv", "vit", cause=(r"blank", r"constant", r"empty", r"\bzero", r"identical", r"duplicate", r"same tensor")
)
def unreadable_pictures_became_black(task: Task, seed: int) -> Task:
    def failed_to_load(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x[chosen(len(x), 0.06, seed)] = 0.0
        return x, y

    return with_both(task, failed_to_load)


@bug("digits", "friedman", cause=SHARED)
def validation_rows_in_training(task: Task, seed: int) -> Task:
    return replace(task, train=ConcatDataset([task.train, task.validation]))  # pyright: ignore


@bug("vit", "forecast", cause=SHARED)
def validation_rows_in_training_with_a_little_noise(task: Task, seed: int) -> Task:
    extra_x, extra_y = task.validation.tensors  # pyright: ignore
    extra_x = extra_x + 0.01 * torch.randn(extra_x.shape, generator=generator(seed))
    return with_train(task, lambda x, y: (torch.cat([x, extra_x]), torch.cat([y, extra_y])))


@bug("script", cause=(*SHARED, r"upsampl", r"oversampl"))
def oversampled_before_the_split(task: Task, seed: int) -> Task:
    table = torch.utils.data.ConcatDataset(script.table(seed) * 2)  # every row twice
    cut = int(len(table) * 0.75)
    train, valid = torch.utils.data.random_split(table, [cut, len(table) - cut], generator=generator(seed))
    return replace(
        task,
        train=lambda: DataLoader(train, batch_size=32, shuffle=True, generator=generator(seed)),
        validation=lambda: DataLoader(valid, batch_size=64),
    )


@bug("script", cause=DRIFT)
def validation_not_scaled(task: Task, seed: int) -> Task:
    _, _, x_valid, y_valid = data.cancer(seed)
    valid_set = torch.utils.data.TensorDataset(tensor(x_valid), torch.tensor(y_valid))
    return replace(task, validation=lambda: DataLoader(valid_set, batch_size=64))


@bug("digits-conv", "vit", cause=DRIFT)
def validation_scaled_to_0_1_instead(task: Task, seed: int) -> Task:
    return with_validation(task, lambda x, y: ((x - x.min()) / (x.max() - x.min()), y))


@bug("digits-conv", cause=(*DRIFT, r"\bsign", r"invert"))
def validation_pictures_inverted(task: Task, seed: int) -> Task:
    return with_validation(task, lambda x, y: (-x, y))


@bug("script", "friedman", cause=(*LEAKED, r"too good"))
def the_label_is_a_column(task: Task, seed: int) -> Task:
    """The column that was to be predicted was never dropped."""
    if task.kind == "regression":
        return with_both(task, lambda x, y: (torch.cat([x[:, 1:], y], dim=1), y))
    train, valid = script.table(seed)
    for split in (train, valid):
        split.tensors[0][:, 7] = split.tensors[1].float()
    return replace(
        task, train=lambda: script.train_loader(train, seed), validation=lambda: DataLoader(valid, batch_size=64)
    )


@bug(
    "forecast",
    cause=(*LEAKED, r"target.*(is|are|equals?|inside|in|part of).*input", r"copy", r"future", r"identical to"),
)
def the_hour_to_predict_is_in_the_window(task: Task, seed: int) -> Task:
    return with_both(task, lambda x, y: (torch.cat([x[:, 1:], y], dim=1), y))


@bug("friedman", cause=(*LEAKED, r"target.*(is|are|equals?|part of).*input", r"copy", r"identical to"))
def the_target_is_a_column_of_the_input(task: Task, seed: int) -> Task:
    return with_both(task, lambda x, y: (x, x[:, 4:5].clone()))


@bug("digits", "digits-rare", cause=SCALE)
def scaled_twice(task: Task, seed: int) -> Task:
    """ToTensor has scaled them; the line from before it still divides."""
    return with_both(task, lambda x, y: (x / 255.0, y))


@bug("script", cause=SCALE)
def never_scaled(task: Task, seed: int) -> Task:
    x_train, y_train, x_valid, y_valid = data.cancer(seed)
    train_set = torch.utils.data.TensorDataset(tensor(x_train), torch.tensor(y_train))
    valid_set = torch.utils.data.TensorDataset(tensor(x_valid), torch.tensor(y_valid))
    return replace(
        task,
        train=lambda: script.train_loader(train_set, seed),
        validation=lambda: DataLoader(valid_set, batch_size=64),
    )


@bug("diabetes", "friedman", cause=(*SCALE, r"feature", r"column"))
def one_column_in_another_unit(task: Task, seed: int) -> Task:
    return with_both(task, lambda x, y: (x * torch.tensor([1.0, 1.0, 1e6] + [1.0] * 7), y))


@bug("script", cause=(r"sorted", r"shuffl", r"order", r"one class", r"variety", r"same label", r"single class"))
def sorted_by_class_and_not_shuffled(task: Task, seed: int) -> Task:
    train, _ = script.table(seed)
    order = train.tensors[1].argsort()
    train = torch.utils.data.TensorDataset(*(t[order] for t in train.tensors))
    return replace(task, train=lambda: script.train_loader(train, seed, shuffle=False))


@bug("digits", cause=(r"sorted", r"shuffl", r"order", r"one class", r"variety", r"same label", r"single class"))
def sorted_digits_read_in_order(task: Task, seed: int) -> Task:
    def as_the_folders_lie(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        order = y.argsort(stable=True)
        return x[order], y[order]

    ordered = with_train(task, as_the_folders_lie).train
    return replace(task, train=DataLoader(ordered, batch_size=32, shuffle=False))  # pyright: ignore


@bug("mapping", cause=(r"padd", r"\bpad\b", r"mostly the same", r"constant", r"same value", r"same token"))
def padded_to_512(task: Task, seed: int) -> Task:
    """max_length=512 with padding="max_length" on lines of thirty characters, and no mask."""

    def collate(examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        batch = mapping.collate(examples, length=512)
        return batch | {"attention_mask": torch.ones_like(batch["input_ids"])}

    train, validation = mapping.lines(seed, 600, slice(0.0, 0.8)), mapping.lines(seed + 1, 200, slice(0.8, 1.0))
    return replace(
        task,
        train=lambda: DataLoader(train, batch_size=32, collate_fn=collate),  # pyright: ignore
        validation=lambda: DataLoader(validation, batch_size=64, collate_fn=collate),  # pyright: ignore
    )


class Shifted(Dataset[Any]):
    """Pictures shifted at random, by a generator of its own which every worker copies."""

    def __init__(self, pictures: Any) -> None:
        self.pictures, self.rng = pictures, np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> Any:
        x, y = self.pictures[place]
        return torch.roll(x, int(self.rng.integers(-1, 2)), dims=-1) + 0.1 * float(self.rng.normal()), y


@bug("vit", cause=(*RANDOM, r"worker"))
def the_same_augmentation_in_every_worker(task: Task, seed: int) -> Task:
    return replace(task, train=DataLoader(Shifted(task.train), batch_size=32, num_workers=2))


@bug("digits-conv", "vit", cause=(*RANDOM, r"validation.*differ", r"evaluat"))
def augmentation_on_validation(task: Task, seed: int) -> Task:
    def transform(pair: Any) -> Any:
        return torch.roll(pair[0], int(torch.randint(-2, 3, ())), dims=-1) + 0.3 * torch.randn(1), pair[1]

    return replace(task, validation=Changed(task.validation, transform))


@bug("digits-conv", cause=RANDOM)
def augmentation_from_the_first_day(task: Task, seed: int) -> Task:
    """Random crops before the skeleton has ever run without them."""

    def transform(pair: Any) -> Any:
        return torch.roll(pair[0], tuple(torch.randint(-1, 2, (2,)).tolist()), dims=(-2, -1)), pair[1]

    return replace(task, train=Changed(task.train, transform))


@bug("digits", cause=(r"\bconstant", r"same value", r"never (vary|varies|change)", r"\bzero", r"no variation", *SCALE))
def integers_divided_as_integers(task: Task, seed: int) -> Task:
    """Pixels of an integer array // 255, so that none is left."""
    train, validation = data.digits(seed, scaled=False)
    return with_both(replace(task, train=train, validation=validation), lambda x, y: (x // 255, y))


@bug("forecast", cause=(r"outlier", r"far from", *SCALE, r"extreme", r"large"))
def sensor_errors_as_minus_9999(task: Task, seed: int) -> Task:
    def missing(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x[chosen(len(x), 0.02, seed), 11] = -9999.0
        return x, y

    return with_train(task, missing)


@bug("digits", "digits-conv", cause=(r"duplicat", r"more than once", r"repeat", r"identical", r"same example"))
def every_example_five_times(task: Task, seed: int) -> Task:
    """The loop that builds the list is inside another one."""
    return with_train(
        task, lambda x, y: (x[: len(x) // 5].repeat_interleave(5, 0), y[: len(y) // 5].repeat_interleave(5))
    )
