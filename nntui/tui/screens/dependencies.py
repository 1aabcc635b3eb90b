"""Which input reaches which output, as a heat map."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from nntui.session.dependencies import DependenciesView
from nntui.session.snapshot import View
from nntui.tui.actions import ACTIONS
from nntui.tui.panels.dependencies import NOWHERE, Cell, along, dependency_lines, inside, room_for
from nntui.tui.panels.frame import READING
from nntui.tui.screens.base import RunScreen, scrubbed


class DependenciesScreen(RunScreen):
    """The newest matrix of each kind."""

    KIND = "dependencies"
    PART = "dependencies"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action.name, show=False)
        for action in ACTIONS
        if action.group == "dependencies"
        for key in action.keys
    ]
    which = 0
    step: int | None = None
    cursor: Cell = NOWHERE

    def body(self) -> ComposeResult:
        """One panel."""
        yield self.lines(self._body, id="matrix")

    def view(self) -> View:
        """The matrix, as small as the screen, or two."""
        width, data = self.size.width, self.snapshot.dependencies
        count = along(width, self.which, data.count)
        rows, columns = room_for(data, width, self.size.height - 3, self.run_app.paint, count)
        return View(dependencies=DependenciesView(self.which, rows, columns, self.step, count))

    def move(self, by: int) -> None:
        """Read another row."""
        self._read(by, 0)

    def back(self) -> bool:
        """Leave the cursor, then the past."""
        was = self.cursor != NOWHERE or self.step is not None
        if self.cursor == NOWHERE:
            self.step = None
        self.cursor = NOWHERE
        self.show(self.snapshot)
        return was

    def action_across(self, by: int) -> None:
        """Read another column."""
        self._read(0, by)

    def action_scrub(self, by: int) -> None:
        """An earlier or a later recording."""
        data = self.snapshot.dependencies
        if data.steps:
            self.step = scrubbed(data.steps, self.step, by)
            self.run_app.ask()

    def action_another(self) -> None:
        """The next matrix, and after the last the first."""
        self.which, self.step, self.cursor = self.which + 1, None, NOWHERE
        self.run_app.ask()

    def _read(self, down: int, across: int) -> None:
        """Move the cursor, which begins at the leak."""
        data = self.snapshot.dependencies
        if data.count:
            begun = self.cursor != NOWHERE
            row, column = self.cursor if begun else data.leak_cell
            self.cursor = inside(data, (row + down * begun, column + across * begun))
            self.show_soon()

    def _body(self, width: int, height: int) -> list[Text]:
        snapshot = self.snapshot
        if self.unread and not snapshot.dependencies.count:
            return [Text(), self.run_app.paint.text(f"  {READING}", "quiet")]
        return dependency_lines(snapshot.dependencies, width, height, self.run_app.paint, self.cursor, snapshot.checks)
