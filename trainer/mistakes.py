"""Single examples at a full evaluation: those the network gets most wrong, and the same few of all every time.

Owns which are recorded, and how often. Invariant: recording takes at most SHARE of the time and draws from no random source of
the training; whatever a task's own functions raise is one event, and the training goes on.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import nntui
from trainer.batches import Examples
from trainer.example_losses import Losses, confidences
from trainer.recording import output_texts, rows_of, target_texts

WORST = 256
"""Examples with the largest loss that are listed."""
SAMPLE = 128
"""Examples drawn once, with the run's first evaluation, and listed every time: what the worst are worse than."""
PICTURED = 2048
"""Examples whose input is recorded, at most."""
PICTURE = 4096
"""Numbers of an input that are kept; larger pictures are averaged down."""
SHARE = 0.02
"""Most of the time that goes into this; the last evaluation is recorded in any case."""
EVERY = 32
"""A recording comes when the steps since the last one are a part in so many of all: at most about 300 in a million."""

See = Callable[[Any, Any, Any], None]


@dataclass(slots=True)
class _Seen:
    """One example that may be listed."""

    badness: float
    """Its loss; infinite where that is no number."""
    loss: float
    place: int
    sampled: bool
    label: str
    said: str
    confidence: float
    picture: Tensor | None
    words: str


