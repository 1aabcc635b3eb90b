"""Colours by meaning.

Owns the two themes and the colours of series. Every colour is one of the 256 of xterm, so that a terminal without true
colour (SSH forwards no COLORTERM) shows the very same; greys are pure, and up to 2/255 lighter than their xterm neighbour,
because Rich rounds light greys down. Invariant: no widget names a colour itself.
"""

from __future__ import annotations

import functools

from rich.style import Style
from textual.theme import Theme

DARK = Theme(
    name="nntui-dark",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#ffaf5f",
    foreground="#d2d2d2",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    success="#5fd787",
    warning="#ffaf00",
    error="#ff5f5f",
    dark=True,
    variables={"faint": "#6c6c6c", "quiet": "#9f9f9f", "border": "#444444", "footer-key-foreground": "#5fafff"},
)

LIGHT = Theme(
    name="nntui-light",
    primary="#005faf",
    secondary="#005f87",
    accent="#af5f00",
    foreground="#1c1c1c",
    background="#ffffff",
    surface="#f0f0f0",
    panel="#e6e6e6",
    success="#008700",
    warning="#af5f00",
    error="#d70000",
    dark=False,
    variables={"faint": "#9f9f9f", "quiet": "#626262", "border": "#b3b3b3", "footer-key-foreground": "#005faf"},
)

# Okabe and Ito's colours, safe for colour-blind readers, moved to their nearest xterm neighbours.
SERIES_DARK = ("#5fafff", "#ffaf00", "#5fffaf", "#d75faf", "#ffff5f", "#ff8700", "#d7d7ff", "#87d700")
SERIES_LIGHT = ("#005faf", "#d75f00", "#00875f", "#af5f87", "#875f00", "#d70000", "#5f5faf", "#5f8700")
BANDS_DARK = ("#005f87", "#875f00", "#005f5f", "#875f87", "#5f5f00", "#875f5f", "#5f5f87", "#5f8700")
BANDS_LIGHT = ("#afd7ff", "#ffd7af", "#afd7d7", "#ffd7ff", "#ffffaf", "#ffd7d7", "#d7d7ff", "#d7ffaf")


@functools.lru_cache(maxsize=256)
def style_of(colour: str, *, bold: bool = False) -> Style:
    """The style of one colour: the same object each time, of which Rich remembers what it comes to."""
    return Style(color=colour, bold=bold or None)


@functools.lru_cache(maxsize=256)
def series_style(index: int, *, dark: bool, band: bool = False, dim: bool = False) -> Style:
    """The style of one series, or of its band; superseded series are dim."""
    palette = (BANDS_DARK if dark else BANDS_LIGHT) if band else (SERIES_DARK if dark else SERIES_LIGHT)
    return Style(color=palette[index % len(palette)], dim=dim or None)
