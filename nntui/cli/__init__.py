"""The command line: `nntui watch | ls | status | show | tail | report | train | check | label`.

Owns arguments, exit codes and the one place where an error becomes a line. Imports the chosen verb last.
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

from nntui import __version__
from nntui.runlog.errors import RunFolderError

OK, INTERNAL, USAGE, NOT_FOUND, FOUND, STALE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

EXAMPLES = """\
examples:
  nntui train digits --out runs/exp42    train a built-in task, with checks before the first step
  nntui check my_task.py:task            the checks alone, on a task of your own
  nntui label digits --twice             label examples yourself: a line in the plots to compare with
  nntui watch runs/exp42                 the dashboard; leaving it never stops a job
  nntui watch runs                       every run of a folder; enter opens one, 7 leads back
  nntui ls                               the same list, printed
  nntui status runs/exp42 --short        one line for a status bar, in a blink
  nntui show runs/exp42                  one page and a plot; --json for programs
  nntui tail runs/exp42 --on-alert CMD   a line for everything new; CMD is given each new alert as JSON
  nntui report runs/exp42                what happened, which came first, what to try

exit codes: 0 ok, 1 internal, 2 usage, 3 not found or unreadable, 4 a failed check, an alert of severity error or a crash,
            5 no sign of life (status only), 130 interrupted
"""


MODULES = {"train": "training", "check": "training", "label": "training"}
"""Verbs that do not have the name of their module."""


class UsageError(Exception):
    """What was asked for cannot be done; one line for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    try:
        code = _run(words)
        sys.stdout.flush()
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
    parser = _parser()
    if words[:1] and words[0] in MODULES:  # the trainer knows its own options
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
        verb = importlib.import_module(f"nntui.cli.{MODULES.get(arguments.verb, arguments.verb)}")
        return verb.run(arguments)
    except UsageError as error:
        return _say(arguments.verb, str(error), USAGE)
    except RunFolderError as error:
        return _say(arguments.verb, str(error), NOT_FOUND)
    except KeyboardInterrupt:
        return _say(arguments.verb, "interrupted.", INTERRUPTED)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nntui",
        description="Sanity checks, live plots and alerts for training neural networks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nntui {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="{watch,ls,status,show,tail,report,train,check,label}")
    watch = verbs.add_parser("watch", help="open the dashboard on a run, or on the runs of a folder")
    watch.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: the latest run below runs)")
    watch.add_argument("--wait", action="store_true", help="wait for a run that does not exist yet")
    watch.add_argument(
        "--glyphs", choices=("braille", "block", "ascii"), default="braille", help="what plots are made of"
    )
    watch.add_argument("--quiet", action="store_true", help="ring no bell when an alert is new")
    watch.add_argument("--light", action="store_true", help="for a light background")
    listed = verbs.add_parser("ls", help="list the runs below a folder")
    listed.add_argument("path", nargs="?", help="a folder of runs (default: runs)")
    listed.add_argument("--json", action="store_true", help="print JSON for programs instead")
    status = verbs.add_parser("status", help="say how a run is, fast enough for a status bar")
    status.add_argument("path", nargs="?", help="a run folder, or a folder of runs for its latest (default: runs)")
    form = status.add_mutually_exclusive_group()
    form.add_argument(
        "--short", action="store_true", help="one line, as for tmux: set -g status-right '#(nntui status RUN --short)'"
    )
    form.add_argument("--json", action="store_true", help="print JSON for programs instead")
    show = verbs.add_parser("show", help="print a run: numbers, checks, alerts and a plot")
    show.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    show.add_argument("--json", action="store_true", help="print JSON for programs instead")
    show.add_argument("--plot", metavar="METRIC", help="plot this metric instead of training and validation loss")
    show.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")
    show.add_argument("--width", type=_width, help="columns to print (default: the terminal's, or 80)")
    _add_tail(verbs.add_parser("tail", help="print what happens to a run, and tell others of its alerts"))
    report = verbs.add_parser("report", help="print what happened to a run, for someone who was not there")
    report.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    report.add_argument("--format", choices=("text", "markdown"), default="text", help="how to write it")
    report.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")
    report.add_argument("--width", type=_width, help="columns to print (default: the terminal's, or 80)")
    verbs.add_parser(
        "train", help="train a task, with checks before the first step (nntui train --help)", add_help=False
    )
    verbs.add_parser("check", help="run the recipe's checks on a task (nntui check --help)", add_help=False)
    verbs.add_parser("label", help="label examples of a task yourself (nntui label --help)", add_help=False)
    return parser


def _add_tail(tail: argparse.ArgumentParser) -> None:
    tail.add_argument("path", nargs="?", help="a run folder, or a folder of runs for its latest (default: runs)")
    tail.add_argument("--wait", action="store_true", help="wait for a run that does not exist yet")
    tail.add_argument(
        "--on-alert",
        metavar="CMD",
        help="run this in a shell, with JSON on its input, for each new warning, error and failed check, and once when an alert "
        "that it was told of is over (change: raised, worsened, cleared)",
    )
    tail.add_argument("--webhook", metavar="URL", help="post the same JSON there")
    tail.add_argument(
        "--every", type=_seconds, default=30.0, metavar="SECONDS", help="between lines of progress (default: 30)"
    )
    tail.add_argument("--json", action="store_true", help="print one JSON object per line for programs instead")
    tail.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive number of seconds")
    return seconds


def _width(text: str) -> int:
    if not text.isdigit() or not 20 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number of columns from 20 to 1000")
    return int(text)
