"""What `nntui run` does in a process once torch is loaded.

Owns the hooks and wrappers of the whole process, and when they go. Invariants: nothing is opened, and no more imported, before
the first update of an optimizer; a script that records itself, or an error of ours, ends all of this.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.compiler import is_compiling
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nntui.probes.hooks import Guard, Hook, lifted
from nntui.unmodified import FOLDER
from nntui.unmodified.functions import untouched
from nntui.unmodified.losses import Losses
from nntui.unmodified.models import optimizers
from nntui.unmodified.optimizers import Slots
from nntui.unmodified.telling import say
from nntui.unmodified.wrapping import Wrappers, hide

_task: Any = torch._C._current_graph_task_id
"""The backward pass that this is a part of; -1 for none."""
MANY = 10
"""Backward passes that look like a training, even where no update is seen."""


def begin() -> None:
    """Attach to this process, if it is to be recorded."""
    folder = os.environ.get(FOLDER, "")
    if folder:
        Attachment(Path(folder), sys.argv).attach()


class Attachment:
    """Hooks and wrappers in this process."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self._folder, self._argv = folder, [*argv]
        self._guard = Guard(self._failed)
        self._wrappers = Wrappers()
        self._handles: list[Any] = []
        self._leaving = False
        self._losses = Losses()
        self._slots: Slots | None = None
        self._scaler: weakref.ref[Any] | None = None
        self._within: weakref.ref[Optimizer] | None = None
        self._course: Any = None

    def attach(self) -> None:
        """Put everything in its place, or nothing. Raises what this torch makes of it."""
        try:
            self._wrappers.put(torch.autograd, "backward", self._around_backward)
            self._wrappers.put(torch.amp.GradScaler, "scale", self._around_scale)
            self._handles = [
                register_optimizer_step_pre_hook(Hook(self._guard, self._before)),
                register_optimizer_step_post_hook(Hook(self._guard, self._after)),
            ]
        except Exception:
            self._leave()
            raise
        atexit.register(self._ended)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def detach(self) -> None:
        """End the run, if there is one, and take everything off."""
        course, self._course = self._course, None
        if course is not None:
            course.end()
        self._guard.over = True
        self._leave()

    def step_aside(self, why: str) -> None:
        """Record no more, and say why, if there is anything to say.

        Hooks are taken off with the next backward pass: torch may be walking through them.
        """
        self._guard.over = self._leaving = True
        course, self._course = self._course, None
        if course is not None:
            course.give_up(why)
        if why:
            say(f"recording stops here: {why}. The script goes on.")

    # --- what is noticed ----------------------------------------------------------------------

    def _around_backward(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def backward(*given: Any, **named: Any) -> Any:
            if self._leaving:
                self._leave()
            outermost = _task() == -1 and not is_compiling()  # no part of another one (checkpoints), nor a compiler's
            if outermost and not self._guard.over:
                try:  # as in Guard.call, which would be one more call per update
                    self._backward_begins(given, named)
                except Exception as error:  # noqa: BLE001 (the boundary)
                    self._guard.fail(error)
            try:
                result = plain(*given, **named)
            except BaseException:
                hide()
                raise
            if outermost and self._losses.open:
                self._guard.call(self._losses.ended)
            return result

        return backward

    def _backward_begins(self, given: Any, named: Any) -> None:
        if self._slots is None:
            self._slots = Slots(optimizers())
        tensors = given[0] if given else named.get("tensors")
        self._losses.begins(self._slots, tensors, given[1] if len(given) > 1 else named.get("grad_tensors"))

    def _around_scale(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def scale(scaler: Any, *given: Any, **named: Any) -> Any:
            result = plain(scaler, *given, **named)
            self._guard.call(self._scaled, scaler, given[0] if given else named.get("outputs"), result)
            return result

        return scale

    def _scaled(self, scaler: Any, loss: Any, result: Any) -> None:
        self._scaler = weakref.ref(scaler)
        self._losses.scaled(loss, result)

    def _newest_scaler(self) -> Any:
        return None if self._scaler is None else self._scaler()

    def _around_script(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def script(obj: Any, *given: Any, **named: Any) -> Any:
            if len(given) < 2:  # how many frames up names are looked for: ours is one more
                named["_frames_up"] = named.get("_frames_up", 0) + 1
            else:
                given = (given[0], given[1] + 1, *given[2:])
            try:
                with lifted(obj), untouched():
                    return plain(obj, *given, **named)
            except BaseException:
                hide()
                raise

        return script

    def _around_graphed(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def make_graphed_callables(callables: Any, *given: Any, **named: Any) -> Any:
            try:
                with lifted(*(callables if isinstance(callables, tuple) else (callables,))):
                    return plain(callables, *given, **named)
            except BaseException:
                hide()
                raise

        return make_graphed_callables

    def _before(self, optimizer: Optimizer, given: Any, named: Any) -> None:
        """An update begins; one within another is a part of it."""
        if self._within is None or self._within() in (None, optimizer):
            self._within = weakref.ref(optimizer)
            course = self._course or self._begun()
            if course is not None:
                course.before(optimizer, given, named)

    def _after(self, optimizer: Optimizer, given: Any, named: Any) -> None:
        """It is over."""
        if self._within is not None and self._within() is optimizer:
            self._within = None
            if self._course is not None:
                self._course.after(optimizer, given, named)

    def _begun(self) -> Any:
        """The first update of all: from here on there is something to record."""
        if self._records_itself:
            self.step_aside("the script uses nntui itself")
            return None
        from nntui.unmodified.course import Course  # brings the recorder

        # Only from here on there are hooks on models, which these functions refuse.
        self._wrappers.put(torch.jit, "script", self._around_script)
        self._wrappers.put(torch.cuda, "make_graphed_callables", self._around_graphed)
        if self._slots is None:
            self._slots = Slots()
        self._course = Course(
            self._folder, self._argv, self._slots, self._losses, self._guard, self.step_aside, self._newest_scaler
        )
        return self._course

    @property
    def _records_itself(self) -> bool:
        """Whether the script has asked for something of nntui, which then is what it wants."""
        return "nntui.recorder" in sys.modules

    # --- the end ------------------------------------------------------------------------------

    def _failed(self, error: Exception) -> None:
        self.step_aside(f"{type(error).__name__}: {error!s:.300}")

    def _leave(self) -> None:
        self._leaving = False
        for handle in self._handles:
            handle.remove()
        self._wrappers.undo()

    def _forked(self) -> None:
        """This is a child of a process that is recorded: what it does is none of that training."""
        if self._course is not None:
            self._guard.over = self._leaving = True
            course, self._course = self._course, None
            course.forget()

    def _ended(self) -> None:
        if self._losses.passes >= MANY and self._course is None and not self._guard.over:
            say("nothing is recorded: no update by an optimizer of torch.optim was seen.")
