"""Hooks that hurt nobody.

Owns the one boundary between measuring and the user's training. Invariant: nothing raises through it, and neither a copy nor
a pickle of a module takes a hook along.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from torch import nn
from torch.compiler import is_compiling

COLD = 5
"""Times as long as in a tight loop takes what is called once in an update, which leaves little of it in the caches."""


class Guard:
    """Swallows what goes wrong while measuring, and tells how long it took."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        """failed: told the first error, after which nothing is measured any more."""
        self.seconds = 0.0
        """Taken within hooks so far."""
        self.calls = 0
        """Calls of hooks so far."""
        self.over = False
        """Whether something went wrong."""
        self._failed = failed

    @property
    def total(self) -> float:
        """Seconds taken so far, with what calling the hooks took."""
        return self.seconds + self.calls * calling()

    def call(self, what: Callable[..., None], *given: Any) -> None:
        """Measure."""
        if self.over:
            return
        begun = perf_counter()
        try:
            what(*given)
        except Exception as error:  # noqa: BLE001 (the boundary)
            self.fail(error)
        self.seconds += perf_counter() - begun

    def fail(self, error: Exception) -> None:
        """Measure no more, and say why."""
        self.over = True
        with contextlib.suppress(Exception):
            self._failed(error)


def weakly(method: Callable[..., None]) -> Callable[..., None]:
    """A bound method that keeps its object no longer than others do."""
    known = weakref.WeakMethod(method)

    def call(*given: Any) -> None:
        found = known()
        if found is not None:
            found(*given)

    return call


class Hook:
    """Something to call at a certain moment; gives nothing back, so that nothing changes."""

    def __init__(self, guard: Guard | None, what: Callable[..., None] | None) -> None:
        self._guard, self._what = guard, what

    def __call__(self, *given: Any) -> None:
        """Measure, unless a compiler is looking."""
        guard, what = self._guard, self._what
        if guard is None or what is None or guard.over or is_compiling():
            return
        try:  # as in Guard.call, which would be one more call per update
            what(*given)
        except Exception as error:  # noqa: BLE001 (the boundary)
            guard.fail(error)

    def __deepcopy__(self, memo: Any) -> Hook:
        return Hook(None, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (
            contextlib.nullcontext(),
            "__exit__",
        )  # takes anything, gives None, and needs no nntui to be loaded


class Clocked(Hook):
    """A hook whose time its guard tells."""

    def __call__(self, *given: Any) -> None:
        """Measure, unless a compiler is looking."""
        guard, what = self._guard, self._what
        if guard is None or what is None or guard.over or is_compiling():
            return
        begun = perf_counter()
        try:
            what(*given)
        except Exception as error:  # noqa: BLE001 (the boundary)
            guard.fail(error)
        guard.calls += 1
        guard.seconds += perf_counter() - begun


@functools.cache
def calling() -> float:
    """Seconds that a call of a hook takes outside of what its guard measures: torch calls a module with hooks on a slower way."""
    module, guard = nn.Identity(), Guard(lambda error: None)
    plain = fastest(lambda: module(None))
    module.register_forward_pre_hook(Clocked(guard, lambda *given: None))
    whole = fastest(lambda: module(None))
    return COLD * max(0.0, whole - plain - guard.seconds / guard.calls)


def fastest(call: Callable[[], object], calls: int = 50, times: int = 5) -> float:
    """Seconds of one call, of the fastest of a few series."""
    taken = []
    for _ in range(times):
        begun = perf_counter()
        for _ in range(calls):
            call()
        taken.append(perf_counter() - begun)
    return min(taken) / calls


@contextlib.contextmanager
def lifted(*models: Any) -> Iterator[None]:
    """No hook is on the models meanwhile, for a function that refuses them. What is no module has none."""
    taken: list[tuple[Any, int, Hook]] = []
    for module in (part for model in models if isinstance(model, nn.Module) for part in model.modules()):
        for hooks in (module._forward_pre_hooks, module._forward_hooks):
            taken += [(hooks, key, hook) for key, hook in hooks.items() if isinstance(hook, Hook)]
    for hooks, key, _ in taken:
        del hooks[key]
    try:
        yield
    finally:
        for hooks, key, hook in taken:
            hooks[key] = hook
