"""What is recorded beside the numbers: predictions on one fixed batch, what enters the network, and how fast it goes.

Owns when these are taken and how they read. Invariant: whatever a task's own functions do when asked for words or pictures, the
training goes on; what they raised is one event.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

import nntui
from trainer.batches import Examples, moved
from trainer.precision import Precision

FIXED_EXAMPLES = 16
SAMPLED_EXAMPLES = 8
NUMBERS = 4
"""Most numbers of one example that are written out."""
UNKNOWN = "·"
"""Stands in a sequence for a label that is no class, such as the -100 that a loss leaves out."""


class FixedBatch:
    """The first examples of the validation split (of the training split where there is none), whose predictions are kept."""

    def __init__(self, task: nntui.Task, data: Examples, device: torch.device, precision: Precision) -> None:
        batch = next((batch for batch, _ in data.batches(FIXED_EXAMPLES)), None)
        self._task, self._precision = task, precision
        self._inputs, self._targets = (None, None) if batch is None else moved(task.split_batch(batch), device)

    @torch.no_grad()
    def record(self, model: nn.Module, run: nntui.Run, step: int) -> None:
        """Record what the network says; inputs and labels with the first time."""
        model.eval()
        with self._precision.forward():
            outputs = self._task.call(model, self._inputs)
        model.train()
        outputs, targets = self._precision.full(outputs), self._targets
        if not isinstance(outputs, Tensor) or outputs.dim() <= self._task.batch_axis:
            return
        rows = rows_of(self._task, outputs)
        said = output_texts(self._task, outputs, targets)
        if said is not None and rows.dim() == 3:
            rows = rows.argmax(
                dim=-1
            )  # of a sequence what it says: scores of every place would be most of the run folder
        if step > 0:
            run.predictions(rows, step=step, output_texts=said)
            return
        pictures, words = shown(self._task, self._inputs, FIXED_EXAMPLES, run)
        run.predictions(
            rows,
            inputs=pictures,
            targets=rows_of(self._task, targets),
            step=step,
            output_texts=said,
            target_texts=target_texts(self._task, outputs, targets),
            input_texts=words,
        )


class Catcher:
    """Records what enters the network, at the forward call itself: at the first step and at each power of ten after it.

    The numbers that enter at the very first call are an event.
    """

    def __init__(self, task: nntui.Task, model: nn.Module, run: nntui.Run) -> None:
        self._task, self._model, self._run = task, model, run
        self._handle: Any = None
        self._described = False

    def watching(self, step: int, targets: Any) -> Catcher:
        """Watch one forward call, whose labels these are."""
        sampled = step == 0 or (step >= 10 and math.log10(step).is_integer())
        if sampled or not self._described:

            def catch(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
                given = named or (inputs[0] if len(inputs) == 1 else inputs)
                if not self._described:
                    self._described = True
                    words, numbers = described({"input": given, "target": targets})
                    self._run.event("inputs", words, step=step, data=numbers)
                if not sampled:
                    return
                pictures, words = shown(self._task, given, SAMPLED_EXAMPLES, self._run)
                if pictures is None and words is None:
                    return
                self._run.samples(
                    pictures,
                    _few(rows_of(self._task, targets), SAMPLED_EXAMPLES),
                    step=step,
                    target_texts=_few(target_texts(self._task, None, targets), SAMPLED_EXAMPLES),
                    input_texts=words,
                )

            self._handle = self._model.register_forward_pre_hook(catch, with_kwargs=True)
        return self

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


class Speed:
    """Samples per second over stretches of half a second, evaluations included; and holding a pace when asked to."""

    def __init__(self) -> None:
        self._since = self._due = time.perf_counter()
        self._examples = -1

    def tick(self, examples: int) -> dict[str, float]:
        """Count the examples of one update; the rate where a stretch is over. The first update, which warms up, counts none."""
        now = time.perf_counter()
        if self._examples < 0:
            self._since, self._examples = now, 0
            return {}
        self._examples += examples
        if now - self._since < 0.5:
            return {}
        rate = self._examples / (now - self._since)
        self._since, self._examples = now, 0
        return {"samples_per_second": rate}

    def pace(self, steps_per_second: float) -> None:
        """Wait until the next step is due."""
        self._due = max(self._due, time.perf_counter() - 1.0) + 1.0 / steps_per_second
        time.sleep(max(0.0, self._due - time.perf_counter()))


def described(batch: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Shape, type and range of every tensor of nested parts, in words and as numbers by name."""
    found: dict[str, Any] = {}
    for name, tensor in _named(batch):
        facts: dict[str, Any] = {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
        if tensor.numel() and not tensor.is_complex():
            values = tensor.detach().double() if tensor.device.type == "cpu" else tensor.detach().float()
            finite = values[values.isfinite()]
            if finite.numel():
                four = [finite.min(), finite.mean(), finite.std(correction=0), finite.max()]
                facts |= dict(zip(("min", "mean", "spread", "max"), torch.stack(four).tolist(), strict=True))
            facts["not_finite"] = values.numel() - finite.numel()
        found[name] = facts
    return "; ".join(f"{name}: {_facts(facts)}" for name, facts in found.items()), found


def _facts(facts: dict[str, Any]) -> str:
    words = f"{' × '.join(map(str, facts['shape'])) or 'one'} {facts['dtype']}"
    if "mean" in facts:
        low, mean, spread, high = (f"{facts[name]:.3g}" for name in ("min", "mean", "spread", "max"))
        words += f", {low} to {high}, mean {mean}, spread {spread}"
    return words + (f", {facts['not_finite']:,} not finite" if facts.get("not_finite") else "")


def _named(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of nested mappings, lists and tuples with the way to it."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping | list | tuple):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, part in parts:
            yield from _named(part, f"{name}.{key}" if name else str(key))


def shown(task: nntui.Task, inputs: Any, count: int, run: nntui.Run) -> tuple[Any, list[str] | None]:
    """What a person sees of the first `count` inputs: pictures, rows or words.

    Their first tensor where the task's own way does not take them.
    """
    try:
        pictures, words = task.shown(inputs)
        return _few(pictures, count), _few(words, count)
    except Exception as error:  # noqa: BLE001 (a user's function may raise anything)
        line = f"{type(error).__name__}: {' '.join(str(error).split())}"
        run.event("show", f"show(inputs) raised {line:.200}; inputs are recorded as they are.", level="warn")
    parts = inputs.values() if isinstance(inputs, dict) else inputs if isinstance(inputs, list | tuple) else [inputs]
    tensors = (part for part in parts if isinstance(part, Tensor) and part.dim() > task.batch_axis)
    return _few(rows_of(task, next(tensors, None)), count), None


def output_texts(task: nntui.Task, outputs: Tensor, targets: Any) -> list[str] | None:
    """What the outputs say, one text per example; None where that has no words."""
    if _is_regression(task, outputs, targets):
        return _numbers(rows_of(task, outputs))
    if task.kind == "regression":
        return None
    rows = rows_of(task, outputs)
    if rows.dim() == 2 and rows.shape[1] == 1:
        chosen = (rows[:, 0] > halfway(task, rows)).long()
        return _names(task, chosen) if task.kind == "classification" or task.classes else None
    labels = rows_of(task, targets)
    if isinstance(labels, Tensor) and not labels.is_floating_point() and rows.shape[:-1] == labels.shape:
        return _names(task, rows.argmax(dim=-1))
    return _names(task, rows.argmax(dim=-1)) if rows.dim() == 2 and task.kind == "classification" else None


def target_texts(task: nntui.Task, outputs: Tensor | None, targets: Any) -> list[str] | None:
    """What the labels say, one text per example; outputs as far as there are any, to tell numbers from classes."""
    if not isinstance(targets, Tensor) or targets.dim() <= task.batch_axis:
        return None
    rows = rows_of(task, targets)
    if _is_regression(task, outputs, targets):
        return _numbers(rows)
    one_each = rows.numel() == len(rows)
    if rows.is_floating_point() and not (one_each and bool((rows == rows.round()).all())):
        return None
    return _names(task, rows.flatten().long() if one_each else rows)


def _is_regression(task: nntui.Task, outputs: Tensor | None, targets: Any) -> bool:
    if task.kind != "auto" or task.classes:
        return task.kind == "regression"
    if not isinstance(targets, Tensor) or not targets.is_floating_point():
        return False
    yes_or_no = bool(((targets == 0) | (targets == 1)).all())
    return not yes_or_no and (outputs is None or outputs.numel() == targets.numel())


def halfway(task: nntui.Task, outputs: Tensor) -> float:
    """Where one output of two classes changes its mind: 0.5 for probabilities, 0 for logits."""
    if isinstance(task.loss, nn.BCEWithLogitsLoss) or task.loss is nn.functional.binary_cross_entropy_with_logits:
        return 0.0
    return 0.5 if bool(((outputs >= 0) & (outputs <= 1)).all()) else 0.0


def _numbers(rows: Tensor) -> list[str] | None:
    """Numbers of four digits; None where an example has many."""
    flat = rows.reshape(len(rows), -1)
    if not 0 < flat.shape[1] <= NUMBERS:
        return None
    return [", ".join(f"{number:.4g}" for number in row) for row in flat.tolist()]


def _names(task: nntui.Task, labels: Tensor) -> list[str] | None:
    """Names of classes: of one per example, or of a sequence of them where the task has names; None for anything else."""
    names = list(task.classes or ())
    if labels.dim() == 1:
        return [names[k] if 0 <= k < len(names) else str(k) for k in labels.tolist()]
    if labels.dim() != 2 or not names:
        return None
    between = "" if all(len(name) <= 1 for name in names) else " "
    return [between.join(names[k] if 0 <= k < len(names) else UNKNOWN for k in row) for row in labels.tolist()]


def rows_of(task: nntui.Task, values: Any) -> Any:
    """A tensor with its examples along the first axis; None for what is none."""
    if not isinstance(values, Tensor) or values.dim() <= task.batch_axis:
        return None
    return values.movedim(task.batch_axis, 0)


def _few(values: Any, count: int) -> Any:
    return None if values is None else values[:count]
