"""Opening a run: the only moment at which recording may raise.

Owns `nntui.init` and its arguments. Invariant: what is wrong with an argument is said here, in one line, or never.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nntui.recorder.disabled import DisabledRun
from nntui.recorder.run import Run
from nntui.recorder.scalars import index
from nntui.runlog.errors import RunFolderError


def init(
    path: str | os.PathLike[str],
    *,
    config: Mapping[str, Any] | None = None,
    total_steps: int | None = None,
    steps_per_epoch: int | None = None,
    resume_step: int | None = None,
    rank: int | None = None,
    system: bool = True,
    capture_output: bool = False,
    enabled: bool = True,
) -> Run:
    """Open the run folder at `path` for recording; an existing run gets one more writer.

    config: what to remember of the settings (stored as JSON, at most 64 KiB). total_steps and steps_per_epoch: for
    progress and epochs. resume_step: the step this process goes on from; earlier points at or past it are shown as
    superseded. rank: default from torch.distributed, torchrun, Slurm or Open MPI. system: whether the machine is read too,
    every few seconds and never on the calling thread (processor, memory, GPU where nvidia-ml-py is installed).
    capture_output: whether the lines that this process prints to sys.stdout and sys.stderr are recorded too; they are printed
    as ever. enabled=False: a Run that does nothing.

    Raises RunFolderError when the folder cannot be used, ValueError or TypeError for wrong arguments. Nothing raises later.
    """
    counts = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, "resume_step": resume_step, "rank": rank}
    numbers = {name: _count(name, value) for name, value in counts.items()}
    if config is not None and not isinstance(config, Mapping):
        raise TypeError(f"nntui.init: config was a {type(config).__name__}; expected a mapping such as vars(args).")
    if not enabled:
        return DisabledRun(path, numbers["resume_step"])
    try:
        Path(path).absolute()
    except OSError:
        message = f"{path}: cannot be written (the working directory is gone); expected one, or an absolute path."
        raise RunFolderError(message) from None
    return Run(path, config=config, system=bool(system), capture_output=bool(capture_output), **numbers)


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = index(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ValueError(f"nntui.init: {name} was {value!r}; expected a whole number from 0, or None.")
    return number
