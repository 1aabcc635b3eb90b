"""The dashboard: Textual screens that draw snapshots.

Knows neither files nor training. Invariant: every string that comes from a run passes `safe` before it is drawn.
"""
