from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from textual.theme import Theme

from nntui.tui import themes
from nntui.tui.glyphs import SETS
from nntui.tui.paint import Paint

THEMES = [themes.DARK, themes.LIGHT]
MEANINGS = ["foreground", "quiet", "faint", "border", "primary", "accent", "success", "warning", "error"]
SERIES = [themes.SERIES_DARK, themes.SERIES_LIGHT, themes.BANDS_DARK, themes.BANDS_LIGHT]


def colours(theme: Theme) -> dict[str, str]:
    named = {"background": theme.background, "surface": theme.surface, "panel": theme.panel}
    painted = {m: theme.variables.get(m) or getattr(theme, m) for m in MEANINGS}
    return {name: str(colour) for name, colour in (named | painted).items()}


def every_colour() -> list[str]:
    named = [colour for theme in THEMES for colour in colours(theme).values()]
    return sorted({*named, *itertools.chain.from_iterable(SERIES)})


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    parts = [c / 255 for c in Color.parse(colour).get_truecolor()]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def xterm(number: int) -> tuple[int, int, int]:
    """The standard colour of one of the upper 240 of xterm's 256."""
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    red, rest = divmod(number - 16, 36)
    return steps[red], steps[rest // 6], steps[rest % 6]


@pytest.mark.parametrize("colour", every_colour())
def test_a_terminal_of_256_colours_shows_the_very_same_colour(colour: str) -> None:
    small = Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT)
    assert small.number is not None
    assert small.number >= 16
    wanted = Color.parse(colour).get_truecolor()
    least = 2 if len(set(wanted)) == 1 else 0
    assert max(abs(a - b) for a, b in zip(xterm(small.number), wanted, strict=True)) <= least


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize("name", ["background", "surface", "panel", "foreground", "quiet", "faint", "border"])
def test_greys_are_pure(theme: Theme, name: str) -> None:
    assert len(set(Color.parse(colours(theme)[name]).get_truecolor())) == 1


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_words_can_be_read_on_the_background(theme: Theme) -> None:
    ground = str(theme.background)
    for name, colour in colours(theme).items():
        least = {"border": 1.3, "faint": 2.5, "background": 1, "surface": 1, "panel": 1}.get(name, 4.5)
        assert contrast(colour, ground) >= least, name


@pytest.mark.parametrize(("series", "theme"), [(themes.SERIES_DARK, THEMES[0]), (themes.SERIES_LIGHT, THEMES[1])])
def test_lines_stand_out_from_the_background(series: tuple[str, ...], theme: Theme) -> None:
    assert all(contrast(colour, str(theme.background)) >= 3 for colour in series)


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("dark", [True, False])
def test_a_line_stands_out_from_its_own_band(index: int, dark: bool) -> None:
    ground = str(THEMES[0 if dark else 1].background)
    line, band = (themes.series_style(index, dark=dark, band=b).color for b in (False, True))
    assert line is not None
    assert band is not None
    assert contrast(line.name, ground) > contrast(band.name, ground)
    assert contrast(line.name, band.name) >= 1.4


def protan(colour: str) -> ColorTriplet:
    """How a protanope sees a colour (Viénot, Brettel and Mollon 1999)."""
    red, green, blue = (c / 255 for c in Color.parse(colour).get_truecolor())
    mixed = [0.11238 * red + 0.88762 * green, 0.11238 * red + 0.88762 * green, 0.00401 * (red - green) + blue]
    return ColorTriplet(*(round(255 * min(max(c, 0), 1)) for c in mixed))


def deutan(colour: str) -> ColorTriplet:
    """How a deuteranope sees a colour (Viénot, Brettel and Mollon 1999)."""
    red, green, blue = (c / 255 for c in Color.parse(colour).get_truecolor())
    mixed = [0.29275 * red + 0.70725 * green, 0.29275 * red + 0.70725 * green, -0.02234 * (red - green) + blue]
    return ColorTriplet(*(round(255 * min(max(c, 0), 1)) for c in mixed))


@pytest.mark.parametrize("seen", [protan, deutan])
@pytest.mark.parametrize("series", [themes.SERIES_DARK, themes.SERIES_LIGHT], ids=["dark", "light"])
def test_the_first_four_series_differ_for_the_colour_blind(
    seen: Callable[[str], ColorTriplet], series: tuple[str, ...]
) -> None:
    for one, other in itertools.combinations(series[:4], 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen(one), seen(other), strict=True)) ** 0.5
        assert distance >= 40, (one, other)


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_sixteen_colours_still_tell_good_from_bad(theme: Theme) -> None:
    numbers = {}
    for name in ("background", "foreground", "success", "error"):
        numbers[name] = Color.parse(colours(theme)[name]).downgrade(ColorSystem.STANDARD).number
    assert len(set(numbers.values())) == 4


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_every_meaning_has_a_style(theme: Theme) -> None:
    paint = Paint(theme, SETS["ascii"])
    assert all(paint.style(meaning).color is not None for meaning in MEANINGS)
    for status in ("pass", "warn", "fail", "skip", "crash", "info", "error"):
        glyph, meaning = paint.verdict(status)
        assert glyph
        assert meaning in MEANINGS


@pytest.mark.parametrize("theme", THEMES, ids=lambda t: t.name)
def test_without_colours_what_matters_is_bold_and_what_does_not_is_dim(theme: Theme) -> None:
    paint = Paint(theme, SETS["braille"], colours=False)
    assert not any(paint.style(meaning).color for meaning in MEANINGS)
    assert [m for m in MEANINGS if paint.style(m).bold] == ["warning", "error"]
    assert [m for m in MEANINGS if paint.style(m).dim] == ["faint", "border"]
    line, band = paint.series(1), paint.series(1, band=True)
    assert (line.color, line.dim, band.color, band.dim) == (None, None, None, True)
