"""What differs between two runs, and what came of it.

Owns which differences count as a change of the experiment, and when a difference of scores is called a gain. Pure but for `side`.
Standard library only. Invariant: more than one change is never said to have brought a gain, nor is a difference called a
gain that is no larger than its standard error; what was not recorded is not said to be the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nntui.analysis import roles
from nntui.runlog import layout
from nntui.session.glance import Glance, Onlooker
from nntui.session.outcome import NOTHING, Outcome, Point
from nntui.session.settings import comparable, flattened, written

Kind = Literal["config", "code", "data", "command", "seed", "commit", "version", "host"]
COUNTED: tuple[Kind, ...] = ("config", "code", "data", "command")
"""What makes another experiment of a run; the rest is said and not counted."""
SEEDS = frozenset({"seed", "random_seed", "manual_seed", "rng_seed", "torch_seed"})
DATA, PRINTS = (
    frozenset({"data", "dataset"}),
    frozenset({"fingerprint", "hash", "digest", "checksum", "revision", "sha256", "md5"}),
)
"""A setting with a word of each tells which data it was."""
UNSET = "–"


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """One of two runs."""

    name: str
    path: Path
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    manifest: layout.Manifest = field(default_factory=layout.Manifest)
    code: layout.Code = field(default_factory=layout.Code)
    outcome: Outcome = NOTHING
    step: int = -1
    started_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: Kind
    name: str
    before: str
    after: str

    @property
    def words(self) -> str:
        """`lr 0.01 → 0.001`"""
        return f"{self.name} {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Gain:
    """What became of a score."""

    metric: str
    before: Point
    after: Point
    gain: float
    """How much better; negative: worse. NaN where either is not known."""
    error: float
    """Standard error of the gain; NaN where it is not known."""

    @property
    def verdict(self) -> Literal["better", "worse", "no difference", "same", "higher", "lower", "unknown"]:
        """higher, lower: it differs, and nobody knows whether that means anything."""
        if math.isnan(self.gain):
            return "unknown"
        if self.gain == 0:
            return "same"
        if math.isnan(self.error):
            return "higher" if self.after.value > self.before.value else "lower"
        return "no difference" if abs(self.gain) <= self.error else "better" if self.gain > 0 else "worse"


@dataclass(frozen=True, slots=True)
class Differences:
    """Of two runs, the first as it was before and the second as it came after."""

    before: str
    after: str
    changes: tuple[Change, ...]
    gains: tuple[Gain, ...]
    """The score that the second is judged by first."""
    budgets: tuple[int, int] = (-1, -1)
    """Steps that each has come to."""

    @property
    def counted(self) -> tuple[Change, ...]:
        """The changes of the experiment."""
        return tuple(one for one in self.changes if one.kind in COUNTED)

    @property
    def repetition(self) -> bool:
        """Whether it is the same experiment once more."""
        return not self.counted

    @property
    def verdict(self) -> str:
        """One line on whether the difference of scores can be put down to something."""
        counted, seed = self.counted, any(one.kind == "seed" for one in self.changes)
        if not counted:
            return "only the seed differs: a repetition" if seed else "nothing that was recorded differs: a repetition"
        if len(counted) == 1:
            return f"one thing differs: {counted[0].name}{', and the seed' if seed else ''}"
        became = self.gains[0] if self.gains else None
        if became is None or became.verdict in ("unknown", "same", "no difference"):
            return f"{len(counted)} things differ"
        return f"{len(counted)} things differ: no telling which {'brought the gain' if became.gain > 0 else 'made it worse'}"


def side(one: Glance, outcome: Outcome) -> Side:
    """A run, with what its small files tell of its code."""
    manifest = (layout.read_manifest(one.folder) if one.folder else None) or layout.Manifest()
    code = (layout.read_code(one.folder) if one.folder else None) or layout.Code()
    return Side(one.name, one.path, one.config, manifest, code, outcome, one.step, one.started_at)


def glance(path: Path) -> Glance:
    """A run at a glance, once."""
    return Onlooker(path).look(time.monotonic(), time.time())


def differences(before: Side, after: Side) -> Differences:
    """Everything recorded that is not the same, and the scores of both."""
    config = list(_config(before, after))
    changes = [*config, *_code(before, after)]
    if not config:  # else the command says the same once more
        changes += _command(before, after)
    if not any(one.kind == "seed" for one in changes) and not _has_seed(before) and not _has_seed(after):
        changes += _told("seed", "seed", before.manifest.seed, after.manifest.seed)
    changes += _commit(before, after)
    for name in sorted(before.manifest.versions.keys() | after.manifest.versions.keys()):
        old, new = (str(s.manifest.versions.get(name, UNSET)) for s in (before, after))
        changes += [Change("version", name, old, new)] if old != new else []
    changes += _told("host", "host", before.manifest.host, after.manifest.host)
    order = {
        kind: at for at, kind in enumerate(("config", "code", "data", "command", "seed", "commit", "version", "host"))
    }
    changes.sort(key=lambda one: order[one.kind])
    return Differences(
        before.name, after.name, tuple(changes), tuple(_gains(before.outcome, after.outcome)), (before.step, after.step)
    )


def changed_settings(before: Side, after: Side) -> Iterator[tuple[Kind, str, Any, Any]]:
    """(kind, name, value, value) of every setting that is not the same; UNSET where a run has none."""
    old, new = flattened(before.config), flattened(after.config)
    for name in dict.fromkeys((*old, *new)):
        texts = [
            comparable(name, s[name], side.name) if name in s else None for s, side in ((old, before), (new, after))
        ]
        if texts[0] != texts[1]:
            yield kind_of(name), name, old.get(name, UNSET), new.get(name, UNSET)


def kind_of(setting: str) -> Kind:
    """What a setting is of: the seed, the data, or the experiment."""
    words = frozenset(roles.words(setting))
    if setting.rpartition(".")[2].lower() in SEEDS:
        return "seed"
    return "data" if words & DATA and words & PRINTS else "config"


def _config(before: Side, after: Side) -> Iterator[Change]:
    known = [*flattened(before.config).values(), *flattened(after.config).values()]
    for kind, name, old, new in changed_settings(before, after):
        yield Change(kind, name, written(old), written(new))
    steps = before.manifest.total_steps, after.manifest.total_steps
    if all(steps) and steps[0] != steps[1] and not all(one in known for one in steps):
        yield Change("config", "total_steps", f"{steps[0]:,}", f"{steps[1]:,}")


def _code(before: Side, after: Side) -> list[Change]:
    """The code that was loaded; where it is not known of both, the commit stands for it."""
    old, new = before.code, after.code
    if old.digest and new.digest:
        if old.digest == new.digest:
            return []
        names = sorted(n for n in old.files.keys() | new.files.keys() if old.files.get(n) != new.files.get(n))
        return [Change("code", ", ".join(names) or "code", old.digest[:8], new.digest[:8])]
    return _told("code", "commit", before.manifest.git_commit[:10], after.manifest.git_commit[:10])


def _commit(before: Side, after: Side) -> list[Change]:
    if not (before.code.digest and after.code.digest):
        return []
    old, new = (
        f"{s.manifest.git_commit[:10]}{' with uncommitted changes' if s.code.uncommitted == 'yes' else ''}"
        for s in (before, after)
    )
    return _told("commit", "commit", old, new)


def _command(before: Side, after: Side) -> list[Change]:
    old, new = (s.manifest.command for s in (before, after))
    same = comparable("run", old, before.name) == comparable("run", new, after.name)
    return [] if same else _told("command", "command", old, new)


def _told(kind: Kind, name: str, old: str, new: str) -> list[Change]:
    """A change between two texts that are both known."""
    return [Change(kind, name, old, new)] if old and new and old != new else []


def _has_seed(one: Side) -> bool:
    return any(kind_of(name) == "seed" for name in flattened(one.config))


def _gains(before: Outcome, after: Outcome) -> Iterator[Gain]:
    judged = after.judged_by or before.judged_by
    scores = [name for name in after.metrics if roles.is_score(name) and roles.is_validation(name)]
    for metric in dict.fromkeys((judged, *sorted(scores))):
        if metric:
            yield gain(metric, before.best_of(metric), after.best_of(metric))


def gain(metric: str, before: Point, after: Point) -> Gain:
    """The gain in a score, with the standard error of a difference of two independent numbers."""
    better = (after.value - before.value) * (1.0 if roles.is_score(metric) else -1.0)
    return Gain(metric, before, after, better, math.hypot(before.error, after.error))
