"""Lines that are not made again where they are what they were."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Span, Text
from textual.app import App, ComposeResult

from nntui.tui.widgets.lines import Lines, segmented

WIDTH, HEIGHT = 12, 3

styles = st.sampled_from(["", "bold", Style(color="red"), Style(bgcolor="blue"), Style(reverse=True)])
parts = st.lists(st.tuples(st.sampled_from(["a", "b c", " ", "宽"]), styles), max_size=3)
texts = st.tuples(styles, parts).map(lambda of: Text.assemble(*of[1], style=of[0], no_wrap=True, end=""))


class Panels(App[None]):
    """One panel that draws again and again, and one that is always new."""

    CSS = f"Lines {{ width: {WIDTH}; height: {HEIGHT}; }}"
    shown: list[Text] = []  # noqa: RUF012 (one app per test)

    def compose(self) -> ComposeResult:
        yield Lines(lambda width, height: self.shown, id="kept")
        yield Lines(lambda width, height: self.shown, id="new")


@settings(max_examples=15)
@given(st.lists(st.lists(texts, max_size=HEIGHT + 1), min_size=1, max_size=6))
def test_what_is_kept_is_what_would_be_made_anew(many: list[list[Text]]) -> None:
    async def main() -> None:
        app = Panels()
        async with app.run_test() as pilot:
            await pilot.pause()
            kept, new = app.query_one("#kept", Lines), app.query_one("#new", Lines)
            for at, lines in enumerate(many):
                app.shown = lines
                app.theme = "nord" if at == 3 else app.theme  # another background under the same words
                kept.redraw()
                new.draw_anew()
                rows = [(kept.render_line(y), new.render_line(y)) for y in range(HEIGHT)]
                assert all(one == other for one, other in rows)

    asyncio.run(main())


def test_a_row_that_changes_in_place_is_made_again() -> None:
    async def main() -> None:
        app = Panels()
        async with app.run_test() as pilot:
            await pilot.pause()
            kept = app.query_one("#kept", Lines)
            app.shown = [Text("abc"), Text("abc")]
            kept.redraw()
            first = kept.render_line(0)
            app.shown[1].append("d")
            kept.redraw()
            assert kept.render_line(0) is first
            assert kept.render_line(1).text.rstrip() == "abcd"
            app.shown[0].stylize("bold")
            kept.redraw()
            assert kept.render_line(0) != first
            before = kept.render_line(1)
            app.shown = [Text("new"), Text("abc"), app.shown[1]]
            kept.redraw()
            assert kept.render_line(2) is before, "what stands elsewhere than before is not made again"
            assert kept.render_line(1) == first, "the same words in another style are"

    asyncio.run(main())


STYLES = [Style(color="#5fafff"), Style(bold=True), Style(reverse=True), Style(bgcolor="#262626", dim=True)]
PIECES = st.lists(st.tuples(st.text("ab é损✓ ", max_size=5), st.sampled_from([*STYLES, None])), max_size=6)


@given(PIECES, st.sampled_from([*STYLES, ""]), st.sampled_from(STYLES))
def test_a_line_is_made_of_what_rich_makes_it_of(pieces, own: Style | str, base: Style) -> None:
    line = Text("", style=own, no_wrap=True, end="")
    for words, style in pieces:
        line.append(words, style)
    found = segmented(line, base)
    plain = Text(end="", no_wrap=True).append_text(line)  # Rich renders a text without spans without its own style
    rendered = Segment.apply_style(plain.render(Console(), end=""), base)
    assert found is not None
    assert each(found) == each(rendered)


def test_spans_that_overlap_are_left_to_rich() -> None:
    line = Text("abc", spans=[Span(0, 2, STYLES[0]), Span(1, 3, STYLES[1])])
    assert segmented(line, STYLES[2]) is None
    assert segmented(Text("abc", "bold"), STYLES[2]) is None


def each(segments) -> list[tuple[str, Style | None]]:
    """Every character with its style."""
    return [(char, segment.style) for segment in segments for char in segment.text]
