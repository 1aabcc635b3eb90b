"""skeleton.full_eval: the validation score covers the whole split, and is the same twice.

Symptom: a curve of validation that moves by itself, or gains that are within what chance gives.
Tests: a validation loader yields every example of its dataset (exact: drop_last, a sampler, a limit). Two evaluations
of one network are equal, bit by bit on the CPU, or up to rounding where the order is another one. The standard error
of the mean loss over batches is told: a difference smaller than twice that is no gain. Fewer than FEW examples are
too few to tell a tenth apart (0.5 / √100 = 0.05 is the standard error of a share): told; fewer than FEWER, two
tenths: a warning.
When it is wrong: an evaluation on a fixed part is fair where the whole takes too long; then tell its standard error.
"""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from nntui.analysis.ticks import format_number
from nntui.checks.guard import Skip, guarded
from nntui.checks.references import scalar
from nntui.checks.task import Task, tensors
from nntui.finding import Finding

ROW = "skeleton.full_eval"
FEW = 100
FEWER = 25
ROUNDING = 1e-5
"""Share of the loss by which two orders of the same examples may differ."""
MOST_SECONDS = 3.0
"""For one evaluation; what is longer is looked at in part, which is said."""


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Evaluate the untrained network twice on validation, and count."""
    if task.validation is None:
        raise Skip("There is no validation split: give the task validation=.")
    total, read = _counted(task)
    model = task.build(seed).eval()
    losses, sizes, ended = _evaluated(task, model, None)
    again, sizes_again, _ = _evaluated(task, model, len(losses))
    if not losses:
        return Finding(
            ROW,
            "fail",
            f"Evaluation sees nothing: the validation data give no batch{f' of {total:,} examples' if total > 0 else ''}.",
            expected=max(total, 1),
            measured=0,
            unit="examples",
            advice="Most likely a batch size beyond the split with drop_last=True, or a split that came out empty. Refute: "
            "len(list(validation)) must be above 0.",
        )
    count, mean = sum(sizes), _weighted(losses, sizes)
    error = _standard_error(losses)
    evidence: dict[str, Any] = {
        "examples": count,
        "labels_per_example": _labels_per_example(task),
        "examples_in_the_dataset": total,
        "examples_of_the_loader": read,
        "loss": mean,
        "standard_error": error,
        "whole": ended,
        "loss_again": _weighted(again, sizes_again),
    }
    if read >= 0 and total > read:
        return Finding(
            ROW,
            "warn",
            f"The validation loader yields {read:,} of the {total:,} examples of its dataset.",
            expected=total,
            measured=read,
            tolerance=0.0,
            evidence=evidence,
            advice="Most likely drop_last=True or a sampler on the validation loader: the score leaves examples out. "
            "Refute: the sum of "
            "the batch sizes must be the length of the dataset.",
        )
    return _twice(losses, again, evidence, gpu=any(p.is_cuda for p in model.parameters()))


def _twice(losses: list[float], again: list[float], evidence: dict[str, Any], *, gpu: bool) -> Finding:
    """The verdict on two evaluations of the whole."""
    count, ended, mean, error = (evidence[name] for name in ("examples", "whole", "loss", "standard_error"))
    differing = [i for i, (a, b) in enumerate(zip(losses, again, strict=False)) if not _alike(a, b, gpu)]
    reordered = bool(differing) and abs(mean - evidence["loss_again"]) <= ROUNDING * abs(mean)
    if differing and not reordered and ended:
        at = differing[0]
        return Finding(
            ROW,
            "fail",
            f"Two evaluations of one network in eval mode differ: batch {at} has a loss of {format_number(losses[at], 6)}, then "
            f"{format_number(again[at], 6)}.",
            expected=losses[at],
            measured=again[at],
            tolerance=0.0,
            evidence=evidence,
            advice="Most likely dropout that does not listen to eval() (functional.dropout without "
            "training=self.training), noise in "
            "forward(), a validation set in random order or with random transforms, or statistics that go on changing. "
            "Refute: with "
            "torch.manual_seed before each, two evaluations become equal, which shows the randomness.",
        )
    part = "" if ended else f" (the first {count:,} examples, for want of time)"
    if 0 < count < FEW and ended and evidence["labels_per_example"] == 1:
        return Finding(
            ROW,
            "warn" if count < FEWER else "pass",
            f"Validation has {count} examples: a share such as accuracy has a standard error of "
            f"{format_number(0.5 / math.sqrt(count), 2)}, so that only large differences mean anything.",
            expected=f"at least {FEWER}",
            measured=count,
            evidence=evidence,
            advice="Hold more examples out, or cross-validate. Refute: none; it is arithmetic.",
        )
    return Finding(
        ROW,
        "pass",
        f"Validation is {'whole and ' if ended else ''}the same twice: {count:,} examples, loss {format_number(mean)} ± "
        f"{format_number(error, 2)}{part}. A difference below {format_number(2 * error, 2)} is no gain.",
        expected=mean,
        measured=mean,
        tolerance=0.0,
        evidence=evidence,
    )


def _labels_per_example(task: Task) -> int:
    """Numbers that an example's target has; a picture of labels tells more than one label does."""
    for batch in task.batches(task.validation):
        aims = [t for t in tensors(task.split_batch(batch)[1]) if t.dim() > task.batch_axis]
        return max((t.numel() // max(1, t.shape[task.batch_axis]) for t in aims), default=1)
    return 1


def _counted(task: Task) -> tuple[int, int]:
    """(examples of the dataset, examples that the loader yields); -1 where it cannot be told without
    reading."""
    data = task.resolved(task.validation)
    if not isinstance(data, DataLoader) or isinstance(data.dataset, IterableDataset):
        return (len(data) if hasattr(data, "__len__") else -1), -1
    dataset: Any = data.dataset
    total = len(dataset) if hasattr(dataset, "__len__") else -1
    if data.batch_size is None or data.batch_sampler is None:
        return total, -1
    drawn = len(data.sampler) if hasattr(data.sampler, "__len__") else -1  # pyright: ignore[reportArgumentType]
    return total, drawn // data.batch_size * data.batch_size if data.drop_last else drawn


@torch.no_grad()
def _evaluated(task: Task, model: torch.nn.Module, batches: int | None) -> tuple[list[float], list[int], bool]:
    """(loss per batch, examples of each, whether it was all); only so many batches where that is given."""
    end = time.perf_counter() + MOST_SECONDS
    losses: list[float] = []
    sizes: list[int] = []
    for batch in itertools.islice(task.batches(task.validation), batches):
        inputs, targets = task.split_batch(batch)
        losses.append(scalar(task.loss(task.call(model, inputs), targets)))
        axis = task.batch_axis
        sizes.append(max((t.shape[axis] for t in tensors(targets) if t.dim() > axis), default=1))
        if batches is None and time.perf_counter() > end:
            return losses, sizes, False
    return losses, sizes, True


def _weighted(losses: list[float], sizes: list[int]) -> float:
    """Mean over examples of losses that are means over batches."""
    return sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / max(1, sum(sizes))


def _alike(one: float, other: float, gpu: bool) -> bool:
    if math.isnan(one) and math.isnan(other):
        return True
    return one == other or (gpu and abs(one - other) <= 1e-5 * abs(one))


def _standard_error(losses: list[float]) -> float:
    """Of the mean over batches; NaN for a single one."""
    if len(losses) < 2:
        return math.nan
    mean = sum(losses) / len(losses)
    return math.sqrt(sum((loss - mean) ** 2 for loss in losses) / (len(losses) - 1) / len(losses))
