"""Memory that is not needed any more, given back to the system.

Owns one setting of the C library. Columns that grow are copied to larger ones, and glibc keeps what they leave for later.
"""

from __future__ import annotations

MMAP_THRESHOLD = -3
"""What glibc's `mallopt` calls the size from which a block is the system's own."""
LARGE = 128 << 10
"""Bytes: glibc's value at the start, which it raises with every larger block that is freed, unless it is set."""


def give_back() -> bool:
    """From here on, large blocks that are freed are the system's again at once. Whether that could be set."""
    import ctypes

    try:
        return bool(ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE))
    except (AttributeError, OSError, TypeError):  # another C library
        return False