class Mistakes:
    """Looks at a validation split while it is evaluated, and records what stands out."""

    def __init__(self, task: nntui.Task, data: Examples | None, run: nntui.Run) -> None:
        self._task, self._run = task, run
        self._losses = Losses(task)
        self._places = None if data is None else data.places()
        count = SAMPLE if self._places is None else len(self._places)
        self._sample = frozenset(random.Random(0).sample(range(count), min(SAMPLE, count)))
        self._off = data is None
        self._born, self._spent, self._at = time.perf_counter(), 0.0, -1
        self._pictured: set[int] = set()
        self._shows = True
        self._begin()

    def watch(self, step: int, *, last: bool) -> See | None:
        """What an evaluation at this step calls with (inputs, outputs, targets) of each batch; None where it need not."""
        busy = self._spent > SHARE * (time.perf_counter() - self._born)
        if self._off or (not last and self._at >= 0 and (busy or step - self._at < step / EVERY)):
            return None
        self._begin()
        return self._see

    def record(self, step: int) -> None:
        """Record what was seen since `watch`."""
        if self._off or not self._seen:
            return
        since = time.perf_counter()
        self._prune(WORST)
        seen = sorted(self._seen, key=lambda one: one.place)
        self._run.examples(
            "validation",
            [one.place for one in seen],
            step=step,
            label=[one.label for one in seen],
            prediction=[one.said for one in seen],
            loss=[one.loss for one in seen],
            confidence=[one.confidence for one in seen],
            rest=self._left if self._measured == self._position and self._left > -math.inf else None,
        )
        shapes: dict[Any, list[_Seen]] = {}
        for one in seen:
            if one.place not in self._pictured and (one.picture is not None or one.words):
                shapes.setdefault(None if one.picture is None else one.picture.shape, []).append(one)
        for some in shapes.values():
            pictures = [one.picture for one in some if one.picture is not None]
            words = [one.words for one in some]
            inputs = torch.stack(pictures) if pictures else None
            self._run.examples("validation", [one.place for one in some], step=step, inputs=inputs, texts=words)
            self._pictured.update(one.place for one in some)
        self._at = step
        self._begin()
        self._spent += time.perf_counter() - since

    def _begin(self) -> None:
        self._seen: list[_Seen] = []
        self._position = self._measured = 0
        self._left = -math.inf
        """Largest loss of those that are not listed."""
        self._bar = -math.inf
        """Loss above which an example may be among the worst."""

    def _see(self, inputs: Any, outputs: Any, targets: Any) -> None:
        if self._off:
            return
        since = time.perf_counter()
        try:
            self._look(inputs, outputs, targets)
        except Exception as error:  # noqa: BLE001 (a user's function may raise anything)
            line = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self._run.event("examples", f"single examples are not recorded: {line:.200}", level="warn")
            self._off = True
        self._spent += time.perf_counter() - since

    def _look(self, inputs: Any, outputs: Any, targets: Any) -> None:
        rows, labels = rows_of(self._task, outputs), rows_of(self._task, targets)
        if rows is None or labels is None or len(rows) != len(labels):
            self._off = True
            return
        first = self._position
        self._position += len(rows)
        sampled = [first + k in self._sample for k in range(len(rows))]
        losses = self._losses(outputs, targets, rows, labels, sampled)
        known = sum(one is not None for one in losses)
        self._measured += known
        badness = [-math.inf if one is None else math.inf if math.isnan(one) else one for one in losses]
        chosen = [k for k in range(len(rows)) if losses[k] is not None and (sampled[k] or badness[k] > self._bar)]
        self._left = max([self._left, *(badness[k] for k in set(range(len(rows))).difference(chosen))])
        if not chosen:
            return
        whole = len(chosen) == len(rows)
        at = torch.tensor(chosen, device=rows.device)
        axis = self._task.batch_axis
        said, aims = (outputs, targets) if whole else (outputs.index_select(axis, at), targets.index_select(axis, at))
        labelled = target_texts(self._task, said, aims) or [""] * len(chosen)
        spoken = output_texts(self._task, said, aims) or [""] * len(chosen)
        sure = confidences(self._task, rows_of(self._task, said), rows_of(self._task, aims))
        pictures, words = self._pictures(inputs, chosen, first)
        for n, k in enumerate(chosen):
            loss = losses[k]
            self._seen.append(
                _Seen(
                    badness=badness[k],
                    loss=math.nan if loss is None else loss,
                    place=self._place(first + k),
                    sampled=sampled[k],
                    label=labelled[n],
                    said=spoken[n],
                    confidence=sure[n],
                    picture=None if pictures is None else pictures[n],
                    words="" if words is None else words[n],
                )
            )
        if len(self._seen) > 4 * (WORST + SAMPLE):
            self._prune(WORST)

    def _place(self, position: int) -> int:
        return position if self._places is None else int(self._places[position])

    def _prune(self, most: int) -> None:
        """Keep the sample and the worst of the others."""
        self._seen.sort(key=lambda one: (one.sampled, one.badness), reverse=True)
        others = sum(not one.sampled for one in self._seen)
        if others > most:
            kept = len(self._seen) - others + most
            self._left = max(self._left, self._seen[kept].badness)
            self._bar = self._seen[kept - 1].badness
            del self._seen[kept:]

    def _pictures(self, inputs: Any, chosen: list[int], first: int) -> tuple[Tensor | None, list[str] | None]:
        """What a person sees of the chosen examples of a batch, small; nothing where all of that is recorded."""
        fresh = any(self._place(first + k) not in self._pictured for k in chosen)
        if not self._shows or not fresh or len(self._pictured) >= PICTURED:
            return None, None
        try:
            pictures, words = self._task.shown(inputs)
            found = None if pictures is None else small(torch.as_tensor(pictures)[chosen])
            return found, None if words is None else [words[k] for k in chosen]
        except Exception as error:  # noqa: BLE001 (a user's function may raise anything)
            line = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self._run.event(
                "show", f"show(inputs) raised {line:.200}; examples are listed without inputs.", level="warn"
            )
            self._shows = False
            return None, None


def small(pictures: Tensor) -> Tensor:
    """(N, …) as float32 on the CPU; pictures (N, H, W) or (N, C, H, W) of more than PICTURE numbers averaged down to fewer."""
    each = math.prod(pictures.shape[1:])
    colours = pictures.shape[1] if pictures.dim() == 4 else 1
    if each <= PICTURE or pictures.dim() not in (3, 4) or colours > 4:
        return pictures.detach().float().cpu()
    scale = math.sqrt(PICTURE / each)
    high, wide = (max(1, int(n * scale)) for n in pictures.shape[-2:])
    return torch.nn.functional.adaptive_avg_pool2d(pictures.detach().float(), (high, wide)).cpu()
