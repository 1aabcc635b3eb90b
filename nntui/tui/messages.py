"""What the app is told: facts in the past tense."""

from __future__ import annotations

from textual.message import Message

from nntui.session.snapshot import Snapshot


class SnapshotReady(Message):
    """The feed has a newer snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer snapshot makes an older one in the queue pointless."""
        return isinstance(message, SnapshotReady)
