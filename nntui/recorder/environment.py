"""What the process can tell about itself without being asked: rank, launch, versions, commit, command, seed.

Owns reading environment variables and the loaded modules. Imports none of them. Invariant: never raises.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RANKS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))
COMMAND_LIMIT = 4096
_SECRET = re.compile(r"(?i)(api[-_]?key|token|secret|passw)")
_COMMIT = re.compile(r"[0-9a-f]{40,64}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process stands among those started together."""

    rank: int
    world_size: int
    launch: str
    restart: int


def place(environ: Mapping[str, str] = os.environ) -> Place:
    """Rank and launch from torch.distributed when it runs, else from torchrun's, Slurm's or Open MPI's variables."""
    rank, world_size = _distributed() or _from_variables(environ)
    job = environ.get("TORCHELASTIC_RUN_ID", "")
    if job == "none":  # torchrun's default, the same for every job: its workers have one parent
        job = f"torchrun-{os.getppid()}"
    return Place(
        rank,
        world_size,
        job or environ.get("SLURM_JOB_ID") or secrets.token_hex(4),
        _number(environ.get("TORCHELASTIC_RESTART_COUNT")),
    )


def facts() -> dict[str, Any]:
    """What writer.json tells of the program besides its place: versions, commit, command and seed."""
    return {"versions": versions(), "git_commit": git_commit(), "command": command(sys.orig_argv[1:]), "seed": seed()}


def command(words: Sequence[str]) -> str:
    """The command line as one would type it, at most COMMAND_LIMIT characters; what reads like a secret is `***`.

    Empty in a notebook, whose command tells nothing of what it runs.
    """
    if "ipykernel" in sys.modules:
        return ""
    shown: list[str] = []
    hidden = False
    for word in words:
        name, sign, value = word.partition("=")
        secret = bool(_SECRET.search(name)) and (name.startswith("-") or bool(sign))
        shown.append("***" if hidden else f"{name}=***" if secret and value else word)
        hidden = secret and not sign and not hidden
    return shlex.join(shown)[:COMMAND_LIMIT]


def seed() -> str:
    """The seed of torch's generator, set or drawn; empty where torch is not loaded."""
    try:
        return str(int(sys.modules["torch"].initial_seed()))
    except Exception:  # noqa: BLE001 (a stand-in for torch may do anything)
        return ""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages already loaded that matter for a run."""
    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for name in ("nntui", "torch", "numpy", "lightning", "transformers", "jax"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found[name] = str(version)
    return found


def git_commit(start: Path | None = None) -> str:
    """The commit checked out around the working directory, read from .git by hand; empty when there is none."""
    try:
        folder = (start or Path.cwd()).resolve()
        for candidate in (folder, *folder.parents):
            git = candidate / ".git"
            if git.is_dir():
                return _head(git, git)
            if git.is_file():  # a worktree or a submodule
                git = candidate / git.read_text()[:4096].strip().removeprefix("gitdir: ")
                common = git / "commondir"
                return _head(git, git / common.read_text()[:4096].strip() if common.is_file() else git)
    except (OSError, ValueError):  # ValueError: no text, or a NUL where a path should be
        return ""
    return ""


def _head(git: Path, common: Path) -> str:
    """git: where HEAD is; common: where the branches are (the same, but for a worktree)."""
    head = (git / "HEAD").read_text()[:500].strip()
    if not head.startswith("ref: "):
        return head if _COMMIT.match(head) else ""
    name = head.removeprefix("ref: ")
    loose = common / name
    if loose.is_file():
        commit = loose.read_text()[:100].strip()
        return commit if _COMMIT.match(commit) else ""
    packed = common / "packed-refs"
    if packed.is_file() and packed.stat().st_size < 4 << 20:
        for line in packed.read_text().splitlines():
            commit, _, ref = line.partition(" ")
            if ref == name and _COMMIT.match(commit):
                return commit
    return ""


def _distributed() -> tuple[int, int] | None:
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return int(distributed.get_rank()), int(distributed.get_world_size())
    except (RuntimeError, ValueError, AttributeError):
        return None
    return None


def _from_variables(environ: Mapping[str, str]) -> tuple[int, int]:
    for rank_name, size_name in _RANKS:
        if rank_name in environ:
            return _number(environ.get(rank_name)), max(1, _number(environ.get(size_name)))
    return 0, 1


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else 0
