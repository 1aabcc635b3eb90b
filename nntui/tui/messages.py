"""What the app is told: facts in the past tense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from nntui.session.snapshot import Snapshot

if TYPE_CHECKING:
    from nntui.session.runs import Runs


class SnapshotReady(Message):
    """A feed has a newer snapshot."""

    def __init__(self, snapshot: Snapshot, source: int) -> None:
        """source: which of the feeds that were opened one after the other."""
        super().__init__()
        self.snapshot = snapshot
        self.source = source

    def can_replace(self, message: Message) -> bool:
        """A newer snapshot makes an older one of the same feed pointless."""
        return isinstance(message, SnapshotReady) and message.source == self.source


class RunsReady(Message):
    """The folder of runs was looked at."""

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self.runs = runs

    def can_replace(self, message: Message) -> bool:
        """A newer answer makes an older one pointless."""
        return isinstance(message, RunsReady)
