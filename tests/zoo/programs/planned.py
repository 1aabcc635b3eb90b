"""How long the training is planned to be, for tasks that can say so."""

from __future__ import annotations

import dataclasses

from nntui import Task


def planned(task: Task, steps: int) -> Task:
    """The task with `steps`, where a task has that field."""
    known = {field.name for field in dataclasses.fields(task)}
    return dataclasses.replace(task, **{"steps": steps}) if "steps" in known else task
