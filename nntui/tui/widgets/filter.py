"""The line in which a filter is typed.

Owns asking for a few letters. Invariant: escape answers with nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input


class FilterScreen(ModalScreen[str | None]):
    """Answers with the letters, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "cancel", show=False)]

    def __init__(
        self,
        pattern: str,
        hint: str = "letters of a metric's name",
        *,
        typed: Callable[[str], object] = lambda pattern: None,
    ) -> None:
        """typed: told the letters so far at every key."""
        super().__init__()
        self._pattern = pattern
        self._hint = hint
        self._typed = typed

    def compose(self) -> ComposeResult:
        """One line."""
        line = Input(self._pattern, placeholder=self._hint, select_on_focus=False)
        line.cursor_blink = False
        yield line

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what the letters so far leave."""
        self._typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer."""
        self.dismiss(event.value)
