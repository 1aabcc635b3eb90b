"""`nntui run`: become a command whose Pythons record what they train.

Owns the environment that the command gets, and nothing of what it does with it. Invariant: no process lies between the command
and the user; what keeps it from being recorded never keeps it from running.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nntui import unmodified
from nntui.cli import UsageError
from nntui.intents import unknown

CANNOT_RUN, NO_COMMAND = 126, 127
"""Exit codes of env, nohup, timeout and the shells."""
LONG = 1 << 14
"""Characters from which on a command is not handed on: an environment has little room."""
DEAF = frozenset("IES")
"""Options with which Python does not read PYTHONPATH, or runs no sitecustomize."""


def run(arguments: argparse.Namespace) -> int:
    """Become the command; returns only when it cannot be started."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise UsageError("found no command; expected one, as in `nntui run -- python train.py`.")
    odd = unknown(arguments.declare)
    if odd:
        raise UsageError(f"--declare: {odd}")
    try:
        environ = _prepare(arguments, command)
    except OSError as error:  # the working directory is gone
        environ = dict(os.environ)
        print(f"nntui run: nothing will be recorded: {error}.", file=sys.stderr)
    sys.stdout.flush()
    for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ"):  # Python ignores them, and what is ignored stays so
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environ)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        why = "no such command" if missing else getattr(error, "strerror", None) or str(error)
        print(f"nntui run: {command[0]}: {why}.", file=sys.stderr)
        return NO_COMMAND if missing else CANNOT_RUN


def _prepare(arguments: argparse.Namespace, command: Sequence[str]) -> dict[str, str]:
    """Choose a folder, say so, and make the environment. Raises OSError."""
    named = arguments.out or Path("runs") / f"{title(command)}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = Path(named).absolute()
    said = free(folder)
    if not arguments.quiet:
        _tell(command, said)
    return environment(os.environ, folder, command, arguments.declare) | {unmodified.SAID: str(said)}


def environment(
    environ: os._Environ[str] | dict[str, str], folder: Path, command: Sequence[str], declared: Sequence[str]
) -> dict[str, str]:
    """That of the command: our folder comes first on PYTHONPATH, once."""
    site, before = str(unmodified.SITE), environ.get("PYTHONPATH", "")
    others = [place for place in before.split(os.pathsep) if place != site] if before else []
    line = shlex.join(command)
    return {
        **environ,
        "PYTHONPATH": os.pathsep.join([site, *others]),
        unmodified.FOLDER: str(folder),
        unmodified.COMMAND: line if len(line) < LONG else shlex.join([command[0], "…"]),
        unmodified.DECLARED: "\n".join(declared),
    }


def _tell(command: Sequence[str], said: Path) -> None:
    """Where the run will be, or why there will be none."""
    from nntui.tui.safe import safe
    from nntui.unmodified.telling import say, shown

    deaf = deaf_option(command)
    if deaf:
        say(f"nothing will be recorded: with -{deaf} Python reads no PYTHONPATH. Start it without.")
    else:
        path = safe(shlex.quote(shown(said)))
        say(f"recording into {path} from the first update on; to see it: nntui watch {path} --wait")


def deaf_option(command: Sequence[str]) -> str:
    """The option with which a Python that is started directly does not hear of us; empty where there is none."""
    if not Path(command[0]).name.startswith(("python", "pypy")):
        return ""
    words = iter(command[1:])
    for word in words:
        if not word.startswith("-") or word.startswith("--") or word == "-":
            break
        for place, letter in enumerate(word[1:], 1):
            if letter in DEAF:
                return letter
            if letter in "cm":
                return ""
            if letter in "WX":
                if place == len(word) - 1:
                    next(words, "")
                break
    return ""


def title(command: Sequence[str]) -> str:
    """What is run, in one word: the script, the module, or the program."""
    words = [*command]
    scripts = [word for word in words if word.endswith((".py", ".sh")) and not word.startswith("-")]
    module = words[words.index("-m") + 1 :][:1] if "-m" in words else []
    found = Path(scripts[0]).stem if scripts else module[0] if module else Path(words[0]).stem
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in found).lstrip(".-") or "run"


def free(folder: Path) -> Path:
    """The first of RUN, RUN-2, … that is not there yet, or is empty."""
    for path in unmodified.beside(folder):
        try:
            if not path.exists() or (path.is_dir() and not any(path.iterdir())):
                return path
        except OSError:
            break
    return folder
