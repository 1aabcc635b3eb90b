"""Widgets: the few shapes that panels come in."""
