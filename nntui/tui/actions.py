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
    """What it does, as help says it."""
    group: str = "everywhere"


ACTIONS = (
    Action("show_screen('live')", ("1",), "1", "live", "plots and numbers of the run"),
    Action("show_screen('recipe')", ("2",), "2", "recipe", "the checks: verdict, expected, measured, why"),
    Action("show_screen('predictions')", ("3",), "3", "predictions", "what the network says about a fixed batch"),
    Action("show_screen('dependencies')", ("4",), "4", "dependencies", "which input reaches which output"),
    Action(
        "show_screen('layers')",
        ("5",),
        "5",
        "layers",
        "inside the network: each layer's gradients, updates, dead units",
    ),
    Action("show_screen('data')", ("6",), "6", "data", "single examples: worst mistakes, outliers, suspect labels"),
    Action("show_screen('runs')", ("7",), "7", "runs", "the runs of the folder; enter opens one"),
    Action("show_screen('system')", ("8",), "8", "system", "the machine, what recording costs, every process"),
    Action("show_screen('log')", ("9",), "9", "log", "what happened, newest first"),
    Action("next_alert", ("a",), "a", "alerts", "the alerts, the crosshair at the first; again for the next"),
    Action("show_screen('help')", ("question_mark",), "?", "help", "this page"),
    Action("choose(1)", ("down", "j", "tab"), "j ↓", "next", "next metric or row"),
    Action("choose(-1)", ("up", "k", "shift+tab"), "k ↑", "previous", "previous"),
    Action("choose(10)", ("pagedown",), "pgdn", "ten on", "ten on"),
    Action("choose(-10)", ("pageup",), "pgup", "ten back", "ten back"),
    Action("open", ("enter",), "enter", "open", "the plot alone; a finding or event alone"),
    Action("go_back", ("escape",), "esc", "back", "undo what was done last; then the live screen"),
    Action("toggle_pause", ("space",), "space", "pause", "freeze all but the first line; keys are answered once"),
    Action("export", ("e",), "e", "export", "the screen as svg, its plots as csv, in $NNTUI_EXPORT or here"),
    Action("command_palette", ("colon",), ":", "palette", "every action by name"),
    Action("toggle_theme", ("t",), "t", "dark or light", "dark or light colours"),
    Action("redraw", ("ctrl+l",), "ctrl-l", "redraw", "draw everything anew, if something else wrote here"),
    Action("leave", ("q", "ctrl+c", "ctrl+q"), "q", "quit", "leave; the job goes on"),
    Action("filter", ("slash",), "/", "filter", "only metrics whose name holds these letters, of layers too", "live"),
    Action("mark", ("m",), "m", "mark", "draw the chosen metric along with others, or no longer", "live"),
    Action("toggle_log_y", ("y",), "y", "log y", "logarithmic y, or linear", "live"),
    Action("cycle_x", ("x",), "x", "x axis", "step, epoch, time since the start, clock", "live"),
    Action("toggle_log_x", ("X",), "X", "log x", "logarithmic x, or linear", "live"),
    Action("smooth(1)", ("s",), "s", "smoother", "more smoothing (debiased EMA)", "live"),
    Action("smooth(-1)", ("S",), "S", "rawer", "less", "live"),
    Action("toggle_outliers", ("o",), "o", "outliers", "clip outliers; the corner says how many", "live"),
    Action("move(-1)", ("left", "h"), "h ←", "crosshair left", "crosshair with exact values", "live"),
    Action("move(1)", ("right", "l"), "l →", "crosshair", "right", "live"),
    Action("move(-1000000)", ("home",), "home", "first point", "first", "live"),
    Action("move(1000000)", ("end",), "end", "newest point", "newest point", "live"),
    Action("pan(-1)", ("H", "shift+left"), "H", "pan left", "pan a zoomed plot left", "live"),
    Action("pan(1)", ("L", "shift+right"), "L", "pan right", "right", "live"),
    Action("zoom(0.5)", ("plus", "equals_sign"), "+", "zoom in", "half the range (its end follows)", "live"),
    Action("zoom(2.0)", ("minus",), "-", "zoom out", "twice", "live"),
    Action("zoom(0.0)", ("0",), "0", "whole run", "the whole run", "live"),
    Action("pin", ("p",), "p", "pin", "keep this run in the plots when another is opened", "live"),
    Action("scrub(-1)", ("left_square_bracket", "left", "h"), "[ ←", "earlier", "an earlier moment", "predictions"),
    Action("scrub(1)", ("right_square_bracket", "right", "l"), "] →", "later", "a later one", "predictions"),
    Action("scrub(-1000000)", ("home",), "home", "first", "the first one", "predictions"),
    Action("scrub(1000000)", ("end",), "end", "newest", "the newest", "predictions"),
    Action("order", ("w",), "w", "order", "in order, worst, most changing, last flipped first", "predictions"),
    Action("another", ("n",), "n", "next", "the next batch", "predictions"),
    Action(
        "plot", ("v",), "v", "plot", "labels against predictions: a plot of numbers, a table of classes", "predictions"
    ),
    Action("another", ("n",), "n", "next", "the next matrix", "dependencies"),
    Action("across(-1)", ("left", "h"), "h ←", "left", "with j and k: read a cell", "dependencies"),
    Action("across(1)", ("right", "l"), "l →", "read a cell", "right", "dependencies"),
    Action("scrub(-1)", ("left_square_bracket",), "[", "earlier", "an earlier one", "dependencies"),
    Action("scrub(1)", ("right_square_bracket",), "]", "later", "a later one", "dependencies"),
    Action("another", ("n",), "n", "statistic", "the next statistic over time; of filters the next weights", "layers"),
    Action("order", ("w",), "w", "order", "the worst layers first, or in forward order", "layers"),
    Action("filters", ("f",), "f", "filters", "first-layer weights as pictures, and how far from noise", "layers"),
    Action(
        "scrub(-1)", ("left_square_bracket", "left", "h"), "[ ←", "earlier", "filters at an earlier moment", "layers"
    ),
    Action("scrub(1)", ("right_square_bracket", "right", "l"), "] →", "later", "a later one", "layers"),
    Action("scrub(-1000000)", ("home",), "home", "first", "the first one", "layers"),
    Action("scrub(1000000)", ("end",), "end", "newest", "the newest", "layers"),
    Action("filter", ("slash",), "/", "filter", "letters, or label=3 loss>1 wrong old duplicate", "data"),
    Action("order", ("w",), "w", "order", "by loss, confidently wrong, outlier, suspect, place", "data"),
    Action("histogram", ("H",), "H", "histogram", "of label, loss, confidence, outlier, suspect", "data"),
    Action("grid", ("g",), "g", "grid", "pictures side by side, or the list; h and l along a row", "data"),
    Action("across(-1)", ("left", "h"), "h ←", "left", "in a grid: the example at the left", "data"),
    Action("across(1)", ("right", "l"), "l →", "right", "at the right", "data"),
    Action("batch", ("b",), "b", "batch", "what entered the network, as the forward call saw it", "data"),
    Action("scrub(-1)", ("left_square_bracket",), "[", "earlier", "of that an earlier step", "data"),
    Action("scrub(1)", ("right_square_bracket",), "]", "later", "a later one", "data"),
    Action("filter", ("slash",), "/", "filter", "words, or level=warn level=stdout", "log"),
    Action("which", ("w",), "w", "which", "everything, events, trouble, output", "log"),
    Action("whole", ("v",), "v", "whole", "the whole text alone", "log"),
    Action("search", ("f",), "f", "find", "look for letters", "log"),
    Action("find(1)", ("n",), "n", "next found", "the next line that has them", "log"),
    Action("find(-1)", ("N",), "N", "found before", "the one before", "log"),
    Action("filter", ("slash",), "/", "filter", "name*, state=live, cfg.lr>=1e-3, val/loss<0.3, age<2h", "runs"),
    Action(
        "compare",
        ("d",),
        "d",
        "differences",
        "what differs from the pinned, open or nearest earlier run",
        "runs",
    ),
    Action("order", ("w",), "w", "order", "by the next column", "runs"),
    Action("pin", ("p",), "p", "pin", "draw it along with the open run, or no longer; at most 7", "runs"),
    Action("turn", ("W",), "W", "turn", "the other way round", "runs"),
)
"""What can be done, in the order of help."""

