"""The training loop, from top to bottom.

Owns the order of things: checks, steps, evaluations, checkpoints. What is recorded goes through nntui's public names.
Invariant: a step is one optimizer update, however many batches or attempts it takes, and a metric at step k was measured with the
parameters after k updates.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import random
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

import nntui
from trainer import checkpoint, human
from trainer.batches import Batches, DataError, Examples, moved
from trainer.checkpoint import Training
from trainer.evaluation import evaluate
from trainer.mistakes import Mistakes
from trainer.options import Options
from trainer.precheck import tell, tell_task
from trainer.precision import SKIPS_IN_A_ROW, Precision
from trainer.recording import Catcher, FixedBatch, Speed
from trainer.saying import say
from trainer.schedules import Plan, factor


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
    training = _begin(task, options, device)
    batches = Batches(task.train, options.batch_size, options.seed, options.accumulate)
    validation = None if task.validation is None else Examples(task.validation)
    shown = Examples(task.train) if validation is None else validation
    fixed = FixedBatch(task, shown, device, training.precision)
    state = checkpoint.load(options.out, device)
    if state is not None:
        checkpoint.restore(state, training, options.out)
    begun = training.step
    if begun >= options.steps:
        say(f"{options.out}: already at step {begun:,} of {options.steps:,}. Go on with --steps {2 * begun}.")
        return 0
    resumed = state is not None
    with _record(options, training, batches, resumed=resumed) as run, closing(batches):
        person = human.newest(options.task, options.out)
        healthy = resumed or not options.checks or _preflight(task, options, run, person)
        if person is not None:
            run.check(person)  # after the checks, whose own row of it only says that nobody answered
        if not healthy:
            run.finish(4)
            return 4
        loop = _Loop(task, options, device, training, batches, run, Mistakes(task, validation, run))
        catcher, speed = Catcher(task, training.model, run), Speed()
        probes = _watch(task, options, training, run)
        stop.listens = True
        while True:
            step, asked = training.step, stop.code  # read once: a signal may come at any moment below
            due = step % options.eval_every == 0 or step == options.steps
            if due or asked:
                kept, score = checkpoint.state(training), math.inf  # before: a resumed run evaluates here again
                if due:  # not for a stop alone: whoever asks for one may not wait for long
                    score = loop.evaluate(validation)
                    fixed.record(training.model, run, step)
                run.flush()  # a checkpoint ahead of the log would leave a hole in the curve after kill -9
                loop.save(kept, score)
                asked = asked or stop.code
            if asked or step == options.steps:
                break
            rate = training.plan.apply(step, options.fault.rate(1.0, step))
            values = loop.update(catcher)
            run.log({**values, "lr": rate, **speed.tick(batches.examples)}, step=step)
            options.fault.strike(step)
            if options.pace:
                speed.pace(options.pace)
                probes.rested()
        probes.detach()
        if asked:
            run.event("checkpoint", f"asked to stop: checkpoint at step {step:,}", step=step)
            run.finish(asked)
        best = f", best validation loss {training.best:.4f}" if math.isfinite(training.best) else ""
        say(f"{options.out}: step {step:,}{best}.")
        return asked


@dataclass(frozen=True, slots=True)
class _Loop:
    """What happens at a step."""

    task: nntui.Task
    options: Options
    device: torch.device
    training: Training
    batches: Batches
    run: nntui.Run
    mistakes: Mistakes

    def update(self, catcher: Catcher) -> dict[str, Any]:
        """One optimizer update and what it measured; attempted with further examples while float16 overflows.

        Raises DataError when SKIPS_IN_A_ROW attempts overflow.
        """
        training, values = self.training, {}
        for _ in range(SKIPS_IN_A_ROW):
            values = self._attempt(catcher)
            if training.precision.update(training.optimizer):
                training.step += 1
                training.plan.stepped()
                skipped = {} if training.precision.scaler is None else {"amp/skipped": training.skipped}
                return values | training.precision.measured() | skipped
            training.skipped += 1
            if training.skipped == 1:
                self.run.event(
                    "amp", "a first attempt overflowed in float16: no step; the loss scale is halved until none does"
                )
        self.run.log(values, step=training.step)
        raise DataError(
            f"no gradient of step {training.step:,} is finite at any loss scale; expected finite ones. "
            "Look at the loss for NaN, or take --precision float32."
        )

    def _attempt(self, catcher: Catcher) -> dict[str, Any]:
        """Forward and backward over the batches of one update; the gradients are then those of their mean loss, clipped."""
        task, options, training, values = self.task, self.options, self.training, {}
        share = 1.0 if task.declares("sum") else 1.0 / options.accumulate
        training.optimizer.zero_grad(set_to_none=True)
        for batch in self.batches.window(training.step + training.skipped):
            inputs, targets = moved(task.split_batch(batch), self.device)
            with catcher.watching(training.step, targets), training.precision.forward():
                outputs = task.call(training.model, inputs)
            outputs = training.precision.full(outputs)
            loss = options.fault.loss(task.loss(outputs, targets), training.step) * share
            training.precision.backward(loss)
            values["train/loss"] = values.get("train/loss", 0.0) + loss.detach()
            for name, metric in (task.metrics or {}).items():
                score = torch.as_tensor(metric(outputs.detach(), targets)).float().mean() / options.accumulate
                values[f"train/{name}"] = values.get(f"train/{name}", 0.0) + score
        training.precision.unscale(training.optimizer)
        norm = nn.utils.clip_grad_norm_(training.parameters(), options.clip or math.inf)
        clipped = {"clipped": norm > options.clip} if options.clip else {}
        return {**values, "grad_norm": norm, **clipped}

    def evaluate(self, data: Examples | None) -> float:
        """Score the whole validation split; its loss, infinite when there is none."""
        if data is None:
            return math.inf
        step = self.training.step
        see = self.mistakes.watch(step, last=step == self.options.steps)
        score = evaluate(self.task, self.training.model, data, self.device, self.training.precision, see)
        self.run.log(score, step=step)
        self.mistakes.record(step)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in score.items() if not name.endswith("_stderr"))
        say(f"step {step:>7,}  {shown}")
        return score["val/loss"]

    def save(self, state: dict[str, Any], score: float) -> None:
        """Keep this state as the last, and as the best when its score is. A full disk is said, not raised."""
        out, step, best = self.options.out, state["step"], min(self.training.best, score)
        state["best"], better = best, score < self.training.best
        try:
            if better:
                checkpoint.save(out, checkpoint.BEST, state)
            checkpoint.save(out, checkpoint.LAST, state)
        except (OSError, RuntimeError) as error:  # torch raises either when the disk is full
            what = f"no checkpoint at step {step:,}: {getattr(error, 'strerror', None) or str(error).splitlines()[0]}"
            self.run.event("checkpoint", what, level="warn", step=step)
            sys.stderr.write(f"nntui train: {out}: {what}; training goes on.\n")
            return
        if better:
            self.run.event(
                "checkpoint", f"{checkpoint.BEST}: the lowest validation loss so far, {score:.4f}", step=step
            )
        self.training.best = best


def _begin(task: nntui.Task, options: Options, device: torch.device) -> Training:
    """The training before its first step. Raises DataError for options that do not go together."""
    precision = Precision(options.precision, device)
    model = task.build(options.seed).to(device)
    optimizer = _optimizer(task, model, options.lr)
    plan = Plan(optimizer, task.schedule, options.schedule, options.steps, options.warmup)
    return Training(model, optimizer, plan, precision)


def _record(options: Options, training: Training, batches: Batches, *, resumed: bool) -> nntui.Run:
    run = nntui.init(
        options.out,
        config=options.config(type(training.optimizer).__name__, training.plan.rates[0]),
        total_steps=options.steps,
        steps_per_epoch=batches.per_epoch or None,
        resume_step=training.step if resumed else None,
        capture_output=options.capture,
    )
    for note in batches.notes():
        run.event("data", note)
        say(note)
    return run


def _watch(task: nntui.Task, options: Options, training: Training, run: nntui.Run) -> Any:
    """Probes inside the model; taken off at once where they are not wanted."""
    scaler, declared = training.precision.scaler, task.declared
    probes = nntui.watch(training.model, training.optimizer, run, scaler=scaler, declared=declared)
    if not options.probes:
        probes.detach()
    return probes


def _preflight(task: nntui.Task, options: Options, run: nntui.Run, person: nntui.Finding | None) -> bool:
    """Run the checks and say what they found, of a person's answers what is known; False when training must not begin."""
    failed = False
    tell_task(nntui.checks.inferred(task, seed=options.seed))
    for finding in nntui.checks.preflight(_planned(task, options), run=run, seed=options.seed):
        tell(person if person is not None and person.id == finding.id else finding)
        failed |= finding.status == "fail"
    return not (failed and options.strict)


def _planned(task: nntui.Task, options: Options) -> nntui.Task:
    """The task as it is about to be trained: with the optimizer, the schedule and the number of updates that the options give."""
    schedule = task.schedule
    if options.schedule != "constant" or options.warmup:
        rate = factor(options.schedule, options.steps, options.warmup)
        schedule = functools.partial(torch.optim.lr_scheduler.LambdaLR, lr_lambda=rate)
    optimizer = functools.partial(_optimizer, task, lr=options.lr)
    return dataclasses.replace(task, optimizer=optimizer, schedule=schedule, steps=options.steps)


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
