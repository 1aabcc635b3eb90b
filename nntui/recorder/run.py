"""The in-loop API: Run, and what stands in for its queue when it is over or forked.

Owns the names people know from other loggers, and which step a call belongs to.
Invariant: no method of an opened Run raises into, blocks or slows the caller.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nntui.finding import Finding
from nntui.recorder import environment, hooks
from nntui.recorder.handoff import HURRY, Handoff, Row
from nntui.recorder.rows import INT64_LIMIT, check_row, dependency_row, event_row, example_rows
from nntui.recorder.scalars import PLAIN, NotAScalar, NotNow, capture, capture_array
from nntui.runlog.layout import End
from nntui.runlog.writer import WriterFolder

FINISH_TIMEOUT = 5.0
TRACEBACK_LIMIT = 16 << 10


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
    ) -> None:
        self.path = Path(path)
        here = environment.place()
        self._create = functools.partial(
            WriterFolder.create,
            self.path.absolute(),
            rank=here.rank if rank is None else rank,
            world_size=here.world_size,
            launch=here.launch,
            restart=here.restart,
            total_steps=total_steps,
            steps_per_epoch=steps_per_epoch,
            config=config,
            versions=environment.versions(),
            git_commit=environment.git_commit(),
        )
        self._total_steps = total_steps or 0
        self._next = resume_step or 0
        self._exit: tuple[str, str] | None = None
        self._handoff = Handoff(self._create(resume_step=resume_step), total_steps=self._total_steps)
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
        device, taken as it is now; NaN and infinities are recorded as they are. What is no number is dropped, with one
        event per name.
        """
        try:
            if step is None:
                step = self._next
            elif type(step) is not int:
                step = index(step)
            if not -INT64_LIMIT <= step < INT64_LIMIT:
                raise ValueError("it does not fit in 64 bits")
            self._next = step + 1
            names, numbers = tuple(values), tuple(values.values())
            if not PLAIN.issuperset(map(type, numbers)):
                names, numbers = self._captured(names, numbers)
            queue = self._queue
            if len(queue) >= HURRY and self._handoff.crowded(len(names)):
                return
            queue.append((names, numbers, step, time.time_ns()))
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
    ) -> None:
        """Record what the network says about a fixed batch.

        outputs: (N, …). inputs and targets: (N, …), given once, usually with the first call. The texts are what a person
        reads per example: class names, decoded tokens. step: None is the newest logged step.
        """
        with self._guarded("predictions"):
            parts = [("output", outputs, output_texts), ("target", targets, target_texts), ("input", inputs, None)]
            self._examples("predictions", name, step, parts)

    def samples(
        self,
        inputs: Any,
        targets: Any = None,
        *,
        name: str = "train",
        step: int | None = None,
        target_texts: Sequence[str] | None = None,
    ) -> None:
        """Record what entered the network: inputs (N, …) as the forward call saw them, and their targets."""
        with self._guarded("samples"):
            self._examples("samples", name, step, [("input", inputs, None), ("target", targets, target_texts)])

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
            data, at, now = capture_array(matrix), self._at(step), time.time_ns()
            labels = (tuple(row_labels or ()), tuple(col_labels or ()))
            encode = functools.partial(dependency_row, str(name), at, now, str(axis), data, labels, leak)
            self._row("dependencies", encode)

    def check(self, finding: Finding) -> None:
        """Record the outcome of a check; a failed one reaches the file at once."""
        with self._guarded("check"):
            if not isinstance(finding, Finding):
                raise NotAScalar(f"a {type(finding).__name__}; expected a nntui.Finding")
            self._row("checks", functools.partial(check_row, finding, time.time_ns()), finding.status == "fail")

    def event(
        self, event: str, message: str, *, level: str = "info", step: int | None = None, data: Any = None
    ) -> None:
        """Record that something happened: a checkpoint, a change of the learning rate, a note."""
        with self._guarded("event"):
            at, now = self._at(step), time.time_ns()
            self._row("events", functools.partial(event_row, at, now, str(level), str(event), str(message), data))

    def flush(self, timeout: float = 5.0) -> bool:
        """Whether all logged so far is in the file, after waiting for it at most `timeout` seconds."""
        with self._guarded("flush"):
            return self._handoff.flush(timeout)
        return False

    def finish(self, exit_code: int = 0) -> None:
        """Write what waits and say how the run ended. Calling it again does nothing; takes at most about 5 seconds."""
        if isinstance(self._queue, _Closed | _Forked):
            self._queue = _Closed(self)
            return
        reason, message = self._exit or ("finished", "")
        self.event(
            "end", f"{reason}{': ' if message else ''}{message}", level="info" if reason == "finished" else "error"
        )
        self._end(reason, exit_code if reason == "finished" else exit_code or 1, message, FINISH_TIMEOUT)
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
        if self._exit is not None or isinstance(self._queue, _Closed | _Forked):
            return
        line = traceback.format_exception_only(error)[-1].strip()
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else "exception"
        self._exit = (reason, line)
        text = "".join(traceback.format_exception(error))[-TRACEBACK_LIMIT:]
        level = "warn" if reason == "interrupted" else "error"
        self.event("exception", line, level=level, data={"traceback": text})
        self._handoff.wake()

    def interrupted_by(self, number: int) -> None:
        """The process is about to end by a signal: everything is written within a second, without a lock."""
        self._end("signal", 128 + number, signal.Signals(number).name, 1.0)

    def hurry(self) -> None:
        """Write now, without waiting for it."""
        self._handoff.wake()

    def forked(self) -> None:
        """This is a child: it writes nothing unless it logs, and then into a folder of its own."""
        if not isinstance(self._queue, _Closed | _Forked):
            self._handoff.abandon()
            self._queue = _Forked(self)

    def revive(self) -> Any:
        """Open a writer for a forked child that logs after all; its queue."""
        self._handoff = Handoff(self._create(resume_step=None), total_steps=self._total_steps)
        self._queue = self._handoff.queue
        self._handoff.start()
        return self._queue

    # --- inside -------------------------------------------------------------------------------

    def _captured(self, names: tuple[Any, ...], numbers: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        kept: dict[Any, Any] = {}
        for name, number in zip(names, numbers, strict=True):
            try:
                kept[name] = number if type(number) in PLAIN else capture(number)
            except NotNow as error:
                self._handoff.drop(1)
                self._handoff.note(f"{name!s}: {error}", f"{name!s:.200}: not recorded {error}.")
            except NotAScalar as error:
                self._handoff.note(f"{name!s}", f"{name!s:.200}: dropped, found {error}; expected one real number.")
            except Exception as error:  # noqa: BLE001 (a user's object may do anything when asked for its number)
                self._handoff.note(
                    f"{name!s}", f"{name!s:.200}: dropped, {type(error).__name__} when asked for its number."
                )
        return tuple(kept), tuple(kept.values())

    def _examples(self, kind: str, name: str, step: int | None, parts: list[tuple[str, Any, Any]]) -> None:
        taken = [
            (
                role,
                None if values is None else capture_array(values),
                None if texts is None else [str(t) for t in texts],
            )
            for role, values, texts in parts
            if values is not None or texts is not None
        ]
        self._row(kind, functools.partial(example_rows, str(name), self._at(step), time.time_ns(), taken))

    def _row(self, kind: str, encode: Callable[[], Any], urgent: bool = False) -> None:
        if len(self._queue) >= HURRY and self._handoff.crowded(0):
            self._handoff.note(kind, f"a row of {kind} was dropped: they came faster than the disk took them.")
            return
        self._queue.append(Row(kind, encode, urgent))
        if urgent:
            self._handoff.wake()

    def _at(self, step: int | None) -> int:
        return self.step if step is None else index(step)

    def _end(self, reason: str, exit_code: int, message: str, timeout: float) -> None:
        self._queue = _Closed(self)
        end = End(reason, exit_code, self.step, {}, time.time_ns(), message)
        if not self._handoff.finish(end, timeout):
            with contextlib.suppress(OSError, ValueError):
                print(f"nntui: {self.path}: the disk did not take the last rows in {timeout:g} s.", file=sys.stderr)  # noqa: T201

    @contextlib.contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 (recording never raises into the user's loop)
            self._refuse(what, error, None, None)

    def _refuse(self, what: str, error: Exception, values: Any, step: Any) -> None:
        with contextlib.suppress(Exception):
            if not isinstance(values, Mapping) and what == "log":
                found = f"values were a {type(values).__name__}; expected a mapping of names to numbers"
            elif what == "log":
                found = f"step was {step!r:.100}; expected a whole number ({error})"
            else:
                found = str(error) if isinstance(error, NotAScalar | NotNow) else f"{type(error).__name__}: {error}"
            self._handoff.note(f"{what}: {type(error).__name__}", f"Run.{what}: {found:.500}. The call was dropped.")


class _Closed:
    """Stands where the queue was once the run is over: takes nothing, says so once."""

    def __init__(self, run: Run) -> None:
        self._path = run.path
        self._said = False

    def __len__(self) -> int:
        return 0

    def append(self, item: Any) -> None:
        if not self._said:
            self._said = True
            print(f"nntui: {self._path}: the run is finished; what is logged now is not recorded.", file=sys.stderr)  # noqa: T201


class _Forked:
    """Stands where the queue was in a forked child: the first row opens a writer of the child's own."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __len__(self) -> int:
        return 0

    def append(self, item: Any) -> None:
        self._run.revive().append(item)


def index(value: Any) -> int:
    """A whole number from an int, numpy integer, one-element integer tensor or integral float."""
    try:
        return operator.index(value)
    except TypeError:
        number = float(value)
        if not number.is_integer():
            raise ValueError("it is not whole") from None
        return int(number)
