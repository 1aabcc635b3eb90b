"""The verbs of the command line: what each is called, what it takes, which module does it.

Owns the one parser. Standard library only. Invariant: making the parser imports no verb, so that a line for a status bar is made
in a blink; to add a verb is to add a function and a row of VERBS here, and its module beside this one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from nntui import __version__

EXIT_CODES = """\
exit codes: 0 ok, 1 internal, 2 usage, 3 not found or unreadable, 4 a failed check, an alert of severity error or a crash,
            5 no sign of life (status only), 130 interrupted
"""
TABLES = (
    "metrics",
    "system",
    "checks",
    "events",
    "output",
    "predictions",
    "samples",
    "examples",
    "dependencies",
    "tensors",
)
"""What a run folder holds, by the names of `nntui.read`."""
RUN = """\
Run a command; whichever Python it starts that trains with torch is recorded, its script unchanged: losses, learning rate,
gradients, updates and outputs of each layer, modes. The command's input, output, signals and exit code are its own, and
what it computes is bit by bit what it would be.

Python needs nntui installed where the script runs. What ignores or replaces PYTHONPATH (python -I, -E, -S, sudo, a script
that exports its own) is not recorded. NNTUI_RECORD= before a command within leaves that one out.
"""


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing the command line can do."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None] | None
    """Adds what it takes; None: the module reads the words itself, in `arguments.words`."""
    examples: tuple[tuple[str, str], ...] = ()
    """(command, what it is for), as `nntui --help` shows them."""
    module: str = ""
    """Where its `run(arguments) -> exit code` is, below nntui.cli; empty: under its own name."""


def parser(asked: str | None = None) -> argparse.ArgumentParser:
    """The parser of every verb. asked: the only one whose words will be parsed, so that what the others take is not made."""
    made = argparse.ArgumentParser(
        prog="nntui",
        description="Sanity checks, live plots and alerts for training neural networks.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"nntui {__version__}")
    verbs = made.add_subparsers(dest="verb", metavar="{" + ",".join(verb.name for verb in VERBS) + "}")
    for verb in VERBS:
        one = verbs.add_parser(verb.name, help=verb.help, add_help=verb.arguments is not None)
        if verb.arguments is not None and asked in (None, verb.name):
            verb.arguments(one)
    return made


def _epilog() -> str:
    examples = [example for verb in VERBS for example in verb.examples]
    width = max(len(command) for command, _ in examples)
    lines = [f"  {command:<{width}}  {words}" for command, words in examples]
    return "\n".join(["examples:", *lines, "", EXIT_CODES])


# --- what each takes --------------------------------------------------------------------------


def _watch(watch: argparse.ArgumentParser) -> None:
    watch.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: the latest run below runs)")
    watch.add_argument("--wait", action="store_true", help="wait for a run that does not exist yet")
    watch.add_argument(
        "--glyphs", choices=("braille", "block", "ascii"), default="braille", help="what plots are made of"
    )
    watch.add_argument(
        "--pictures",
        choices=("auto", "kitty", "blocks"),
        default="auto",
        help="with all their pixels by kitty's protocol, or two to a cell (default: as nntui doctor finds)",
    )
    watch.add_argument("--quiet", action="store_true", help="ring no bell when an alert is new")
    watch.add_argument("--light", action="store_true", help="for a light background")


def _run(run: argparse.ArgumentParser) -> None:
    run.formatter_class = argparse.RawDescriptionHelpFormatter
    run.usage = "nntui run [--out RUN] [--declare WORD] [--quiet] -- COMMAND …"
    run.description = RUN
    run.add_argument("--out", metavar="RUN", help="run folder (default: runs/SCRIPT-TIME); RUN-2 where there is one")
    run.add_argument(
        "--declare",
        action="append",
        default=[],
        metavar="WORD",
        help="what is meant and only looks wrong, as for nntui.watch: accumulate, frozen:encoder.*, … (again for more)",
    )
    run.add_argument("--quiet", action="store_true", help="do not say where the run is recorded")
    run.add_argument("command", nargs=argparse.REMAINDER, help="what to run, with its own options")


def _ls(ls: argparse.ArgumentParser) -> None:
    ls.add_argument("path", nargs="?", help="a folder of runs (default: runs)")
    ls.add_argument(
        "--filter",
        metavar="WORDS",
        default="",
        help="only runs of which all of these hold: name*, !letters, state=live|crashed, cfg.lr>=1e-3, val/loss<0.3 (its best), "
        "last.train/loss<1, age<2h, ran>10m",
    )
    ls.add_argument(
        "--sort",
        metavar="NAME",
        default="",
        help="by best, loss, step, age, name, cfg.lr, val/loss, …; the better first, with - before it the other way round",
    )
    ls.add_argument("--ledger", action="store_true", help="oldest first, each with what it changed and what it gained")
    ls.add_argument("--json", action="store_true", help="print JSON for programs instead")


def _diff(diff: argparse.ArgumentParser) -> None:
    diff.add_argument("before", help="a run folder")
    diff.add_argument("after", help="the run folder to compare with it")
    diff.add_argument("--json", action="store_true", help="print JSON for programs instead")


def _status(status: argparse.ArgumentParser) -> None:
    status.add_argument("path", nargs="?", help="a run folder, or a folder of runs for its latest (default: runs)")
    form = status.add_mutually_exclusive_group()
    form.add_argument(
        "--short", action="store_true", help="one line, as for tmux: set -g status-right '#(nntui status RUN --short)'"
    )
    form.add_argument("--json", action="store_true", help="print JSON for programs instead")


def _show(show: argparse.ArgumentParser) -> None:
    show.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    show.add_argument("--json", action="store_true", help="print JSON for programs instead")
    show.add_argument("--plot", metavar="METRIC", help="plot this metric instead of training and validation loss")
    show.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")
    show.add_argument("--width", type=_width, help="columns to print (default: the terminal's, or 80)")


def _tail(tail: argparse.ArgumentParser) -> None:
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


def _report(report: argparse.ArgumentParser) -> None:
    report.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    report.add_argument("--format", choices=("text", "markdown"), default="text", help="how to write it")
    report.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")
    report.add_argument("--width", type=_width, help="columns to print (default: the terminal's, or 80)")


def _doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("path", nargs="?", help="a run folder, or a folder of runs (default: runs)")
    doctor.add_argument("--json", action="store_true", help="print JSON for programs instead")


def _completion(completion: argparse.ArgumentParser) -> None:
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script to print")


def _export(export: argparse.ArgumentParser) -> None:
    export.add_argument("path", nargs="?", help="a run folder, or a folder of runs for its latest (default: runs)")
    export.add_argument(
        "--format", choices=("csv", "parquet", "json", "svg"), help="default: by the name of --out, else csv"
    )
    export.add_argument(
        "--kind",
        choices=(*TABLES, "alerts"),
        help="which table (default: metrics); alerts are computed, and only as json",
    )
    export.add_argument("--metric", action="append", metavar="GLOB", help="only metrics like this (may be given again)")
    export.add_argument("--out", metavar="FILE", help="where to (default: standard output)")
    export.add_argument("--light", action="store_true", help="an svg for a light background")


# --- what a word must be ----------------------------------------------------------------------


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


# --- the table --------------------------------------------------------------------------------

VERBS = (
    Verb(
        "train",
        "train a task, with checks before the first step (nntui train --help)",
        None,
        (("nntui train digits --out runs/exp42", "train a built-in task, with checks before the first step"),),
        module="training",
    ),
    Verb(
        "check",
        "run the recipe's checks on a task (nntui check --help)",
        None,
        (("nntui check my_task.py:task", "the checks alone, on a task of your own"),),
        module="training",
    ),
    Verb(
        "label",
        "label examples of a task yourself (nntui label --help)",
        None,
        (("nntui label digits --twice", "label examples yourself: a line in the plots to compare with"),),
        module="training",
    ),
    Verb(
        "watch",
        "open the dashboard on a run, or on the runs of a folder",
        _watch,
        (
            ("nntui watch runs/exp42", "the dashboard; leaving it never stops a job"),
            ("nntui watch runs", "every run of a folder; enter opens one, 7 leads back"),
        ),
    ),
    Verb(
        "run",
        "run a training script as it is, and record it",
        _run,
        (
            ("nntui run -- python train.py --lr 3e-4", "record a script of your own, unchanged"),
            (
                "nntui run -- torchrun train.py",
                "whatever finally starts Python: -m, torchrun, accelerate, a shell script",
            ),
        ),
    ),
    Verb(
        "ls",
        "list the runs below a folder",
        _ls,
        (
            ("nntui ls", "the same list, printed"),
            ("nntui ls --filter 'cfg.lr>1e-3' --sort best", "only some of them, the best first"),
            ("nntui ls --ledger", "what each run changed, and what it gained"),
        ),
    ),
    Verb(
        "diff",
        "say what differs between two runs, and what came of it",
        _diff,
        (("nntui diff runs/a runs/b", "config, code, data, seed; and whether it is a gain"),),
    ),
    Verb(
        "status",
        "say how a run is, fast enough for a status bar",
        _status,
        (("nntui status runs/exp42 --short", "one line for a status bar, in a blink"),),
    ),
    Verb(
        "show",
        "print a run: numbers, checks, alerts and a plot",
        _show,
        (("nntui show runs/exp42", "one page and a plot; --json for programs"),),
    ),
    Verb(
        "tail",
        "print what happens to a run, and tell others of its alerts",
        _tail,
        (("nntui tail runs/exp42 --on-alert CMD", "a line for everything new; CMD is given each new alert as JSON"),),
    ),
    Verb(
        "report",
        "print what happened to a run, for someone who was not there",
        _report,
        (("nntui report runs/exp42", "what happened, which came first, what to try"),),
    ),
    Verb(
        "doctor",
        "say what of this terminal, machine and folder helps or hinders",
        _doctor,
        (("nntui doctor", "what of this terminal and machine hinders, and what to do"),),
    ),
    Verb(
        "completion",
        "print what a shell needs to complete these commands",
        _completion,
        (("nntui completion bash", 'for your shell: eval "$(nntui completion bash)" in ~/.bashrc'),),
    ),
    Verb(
        "export",
        "write what a run recorded as csv, parquet, json or svg",
        _export,
        (("nntui export runs/exp42 --out a.csv", "its metrics for other programs; parquet, json, and svg for a plot"),),
    ),
)
