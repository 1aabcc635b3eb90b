"""Snapshots of runs that never existed, a feed that answers from them, and a screen turned into plain text.

Everything is a plain function of its arguments, so that a hypothesis test may use it for each of its examples.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nntui import names
from nntui.analysis.series import Series
from nntui.finding import Finding
from nntui.runlog.schema import DEPENDENCIES, EXAMPLES, TENSORS
from nntui.session import plotting, recipe
from nntui.session.columns import Lineage
from nntui.session.data import Data, Listed, choose
from nntui.session.dependencies import Dependencies, Matrices
from nntui.session.drawing import Drawing
from nntui.session.examples import Moment, Shown
from nntui.session.layers import Layers, Watched, layers
from nntui.session.log import EventRow, Journal, Log
from nntui.session.marks import Jumps
from nntui.session.predictions import Predictions, predictions
from nntui.session.samples import Sample, Samples
from nntui.session.snapshot import Head, Lost, Mark, Pin, PlotData, PlotView, Snapshot, View, XAxis
from nntui.session.system import Process, System, SystemView, system
from nntui.session.table import Known
from nntui.session.weights import Context, Tensors, Weights

EXPECTED = Path(__file__).parent / "screens"
START = 1_760_000_000.0
PATIENCE = 60.0
"""Seconds for which the data of a scene look new."""
"""Unix seconds at which every run here began."""


def _series(metric: str, value: np.ndarray, every: int = 1) -> Series:
    step = np.arange(1, len(value) + 1, dtype=np.int64) * every
    return Series(metric, step, START + step * 0.05, np.asarray(value, float))


def _curves(points: int = 4000) -> list[Series]:
    noise = np.random.default_rng(7)
    at = np.arange(points) / points
    loss = 0.25 + 2.1 * np.exp(-7 * at) + 0.05 * np.exp(-2 * at) * noise.standard_normal(points)
    validation = 0.33 + 2.0 * np.exp(-7 * at[::100]) + 0.01 * noise.standard_normal(len(at[::100]))
    return [
        _series("train/loss", loss),
        _series("val/loss", validation, 100),
        _series("val/accuracy", 0.95 - 0.85 * np.exp(-6 * at[::100]), 100),
        _series("grad_norm", 1.2 + 0.4 * np.abs(noise.standard_normal(points))),
        _series("lr", np.where(at < 0.6, 3e-4, 3e-5)),
        _series("samples_per_second", 812 + 9 * noise.standard_normal(points)),
    ]


_PASSED = Finding(
    "skeleton.init_loss",
    "pass",
    "the loss before the first step is 2.31, inside 2.24 to 2.61",
    expected="2.24 to 2.61",
    measured=2.31,
    unit="nats",
    advice="Nothing to do.",
    evidence={"constant": 2.3026, "neutral": 2.3026, "per_class": [0.1] * 10},
    seconds=0.31,
)
_FAILED = Finding(
    "skeleton.dependency",
    "fail",
    "the output of example 3 depends on the input of example 7 (largest gradient 0.73; expected exactly 0)",
    expected=0.0,
    measured=0.73,
    tolerance=0.0,
    advice="Look for a view or reshape that should be a permute. To refute it: run the model on one example at a time.",
    evidence={"row": 3, "col": 7, "gradient": 0.7312345},
    seconds=0.05,
)
_PLATEAU = Finding(
    "live.plateau",
    "info",
    "train/loss fell 0.3 % in the last 1,000 steps, less than its noise (1.1 %)",
    expected=1.1,
    measured=0.3,
    unit="%",
    advice="Networks improve for unintuitively long: leave it running. To refute it: smooth more (s).",
    evidence={"metric": "train/loss", "window": 1000},
    step=3000,
)
_NONFINITE = Finding(
    "live.nonfinite",
    "error",
    "train/loss is nan at step 3,200",
    expected="finite",
    measured=math.nan,
    advice="Look at grad_norm just before. To refute it: restart from the last checkpoint with a tenth of the rate.",
    evidence={"metric": "train/loss", "step": 3200},
    step=3200,
)


def _live() -> Snapshot:
    head = Head(
        name="exp42",
        path="runs/exp42",
        state="live",
        step=4000,
        total_steps=10_000,
        epoch=2.5,
        eta=4321.0,
        loss=0.2531,
        loss_metric="train/loss",
        lr=3e-5,
        samples_per_second=812.4,
        elapsed=200.0,
        launches=1,
        ranks=1,
        watching="inotify + poll",
    )
    events = (
        EventRow(START, -1, "info", "start", "training on cpu, seed 1337", "w-0"),
        EventRow(START + 120, 2400, "info", "lr", "lr 3e-4 to 3e-5", "w-0"),
        EventRow(START + 199, 3990, "warn", "note", "checkpoint took 4.2 s", "w-0"),
    )
    return Snapshot(number=1, head=head, checks=recipe.ordered([_PASSED]), events=events)


def _failing() -> Snapshot:
    live = _live()
    note = EventRow(START + 200, 3999, "error", "exception", "CUDA out of memory", "w-0")
    return dataclasses.replace(
        live,
        head=dataclasses.replace(live.head, lost=Lost(points=1200, frames=1)),
        checks=recipe.ordered([_FAILED, _PASSED]),
        alerts=(_NONFINITE, _PLATEAU),
        events=(*live.events, note),
    )


def _crashed() -> Snapshot:
    live = _live()
    head = dataclasses.replace(live.head, state="crashed", state_reason="process 812 is gone", eta=math.nan)
    return dataclasses.replace(live, head=head)


def _ended() -> Snapshot:
    live = _live()
    head = dataclasses.replace(live.head, state="ended", state_reason="finished", step=10_000, eta=math.nan)
    return dataclasses.replace(live, head=head)


HOSTILE = (
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b[31;1mred\x1b[0m",
    "[bold red]markup[/]",
    "[/b] unclosed [link=javascript:x]",
    "evil\u202etxt.exe\u2066\u2069",
    "a\x00b\nc\rd\te\x7f",
    "c1 \x9b31m \x90q \x9d52;c;\x9c",
    "zero\u200bwidth\u200d\ufeff\u2060",
    "宽字符名字很长很长很长很长",
    "z\u0335\u0336\u0337\u0338\u0339a\u0335lgo",
    "\ud800 lone",
    "\ue000 private \U000e0041 tag",
    "x" * 10_000,
    "",
    " ",
)


def _hostile(names: tuple[str, ...] = HOSTILE) -> Snapshot:
    every = "".join(names[:12])
    finding = Finding(
        id=every,
        status="fail",
        message=every,
        expected=every,
        measured=every,
        unit=names[0],
        advice=every,
        evidence={name: name for name in names} | {"list": list(names), "nested": {names[0]: [names[1]]}},
        step=7,
    )
    alerts = tuple(dataclasses.replace(finding, id=name, message=name, status="error") for name in names)
    head = dataclasses.replace(
        _live().head, name=names[0], path=every, state_reason=every, loss_metric=names[1], watching=names[0]
    )
    return Snapshot(
        number=1,
        head=head,
        checks=(finding, *(dataclasses.replace(finding, id=name) for name in names)),
        alerts=alerts,
        stages=recipe.stages([finding]),
        events=tuple(EventRow(START, -1, name, name, name, name) for name in names),
    )


def _nan_curves() -> list[Series]:
    curves = _curves()
    loss = curves[0].value.copy()
    loss[3200:3300] = np.nan
    loss[3300:3320] = np.inf
    return [Series("train/loss", curves[0].step, curves[0].wall_time, loss), *curves[1:]]


SCENES: dict[str, tuple[Callable[[], Snapshot], Callable[[], list[Series]]]] = {
    "empty": (lambda: Snapshot(head=Head(name="exp42", path="runs/exp42")), list),
    "live": (_live, _curves),
    "failing": (_failing, _nan_curves),
    "crashed": (_crashed, _curves),
    "ended": (_ended, _curves),
    "problem": (
        lambda: Snapshot(
            head=Head(name="exp42", path="runs/exp42"),
            problem="runs/exp42: run.json says format 9; this nntui reads up to 1. Update nntui.",
        ),
        list,
    ),
    "hostile": (_hostile, lambda: [_series(name, np.sin(np.arange(50.0))) for name in HOSTILE]),
}


def _moments(steps: int = 30) -> tuple[dict[int, Shown], dict[int, Shown], list[Moment]]:
    """Twelve pictures of three classes, of which the network learns all but one."""
    noise = np.random.default_rng(3)
    names = ("cat", "dog", "[b]ox[/b]\x1b[31m")
    pictures = {k: Shown((4, 4), np.arange(16.0) * (k % 5 + 1) % 7) for k in range(12)}
    labels = {k: Shown((), np.array([float(k % 3)]), names[k % 3]) for k in range(12)}
    moments = []
    for step in range(steps):
        moment = Moment(step * 50)
        for k in range(12):
            logits = noise.standard_normal(3) * 0.3
            logits[k % 3] += 0.15 * step if k != 7 else -1.0
            moment.outputs[k] = Shown((3,), logits, names[int(np.argmax(logits))])
        moments.append(moment)
    return pictures, labels, moments


def _matrices(*, leak: bool) -> Matrices:
    """A clean batch, and a causal sequence that looks ahead where there is a leak."""
    known = Matrices()
    time = np.tril(np.geomspace(1e-3, 1.0, 400).reshape(20, 20))
    if leak:
        time[4, 9] = 0.73
    for axis, matrix, at in (("batch", np.eye(8), (-1, -1)), ("time", time, (4, 9) if leak else (-1, -1))):
        record = {
            "name": "model",
            "step": -1,
            "wall_time_ns": 1,
            "axis": axis,
            "rows": len(matrix),
            "cols": len(matrix),
        }
        record |= {"data": matrix.ravel().tolist(), "leak_row": at[0], "leak_col": at[1], "leak_value": 0.73}
        known.fold(pa.RecordBatch.from_pylist([record], schema=DEPENDENCIES))
    return known


ENTERED = "input: 64 × 1 × 4 × 4 float32, -0.811 to 1.85, mean 0.0176, spread 1.01; target: 64 int64, 0 to 2"


def _listed(*, failing: bool) -> Listed:
    """Forty pictures of three classes: some wrong, one repeated, one out of date; of a failing run nothing but wrong ones."""
    noise = np.random.default_rng(5)
    names = ("cat", "dog", "[b]ox[/b]\x1b[31m")
    nothing = {
        "label": "",
        "prediction": "",
        "duplicate_split": "",
        "duplicate_of": -1,
        "shape": [],
        "data": [],
        "text": "",
    }
    nothing |= dict.fromkeys(("loss", "confidence", "outlier", "suspect"), math.nan)
    rows = []
    for k in range(40):
        wrong = failing or k % 9 == 4
        one = {"split": "validation", "index": 3 * k, "step": 4000, "wall_time_ns": 1, "label": names[k % 3]}
        one |= {"prediction": names[(k + wrong) % 3], "loss": float(noise.exponential(2.0 if wrong else 0.1))}
        one |= {
            "confidence": float(noise.uniform(0.4, 1.0)),
            "shape": [4, 4],
            "data": list(np.arange(16.0) * (k % 5 + 1) % 7),
        }
        rows.append(nothing | one | ({"loss": math.nan, "prediction": "nan"} if failing and k % 2 else {}))
    rows.append(
        nothing | {"split": "validation", "index": 500, "step": 100, "wall_time_ns": 1, "label": "cat", "loss": 7.5}
    )
    rows.append(nothing | {"split": "validation", "index": -1, "step": 4000, "wall_time_ns": 1, "loss": 0.004})
    checked = {
        "split": "train",
        "step": -1,
        "wall_time_ns": 1,
        "label": "dog",
        "text": "the quick brown fox jumps over",
    }
    rows.append(nothing | checked | {"index": 12, "outlier": 12.5, "suspect": 0.9, "duplicate_of": 7})
    rows.append(nothing | checked | {"index": 99, "outlier": 3.25, "duplicate_of": 3, "duplicate_split": "validation"})
    known = Known()
    known.fold("w-0", pa.RecordBatch.from_pylist(rows, schema=EXAMPLES))
    return Listed(known.table([("w-0", 1 << 62)]))


def _depth(*, failing: bool, names_of: tuple[str, ...] = ()) -> tuple[dict[str, Series], Watched]:
    """Six layers over 60 readings; of a failing network one dies half-way, one learns too fast, one gives NaN."""
    shown = names_of or ("stem.conv", "stem.act", "body.0.conv", "body.0.act", "body.1.conv", "head")
    kinds = tuple("ReLU" if name.endswith("act") else "Conv2d" for name in shown)
    noise = np.random.default_rng(11)
    found: dict[str, Series] = {}
    for depth, name in enumerate(shown):
        rows = {
            names.ACTIVATION_MEAN: 0.05 + 0.01 * depth,
            names.ACTIVATION_STD: 1.0,
            names.DEAD_FRACTION: 0.02 * depth,
        }
        if not name.endswith("act"):
            rows |= {names.GRAD_NORM: 0.3 / (depth + 1), names.UPDATE_RATIO: 1e-3 / (depth + 1), names.WEIGHT_NORM: 9.0}
        for statistic, base in rows.items():
            values = base * np.exp(0.3 * noise.standard_normal(60))
            if failing and depth == 3 and statistic == names.DEAD_FRACTION:
                values[30:] = 0.93
            if failing and depth == 4 and statistic == names.UPDATE_RATIO:
                values *= 200
            if failing and depth == 5 and statistic == names.ACTIVATION_MEAN:
                values[-5:] = np.nan
            one = _series(names.layer(name, statistic), values, 50)
            found[one.metric] = one
    found[names.OVERHEAD] = _series(names.OVERHEAD, np.full(60, 0.013), 50)
    size = tuple(1000 * (depth + 1) if kind != "ReLU" else 0 for depth, kind in enumerate(kinds))
    return found, Watched(shown, kinds, size, size, ("body.1 is compiled: its activations",))


def _readings(rank: int, *, failing: bool) -> dict[str, Series]:
    """What a rank's recorder reads of its machine; of a failing run memory is short and nothing is watched."""
    noise = np.random.default_rng(17)
    levels = {
        names.gpu(rank, names.GPU_UTILIZATION): 0.87,
        names.gpu(rank, names.GPU_MEMORY): (77.0 if failing else 41.2) * 2**30,
        names.gpu(rank, names.GPU_PROCESS_MEMORY): 39.8 * 2**30,
        names.gpu(rank, names.GPU_POWER): 350.0,
        names.CPU: 1.2,
        names.WORKERS: 4.0,
        names.WORKERS_CPU: 3.4,
        names.WORKERS_MEMORY: 2.0 * 2**30,
        names.RESIDENT: 3.1 * 2**30,
        names.MACHINE_CPU: 0.41,
        names.MACHINE_MEMORY: 0.99 if failing else 0.45,
        names.DISK_FREE: (0.5 if failing else 120.0) * 2**30,
        names.RECORDER_CPU: 0.008,
        names.RECORDED: 3.1 * 2**20,
        names.QUEUE: 12.0,
    }
    if not failing:
        levels |= {names.DATA_WAIT: 0.03, names.OVERHEAD: 0.004, names.STEP_SECONDS: 0.0123}
    flat = (names.WORKERS, names.GPU_POWER, names.RECORDED, names.QUEUE, names.MACHINE_MEMORY)
    found = {
        name: _series(name, level * (1 - (0.0 if name in flat else 0.1) * noise.random(40)), 100)
        for name, level in levels.items()
    }
    speed = _series("samples_per_second", 812 + 9 * noise.standard_normal(400), 10)
    return found | {speed.metric: speed}


