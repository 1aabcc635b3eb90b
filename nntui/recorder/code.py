"""Which code runs: the source files that were loaded, and whether git knows them as they are.

Owns looking at them, on a thread of its own, so that opening a run waits neither for a slow disk nor for git. Invariant: never
raises into the program; bounded in files, bytes and seconds; what is not known stays empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from nntui.runlog import layout
from nntui.runlog.writer import WriterFolder

FILE_LIMIT = 1000
"""Most files that are looked at."""
SIZE_LIMIT = 4 << 20
"""Most bytes of one."""
SECONDS = 10.0
"""For all files, and again for git."""
PATIENCE = 0.3
"""Seconds for which a run that ends waits until it is written which code ran."""
INSTALLED = ("site-packages", "dist-packages")
_NAMELESS = ("nntui", "__mp_main__")
"""Packages that are not looked at: our own, and what multiprocessing calls the program once somebody imports it."""
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain", "--untracked-files=no")


def record(writer: WriterFolder) -> threading.Thread:
    """Write code.json beside what a writer writes, from a thread that is returned. Of several ranks the first does it.

    What is loaded by now counts: what the program imports later would be seen or not as the thread happens to run.
    """
    here = None
    with contextlib.suppress(OSError):  # a working directory that was removed is none
        here = Path.cwd()
    thread = threading.Thread(target=_record, args=(writer, here, dict(sys.modules)), name="nntui-code", daemon=True)
    thread.start()
    return thread


def _record(writer: WriterFolder, here: Path | None, modules: dict[str, ModuleType]) -> None:
    if writer.manifest.rank:
        return
    with contextlib.suppress(Exception):  # the folder may be gone, the disk full: the run goes on without
        files = digests(modules.items(), time.monotonic() + SECONDS)
        known = layout.Code(digest_of(files), files, uncommitted(here) if here and writer.manifest.git_commit else "")
        layout.write_once(writer.folder / layout.CODE_FILE, known)


def digests(modules: Iterable[tuple[str, ModuleType | None]], deadline: float) -> dict[str, str]:
    """Module to the digest of its source, of all that are the user's own: neither installed, nor Python's, nor nntui's."""
    found: dict[str, str] = {}
    for name, path in sorted(_own(modules)):
        if len(found) >= FILE_LIMIT or time.monotonic() > deadline:
            break
        data = layout.read_small(path, SIZE_LIMIT)
        if data is not None:
            found[name] = hashlib.sha256(data).hexdigest()[:12]
    return found


def digest_of(files: dict[str, str]) -> str:
    """One digest of all of them; empty when there is none."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if files else ""


def uncommitted(here: Path) -> str:
    """Whether tracked files around a folder differ from what is checked out: yes | no; empty where git does not say in time."""
    try:
        done = subprocess.run(
            _GIT,
            cwd=here,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return "" if done.returncode else "yes" if done.stdout.strip() else "no"


def _own(modules: Iterable[tuple[str, ModuleType | None]]) -> Iterator[tuple[str, Path]]:
    library = str(Path(os.__file__).parent)  # sysconfig would import what it answers from, beside the user's loop
    python = tuple(f"{path}{os.sep}" for path in {library, os.path.realpath(library)})
    for name, module in modules:
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or name.partition(".")[0] in _NAMELESS:
            continue
        if "\0" in file or any(f"{os.sep}{folder}{os.sep}" in file for folder in INSTALLED):
            continue
        if file.startswith(python):  # before its links are followed, which takes longer than all else here
            continue
        path = Path(os.path.realpath(file))
        if str(path).startswith(python):
            continue
        # `python train.py` is train, `python -m package` is package.__main__
        spec = getattr(module, "__spec__", None) if name == "__main__" else None
        yield str(getattr(spec, "name", path.stem) if name == "__main__" else name), path
