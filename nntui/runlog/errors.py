"""What can be wrong with a run folder, in words for its user.

Owns the exceptions of the run log. Invariant: each message is one line that says where, what was found, what was
expected and what to do.
"""

from __future__ import annotations


class RunFolderError(Exception):
    """A run folder cannot be opened, read or made."""


class RunNotFound(RunFolderError):  # noqa: N818 (reads as what happened)
    """There is nothing at that path."""


class NotARun(RunFolderError):  # noqa: N818
    """What lies there is no run folder."""


class NewerFormat(RunFolderError):  # noqa: N818
    """The folder was written in a format that this version does not know."""
