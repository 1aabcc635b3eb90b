"""What `nntui doctor` says of the terminal and of tmux.

Owns what environment variables and tmux's options mean for the dashboard. Pure but for one bounded call of tmux.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nntui.tui import terminals
from nntui.tui import tmux as multiplexer

LEAST = (80, 24)
"""Columns and rows from which the dashboard shows plots and numbers together."""


def terminal(
    environment: Mapping[str, str], is_terminal: bool, size: tuple[int, int], encoding: str
) -> Iterator[tuple[str, ...]]:
    """(about, status, found, advice) of the terminal. size: (columns, rows), (0, 0) where there is none."""
    term = environment.get("TERM", "")
    if not is_terminal:
        yield (
            "terminal",
            "look",
            "the output goes to no terminal",
            "nntui watch needs one; show, ls, tail and report do not.",
        )
    elif term in ("", "dumb"):
        yield "terminal", "broken", f"TERM is {term!r}", "Set TERM, as in: export TERM=xterm-256color"
    else:
        yield "terminal", "ok", f"TERM is {term}" + (", over SSH" if "SSH_CONNECTION" in environment else "")
    if is_terminal:
        yield "colours", *_colours(environment, term)
    if "utf" in encoding.lower():
        yield "characters", "ok", encoding
    else:
        advice = "Set LANG=C.UTF-8, or use nntui watch --glyphs ascii"
        yield "characters", "look", f"{encoding}: no braille, no lines", advice
    if is_terminal and size != (0, 0):
        small = size[0] < LEAST[0] or size[1] < LEAST[1]
        found = f"{size[0]} columns, {size[1]} rows"
        advice = ("Plots beside numbers begin at 80 by 24; smaller ones show numbers alone.",) if small else ()
        yield "size", "look" if small else "ok", found, *advice


def _colours(environment: Mapping[str, str], term: str) -> tuple[str, ...]:
    if "NO_COLOR" in environment:
        return "ok", "none, as NO_COLOR asks; what matters is bold"
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "ok", "millions (COLORTERM)"
    if term.rpartition("-")[2] in ("256color", "direct", "kitty", "ghostty", "alacritty"):
        return "ok", "256, all that the dashboard uses"
    return "look", "16", "A terminal of 256 colours tells series apart better: export TERM=xterm-256color"


def tmux(environment: Mapping[str, str], ask: multiplexer.Ask = multiplexer.ask) -> Iterator[tuple[str, ...]]:
    """(about, status, found, advice) of tmux, nothing outside of it. ask: gives what tmux answers to words, empty for nothing."""
    if not environment.get("TMUX"):
        if environment.get("STY"):
            yield (
                "screen",
                "look",
                "inside GNU screen",
                "A new alert rings the bell only; tmux can notify the desktop too.",
            )
        return
    yield "tmux", "ok", ask("-V").removeprefix("tmux ") or "does not answer"
    through = ask("show-options", "-gqv", "allow-passthrough")
    if through in ("on", "all"):
        yield "notifications", "ok", "reach the desktop through tmux (allow-passthrough)"
    else:
        advice = "For notifications of the desktop: tmux set -g allow-passthrough on"
        yield "notifications", "look", "a new alert only rings the bell", advice
    colours = ask("show-options", "-gqv", "default-terminal")
    if colours and not colours.endswith("256color"):
        yield "tmux colours", "look", f"default-terminal is {colours}", "tmux set -g default-terminal tmux-256color"
    delay = ask("show-options", "-gqv", "escape-time") or ask("show-options", "-sqv", "escape-time")
    if delay.isdigit() and int(delay) > 100:
        yield "escape key", "look", f"waits {delay} ms (escape-time)", "tmux set -s escape-time 20"


def pictures(environment: Mapping[str, str], ask: multiplexer.Ask = multiplexer.ask) -> Iterator[tuple[str, ...]]:
    """(about, status, found, advice) of how the dashboard shows pictures. ask: as above."""
    found = terminals.pictures(environment, ask=ask)
    how = "with all their pixels" if found.kitty else "two pixels to a cell"
    yield "pictures", "look" if found.advice else "ok", f"{how}: {found.why}", *filter(None, [found.advice])
