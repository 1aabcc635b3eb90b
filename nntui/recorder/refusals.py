"""What a call of Run leaves out, and what is said of it.

Owns the words. Invariant: a user's object may do anything when asked for its number or its name, and nothing comes of it but
one event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nntui.recorder.device import Deferred, NotNow
from nntui.recorder.handoff import Handoff
from nntui.recorder.rows import shown
from nntui.recorder.scalars import PLAIN, NotAScalar, capture


def captured(values: Mapping[Any, Any], handoff: Handoff) -> tuple[dict[Any, Any], tuple[Deferred, ...]]:
    """The values that are numbers, and those of them that are on their way from a device; the others are told of."""
    kept: dict[Any, Any] = {}
    for name, number in values.items():
        try:
            kept[name] = number if type(number) in PLAIN else capture(number)
        except NotNow as error:
            handoff.drop(1)
            handoff.note(f"{shown(name)}: {error}", f"{shown(name)}: not recorded {error}.")
        except NotAScalar as error:
            handoff.note(shown(name), f"{shown(name)}: dropped, found {error}; expected one real number.")
        except Exception as error:  # noqa: BLE001 (a user's object may do anything when asked for its number)
            why = f"{type(error).__name__} when asked for its number"
            handoff.note(shown(name), f"{shown(name)}: dropped, {why}.")
    return kept, tuple(number for number in kept.values() if isinstance(number, Deferred))


def refused(what: str, error: Exception, values: Any, step: Any) -> tuple[str, str]:
    """What tells one cause of a dropped call from another, and the message of its event. what: the method of Run."""
    if what == "log" and not isinstance(values, Mapping):
        found = f"values were a {type(values).__name__}; expected a mapping of names to numbers"
    elif what == "log" and isinstance(error, RuntimeError):
        found = f"values could not be copied ({error})"
    elif what == "log":
        found = f"step was {step!r:.100}; expected a whole number ({error})"
    else:
        found = str(error) if isinstance(error, NotAScalar | NotNow) else f"{type(error).__name__}: {error}"
    cause = f"{what}: {' '.join(type(one).__name__ for one in (error, values, step))}"
    return cause, f"Run.{what}: {found:.500}. The call was dropped."
