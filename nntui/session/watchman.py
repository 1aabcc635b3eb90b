"""The feed of a folder of runs: a thread that looks again and again, and hands over listings.

Owns when a folder of runs is looked at. Invariant: the thread never dies silently, and does nothing while nobody asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from nntui.session.catalog import Catalog, Listing

INTERVAL = 1.0
"""Seconds between looks."""
SLICE = 0.5
"""Seconds after which a look hands over what it has; the next one goes on."""


class Watchman:
    """Watches one folder and calls `on_listing`, from its own thread, with every new Listing."""

    def __init__(self, root: Path, on_listing: Callable[[Listing], None]) -> None:
        self.root = root
        self._on_listing = on_listing
        self._wanted = threading.Event()
        self._rested = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="nntui-runs", daemon=True)

    def watch(self, wanted: bool) -> None:
        """Begin to look, or rest until asked again."""
        if not wanted:
            self._wanted.clear()
            return
        if self._thread.ident is None:
            self._thread.start()
        self._wanted.set()
        self._rested.set()

    def stop(self) -> None:
        """Look no more; does not wait."""
        self._stopped = True
        self._wanted.set()
        self._rested.set()

    def _run(self) -> None:
        catalog = Catalog(self.root)
        while not self._stopped:
            self._wanted.wait()
            self._rested.clear()
            if self._stopped:
                return
            try:
                listing = catalog.look(SLICE)
            except Exception as error:  # noqa: BLE001 (a dead thread would be a frozen list that looks alive)
                words = f"{self.root}: {type(error).__name__}: {error}. This is a defect of nntui; please report it."
                listing = Listing(self.root, problem=words)
            self._on_listing(listing)
            if not listing.unread:
                self._rested.wait(INTERVAL)