def _rank(writer: str) -> int:
    return next((k for k in range(4) if writer == f"w-r{k}"), 0)


def _machine(view: SystemView, *, failing: bool, foreign: tuple[str, ...] = ()) -> System:
    """Four ranks on two hosts, one GPU each; of a failing run one lags, one is gone, and there was a launch before."""
    series = _readings(_rank(view.writer), failing=failing)
    steps = (4000, 3999, 3420 if failing else 4000, 2100 if failing else 3998)
    now = time.monotonic()
    known = [
        Process(
            f"w-r{k}",
            k,
            4,
            "crashed" if failing and k == 3 else "live",
            "process 4714 is gone without a word" if failing and k == 3 else "",
            foreign[1] if foreign else f"gpu-{3 + k // 2:02d}",
            4711 + k,
            START,
            now - (3600.0 if failing and k == 3 else 0.5),
            step,
            8.1,
            launch="job17",
            resume_step=2000 if failing else -1,
            versions={"python": "3.11.7", "torch": "2.13.0", "nntui": "0.1.0"} | {name: name for name in foreign},
            git_commit="142baf0c3d5e7f90" if not foreign else foreign[0],
            uncommitted="yes" if failing else "no",
            command="".join(foreign[:12]) or "train.py --lr 3e-4 --name 'two words'",
            seed="1337",
        )
        for k, step in enumerate(steps)
    ]
    if failing:
        known.append(
            Process("w-old", 0, 4, "ended", "ended by SIGTERM", "gpu-01", 99, START - 86400, now - 80000, 2000, 8.0)
        )
    gpus = [
        {"index": k, "name": foreign[2] if foreign else "NVIDIA H100 80GB HBM3", "memory": 80 * 2**30} for k in range(4)
    ]
    told = {"cores": 16, "memory": 126.0 * 2**30, "gpus": gpus, "blind": list(foreign)}
    return dataclasses.replace(
        system(view, series, series["samples_per_second"], known, told), writer=f"w-r{_rank(view.writer)}"
    )


