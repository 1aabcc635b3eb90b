"""Plots and summaries of one run.

Owns what is kept of them between two snapshots. Invariant: all plots of a view that share their axis show the same x, and what no
view asks for is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from nntui.finding import PROGRESS
from nntui.session import plotting
from nntui.session.columns import Lineage
from nntui.session.marks import Jumps
from nntui.session.plotting import Drawn, Extent
from nntui.session.snapshot import Mark, MetricSummary, PlotData, PlotView, Reference, View, XAxis
from nntui.session.tracks import Tracks, XScale

Along = Callable[[Sequence[str]], Sequence[Drawn]]
"""What other runs give to a plot of these metrics."""


class Drawing:
    """What the plots and the list of metrics are made of."""

    def __init__(self) -> None:
        self.tracks = Tracks()
        self._jumps = Jumps()
        self._summaries: dict[str, tuple[object, MetricSummary]] = {}

    def summary(self, metric: str, lineage: Lineage, view: View, growing: bool) -> MetricSummary:
        """One metric in as many numbers as the view wants of it, computed again only when there are new points."""
        columns = view.sparkline_columns if view.listed is None or metric in view.listed else 0
        key = (len(lineage.current), lineage.era, growing, columns)
        known = self._summaries.get(metric)
        if known is None or known[0] != key:
            numbers = plotting.summary(lineage, columns, tracks=self.tracks, growing=growing) if columns else None
            known = self._summaries[metric] = (key, numbers or plotting.brief(lineage))
        return known[1]

    def jumps(self, rate: Lineage, scale: XScale, axis: XAxis) -> list[Mark]:
        """Where the learning rate jumps."""
        return self._jumps.marks(rate, scale, axis)

    def plots(
        self,
        views: Iterable[PlotView],
        given: Callable[[PlotView], Sequence[Drawn]],
        marks: Callable[[XAxis], Iterable[Mark]],
        references: Mapping[str, Sequence[Reference]],
    ) -> dict[str, PlotData]:
        """Each by its key. given: what all the runs give to a plot, the open one first."""
        runs = {view: given(view) for view in views}
        extents: dict[object, Extent] = {}
        for view, drawn in runs.items():
            extents[_kind(view)] = extents.get(_kind(view), Extent()) | Extent.of(drawn, view.x)
        axes: set[XAxis] = {view.x for view in runs}
        marked = {axis: sorted(marks(axis), key=lambda mark: mark.x) for axis in axes}
        found: dict[str, PlotData] = {}
        for view, drawn in runs.items():
            lines = [line for metric in dict.fromkeys(view.metrics) for line in references.get(metric, ())]
            told = () if view.writer else marked[view.x]
            found[view.key] = plotting.plot(view, drawn, told, references=lines, extent=extents[_kind(view)])
        return found


def _kind(view: PlotView) -> object:
    """Plots of one kind share their x: what a check measures has steps of its own, and what one process does its own times."""
    return view.x, view.writer, bool(view.metrics) and all(metric.startswith(PROGRESS) for metric in view.metrics)
