"""What a check or an alert says to the user: the one word both halves of nntui speak.

Owns the Finding and its vocabulary. Knows nothing of files, arrays or screens (standard library only).
Invariant: a Finding is immutable and can be written as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

CheckStatus = Literal["pass", "warn", "fail", "skip", "crash"]
"""The verdict of a check, before training. skip: does not apply here; crash: the check itself failed."""

Severity = Literal["info", "warn", "error"]
"""The weight of an alert, during training. error: proven wrong; warn: very likely costs you; info: worth a look."""

Status = Literal["pass", "warn", "fail", "skip", "crash", "info", "error"]

PROGRESS = "check/"
"""How the name of a metric begins that a check measures while it runs, at steps of its own and not of the training."""
STATUSES: frozenset[str] = frozenset(get_args(Status))


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict with its evidence.

    A number that is not known is NaN; a text that is not known is empty. Nothing is None.
    """

    id: str
    """Recipe row (`skeleton.init_loss`) of a check, or rule (`live.plateau`) of an alert."""
    status: Status
    """Verdict of a check (CheckStatus) or severity of an alert (Severity)."""
    message: str
    """One sentence: what was found, with its numbers. Readable without the other fields."""
    expected: float | str = math.nan
    """What should have been measured: a number, or words where no single number says it (`2.24 to 2.61`)."""
    measured: float | str = math.nan
    """What was measured, in the same unit."""
    tolerance: float = math.nan
    """How far from `expected` is still fine, in the same unit; 0 means exactly."""
    unit: str = ""
    """Unit of expected, measured and tolerance (`nats`, `steps`); empty for a pure number."""
    advice: str = ""
    """Most likely cause first, then the experiment that would refute it."""
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON-able details: every number the verdict rests on, by name."""
    seconds: float = math.nan
    """How long the check took, in seconds; NaN for an alert."""
    step: int = -1
    """Step the finding is about (optimizer updates completed); -1 before the first step or unknown."""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(
                f"Finding {self.id!r}: status was {self.status!r}; expected one of {', '.join(sorted(STATUSES))}."
            )

    def as_dict(self) -> dict[str, Any]:
        """Every field by name, non-finite numbers as `"nan"`, `"inf"`, `"-inf"` (JSON has no such numbers)."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: jsonable(value) for name, value in plain.items()}


def jsonable(value: Any) -> Any:
    """The value as JSON can carry it: non-finite floats as `"nan"`, `"inf"`, `"-inf"`; unknown objects as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in cast(Iterable[Any], value)]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return str(value)