def _weights(*, failing: bool) -> Tensors:
    """Sixteen filters of three colours at five moments: waves that training brings out; of a failing network noise that stays."""
    noise = np.random.default_rng(13).standard_normal((16, 3, 5, 5))
    angles = np.linspace(0, np.pi, 16).reshape(16, 1, 1, 1)
    rows, columns = np.indices((5, 5))
    waves = np.sin(np.cos(angles) * rows + np.sin(angles) * columns + np.arange(3).reshape(1, 3, 1, 1))
    known = Tensors()
    for moment, step in enumerate((0, 500, 1000, 2000, 4000)):
        data = noise if failing else noise + moment * waves
        record = {"name": "stem.conv.weight", "step": step, "wall_time_ns": 1, "shape": list(noise.shape)}
        known.fold("w-0", pa.RecordBatch.from_pylist([record | {"data": data.ravel().tolist()}], schema=TENSORS))
    record = {
        "name": "words.weight",
        "step": 0,
        "wall_time_ns": 1,
        "shape": [12, 20],
        "data": np.arange(240.0).tolist(),
    }
    known.fold("w-0", pa.RecordBatch.from_pylist([record], schema=TENSORS))
    return known


class CannedFeed:
    """A feed whose run never changes unless a test says so; it has no thread and no clock."""

    def __init__(self, scene: str = "live") -> None:
        self.scene = scene
        make, curves = SCENES[scene]
        self.base = make()
        self.curves = curves()
        self.view = View()
        self.views: list[View] = []
        self.number = 0
        self.started = self.stopped = False
        self.trouble: dict[str, str] = {}
        """What is wrong with pinned runs, by name."""
        self.on_snapshot: Callable[[Snapshot], None] = lambda snapshot: None

    def __call__(self, path: Path, on_snapshot: Callable[[Snapshot], None], *, wait: bool = False) -> CannedFeed:
        """Stand in for the class Feed."""
        self.path, self.wait, self.on_snapshot = path, wait, on_snapshot
        return self

    def start(self) -> None:
        self.started = True
        self.post()

    def stop(self, timeout: float = 0.0) -> None:
        self.stopped = True

    def wake(self) -> None: ...

    def show(self, view: View) -> None:
        self.views.append(view)
        if view != self.view:
            self.view = view
            if self.started:
                self.post()

    def post(self, **changes: Any) -> None:
        """Hand over the next snapshot, with fields of the scene replaced."""
        self.base = dataclasses.replace(self.base, **changes)
        self.on_snapshot(self.snapshot())

    def snapshot(self) -> Snapshot:
        """What the real session would answer for the current view."""
        self.number += 1
        known = {one.metric: one for one in self.curves}
        if self.view.layers and self.curves:
            known |= _depth(failing=self.scene == "failing")[0]
        if self.view.system and self.curves:
            known |= _readings(_rank(self.view.system.writer), failing=self.scene == "failing")
        newest = time.monotonic() + PATIENCE if known else math.nan  # new, however slow the machine
        return dataclasses.replace(
            self.base,
            number=self.number,
            view=self.view,
            head=dataclasses.replace(self.base.head, newest=newest),
            plots=plots_of(self.view.plots, known, len(self.view.pins)),
            called="mine" if self.view.pins else "",
            pins=tuple(Pin(path, path.name, "ended", self.trouble.get(path.name, "")) for path in self.view.pins),
            metrics=tuple(plotting.summary(Lineage(one), self.view.sparkline_columns) for one in self.curves),
            stages=self.base.stages or recipe.stages(self.base.checks),
            parts={
                "predictions": self._predictions(),
                "dependencies": self._dependencies(),
                "data": self._data(),
                "layers": self._layers(),
                "weights": self._weights(),
                "system": self._system(),
                "log": self._log(),
                "samples": self._samples(),
            },
        )

    def _log(self) -> Log:
        view = self.view.log
        if view is None:
            return Log()
        journal = Journal()
        journal.events.extend(self.base.events)
        if self.curves and self.scene != "hostile":
            printed = [
                (1200, "stdout", "epoch 1: loss 0.91"),
                (2600, "stderr", "UserWarning: lr_scheduler.step() came first"),
            ]
            for step, stream, text in printed:
                row = {"step": step, "wall_time_ns": int((START + step * 0.05) * 1e9), "stream": stream, "text": text}
                journal.fold_output("w-0", row)
        return journal.shown(view, self.base.alerts, lambda step: START + 0.05 * step)

    def _system(self) -> System:
        view = self.view.system
        if view is None or not self.curves:
            return System()
        return _machine(view, failing=self.scene == "failing", foreign=HOSTILE if self.scene == "hostile" else ())

    def _weights(self) -> Weights:
        view = self.view.weights
        if view is None or not self.curves:
            return Weights()
        return _weights(failing=self.scene == "failing").shown(view, (("w-0", 1 << 62),), Context())

    def _layers(self) -> Layers:
        view = self.view.layers
        if view is None or not self.curves:
            return Layers()
        hostile = HOSTILE if self.scene == "hostile" else ()
        return layers(view, *_depth(failing=self.scene == "failing", names_of=hostile))

    def _data(self) -> Data:
        view = self.view.data
        return choose(view, _listed(failing=self.scene == "failing"), ENTERED) if view and self.curves else Data()

    def _samples(self) -> Samples:
        view = self.view.samples
        if view is None or not self.curves or self.scene == "failing":
            return Samples()
        found = tuple(
            Sample(given, target) for given, target in zip(*(part.values() for part in _moments()[:2]), strict=True)
        )
        steps = np.array([0, 10, 100])
        at = 0 if view.step is None else int(np.searchsorted(steps, view.step, side="right")) - 1
        return Samples(steps, at, found[: 12 - at])

    def _predictions(self) -> Predictions:
        view = self.view.predictions
        return predictions(view, ["fixed", "hard"], *_moments()) if view and self.curves else Predictions()

    def _dependencies(self) -> Dependencies:
        view = self.view.dependencies
        return _matrices(leak=self.scene == "failing").shown(view) if view and self.curves else Dependencies()


