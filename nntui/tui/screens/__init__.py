"""Screens, one per file. What is not shown first is imported a moment later, so that the first is painted sooner."""

from __future__ import annotations

import importlib

from nntui.tui.screens.base import RunScreen

SCREENS = {
    "live": "live.LiveScreen",
    "recipe": "recipe.RecipeScreen",
    "alerts": "browse.AlertsScreen",
    "predictions": "predictions.PredictionsScreen",
    "dependencies": "dependencies.DependenciesScreen",
    "layers": "layers.LayersScreen",
    "data": "data.DataScreen",
    "runs": "runs.RunsScreen",
    "system": "system.SystemScreen",
    "log": "log.LogScreen",
    "help": "help.HelpScreen",
}
"""By the name under which an action shows them: where the class is."""


def kind_of(name: str) -> type[RunScreen]:
    """The class of a screen."""
    module, _, kind = SCREENS[name].partition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), kind)


def name_of(front: RunScreen | None) -> str:
    """The name of a screen; empty for none."""
    kind = type(front)
    place = f"{kind.__module__.removeprefix(__name__ + '.')}.{kind.__name__}"
    return next((name for name, known in SCREENS.items() if known == place), "")


def load() -> None:
    """Import them all: a dashboard stays open for longer than the files of a package stay the same."""
    for name in SCREENS:
        kind_of(name)
