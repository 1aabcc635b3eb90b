"""Which of a task's own metrics is the same number as a person's score.

Owns asking the metric itself: outputs are made up whose share of right answers, or whose mean absolute error, is known, and the
metric that says just that is it. A name alone proves nothing: `accuracy` may be balanced, or of the five best.
Invariant: a metric that raises is not the one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import nntui
from trainer.questions import Classes, Exam

EXAMPLES = 7
LOGIT = 10.0
CLASS_LIMIT = 4096
"""Most classes for which outputs are made up."""
PREFIX = {"train": "train", "validation": "val"}


def metric_of(task: nntui.Task, exam: Exam) -> tuple[str, float]:
    """Name of the recorded metric, such as `val/accuracy`, and how many of its units the score's unit has (100 for percent).

    A task without metrics of its own has the usual name, which its user's loop may log; one that has none the same: empty.
    """
    prefix, usual = PREFIX[exam.split], "accuracy" if isinstance(exam.answers, Classes) else "absolute_error"
    targets = _some(task, exam)
    tries = list(_classified(task, exam, targets) if isinstance(exam.answers, Classes) else _off(targets))
    for name, metric in (task.metrics or {}).items():
        for outputs, score in tries:
            try:
                said = float(torch.as_tensor(metric(outputs.clone(), targets.clone())).double().mean())
            except Exception:  # noqa: BLE001 (a user's metric may raise anything at outputs it does not know)
                continue
            for scale in (1.0, 100.0) if isinstance(exam.answers, Classes) else (1.0,):
                if math.isclose(said, scale * score, rel_tol=1e-4):
                    return f"{prefix}/{name}", scale
    return ("", 1.0) if task.metrics else (f"{prefix}/{usual}", 1.0)


def _some(task: nntui.Task, exam: Exam) -> Tensor:
    """EXAMPLES targets as one batch, some more than once where there are fewer."""
    known = [question.targets for question in exam.questions]
    return torch.cat([known[k % len(known)] for k in range(EXAMPLES)], dim=task.batch_axis)


def _classified(task: nntui.Task, exam: Exam, targets: Tensor) -> Iterator[tuple[Tensor, float]]:
    """Outputs of every usual layout that are right in 4 of 7 examples, or places of sequences; each with the exact share."""
    labels = targets.long().movedim(task.batch_axis, 0)
    count = len(exam.answers.names) if isinstance(exam.answers, Classes) else 0
    if not 1 < count <= CLASS_LIMIT:
        return
    place = torch.arange(labels.numel()).reshape(labels.shape)
    wrong = (place if exam.sequential else place // max(1, labels[0].numel())) % 7 >= 4
    said = torch.where(wrong, (labels + 1) % count, labels)
    right = float((said == labels).double().mean())

    def placed(outputs: Tensor) -> Tensor:
        return outputs.movedim(0, task.batch_axis)

    scores = LOGIT * torch.nn.functional.one_hot(said.clamp(0, count - 1), count).float()
    yield placed(scores), right  # (N, T, C)
    if labels.dim() > 1:
        yield placed(scores.movedim(-1, 1)), right  # (N, C, T)
    if not exam.sequential:
        yield placed(scores.reshape(len(labels), count)), right  # (N, C), whatever the shape of the labels
    if count == 2:
        yield placed(LOGIT * (2.0 * said - 1.0)), right


def _off(targets: Tensor) -> Iterator[tuple[Tensor, float]]:
    """Outputs off by known amounts, in both directions."""
    real = targets.double()
    off = torch.linspace(-1.0, 2.5, real.numel(), dtype=torch.float64).reshape(real.shape)
    kind: Any = targets.dtype if targets.is_floating_point() else torch.float32
    yield (real + off).to(kind), float(off.abs().mean())
