"""The command line: `nntui watch | show | train | check`.

Owns arguments, exit codes and the one place where an error becomes a line. Imports the chosen verb last.
Invariant: a user never sees a traceback, unless NNTUI_DEBUG is set.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from nntui import __version__
from nntui.runlog.errors import RunFolderError

OK, INTERNAL, USAGE, NOT_FOUND, FOUND, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXAMPLES = """\
examples:
  nntui train digits --out runs/exp42    train a built-in task, with checks before the first step
  nntui check my_task.py:task            the checks alone, on a task of your own
  nntui watch runs/exp42                 the dashboard; leaving it never stops a job
  nntui watch runs                       the latest run below a folder
  nntui show runs/exp42                  one page and a plot; --json for programs

exit codes: 0 ok, 1 internal, 2 usage, 3 not found or unreadable, 4 a failed check or an alert of severity error, 130 interrupted
"""


MODULES = {"train": "training", "check": "training"}
"""Verbs that do not have the name of their module."""


class UsageError(Exception):
    """What was asked for cannot be done; one line for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    if words[:1] in (["train"], ["check"]):  # the trainer knows its own options
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
    except BrokenPipeError:
        # The reader of the pipe has left; python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if os.environ.get("NNTUI_DEBUG"):
            raise
        what = (
            f"{type(error).__name__}: {error}. This is a defect of nntui; please report it (NNTUI_DEBUG=1 shows where)."
        )
        return _say(arguments.verb, what, INTERNAL)


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
    verbs = parser.add_subparsers(dest="verb", metavar="{watch,show,train,check}")
    watch = verbs.add_parser("watch", help="open the dashboard on a run, or on the latest run of a folder")
    watch.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    watch.add_argument("--wait", action="store_true", help="wait for a run that does not exist yet")
    watch.add_argument(
        "--glyphs", choices=("braille", "block", "ascii"), default="braille", help="what plots are made of"
    )
    watch.add_argument("--light", action="store_true", help="for a light background")
    show = verbs.add_parser("show", help="print a run: numbers, checks, alerts and a plot")
    show.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    show.add_argument("--json", action="store_true", help="print JSON for programs instead")
    show.add_argument("--plot", metavar="METRIC", help="plot this metric instead of training and validation loss")
    show.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")
    show.add_argument("--width", type=_width, help="columns to print (default: the terminal's, or 80)")
    verbs.add_parser(
        "train", help="train a task, with checks before the first step (nntui train --help)", add_help=False
    )
    verbs.add_parser("check", help="run the recipe's checks on a task (nntui check --help)", add_help=False)
    return parser


def _width(text: str) -> int:
    if not text.isdigit() or not 20 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number of columns from 20 to 1000")
    return int(text)
