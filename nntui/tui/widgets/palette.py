"""Every action by name, in a few lines above the last one.

Owns finding an action by its words. Invariant: works in any size, and escape does nothing.
"""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input

from nntui.tui.actions import ACTIONS, Action
from nntui.tui.paint import Paint, joined, padded
from nntui.tui.units import fit
from nntui.tui.widgets.lines import Lines


def found(letters: str, kind: str = "live") -> list[Action]:
    """The actions of a kind of screen that hold every typed word; those that begin with the letters first."""
    wanted = letters.lower().split()
    known = [a for a in ACTIONS if all(word in f"{a.words} {a.help}".lower() for word in wanted)]
    here = [a for a in known if a.name != "command_palette" and a.group in ("everywhere", kind)]
    return sorted(here, key=lambda a: not a.words.startswith(letters))


class PaletteScreen(ModalScreen[str]):
    """Answers with the name of an action, or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "cancel", show=False),
        Binding("down,tab", "step(1)", "next", show=False),
        Binding("up,shift+tab", "step(-1)", "previous", show=False),
    ]

    def __init__(self, paint: Paint, kind: str) -> None:
        super().__init__()
        self._paint = paint
        self._kind = kind
        self._letters = ""
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """The actions over the line that is typed."""
        yield Lines(self._actions, ascii_only=self._paint.glyphs.kind == "ascii", id="actions")
        line = Input(placeholder="letters of an action")
        line.cursor_blink = False
        yield line

    def on_input_changed(self, event: Input.Changed) -> None:
        """Other letters find other actions."""
        self._letters, self._chosen = event.value, 0
        self.query_one(Lines).redraw()

    def on_input_submitted(self) -> None:
        """Answer."""
        actions = found(self._letters, self._kind)
        self.dismiss(actions[self._chosen].name if actions else "")

    def action_step(self, by: int) -> None:
        """The next or previous action."""
        self._chosen = (self._chosen + by) % max(1, len(found(self._letters, self._kind)))
        self.query_one(Lines).redraw()

    def _actions(self, width: int, height: int) -> list[Text]:
        paint, actions = self._paint, found(self._letters, self._kind)
        if not actions:
            return [paint.text(" no such action", "quiet")]
        first = max(0, min(self._chosen - height // 2, len(actions) - height))
        lines = []
        for place in range(first, min(first + height, len(actions))):
            action, here = actions[place], place == self._chosen
            mark = paint.text(paint.glyphs.cursor if here else " ", "accent")
            words = paint.text(fit(action.words, 16), "accent" if here else "foreground", bold=here)
            key = paint.text(fit(action.label, 6), "primary")
            lines.append(padded(joined([mark, words, key, paint.text(action.help, "quiet")], " "), width))
        return lines
