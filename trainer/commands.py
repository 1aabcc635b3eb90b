"""train, check and label: what `python -m trainer` can be asked.

Owns arguments, signals and exit codes: 0 done, 1 an error in the run, 2 usage (an unknown task too), 3 a run folder that cannot
be used, 4 a failed check (`train` under --strict only), 130 and 143 stopped, training with a checkpoint.
"""

from __future__ import annotations

import argparse
import io
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import nntui
from trainer import schedules, tasks
from trainer.batches import DataError
from trainer.checkpoint import CheckpointError
from trainer.faults import NAMES as FAULTS
from trainer.faults import Fault
from trainer.label import Wanted as Labelling
from trainer.label import label
from trainer.loop import Stop, train
from trainer.options import Options
from trainer.precheck import Wanted, check
from trainer.precision import NAMES as PRECISIONS
from trainer.questions import NotAnswerable

LABELLING = """\
Show examples and take a person's answers: the name of a class, its number or the beginning of its name, or a number.
How well that goes is recorded, and becomes a line in the plots of later runs of the task beside it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, then train or check; whatever goes wrong becomes one line."""
    arguments = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without × and – still gets the line
    torch.set_num_threads(1)  # small models: threads only wait for each other
    try:
        task = tasks.named(arguments.task, arguments.width)
        if arguments.verb == "label":
            return _label(task, arguments)
        return _check(task, arguments) if arguments.verb == "check" else _train(task, _options(arguments))
    except tasks.TaskNotLoaded as error:
        return _say(arguments.verb, str(error), 2)
    except ImportError as error:
        what = f"{arguments.task}: needs {error.name}, which is not installed. Run `pip install 'nntui[train]'`."
        return _say(arguments.verb, what, 2)
    except KeyboardInterrupt:
        return _say(arguments.verb, "interrupted.", 130)


def _check(task: nntui.Task, arguments: argparse.Namespace) -> int:
    try:
        return check(
            task,
            Wanted(
                seed=arguments.seed,
                budget=arguments.budget,
                only=tuple(arguments.only or ()),
                as_json=arguments.json,
                strict=arguments.strict,
                out=None if arguments.no_record else arguments.out or Path("runs") / f"check-{_name(arguments.task)}",
                task=arguments.task,
            ),
        )
    except ValueError as error:  # an unknown row: checks themselves never raise
        return _say("check", str(error), 2)


def _label(task: nntui.Task, arguments: argparse.Namespace) -> int:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    out = arguments.out or Path("runs") / f"label-{_name(arguments.task)}"
    wanted = Labelling(arguments.task, out, arguments.examples, arguments.twice, arguments.split, arguments.seed)
    try:
        return label(task, wanted)
    except (NotAnswerable, DataError, nntui.checks.TaskError) as error:
        return _say("label", f"{arguments.task}: {error}", 2)
    except nntui.RunFolderError as error:
        return _say("label", str(error), 3)
    except OSError as error:
        return _say("label", f"{error.filename or out}: {error.strerror or error}; expected to go on.", 1)
    except Exception as error:  # noqa: BLE001 (the boundary to the user: their data may raise anything)
        words = " ".join(str(error).split()) or "no words"
        return _say("label", f"{arguments.task}: {type(error).__name__}: {words:.300}", 1)


def _train(task: nntui.Task, options: Options) -> int:
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda n, _: _ask_to_stop(stop, n))
    try:
        return train(task, options, stop)
    except KeyboardInterrupt:
        return _say("train", "interrupted.", stop.code or 130)
    except (DataError, nntui.checks.TaskError) as error:
        return _say("train", f"{options.task}: {error}", 2)
    except (nntui.RunFolderError, CheckpointError) as error:
        return _say("train", str(error), 3)
    except OSError as error:
        place = error.filename or options.out
        return _say("train", f"{place}: {error.strerror}; the run ends here. Make room or choose another --out.", 1)
    except Exception as error:  # noqa: BLE001 (the boundary to the user; the run's events hold the traceback)
        words = str(error).strip()
        if "in DataLoader worker process" in words.partition("\n")[0]:
            words = f"{words.splitlines()[-1]} (in a worker of the loader)"  # torch puts its whole traceback before
        line = f"{type(error).__name__}: {' '.join(words.split())}"
        logged = (
            f" The traceback is in the log of `nntui watch {options.out}`."
            if (options.out / "run.json").exists()
            else ""
        )
        return _say("train", f"{line.rstrip('.')}.{logged}", 1)


