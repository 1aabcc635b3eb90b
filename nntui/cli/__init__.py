"""The command line: `nntui VERB …`; `verbs` has the list.

Owns exit codes and the one place where an error becomes a line. Imports the chosen verb last.
Invariant: a user never sees a traceback, unless NNTUI_DEBUG is set.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nntui.cli import verbs
from nntui.runlog.errors import RunFolderError

OK, INTERNAL, USAGE, NOT_FOUND, FOUND, STALE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class UsageError(Exception):
    """What was asked for cannot be done; one line for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _open_streams()
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say(" ".join(words[:1]), "interrupted.", INTERRUPTED)
    except BrokenPipeError:  # whoever read has left
        _write_to_nowhere()
        return OK
    except OSError as error:
        _write_to_nowhere()
        what = f"{error.filename or 'output'}: {error.strerror or error}; expected to go on. Make room or name another place."
        return _say(" ".join(words[:1]), what, NOT_FOUND if error.filename else INTERNAL)
    return code


def put(text: str) -> None:
    """Print for a reader who may have left (`nntui show RUN | head`): the exit code is still the command's own."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _write_to_nowhere()


def _run(words: list[str]) -> int:
    parser = verbs.parser(words[0] if words else "")
    known = {verb.name: verb for verb in verbs.VERBS}
    asked = known.get(words[0]) if words else None
    if asked is not None and asked.arguments is None:
        arguments = argparse.Namespace(verb=words[0], words=words[1:])
    else:
        try:
            arguments = parser.parse_args(words)
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else USAGE
    if not arguments.verb:
        parser.print_help()
        return USAGE
    try:
        module = importlib.import_module(f"nntui.cli.{known[arguments.verb].module or arguments.verb}")
        return module.run(arguments)
    except UsageError as error:
        return _say(arguments.verb, str(error), USAGE)
    except RunFolderError as error:
        return _say(arguments.verb, str(error), NOT_FOUND)
    except OSError:
        raise
    except Exception as error:
        if os.environ.get("NNTUI_DEBUG"):
            raise
        what = (
            f"{type(error).__name__}: {error}. This is a defect of nntui; please report it (NNTUI_DEBUG=1 shows where)."
        )
        return _say(arguments.verb, what, INTERNAL)


def _open_streams() -> None:
    """Make printing safe: a closed stream is nowhere, a character that the terminal's encoding lacks is `?`."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w"))  # noqa: SIM115 (as long as the process)
        elif isinstance(stream, io.TextIOWrapper) and name != "stdin":
            stream.reconfigure(errors="replace")


def _write_to_nowhere() -> None:
    """Python flushes what is left at exit, and must not complain then."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _say(verb: str, what: str, code: int) -> int:
    from nntui.tui.safe import safe

    print(f"nntui {verb}: {safe(what)}", file=sys.stderr)
    return code
