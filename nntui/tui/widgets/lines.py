"""A widget that is a stack of lines, and redraws only the ones that changed.

Owns the way from lines of text to the terminal. Invariant: a line that is what it was is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Draw = Callable[[int, int], Sequence[Text]]
"""Lines for a width and a height."""


class Lines(Widget):
    """Draws what a function says."""

    def __init__(self, draw: Draw, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._strips: list[Strip] = []

    def redraw(self) -> None:
        """Ask for the lines again and refresh those that differ."""
        width, height = self.size.width, self.size.height
        if width < 1 or height < 1:
            return
        try:
            lines = list(self._draw(width, height))[:height]
        except Exception as error:  # noqa: BLE001 (a panel that cannot draw says so itself; the others go on)
            lines = [Text(f"cannot draw this: {type(error).__name__}: {error}"[:width])]
        base = self.rich_style
        strips = [Strip(_styled(line).render(self.app.console, end="")) for line in lines]
        strips = [strip.adjust_cell_length(width).apply_style(base).simplify() for strip in strips]
        before, self._strips = self._strips, strips
        for row in range(height):
            old = before[row] if row < len(before) else None
            new = strips[row] if row < len(strips) else None
            if old != new:
                self.refresh(Region(0, row, width, 1))

    def on_resize(self) -> None:
        """A new size needs new lines."""
        self._strips = []
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """The line at y."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)


def _styled(line: Text) -> Text:
    """The line with its own style as a span: a style that is drawn under another must give way to it."""
    return Text(end="", no_wrap=True).append_text(line)
