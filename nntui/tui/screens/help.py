"""The keys, from the table of actions."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from nntui.tui.actions import ACTIONS
from nntui.tui.paint import joined
from nntui.tui.screens.base import RunScreen
from nntui.tui.units import cut, fit
from nntui.tui.widgets.lines import Lines

COLUMN = 58


class HelpScreen(RunScreen):
    """Every key with a sentence."""

    def body(self) -> ComposeResult:
        """One panel."""
        yield Lines(self._keys, id="keys")

    def _keys(self, width: int, height: int) -> list[Text]:
        paint = self.run_app.paint
        lines: list[Text] = []
        for group in ("everywhere", "live"):
            title = {"everywhere": "Everywhere", "live": "On the live screen, in lists where it makes sense"}[group]
            lines.append(paint.text(title, "quiet", bold=True))
            for action in (a for a in ACTIONS if a.group == group):
                key = paint.text(fit(action.label, 7, right=True), "primary", bold=True)
                lines.append(joined([key, paint.text(cut(action.help, max(0, width - 10)))]))
            lines.append(Text())
        lines.pop()
        if len(lines) > height and width >= 2 * COLUMN:
            half = -(-len(lines) // 2)
            right = [*lines[half:], *([Text()] * half)]
            pairs = zip(lines[:half], right, strict=False)
            lines = [_beside(left, other, width // 2) for left, other in pairs]
        return lines[:height]


def _beside(left: Text, right: Text, width: int) -> Text:
    left = left.copy()
    left.truncate(width, overflow="ellipsis", pad=True)
    return left.append_text(right)
