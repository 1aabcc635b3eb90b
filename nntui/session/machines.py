# pyright: standard
"""What is known of the machines and the processes of a run besides their points.

Owns what events and small files tell of them. Invariant: what a process has not told is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nntui import names
from nntui.analysis.series import Series
from nntui.finding import PROGRESS
from nntui.runlog.layout import Code, read_code
from nntui.runlog.writers import Writer
from nntui.session.columns import Recorded
from nntui.session.launches import Launches
from nntui.session.rows import object_of

if TYPE_CHECKING:
    from nntui.session.system import System, SystemView


class Machines:
    """All of one run."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Any]] = {}
        self._code: dict[str, Code] = {}

    def fold_event(self, writer: str, row: Mapping[str, Any]) -> None:
        """Take in what an event tells of the machine; the newest counts."""
        if row["event"] == names.SYSTEM_EVENT:
            self._told[writer] = object_of(row["data"])

    def shown(self, view: SystemView, launches: Launches, recorded: Recorded) -> System:
        """What the view asks for."""
        from nntui.session.system import process, system, wanted

        writers = launches.writers
        chosen = view.writer if view.writer in writers else launches.lead
        longest = {name: recorded.longest(name, _is_training) for name in writers}
        processes = [
            process(writer, launches.states[name], launches.pulses[name], longest[name], self._code_of(writer))
            for name, writer in writers.items()
        ]
        series = recorded.own(chosen, wanted)
        found = system(view, series, longest.get(chosen, Series.empty()), processes, self._told.get(chosen, {}))
        return replace(found, writer=chosen)

    def _code_of(self, writer: Writer) -> Code:
        name = writer.manifest.writer
        if name not in self._code:
            found = read_code(writer.folder)
            if found is None:
                return Code()
            self._code[name] = found
        return self._code[name]


def _is_training(metric: str) -> bool:
    return not metric.startswith((PROGRESS, names.SYSTEM))
