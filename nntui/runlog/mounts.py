"""What kind of file system a folder lies on, as Linux tells it in /proc/mounts.

Owns which of them are networks. Standard library only. Invariant: never raises; an empty text is an unknown kind.
"""

from __future__ import annotations

import os
from pathlib import Path

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p"})
"""Kinds on which data becomes visible to other machines only when it is synced."""
_MOUNTS = Path("/proc/mounts")


def file_system(path: str | os.PathLike[str], mounts: Path = _MOUNTS) -> str:
    """The kind of file system at a path that exists, `ext4`."""
    try:
        entries = [line.split()[1:3] for line in mounts.read_text("utf-8", "replace").splitlines()]
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return ""
    found, longest = "", -1
    for entry in entries:
        if len(entry) == 2:
            point = entry[0].replace("\\040", " ")
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= longest:  # of two on the same point the later one hides the other
                found, longest = entry[1], len(point)
    return found
