"""The in-loop API: Run.

Owns the names people know from other loggers, and which step a call belongs to.
Invariant: no method of an opened Run raises into, blocks or slows the caller.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Self

from nntui.finding import PROGRESS, Finding, jsonable
from nntui.recorder import code, environment, hooks
from nntui.recorder.closed import Closed, Forked
from nntui.recorder.device import Deferred
from nntui.recorder.examples import capture_examples
from nntui.recorder.handoff import HURRY, Handoff, Row
from nntui.recorder.output import Output
from nntui.recorder.refusals import captured, refused
from nntui.recorder.rows import Together, check_row, dependency_row, event_row, example_rows
from nntui.recorder.scalars import INT64_LIMIT, PLAIN, NotAScalar, as_dict, capture_array, index
from nntui.recorder.system import System
from nntui.recorder.tensors import capture_tensors, tensor_rows
from nntui.runlog.errors import RunFolderError
from nntui.runlog.layout import End
from nntui.runlog.writer import WriterFolder

FINISH_TIMEOUT = 5.0
TRACEBACK_LIMIT = 16 << 10
LINE_LIMIT = 1000
ROW_OVERHEAD = 1 << 10
"""Bytes a row is taken for besides its arrays."""


class Run:
    """A run being recorded. Make one with `nntui.init`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        config: Mapping[str, Any] | None = None,
        total_steps: int | None = None,
        steps_per_epoch: int | None = None,
        resume_step: int | None = None,
        rank: int | None = None,
        system: bool = True,
        capture_output: bool = False,
    ) -> None:
        self.path = Path(path)
        here, folder = environment.place(), self.path.absolute()
        self._create = functools.partial(
            WriterFolder.create,
            folder,
            rank=here.rank if rank is None else rank,
            world_size=here.world_size,
            launch=here.launch,
            restart=here.restart,
            total_steps=total_steps,
            steps_per_epoch=steps_per_epoch,
            config=config,
            **environment.facts(),
        )
        self._total_steps = total_steps or 0
        self._next = resume_step or 0
        self._exit: tuple[str, str] | None = None
        writer = self._create(resume_step=resume_step)
        self._code = code.record(writer)
        self._handoff = Handoff(writer, total_steps=self._total_steps)
        if system:
            self._handoff.sources.append(System(folder, self._handoff.load, self._next))
        if capture_output:
            self._handoff.sources.append(Output(lambda: self._next - 1))
        self._queue: Any = self._handoff.queue
        self._handoff.start()
        hooks.watch_over(self)
        resumed = f", resumed at step {resume_step}" if resume_step is not None else ""
        self.event("start" if resume_step is None else "resume", f"process {os.getpid()} records here{resumed}")

    @property
    def step(self) -> int:
        """Step of the newest `log`; -1 before the first."""
        return self._next - 1

    @property
    def dropped(self) -> int:
        """Points lost so far because the disk refused them or came too late; 0 on a healthy run."""
        return self._handoff.dropped

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record numbers by name at one step.

        step: optimizer updates completed; None is one more than the last. Values: anything that is one real number, on any
        device, taken as it is now; NaN and infinities are recorded as they are. What is no number, or has a name that is no
        string, is dropped, with one event per name.
        """
        try:
            taken = values.copy() if type(values) is dict else as_dict(values)
            if step is None:
                step = self._next
            if type(step) is not int or not -INT64_LIMIT <= step < INT64_LIMIT:
                step = index(step)
            self._next = step + 1
            plain = PLAIN.issuperset(map(type, taken.values()))
            point = (taken, step, time_ns()) if plain else self._captured(taken, step)
            queue = self._queue
            if len(queue) >= HURRY and self._handoff.crowded(len(taken)):
                return
            queue.append(point)
        except Exception as error:  # noqa: BLE001 (recording never raises into the user's loop)
            self._refuse("log", error, values, step)

    def predictions(
        self,
        outputs: Any,
        *,
        targets: Any = None,
        inputs: Any = None,
        name: str = "fixed",
        step: int | None = None,
        output_texts: Sequence[str] | None = None,
        target_texts: Sequence[str] | None = None,
        input_texts: Sequence[str] | None = None,
    ) -> None:
        """Record what the network says about a fixed batch.

        outputs: (N, …). inputs and targets: (N, …), given once, usually with the first call. The texts are what a person
        reads per example: class names, decoded tokens. step: None is the newest logged step.
        """
        with self._guarded("predictions"):
            parts = [
                ("output", outputs, output_texts),
                ("target", targets, target_texts),
                ("input", inputs, input_texts),
            ]
            self._examples("predictions", name, step, parts)

    def samples(
        self,
        inputs: Any,
        targets: Any = None,
        *,
        name: str = "train",
        step: int | None = None,
        target_texts: Sequence[str] | None = None,
        input_texts: Sequence[str] | None = None,
    ) -> None:
        """Record what entered the network: inputs (N, …) as the forward call saw them, and their targets."""
        with self._guarded("samples"):
            self._examples("samples", name, step, [("input", inputs, input_texts), ("target", targets, target_texts)])

    def examples(
        self,
        split: str,
        index: Any,
        *,
        step: int | None = -1,
        label: Any = None,
        prediction: Any = None,
        loss: Any = None,
        confidence: Any = None,
        outlier: Any = None,
        suspect: Any = None,
        duplicate_of: Any = None,
        duplicate_split: str = "",
        inputs: Any = None,
        texts: Any = None,
        rest: Any = None,
    ) -> None:
        """Record what is known of single examples: N of one split, by their place in its data.

        Columns of N each, as far as they are known; a later call about the same examples adds to it. confidence: probability of
        the prediction. outlier: larger is farther from the rest. suspect: 0 to 1, larger is a label less likely right.
        duplicate_of: places of the examples these repeat, in `duplicate_split` (default this one); -1 for none. inputs (N, …) or
        texts: what a person looks at, once per example; at most 4,096 numbers each are kept. step: -1 is before training, None
        the newest logged. rest: where the whole split was measured and only some of it is listed, the largest loss of all others.
        """
        with self._guarded("examples"):
            columns = {"label": label, "prediction": prediction, "loss": loss, "confidence": confidence}
            columns |= {"outlier": outlier, "suspect": suspect, "texts": texts}
            repeated = {"duplicates": duplicate_of, "duplicate_split": duplicate_split}
            taken = capture_examples(split, index, columns, **repeated, inputs=inputs, rest=rest)
            for key, message in taken.notes:
                self._handoff.note(key, message)
            self._row(
                "examples", functools.partial(taken.batch, self._at(step), time_ns()), taken.arrays, taken.characters
            )

    def dependencies(
        self,
        matrix: Any,
        *,
        axis: str = "batch",
        name: str = "model",
        step: int | None = None,
        row_labels: Sequence[str] | None = None,
        col_labels: Sequence[str] | None = None,
        leak: tuple[int, int, float] | None = None,
    ) -> None:
        """Record which input reaches which output.

        matrix: (outputs, inputs), largest |gradient| of an output's projection by an input. axis: `batch` or `time`.
        leak: the first (row, col, value) that must be zero and is not.
        """
        with self._guarded("dependencies"):
            data, at, now = capture_array(matrix), self._at(step), time_ns()
            labels = (tuple(map(str, row_labels or ())), tuple(map(str, col_labels or ())))
            first = None if leak is None else (int(leak[0]), int(leak[1]), float(leak[2]))
            encode = functools.partial(dependency_row, str(name), at, now, str(axis), data, labels, first)
            self._row("dependencies", encode, [data])

    def tensors(self, tensors: Mapping[str, Any], *, step: int | None = None) -> None:
        """Record tensors worth a picture, by name: the weights of the first layer, filters along the first axis.

        At most 65,536 numbers of each are kept, the first along its first axis. step: None is the newest logged step.
        """
        with self._guarded("tensors"):
            taken = capture_tensors(tensors, self._handoff.note)
            if taken:
                encode = functools.partial(tensor_rows, self._at(step), time_ns(), taken)
                self._row("tensors", encode, [one.values for one in taken])

    def check(self, finding: Finding) -> None:
        """Record the outcome of a check; a failed one reaches the file at once."""
        with self._guarded("check"):
            if not isinstance(finding, Finding):
                raise NotAScalar(f"a {type(finding).__name__}; expected a nntui.Finding")
            as_it_is = dataclasses.replace(finding, evidence=jsonable(finding.evidence))
            self._row("checks", functools.partial(check_row, as_it_is, time_ns()))
            if finding.status == "fail":
                self._handoff.wake()

    def check_progress(self, check: str, values: Mapping[str, Any], step: int) -> None:
        """Record how far a check is, as metrics `check/<check>/<name>` at its own steps; the run's step stays as it is."""
        following = self._next
        with self._guarded("check_progress"):
            self.log({f"{PROGRESS}{check}/{name}": value for name, value in values.items()}, step)
        self._next = following

    def observe(self, names: Sequence[str], values: Any, step: int) -> None:
        """Record n numbers that were measured together, at a step of their own; the run's step stays as it is.

        values: (n,) array or tensor on any device, copied in one piece as it is now, in float32 from a device.
        """
        with self._guarded("observe"):
            taken = Together(names, values)
            if len(self._queue) < HURRY or not self._handoff.crowded(len(taken)):
                self._queue.append((taken, index(step), time_ns(), taken.waits))

    def event(
        self, event: str, message: str, *, level: str = "info", step: int | None = None, data: Any = None
    ) -> None:
        """Record that something happened: a checkpoint, a change of the learning rate, a note."""
        with self._guarded("event"):
            texts = (str(level), str(event), str(message), None if data is None else jsonable(data))
            self._row("events", functools.partial(event_row, self._at(step), time_ns(), *texts))

    def flush(self, timeout: float = 5.0) -> bool:
        """Whether all logged so far is in the file, after waiting for it at most `timeout` seconds."""
        with self._guarded("flush"):
            return isinstance(self._queue, Forked) or self._handoff.flush(timeout)
        return False

    def finish(self, exit_code: int = 0) -> None:
        """Write what waits and say how the run ended. Calling it again does nothing; takes at most about 5 seconds."""
        if isinstance(self._queue, Closed | Forked):
            self._queue = Closed(self)
            return
        reason, message = self._exit or ("finished", "")
        exit_code = exit_code if reason == "finished" else exit_code or 1
        try:
            self._conclude(reason, exit_code, message)
        except KeyboardInterrupt:  # pressed again: what is nearly written gets a moment, and the user their interrupt
            self._ask_to_end(reason, exit_code, message, 0.0)
            self.wait_over(time.monotonic() + hooks.SIGNAL_PATIENCE)
            raise
        hooks.let_go(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, SystemExit):
            self.finish(error.code if isinstance(error.code, int) else int(error.code is not None))
            return
        if error is not None:
            self.crashed(error)
        self.finish()

    # --- told by the hooks --------------------------------------------------------------------

    def crashed(self, error: BaseException) -> None:
        """The process ends by this exception: its traceback goes into the events, at once."""
        if self._exit is not None or isinstance(self._queue, Closed | Forked):
            return
        line = traceback.format_exception_only(error)[-1].strip()[:LINE_LIMIT]
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else "exception"
        self._exit = (reason, line)
        text = "".join(traceback.format_exception(error))[-TRACEBACK_LIMIT:]
        level = "warn" if reason == "interrupted" else "error"
        self.event("exception", line, level=level, data={"traceback": text})
        self._handoff.wake()

    def interrupted_by(self, number: int) -> None:
        """The process is about to end by a signal: everything is written in time, whatever was interrupted."""
        if not isinstance(self._queue, Forked):
            self._ask_to_end("signal", 128 + number, signal.Signals(number).name, hooks.SIGNAL_PATIENCE / 2)

    def wait_over(self, deadline: float) -> None:
        """Wait until the end is written, at most until the deadline (monotonic seconds)."""
        if not isinstance(self._queue, Forked) and not self._handoff.wait_over(deadline):
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                print(f"nntui: {self.path}: the disk did not take the last rows in time.", file=sys.stderr)  # noqa: T201

    def hurry(self) -> None:
        """Write now, without waiting for it."""
        self._handoff.wake()

    def forked(self) -> None:
        """This is a child: it writes nothing unless it logs, and then into a folder of its own."""
        if not isinstance(self._queue, Closed | Forked):
            self._handoff.abandon()
            self._queue = Forked(self)

    def revive(self) -> Any:
        """Open a writer for a forked child that logs after all; its queue."""
        try:
            self._handoff = Handoff(self._create(resume_step=None), total_steps=self._total_steps)
        except (RunFolderError, OSError) as error:
            self._queue = Closed(self, f"a forked process cannot record here ({error})")
            return self._queue
        self._queue = self._handoff.queue
        self._handoff.start()
        hooks.watch_over(self)
        return self._queue

    # --- inside -------------------------------------------------------------------------------

    def _captured(self, values: dict[Any, Any], step: int) -> tuple[Any, ...]:
        kept, waits = captured(values, self._handoff)
        return (kept, step, time_ns(), waits) if waits else (kept, step, time_ns())

    def _examples(self, kind: str, name: str, step: int | None, parts: list[tuple[str, Any, Any]]) -> None:
        taken = [
            (role, None if values is None else capture_array(values), None if texts is None else [*map(str, texts)])
            for role, values, texts in parts
            if values is not None or texts is not None
        ]
        arrays = [values for _, values, _ in taken if values is not None]
        length = sum(len(text) for _, _, texts in taken for text in texts or ())
        encode = functools.partial(example_rows, str(name), self._at(step), time_ns(), taken)
        self._row(kind, encode, arrays, length)

    def _row(self, kind: str, encode: Callable[[], Any], arrays: Sequence[Any] = (), more: int = 0) -> None:
        queue = self.revive() if isinstance(self._queue, Forked) else self._queue
        size = ROW_OVERHEAD + more + sum(array.nbytes for array in arrays)
        if not isinstance(queue, Closed) and not self._handoff.admit(size):
            self._handoff.note(kind, f"rows of {kind} were dropped: they came faster than the disk took them.")
            return
        queue.append(Row(kind, encode, size, [array for array in arrays if isinstance(array, Deferred)]))

    def _at(self, step: int | None) -> int:
        return self.step if step is None else index(step)

    def _ask_to_end(self, reason: str, exit_code: int, message: str, patience: float) -> None:
        self._queue = Closed(self)
        self._handoff.ask_to_end(End(reason, exit_code, self.step, {}, time_ns(), message), patience)

    def _conclude(self, reason: str, exit_code: int, message: str) -> None:
        level = "info" if reason == "finished" else "error"
        self.event("end", f"{reason}{': ' if message else ''}{message}", level=level)
        self._ask_to_end(reason, exit_code, message, FINISH_TIMEOUT * 0.8)
        self.wait_over(time.monotonic() + FINISH_TIMEOUT)
        self._code.join(code.PATIENCE)

    @contextlib.contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 (recording never raises into the user's loop)
            self._refuse(what, error, None, None)

    def _refuse(self, what: str, error: Exception, values: Any, step: Any) -> None:
        with contextlib.suppress(Exception):
            self._handoff.note(*refused(what, error, values, step))