_NUMBERED = ("1", "2", "3", "5", "6", "7")
FOOTERS = {
    "live": (
        *_NUMBERED,
        "?",
        "a",
        "q",
        "4",
        "8",
        "9",
        "j ↓",
        "l →",
        "+",
        "y",
        "x",
        "s",
        "/",
        "m",
        "p",
        "enter",
        "space",
        "o",
    ),
    "list": (*_NUMBERED, "?", "a", "q", "4", "8", "9", "j ↓", "enter", "esc", "space"),
    "predictions": ("1", "2", "4", "?", "q", "j ↓", "[ ←", "w", "v", "enter", "esc", "n", "space"),
    "dependencies": ("1", "2", "3", "?", "q", "l →", "n", "[", "space"),
    "layers": ("1", "2", "?", "q", "j ↓", "f", "n", "w", "[ ←", "enter", "esc", "space"),
    "data": ("1", "3", "?", "q", "j ↓", "w", "/", "g", "b", "H", "enter", "esc", "space"),
    "system": ("1", "2", "?", "q", "9", "j ↓", "enter", "esc", "space"),
    "log": ("1", "?", "q", "enter", "/", "w", "v", "f", "j ↓", "esc", "space", "8"),
    "runs": ("enter", "j ↓", "/", "p", "d", "w", "esc", "?", "q", "W", "1", "2"),
    "help": ("1", "2", "9", "a", "?", "q", "j ↓", "esc"),
}
"""Labels of the keys that the last line of a screen shows, most useful first."""
SCREENS_FROM = 120
"""Columns from which the last line of the live screen has room for the names of the screens and for keys of its plots."""
LIVE_BRIEFLY = ("?", "q", "a", "l →", "+", "y", "s", "x", "/", "j ↓", "enter", "space", "p", "m", "o")
"""What it shows besides where there are less."""


def footer_keys(kind: str, width: int) -> list[tuple[str, str]]:
    """(label, words) for the last line of a kind of screen; a narrow one names keys of plots, not every screen."""
    by_label = {action.label: action for action in ACTIONS if action.group in ("everywhere", kind)}
    brief = kind == "live" and width < SCREENS_FROM
    labels = LIVE_BRIEFLY if brief else FOOTERS[kind]
    screens = [("1–9", "screens")] if brief else []
    return screens + [(label, by_label[label].words) for label in labels]


def grouped(group: str) -> list[tuple[str, str]]:
    """(labels, words) of a group; actions that differ only in their argument share a line, and so do the numbered screens."""
    lines: dict[str, tuple[list[str], list[str], str]] = {}
    for action in ACTIONS:
        if action.group == group:
            numbered = action.label.isdecimal() and action.name.startswith("show")
            base = action.name if action.name.startswith("show") and not numbered else action.name.partition("(")[0]
            labels, sentences, _ = lines.setdefault(base, ([], [], " " if numbered else " · "))
            labels.append(action.label)
            sentences.append(action.words if numbered else action.help)
    return [(" ".join(labels), between.join(sentences)) for labels, sentences, between in lines.values()]
