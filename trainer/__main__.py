"""`python -m trainer train TASK`, which `nntui train` starts.

Owns arguments, signals and exit codes: 0 done, 1 an error in the run, 2 usage (an unknown task too), 3 a run folder that cannot
be used, 4 a failed check under --strict, 130 and 143 stopped with a checkpoint.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import nntui
from trainer import schedules, tasks
from trainer.checkpoint import CheckpointError
from trainer.faults import NAMES as FAULTS
from trainer.faults import Fault
from trainer.loop import Options, Stop, train


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, train, and turn whatever goes wrong into one line."""
    arguments = _parser().parse_args(argv)
    try:
        options = _options(arguments)
        task = tasks.named(options.task, options.width)
    except KeyError:
        return _say(f"{arguments.task!r} is no task; expected one of {', '.join(tasks.NAMES)}.", 2)
    except ImportError as error:
        return _say(
            f"{arguments.task}: needs {error.name}, which is not installed. Run `pip install 'nntui[train]'`.", 2
        )
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: _ask_to_stop(stop, n))
    torch.set_num_threads(1)  # small models: threads only wait for each other
    try:
        return train(task, options, stop)
    except nntui.RunFolderError as error:
        return _say(str(error), 3)
    except CheckpointError as error:
        return _say(str(error), 3)
    except OSError as error:
        return _say(
            f"{error.filename or options.out}: {error.strerror}; the run ends here. Make room or choose another --out.",
            1,
        )
    except Exception as error:  # noqa: BLE001 (the boundary to the user; the run's events hold the traceback)
        line = " ".join(str(error).split())
        return _say(f"{type(error).__name__}: {line}. The traceback is in the log of `nntui watch {options.out}`.", 1)


def _ask_to_stop(stop: Stop, number: int) -> None:
    if stop.code:  # asked twice: do not wait for the checkpoint
        raise KeyboardInterrupt
    stop.code = 128 + number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nntui", add_help=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    words = verbs.add_parser(
        "train",
        prog="nntui train",
        description="Run the recipe's checks, train, and record everything into a run folder. A folder that holds a run with a "
        "checkpoint is resumed.",
    )
    words.add_argument("task", metavar="TASK", help=f"one of {', '.join(tasks.NAMES)}")
    words.add_argument("--out", type=Path, help="run folder (default: runs/TASK-TIME)")
    words.add_argument("--steps", type=_count, default=6000, help="optimizer updates (default: %(default)s)")
    words.add_argument("--batch-size", type=_count, default=64, help="default: %(default)s")
    words.add_argument("--lr", type=_positive, default=3e-4, help="learning rate of Adam (default: %(default)s)")
    words.add_argument("--schedule", choices=schedules.NAMES, default="constant", help="default: %(default)s")
    words.add_argument("--width", type=_count, default=128, help="size of the model (default: %(default)s)")
    words.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    words.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, … (default: %(default)s)")
    words.add_argument("--eval-every", type=_count, default=100, metavar="STEPS", help="default: %(default)s")
    words.add_argument(
        "--pace", type=_positive, default=0.0, metavar="STEPS", help="at most so many steps a second, to watch"
    )
    words.add_argument("--no-checks", action="store_true", help="begin without the recipe's checks")
    words.add_argument("--strict", action="store_true", help="do not train when a check fails (exit code 4)")
    words.add_argument(
        "--fault", type=_fault, default=Fault(), metavar="NAME[@STEP]", help=f"break the run: {', '.join(FAULTS)}"
    )
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    out = arguments.out or Path("runs") / f"{arguments.task}-{time.strftime('%Y%m%d-%H%M%S')}"
    return Options(
        task=arguments.task,
        out=out,
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        lr=arguments.lr,
        schedule=arguments.schedule,
        seed=arguments.seed,
        width=arguments.width,
        device=arguments.device,
        eval_every=arguments.eval_every,
        pace=arguments.pace,
        checks=not arguments.no_checks,
        strict=arguments.strict,
        fault=arguments.fault,
    )


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 1 << 40:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a positive number")
    return number


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _say(what: str, code: int) -> int:
    print(f"nntui train: {what}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
