"""The training loop, from top to bottom.

Owns the order of things: checks, steps, evaluations, checkpoints. What is recorded goes through nntui's public names.
Invariant: a metric at step k was measured with the parameters after k updates.
"""

from __future__ import annotations

import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import nntui
from trainer import checkpoint, schedules
from trainer.batches import Batches, DataError, Examples, moved
from trainer.evaluation import evaluate
from trainer.faults import Fault
from trainer.precheck import tell
from trainer.saying import say

FIXED_EXAMPLES = 16
SAMPLED_EXAMPLES = 8


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that can be asked of the loop."""

    task: str
    out: Path
    steps: int = 6000
    batch_size: int = 64
    lr: float = 3e-4
    schedule: str = "constant"
    seed: int = 0
    width: int = 128
    device: str = "auto"
    eval_every: int = 100
    pace: float = 0.0
    checks: bool = True
    strict: bool = False
    fault: Fault = Fault()  # noqa: RUF009 (frozen)


class Stop:
    """Set from a signal handler; once the loop `listens`, it ends with a checkpoint at the next step."""

    code = 0
    listens = False


def train(task: nntui.Task, options: Options, stop: Stop) -> int:
    """Train and record; the exit code: 0, 4 for a failed check under --strict, or that of the signal."""
    device = _device(options.device)
    random.seed(options.seed)
    np.random.seed(options.seed)
    task = options.fault.task(task)
    model = task.build(options.seed).to(device)
    optimizer = _optimizer(task, model, options.lr)
    plan = schedules.Plan(optimizer, task.schedule, options.schedule, options.steps)
    batches = Batches(task.train, options.batch_size, options.seed)
    validation = None if task.validation is None else Examples(task.validation)
    fixed = _fixed_batch(task, validation or Examples(task.train), device)
    state = checkpoint.load(options.out, device)
    begin, best = 0, math.inf
    if state is not None:
        begin, best = checkpoint.restore(state, model, optimizer, plan, options.out)
    if begin >= options.steps:
        say(f"{options.out}: already at step {begin:,} of {options.steps:,}. Go on with --steps {2 * begin}.")
        return 0
    resume = begin if state is not None else None
    with _record(options, type(optimizer).__name__, plan.rates[0], batches.per_epoch, resume) as run:
        if options.checks and state is None and not _preflight(task, options, run):
            run.finish(4)
            return 4
        catcher, speed = _Catcher(task, model, run), _Speed(batches.size)
        step, stop.listens = begin, True

        for step in range(begin, options.steps + 1):
            if step % options.eval_every == 0 or step == options.steps or stop.code:
                kept = checkpoint.state(model, optimizer, plan, step)  # before: a resumed run evaluates here again
                score = _evaluate(task, model, validation, device, run, step)
                _predict(task, model, run, fixed, step)
                run.flush()  # a checkpoint ahead of the log would leave a hole in the curve after kill -9
                best = _save(run, options.out, kept, score, best)
            if stop.code or step == options.steps:
                break

            rate = plan.apply(step, options.fault.rate(1.0, step))
            inputs, targets = moved(task.split_batch(batches.at(step)), device)
            with catcher.watching(step, targets):
                outputs = task.call(model, inputs)
            loss = options.fault.loss(task.loss(outputs, targets), step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), math.inf)
            optimizer.step()
            plan.stepped()
            values = {"train/loss": loss, "lr": rate, "grad_norm": grad_norm, **speed.tick(step)}
            for name, metric in (task.metrics or {}).items():
                values[f"train/{name}"] = torch.as_tensor(metric(outputs.detach(), targets)).float().mean()
            run.log(values, step=step)
            options.fault.strike(step)
            if options.pace:
                speed.pace(options.pace)

        if stop.code:
            run.event("checkpoint", f"asked to stop: checkpoint at step {step:,}", step=step)
            run.finish(stop.code)
        say(f"{options.out}: step {step:,}, best validation loss {best:.4f}.")
        return stop.code


def _record(options: Options, optimizer: str, lr: float, steps_per_epoch: int, resume_step: int | None) -> nntui.Run:
    names = ("task", "steps", "batch_size", "lr", "schedule", "seed", "width", "eval_every")
    config = {name: getattr(options, name) for name in names} | {
        "optimizer": optimizer,
        "lr": lr,
    }
    if options.fault.name:
        config["fault"] = f"{options.fault.name}@{options.fault.step}"
    return nntui.init(
        options.out,
        config=config,
        total_steps=options.steps,
        steps_per_epoch=steps_per_epoch,
        resume_step=resume_step,
    )


def _preflight(task: nntui.Task, options: Options, run: nntui.Run) -> bool:
    """Run the checks and say what they found; False when training must not begin."""
    failed = False
    for finding in nntui.checks.preflight(task, run=run, seed=options.seed):
        tell(finding)
        failed |= finding.status == "fail"
    return not (failed and options.strict)


def _evaluate(
    task: nntui.Task, model: nn.Module, data: Examples | None, device: torch.device, run: nntui.Run, step: int
) -> float:
    """Score the whole validation split; its loss, infinite when there is none."""
    if data is None:
        return math.inf
    score = evaluate(task, model, data, device, "val")
    run.log(score, step=step)
    shown = "  ".join(f"{name} {value:.4f}" for name, value in score.items() if not name.endswith("_stderr"))
    say(f"step {step:>7,}  {shown}")
    return score["val/loss"]


def _fixed_batch(task: nntui.Task, data: Examples, device: torch.device) -> tuple[Any, Any]:
    return moved(task.split_batch(data.at(torch.arange(min(FIXED_EXAMPLES, len(data))))), device)


@torch.no_grad()
def _predict(task: nntui.Task, model: nn.Module, run: nntui.Run, fixed: tuple[Any, Any], step: int) -> None:
    """Record what the network says about the fixed batch; inputs and labels with the first time."""
    inputs, targets = fixed
    model.eval()
    outputs = task.call(model, inputs)
    model.train()
    if not isinstance(outputs, torch.Tensor):
        return
    said = _texts(task, _chosen(outputs, targets))
    if step > 0:
        run.predictions(outputs, step=step, output_texts=said)
        return
    wanted = _texts(task, targets)
    given = inputs if isinstance(inputs, torch.Tensor) else None
    run.predictions(outputs, inputs=given, targets=targets, step=step, output_texts=said, target_texts=wanted)


def _chosen(outputs: torch.Tensor, targets: Any) -> torch.Tensor:
    """The class that each output says, of shape (N,); anything else where outputs are no classes of single labels."""
    if outputs.dim() == 2 and outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).long()
    return outputs.argmax(dim=-1) if outputs.dim() == 2 else outputs


def _texts(task: nntui.Task, labels: Any) -> list[str] | None:
    """Names of classes, one per example; None where there is not one class per example."""
    if task.kind != "classification" or not isinstance(labels, torch.Tensor) or labels.numel() != len(labels):
        return None
    numbers = [int(label) for label in labels.flatten()]
    classes = list(task.classes or ())
    return [classes[k] if 0 <= k < len(classes) else str(k) for k in numbers]


class _Catcher:
    """Records what enters the network, at the forward call itself: at the first step and at each power of ten after it."""

    def __init__(self, task: nntui.Task, model: nn.Module, run: nntui.Run) -> None:
        self._task, self._model, self._run = task, model, run
        self._handle: Any = None

    def watching(self, step: int, targets: Any) -> _Catcher:
        if step == 0 or (step >= 10 and math.log10(step).is_integer()):

            def catch(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
                given = [t for t in (*inputs, *named.values()) if isinstance(t, torch.Tensor) and t.dim() > 0]
                if not given or not isinstance(targets, torch.Tensor) or targets.dim() == 0:
                    return
                few, labels = given[0][:SAMPLED_EXAMPLES], targets[:SAMPLED_EXAMPLES]
                texts = _texts(self._task, labels)
                self._run.samples(few, labels, step=step, target_texts=texts)

            self._handle = self._model.register_forward_pre_hook(catch, with_kwargs=True)
        return self

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


class _Speed:
    """Samples per second over stretches of half a second, evaluations included; and holding a pace when asked to."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._since = self._due = time.perf_counter()
        self._step = -1

    def tick(self, step: int) -> dict[str, float]:
        now = time.perf_counter()
        if self._step < 0:
            self._since, self._step = now, step
        if now - self._since < 0.5:
            return {}
        rate = (step - self._step) * self._batch_size / (now - self._since)
        self._since, self._step = now, step
        return {"samples_per_second": rate}

    def pace(self, steps_per_second: float) -> None:
        self._due = max(self._due, time.perf_counter() - 1.0) + 1.0 / steps_per_second
        time.sleep(max(0.0, self._due - time.perf_counter()))


