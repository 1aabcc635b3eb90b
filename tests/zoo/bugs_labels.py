"""Mistakes in the targets: wrong, shuffled, outside the classes, missing, in conflict."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from nntui import Task

from .bestiary import bug
from .changes import chosen, generator, replace, with_both, with_train, with_validation
from .programs import language, script, several_inputs

OUTSIDE = (
    r"outside",
    r"out of (bounds|range)",
    r"class(es)?\b.*\b(10|0 to 9|3)\b",
    r"not among",
    r"beyond",
    r"unknown class",
)
OTHERS = (
    r"do(es)? not belong",
    r"label.*(shuffl|chance|other example)",
    r"shuffl",
    r"neighbou?r",
    r"misalign",
    r"independent of",
)
NOISE = (
    r"label noise",
    r"wrong label",
    r"mislabel",
    r"neighbou?r",
    r"label.*(disagree|contradict|noisy|suspect)",
    r"contradict",
)
MISSING = (
    r"missing",
    r"absent",
    r"never (in|occurs?|seen|appears?)\b",
    r"no example",
    r"lacks?",
    r"only in",
    r"(is|are) not in",
)
CONFLICT = (r"conflict", r"different label", r"contradict", r"disagree", r"another label", r"more than one label")


@bug("digits-conv", "recurrent", cause=OUTSIDE)
def labels_outside_the_classes(task: Task, seed: int) -> Task:
    def from_one(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, y + 1

    return with_both(task, from_one)


@bug("vit", cause=(*OUTSIDE, r"-1|255", r"negative"))
def a_few_labels_are_255(task: Task, seed: int) -> Task:
    def unlabelled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        y[chosen(len(y), 0.01, seed)] = 255
        return x, y

    return with_train(task, unlabelled)


@bug("vit", "forecast", "recurrent", "multi-label", cause=OTHERS)
def inputs_shuffled_without_their_labels(task: Task, seed: int) -> Task:
    return with_train(task, lambda x, y: (x[torch.randperm(len(x), generator=generator(seed))], y))


@bug("script", cause=OTHERS)
def labels_sorted_on_their_own(task: Task, seed: int) -> Task:
    train, _ = script.table(seed)
    train = TensorDataset(train.tensors[0], train.tensors[1].sort().values)
    return replace(task, train=lambda: script.train_loader(train, seed))


@bug("friedman", "digits", cause=OTHERS)
def labels_one_row_off(task: Task, seed: int) -> Task:
    """The label file has a header line and the other has none."""
    return with_train(task, lambda x, y: (x[:-1], y[1:]))


@bug("digits", "digits-conv", cause=NOISE)
def fifteen_percent_wrong_labels(task: Task, seed: int) -> Task:
    def careless(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        wrong = chosen(len(y), 0.15, seed)
        y[wrong] = (y[wrong] + torch.randint(1, 10, wrong.shape, generator=generator(seed))) % 10
        return x, y

    return with_train(task, careless)


@bug("vit", cause=NOISE)
def sevens_half_labelled_as_ones(task: Task, seed: int) -> Task:
    def one_annotator(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        sevens = (y == 7).nonzero().flatten()
        y[sevens[chosen(len(sevens), 0.5, seed)]] = 1
        return x, y

    return with_train(task, one_annotator)


@bug("digits", "recurrent", cause=MISSING)
def a_class_missing_in_training(task: Task, seed: int) -> Task:
    return with_train(task, lambda x, y: (x[y != 2], y[y != 2]))


@bug("vit", "digits-conv", cause=MISSING)
def a_class_missing_in_validation(task: Task, seed: int) -> Task:
    return with_validation(task, lambda x, y: (x[y != 4], y[y != 4]))


@bug("digits", cause=(r"drift", r"sorted", r"(train|validation).*differ", *MISSING))
def split_without_shuffling_a_sorted_file(task: Task, seed: int) -> Task:
    x, y = (torch.cat(pair) for pair in zip(task.train.tensors, task.validation.tensors, strict=True))  # pyright: ignore
    order = y.argsort(stable=True)
    x, y = x[order], y[order]
    cut = int(len(y) * 0.8)
    first = torch.randperm(cut, generator=generator(seed))
    return replace(task, train=TensorDataset(x[first], y[first]), validation=TensorDataset(x[cut:], y[cut:]))


@bug("digits", "vit", cause=CONFLICT)
def repeated_examples_with_other_labels(task: Task, seed: int) -> Task:
    def merged(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        again = chosen(len(y), 0.1, seed)
        return torch.cat([x, x[again]]), torch.cat([y, (y[again] + 3) % 10])

    return with_train(task, merged)


@bug(
    "several-inputs",
    cause=(*OTHERS, r"at chance", r"no better", r"inputs? (is|are) ignored", r"without (its|their) inputs"),
)
def pictures_of_other_rows(task: Task, seed: int) -> Task:
    class Mixed(several_inputs.Comparisons):
        def __getitem__(self, place: int) -> Any:
            (_, number), answer = super().__getitem__(place)
            return (self.pictures[place * 7 % len(self)], number), answer

    given: Any = task.train
    return replace(task, train=Mixed(TensorDataset(given.pictures, given.labels), seed))


@bug(
    "script",
    cause=(r"balance", r"one class", r"only (one )?class", r"single class", r"always", r"never varies", *MISSING),
)
def a_filter_left_one_class(task: Task, seed: int) -> Task:
    train, _ = script.table(seed)
    kept = train.tensors[1] == 1
    train = TensorDataset(*(t[kept] for t in train.tensors))
    return replace(task, train=lambda: script.train_loader(train, seed))


@bug(
    "gpt",
    "char-rnn",
    cause=(
        r"shift",
        r"copy",
        r"target.*(is|are|equal).*input",
        r"same as the input",
        r"give.*away",
        r"identical",
        r"leak",
    ),
)
def targets_not_shifted(task: Task, seed: int) -> Task:
    train, validation, _ = language.split(seed)
    return replace(
        task,
        train=TensorDataset(train.tensors[0], train.tensors[0]),
        validation=TensorDataset(validation.tensors[0], validation.tensors[0]),
    )


@bug("multi-label", cause=(r"range", r"\[0, ?1\]", r"0 (and|to|or) 1", r"outside", r"below 0", r"negative"))
def targets_of_minus_one_and_one(task: Task, seed: int) -> Task:
    return with_both(task, lambda x, y: (x, y * 2 - 1))


@bug(
    "script",
    cause=(
        r"drift",
        r"label.*(map|differ|swap|encod|order)",
        r"(train|validation).*differ",
        r"belong",
        r"neighbou?r",
        r"shares?",
    ),
)
def validation_encoded_the_other_way(task: Task, seed: int) -> Task:
    """LabelEncoder was fitted on each split, and met the classes in another order."""
    _, valid = script.table(seed)
    valid = TensorDataset(valid.tensors[0], 1 - valid.tensors[1])
    return replace(task, validation=lambda: DataLoader(valid, batch_size=64))
