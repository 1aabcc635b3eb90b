# pyright: standard
"""What the screens that look inside show: predictions, dependencies, layers, weights, single examples.

Owns folding what was recorded of them, and what is kept so that nothing is derived twice. Invariant: each is derived anew only
for another view or where something was recorded that it is made of; what no view asks for is not derived.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from nntui import names
from nntui.analysis.answers import Answers
from nntui.analysis.series import Series
from nntui.finding import Finding
from nntui.session.answers import answers
from nntui.session.data import NOTHING, Data, DataView, Listed, choose
from nntui.session.dependencies import Dependencies, DependenciesView, Matrices
from nntui.session.examples import Examples
from nntui.session.layers import Layers, LayersView, Watched, layers
from nntui.session.predictions import Predictions, PredictionsView, Reading, predictions
from nntui.session.rows import object_of
from nntui.session.samples import Entered, Samples, SamplesView
from nntui.session.snapshot import View
from nntui.session.table import Known, Table
from nntui.session.weights import Context, Lines, Shape, Tensors, Weights, WeightsView

SHAPES = 16
"""Shapes of inputs that are kept in mind."""


class Inside:
    """All that was recorded of what goes on inside, over all writers."""

    def __init__(self) -> None:
        self._examples = Examples()
        self._matrices = Matrices()
        self._known = Known()
        self._tensors = Tensors()
        self._samples = Entered()
        self._shapes: dict[Shape, None] = {}
        self._entered: tuple[int, str] = (0, "")
        self._watched: tuple[int, Watched] = (0, Watched())
        self.watched: dict[str, Any] = {}
        """The data of the newest event of `nntui.watch`."""
        self._predictions: tuple[object, Predictions] = (None, Predictions())
        self._dependencies: tuple[object, Dependencies] = (None, Dependencies())
        self._reading: tuple[object, Reading | None] = (None, None)
        self._answers: tuple[object, dict[str, Answers]] = (None, {})
        self._listed: tuple[object, Listed] = (None, Listed(Table()))
        self._data: tuple[object, Data] = (None, NOTHING)
        self._layers: tuple[object, Layers] = (None, Layers())
        self._weights: tuple[object, Weights] = (None, Weights())
        self._caught: tuple[object, Samples] = (None, Samples())

    def fold(self, kind: str, writer: str, batch: pa.RecordBatch) -> None:
        """Take in a batch; one of another kind is none of ours."""
        if kind == "predictions":
            self._examples.fold(writer, batch)
        elif kind == "examples":
            self._known.fold(writer, batch)
        elif kind == "dependencies":
            self._matrices.fold(batch)
        elif kind == "tensors":
            self._tensors.fold(writer, batch)
        elif kind == "samples":
            self._samples.fold(writer, batch)
        if kind in ("predictions", "samples", "examples"):
            self._see_shapes(batch)

    def fold_event(self, row: Mapping[str, Any]) -> None:
        """Take in what an event tells of the inside; the newest of each counts."""
        if row["event"] == "inputs" and row["wall_time_ns"] >= self._entered[0]:
            self._entered = (row["wall_time_ns"], row["message"])
        if row["event"] == names.WATCH_EVENT and row["wall_time_ns"] >= self._watched[0]:
            self._watched = (row["wall_time_ns"], Watched.of(row["data"]))
            self.watched = object_of(row["data"])

    def shown(self, view: View, lines: Lines, series: Mapping[str, Series], points: object) -> dict[str, Any]:
        """The parts that the view asks for. series: of the training; points: another value whenever there may be other ones."""
        parts: dict[str, Any] = {}
        if view.predictions:
            parts["predictions"] = self._said(view.predictions, lines)
        if view.dependencies:
            parts["dependencies"] = self._reaching(view.dependencies)
        if view.data:
            parts["data"] = self._chosen(view.data, lines)
        if view.layers:
            parts["layers"] = self._depth(view.layers, series, points)
        if view.weights:
            parts["weights"] = self._pictured(view.weights, lines)
        if view.samples:
            parts["samples"] = self._entering(view.samples, lines)
        return parts

    def answers(self, lines: Lines) -> dict[str, Answers]:
        """What rules are told of every fixed batch."""
        key = (self._examples.rows, lines)
        if self._answers[0] != key:
            batches = {name: self._examples.history(name, lines)[1:] for name in self._examples.names}
            self._answers = (key, {name: answers(*rows) for name, rows in batches.items()})
        return self._answers[1]

    def finding(self, lines: Lines) -> Finding | None:
        """The row of the recipe that is judged by what was recorded while training: how far the first layer is from noise."""
        return self._tensors.finding(lines, self._context)

    @property
    def _context(self) -> Context:
        return Context(tuple(self._shapes), self.watched)

    def _see_shapes(self, batch: pa.RecordBatch) -> None:
        """Keep in mind which pictures are inputs: the shape of the first input of a batch."""
        is_input = (
            [role == "input" for role in batch.column("role").to_pylist()] if "role" in batch.schema.names else []
        )
        shapes = batch.column("shape")
        for row in range(batch.num_rows):
            shape = (shapes[row].as_py() or ()) if not is_input or is_input[row] else ()
            if len(shape) > 1 and len(self._shapes) < SHAPES:
                self._shapes[tuple(int(n or 0) for n in shape)] = None
                return

    def _said(self, view: PredictionsView, lines: Lines) -> Predictions:
        key = (view, self._examples.rows, lines)
        if self._predictions[0] != key:
            batches = self._examples.names
            name = batches[view.name % len(batches)] if batches else ""
            inputs, targets, moments = self._examples.history(name, lines)
            read = (name, self._examples.rows, lines)
            if self._reading[0] != read and moments:
                self._reading = (read, Reading(moments, targets, self._reading[1]))
            reading = self._reading[1]
            self._predictions = (
                key,
                predictions(view, batches, inputs, targets, moments, reading if moments else None),
            )
        return self._predictions[1]

    def _reaching(self, view: DependenciesView) -> Dependencies:
        key = (view, self._matrices.rows)
        if self._dependencies[0] != key:
            self._dependencies = (key, self._matrices.shown(view))
        return self._dependencies[1]

    def _chosen(self, view: DataView, lines: Lines) -> Data:
        known = (self._known.rows, lines)
        if self._listed[0] != known:
            self._listed = (known, Listed(self._known.table(lines)))
        key = (view, known, self._entered)
        if self._data[0] != key:
            self._data = (key, choose(view, self._listed[1], self._entered[1]))
        return self._data[1]

    def _entering(self, view: SamplesView, lines: Lines) -> Samples:
        key = (view, self._samples.rows, lines)
        if self._caught[0] != key:
            self._caught = (key, self._samples.shown(view, lines))
        return self._caught[1]

    def _depth(self, view: LayersView, series: Mapping[str, Series], points: object) -> Layers:
        key = (view, points, self._watched[0])
        if self._layers[0] != key:
            self._layers = (key, layers(view, series, self._watched[1]))
        return self._layers[1]

    def _pictured(self, view: WeightsView, lines: Lines) -> Weights:
        key = (view, self._tensors.rows, lines, tuple(self._shapes), self._watched[0])
        if self._weights[0] != key:
            self._weights = (key, self._tensors.shown(view, lines, self._context))
        return self._weights[1]