def plots_of(views: Iterable[PlotView], known: dict[str, Series], others: int = 0) -> dict[str, PlotData]:
    """The plots of the named curves, with a mark where the learning rate falls, and of so many runs that did worse."""
    scale, lr = plotting.XScale(1600, START), known.get("lr")

    def given(view: PlotView) -> list[plotting.Drawn]:
        own = [known[m] for m in view.metrics if m in known]
        return [
            plotting.Drawn([Lineage(dataclasses.replace(s, value=s.value + 0.2 * n)) for s in own], scale)
            for n in range(others + 1)
        ]

    def marks(axis: XAxis) -> list[Mark]:
        return Jumps().marks(Lineage(lr), scale, axis) if lr is not None else [Mark(0.0, "start")]

    return Drawing().plots(views, given, marks, {})


def plot_of(view: PlotView, known: dict[str, Series], others: int = 0) -> PlotData:
    """One of them."""
    return plots_of([view], known, others)[view.key]


def screen_lines(app: Any) -> list[str]:
    """What the terminal shows, one string per row, blanks at the right removed."""
    rows = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in rows]


async def settle(pilot: Any) -> None:
    """Wait until nothing is left to lay out or to send: twice in a row the same screen, and no widget in want of drawing."""
    app = pilot.app
    before: object = None
    for _ in range(1000):
        await pilot.pause()
        screen = app.screen
        busy = screen._dirty_widgets or screen._layout_required or screen._repaint_required or screen._callbacks
        now = None if busy else (screen, app.snapshot, screen_lines(app))
        if now is not None and now == before:
            return
        before = now
    raise AssertionError("the screen did not come to rest")


def assert_screen(name: str, app: Any) -> None:
    """Compare the screen with tests/tui/screens/NAME.txt; NNTUI_UPDATE_SCREENS=1 writes it anew."""
    shown = "\n".join(screen_lines(app)) + "\n"
    expected = EXPECTED / f"{name}.txt"
    if os.environ.get("NNTUI_UPDATE_SCREENS"):
        expected.write_text(shown, encoding="utf-8")
    assert shown == expected.read_text(encoding="utf-8"), f"{name}: look at it, then NNTUI_UPDATE_SCREENS=1"


@pytest.fixture(scope="session")
def tui() -> SimpleNamespace:
    """Scenes, the canned feed and the screen as text."""
    return SimpleNamespace(
        CannedFeed=CannedFeed,
        HOSTILE=HOSTILE,
        SCENES=tuple(SCENES),
        plot_of=plot_of,
        series=_series,
        curves=_curves,
        lines=screen_lines,
        settle=settle,
        assert_screen=assert_screen,
    )


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test depends on the terminal or time zone of whoever runs it, nor leaves what a key exports where it runs."""
    monkeypatch.setenv("NNTUI_EXPORT", str(tmp_path))
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL_ANIMATIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)  # a pilot looks five times as often for idleness
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.0004)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
