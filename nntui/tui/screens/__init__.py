"""Screens, one per file."""

from __future__ import annotations

from nntui.tui.screens.base import RunScreen
from nntui.tui.screens.browse import AlertsScreen
from nntui.tui.screens.data import DataScreen
from nntui.tui.screens.dependencies import DependenciesScreen
from nntui.tui.screens.help import HelpScreen
from nntui.tui.screens.layers import LayersScreen
from nntui.tui.screens.live import LiveScreen
from nntui.tui.screens.log import LogScreen
from nntui.tui.screens.predictions import PredictionsScreen
from nntui.tui.screens.recipe import RecipeScreen
from nntui.tui.screens.runs import RunsScreen
from nntui.tui.screens.system import SystemScreen

SCREENS: dict[str, type[RunScreen]] = {
    "live": LiveScreen,
    "recipe": RecipeScreen,
    "alerts": AlertsScreen,
    "predictions": PredictionsScreen,
    "dependencies": DependenciesScreen,
    "layers": LayersScreen,
    "data": DataScreen,
    "runs": RunsScreen,
    "system": SystemScreen,
    "log": LogScreen,
    "help": HelpScreen,
}
"""By the name under which an action shows them."""
