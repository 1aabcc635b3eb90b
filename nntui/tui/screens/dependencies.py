"""Which input reaches which output, as a heat map."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session.dependencies import DependenciesView
from nntui.session.snapshot import View
from nntui.tui.actions import ACTIONS
from nntui.tui.panels.dependencies import dependency_lines, room_for
from nntui.tui.screens.base import RunScreen


class DependenciesScreen(RunScreen):
    """The newest matrix of each kind."""

    KIND = "dependencies"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False)
        for action in ACTIONS
        if action.group == "dependencies"
        for key in action.keys
    ]
    which = 0
    step: int | None = None

    def body(self) -> ComposeResult:
        """One panel."""
        yield self.lines(self._body, id="matrix")

    def view(self) -> View:
        """The matrix, as small as the screen."""
        rows, columns = room_for(self.size.width, self.size.height - 3)
        return View(dependencies=DependenciesView(self.which, rows, columns, self.step))

    def move(self, by: int) -> None:
        """The next matrix."""
        self.which, self.step = max(0, self.which + by), None
        self.run_app.ask()

    def action_scrub(self, by: int) -> None:
        """An earlier or a later recording."""
        data = self.snapshot.dependencies
        if data.steps:
            at = min(max(0, data.at + by), len(data.steps) - 1)
            self.step = None if at == len(data.steps) - 1 else data.steps[at]
            self.run_app.ask()

    def action_another(self) -> None:
        """The next matrix, and after the last the first."""
        self.move(1)

    def _body(self, width: int, height: int) -> list[Text]:
        data = replace(self.snapshot.dependencies)
        return dependency_lines(data, width, height, self.run_app.paint)
