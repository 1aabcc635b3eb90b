"""Large blocks go back to the system once they are freed."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from nntui.session import memory

LEFT = """
import numpy as np, sys
from nntui.session.memory import give_back
if sys.argv[1] == "given back":
    assert give_back()
np.empty(1 << 21)  # glibc keeps blocks of up to this size from here on, unless it was told
kept = [np.ones(1 << 17) for _ in range(64)]
last = np.ones(1 << 16)  # above them all, so that the heap cannot shrink
del kept
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
def test_what_large_arrays_leave_is_not_kept() -> None:
    kept, given_back = (
        int(subprocess.run([sys.executable, "-c", LEFT, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "given back")
    )
    assert kept - given_back > 32 << 10, "KiB, of 64 MiB that were freed"


def test_another_c_library_is_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not memory.give_back()
