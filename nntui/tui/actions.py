"""The one table of what a user can do: keys, help and palette are made from it.

Owns names, keys and words. Invariant: nothing on Alt, nor on ctrl with a, b, h, i, m or s, which tmux, screen and
terminals take.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a user can do."""

    name: str
    """Textual action, `toggle_log_y` or `show_screen('live')`."""
    keys: tuple[str, ...]
    """Textual key names."""
    label: str
    """The key as help shows it."""
    words: str
    """What it does, in two or three words."""
    help: str
    """What it does, in a sentence."""
    group: str = "everywhere"


ACTIONS = (
    Action("show_screen('live')", ("1",), "1", "live", "Plots and numbers of the run."),
    Action(
        "show_screen('recipe')", ("2",), "2", "recipe", "The checks of the recipe: verdict, expected, measured, why."
    ),
    Action("show_screen('log')", ("9",), "9", "log", "What happened, newest first."),
    Action("next_alert", ("a",), "a", "alerts", "The alerts; again for the next one."),
    Action("show_screen('help')", ("question_mark",), "?", "help", "This page."),
    Action("back", ("escape",), "esc", "back", "Back to the live screen; leaves full size."),
    Action("command_palette", ("colon",), ":", "palette", "Every action by name."),
    Action("toggle_pause", ("space",), "space", "pause", "Freeze what is shown; the first line goes on."),
    Action("leave", ("q", "ctrl+c", "ctrl+q"), "q", "quit", "Leave. The job goes on."),
    Action("choose(1)", ("down", "j", "tab"), "j ↓", "next metric", "Plot the next metric.", "live"),
    Action("choose(-1)", ("up", "k", "shift+tab"), "k ↑", "previous metric", "Plot the previous metric.", "live"),
    Action("open", ("enter",), "enter", "full size", "The plot alone, or a finding's evidence.", "live"),
    Action("filter", ("slash",), "/", "filter", "Only metrics whose name holds these letters.", "live"),
    Action("toggle_log_y", ("y",), "y", "log y", "Logarithmic y axis, where values are positive.", "live"),
    Action("cycle_x", ("x",), "x", "x axis", "Step, epoch, elapsed time, clock time.", "live"),
    Action("smooth(1)", ("s",), "s", "smoother", "More smoothing (debiased EMA); the raw band stays.", "live"),
    Action("smooth(-1)", ("S",), "S", "rawer", "Less smoothing.", "live"),
    Action("toggle_outliers", ("o",), "o", "outliers", "Clip outliers; the corner says how many.", "live"),
    Action("move(-1)", ("left", "h"), "h ←", "crosshair", "Crosshair to the left, with exact values.", "live"),
    Action("move(1)", ("right", "l"), "l →", "crosshair", "Crosshair to the right.", "live"),
    Action("zoom(0.5)", ("plus", "equals_sign"), "+", "zoom in", "Half the range, around the crosshair.", "live"),
    Action("zoom(2.0)", ("minus",), "-", "zoom out", "Twice the range.", "live"),
    Action("zoom(0.0)", ("0",), "0", "whole run", "No zoom, no crosshair.", "live"),
)

FOOTER = ("1", "2", "9", "a", "?", "q", "j ↓", "enter", "y", "x", "s", "space", "/", "+")
"""Labels of the keys that the last line shows, most useful first."""


def footer_keys() -> list[tuple[str, str]]:
    """(label, words) for the last line."""
    by_label = {action.label: action for action in ACTIONS}
    return [(label, by_label[label].words) for label in FOOTER]
