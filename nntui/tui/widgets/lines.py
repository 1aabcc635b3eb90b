"""A widget that is a stack of lines, and redraws only what changed in them.

Owns the way from lines of text to Textual. Invariant: a row that is what it was is neither made nor drawn again, nor is one
made that stands elsewhere than before; and a panel that cannot draw says so itself while the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from nntui.tui.glyphs import plain
from nntui.tui.safe import safe
from nntui.tui.units import cut

Draw = Callable[[int, int], Sequence[Text]]
"""Lines for a width and a height."""


class Lines(Widget):
    """Draws what a function says."""

    ALLOW_SELECT = False

    def __init__(
        self, draw: Draw, *, ascii_only: bool = False, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._ascii_only = ascii_only
        self._strips: list[Strip] = []
        self._texts: list[tuple[str, object, object, object]] = []
        """What each strip was made of, its characters first."""
        self._drawn_for = Size(0, 0)

    def redraw(self) -> None:
        """Ask for the lines again and refresh those that differ."""
        before, height = self._strips, self.size.height
        self._ask()
        for row in range(height):
            old = before[row] if row < len(before) else None
            new = self._strips[row] if row < len(self._strips) else None
            if old is not new and old != new:
                self.refresh(Region(0, row, self.size.width, 1))

    def _ask(self) -> None:
        """Have the lines for the size that there is; what is as it was is not made anew."""
        self._drawn_for = self.size
        width, height = self.size.width, self.size.height
        if width < 1 or height < 1:
            return
        try:
            lines = list(self._draw(width, height))[:height]
        except Exception as error:  # noqa: BLE001 (a panel that cannot draw says so itself; the others go on)
            words = f"cannot draw this: {type(error).__name__}: {error}. This is a defect of nntui; please report it."
            lines = [Text(cut(safe(words), width), no_wrap=True, end="")]
        before, base = self._strips, self.rich_style
        rows = list(zip(self._texts, before, strict=True))
        elsewhere = {text[0]: (text, strip) for text, strip in rows}
        self._texts = [(line.plain, line.style, list(line.spans), base) for line in lines]
        self._strips = []
        for row, (line, text) in enumerate(zip(lines, self._texts, strict=True)):
            known = (*rows[row : row + 1], elsewhere.get(text[0], ((), None)))
            kept = next((strip for made_of, strip in known if made_of == text), None)
            self._strips.append(self._strip(line, width, base) if kept is None else kept)

    def on_resize(self) -> None:
        """A new size needs new lines, unless they were needed before it was told of."""
        if self.size != self._drawn_for:
            self.draw_anew()

    def draw_anew(self) -> None:
        """All lines, also those that say the same: they may look otherwise."""
        self._strips, self._texts = [], []
        self.redraw()

    def fit(self) -> bool:
        """Draw for the size that there is, where that was not done; True when it was not.

        A panel that is updated between becoming visible and being laid out is told of no size by Textual 8: its compositor takes
        it for one that was there before.
        """
        late = self.display and self.size != self._drawn_for
        if late:
            self.draw_anew()
        return late

    def render_lines(self, crop: Region) -> list[Strip]:
        """Some of the lines. Textual paints a panel before it tells it of its first size: it is not to be empty then."""
        if self.size != self._drawn_for:
            self._strips, self._texts = [], []
            self._ask()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """The line at y."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _strip(self, line: Text, width: int, base: Style) -> Strip:
        """The line in exactly `width` cells, on the background of the panel."""
        if self._ascii_only and not line.plain.isascii():
            line = plain(line)
        segments = segmented(line, base)
        if segments is None:
            line = Text(end="", no_wrap=True).append_text(
                line
            )  # Rich renders a text without spans without its own style
            segments = [*Segment.apply_style(line.render(self.app.console, end=""), base)]
        return Strip(joined(Segment.adjust_line_length(segments, width, base)), width)


def segmented(line: Text, base: Style) -> list[Segment] | None:
    """What Rich renders of a line, in a fifth of the time, if its spans stand one after the other; None where they do not."""
    if not isinstance(line.style, Style) and line.style:
        return None
    words, own = line.plain, base + line.style if isinstance(line.style, Style) else base
    found: list[Segment] = []
    at = 0
    for start, end, style in line.spans:
        if start < at or not isinstance(style, Style):
            return None
        if start > at:
            found.append(Segment(words[at:start], own))
        found.append(Segment(words[start:end], own + style))
        at = end
    return [*found, Segment(words[at:], own)] if at < len(words) else found


def joined(segments: Iterable[Segment]) -> list[Segment]:
    """As few segments as look the same: blanks go with what stands before them, and so does what has its style."""
    shown: list[Segment] = []
    for segment in segments:
        before, style = shown[-1] if shown else None, segment.style
        blank = segment.text.isspace() and before and before.style and style and _alike(before.style, style)
        if before and (blank or before.style == style):
            shown[-1] = Segment(before.text + segment.text, before.style)
        else:
            shown.append(segment)
    return shown


def _alike(one: Style, other: Style) -> bool:
    """Whether a blank looks the same in both."""
    return one.bgcolor == other.bgcolor and not any(s.reverse or s.underline or s.strike for s in (one, other))