def _save(run: nntui.Run, out: Path, state: dict[str, Any], score: float, best: float) -> float:
    """Keep this state as the last, and as the best when its score is; the best score so far. A full disk is said, not raised."""
    step, state["best"] = state["step"], min(best, score)
    try:
        if score < best:
            checkpoint.save(out, checkpoint.BEST, state)
        checkpoint.save(out, checkpoint.LAST, state)
    except (OSError, RuntimeError) as error:  # torch raises either when the disk is full
        what = f"no checkpoint at step {step:,}: {getattr(error, 'strerror', None) or str(error).splitlines()[0]}"
        run.event("checkpoint", what, level="warn", step=step)
        sys.stderr.write(f"nntui train: {out}: {what}; training goes on.\n")
        return best
    return state["best"]


def _optimizer(task: nntui.Task, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """The task's own, or Adam. Raises DataError when it would train something else."""
    if task.optimizer is None:
        return torch.optim.Adam(model.parameters(), lr=lr)
    optimizer = task.optimizer(model)
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise DataError(
            "the optimizer holds no parameter of the model it was given; expected model.parameters() in it."
        )
    return optimizer


def _device(name: str) -> torch.device:
    """The device meant. Raises DataError when there is none such."""
    try:
        device = torch.device(name if name != "auto" else ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        line = str(error).splitlines()[0][:120]
        raise DataError(f"device {name!r} cannot be used ({line}); expected auto, cpu, cuda or cuda:1, …") from None
    return device
