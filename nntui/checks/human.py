"""skeleton.human: how well a person does, as a line to compare with.

The check itself only says that there is no answer yet: answers are given with `nntui label TASK`, which records them
as a finding of this row.
"""

from __future__ import annotations

from nntui.checks.guard import Skip, guarded
from nntui.checks.task import Task
from nntui.finding import Finding

ROW = "skeleton.human"


@guarded(ROW)
def check(task: Task, *, seed: int = 0, budget: float = 10.0) -> Finding:
    """Say how to get a human reference."""
    raise Skip(
        "Nobody labelled examples yet: `nntui label TASK` shows some and asks; what a person reaches becomes a line in the plots."
    )