def _ask_to_stop(stop: Stop, number: int) -> None:
    asked, stop.code = stop.code, 128 + number
    if asked or not stop.listens:  # asked twice, or nothing is trained yet: wait for no checkpoint
        raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nntui", add_help=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    words = verbs.add_parser(
        "train",
        prog="nntui train",
        description="Run the recipe's checks, train, and record everything into a run folder. A folder that holds a run with a "
        "checkpoint is resumed.",
    )
    _add_task(words)
    words.add_argument("--out", type=Path, help="run folder (default: runs/TASK-TIME)")
    words.add_argument("--steps", type=_count, default=6000, help="optimizer updates (default: %(default)s)")
    words.add_argument("--batch-size", type=_count, default=64, help="default: %(default)s")
    words.add_argument(
        "--accumulate", type=_count, default=1, metavar="N", help="batches per optimizer update (default: %(default)s)"
    )
    words.add_argument("--lr", type=_positive, default=3e-4, help="learning rate of Adam (default: %(default)s)")
    words.add_argument("--schedule", choices=schedules.NAMES, default="constant", help="default: %(default)s")
    words.add_argument(
        "--warmup", type=_count, default=0, metavar="STEPS", help="steps over which the rate rises (default: none)"
    )
    words.add_argument(
        "--clip", type=_positive, default=0.0, metavar="NORM", help="largest norm of the gradient (default: any)"
    )
    words.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="of the forward call (default: %(default)s)"
    )
    words.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, … (default: %(default)s)")
    words.add_argument("--eval-every", type=_count, default=100, metavar="STEPS", help="default: %(default)s")
    words.add_argument(
        "--pace", type=_positive, default=0.0, metavar="STEPS", help="at most so many steps a second, to watch"
    )
    words.add_argument("--no-checks", action="store_true", help="begin without the recipe's checks")
    words.add_argument("--no-probes", action="store_true", help="look at the losses only, not inside the model")
    words.add_argument("--no-capture", action="store_true", help="do not record what is printed")
    words.add_argument("--strict", action="store_true", help="do not train when a check fails (exit code 4)")
    words.add_argument(
        "--fault", type=_fault, default=Fault(), metavar="NAME[@STEP]", help=f"break the run: {', '.join(FAULTS)}"
    )
    checks = verbs.add_parser(
        "check",
        prog="nntui check",
        description="Run the recipe's checks on a task and print each verdict. Exit code 4 when one fails.",
    )
    _add_task(checks)
    checks.add_argument("--only", action="append", metavar="ID", help="run this check only (may be given again)")
    checks.add_argument("--json", action="store_true", help="print JSON for programs instead")
    checks.add_argument("--strict", action="store_true", help="exit with 4 on warnings too")
    checks.add_argument("--out", type=Path, help="run folder to record into (default: runs/check-TASK)")
    checks.add_argument("--no-record", action="store_true", help="record nothing")
    checks.add_argument(
        "--budget", type=_positive, default=10.0, metavar="S", help="seconds per check (default: %(default)s)"
    )
    _add_label(verbs.add_parser("label", prog="nntui label", description=LABELLING))
    return parser


def _add_label(words: argparse.ArgumentParser) -> None:
    _add_task(words)
    words.add_argument("--examples", type=_few, default=20, metavar="N", help="how many (default: %(default)s)")
    words.add_argument("--twice", action="store_true", help="ask for the same once more, in another order")
    words.add_argument(
        "--split",
        choices=("validation", "train"),
        default="",
        help="where from (default: validation where there is any)",
    )
    words.add_argument("--out", type=Path, help="run folder to record into (default: runs/label-TASK)")


def _add_task(words: argparse.ArgumentParser) -> None:
    words.add_argument("task", metavar="TASK", help=f"one of {', '.join(tasks.NAMES)}, or path/to/file.py:NAME")
    words.add_argument("--width", type=_count, default=128, help="size of a built-in model (default: %(default)s)")
    words.add_argument("--seed", type=_seed, default=0, help="default: %(default)s")


def _options(arguments: argparse.Namespace) -> Options:
    out = arguments.out or Path("runs") / f"{_name(arguments.task)}-{time.strftime('%Y%m%d-%H%M%S')}"
    return Options(
        task=arguments.task,
        out=out,
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        accumulate=arguments.accumulate,
        lr=arguments.lr,
        schedule=arguments.schedule,
        warmup=arguments.warmup,
        clip=arguments.clip,
        precision=arguments.precision,
        seed=arguments.seed,
        width=arguments.width,
        device=arguments.device,
        eval_every=arguments.eval_every,
        pace=arguments.pace,
        checks=not arguments.no_checks,
        probes=not arguments.no_probes,
        capture=not arguments.no_capture,
        strict=arguments.strict,
        fault=arguments.fault,
    )


def _name(task: str) -> str:
    """What a run of the task is called: the part after the colon of `file.py:NAME`."""
    return task.rpartition(":")[2]


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 40:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1")
    return int(text)


def _few(text: str) -> int:
    if not text.isdecimal() or len(text) > 4 or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 1 to 1000")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number from 0, below {1 << 32}")
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


def _say(verb: str, what: str, code: int) -> int:
    print(f"nntui {verb}: {what}", file=sys.stderr)
    return code
