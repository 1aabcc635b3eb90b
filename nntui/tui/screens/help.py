"""The keys, from the table of actions."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult

from nntui.tui.actions import grouped
from nntui.tui.paint import beside, joined
from nntui.tui.screens.base import RunScreen
from nntui.tui.units import fit, wrap

KEY_WIDTH = 18
COLUMN = 70
GROUPS = {
    "everywhere": "everywhere",
    "live": "on the live screen",
    "predictions": "on the predictions screen",
    "dependencies": "on the dependencies screen",
    "layers": "on the layers screen",
    "data": "on the data screen",
    "log": "on the log screen",
    "runs": "on the runs screen",
}


class HelpScreen(RunScreen):
    """Every key with a sentence."""

    KIND = "help"
    top = 0

    def body(self) -> ComposeResult:
        """One panel."""
        yield self.lines(self._keys, id="keys")

    def move(self, by: int) -> None:
        """Scroll where there is not room for all."""
        self.top = max(0, self.top + by)
        self.show_soon()

    def _keys(self, width: int, height: int) -> list[Text]:
        is_wide = width >= 2 * COLUMN
        blocks = [self._block(group, width // 2 if is_wide else width) for group in GROUPS]
        right = [line for block in blocks[1:] for line in block]
        high = max(len(blocks[0]), len(right))
        lines = beside(blocks[0], right, width // 2, high, Text()) if is_wide else [*blocks[0], *right]
        self.top = min(self.top, max(0, len(lines) - height))
        below = len(lines) - self.top - height
        if below > 0 and height > 1:
            more = self.run_app.paint.text(fit(f"… {below + 1} more", KEY_WIDTH, right=True), "faint")
            return [*lines[self.top : self.top + height - 1], more]
        return lines[self.top : self.top + height]

    def _block(self, group: str, width: int) -> list[Text]:
        paint = self.run_app.paint
        room = min(KEY_WIDTH, max(8, width // 4))
        lines = [paint.text(f" {GROUPS[group]}", "quiet", bold=True)]
        for labels, sentence in grouped(group):
            for place, piece in enumerate(wrap(sentence, width - room - 2)):
                key = paint.text(fit("" if place else labels, room, right=True), "primary", bold=True)
                lines.append(joined([key, paint.text(piece)]))
        return lines
