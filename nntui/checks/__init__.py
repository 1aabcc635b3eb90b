"""The recipe's sanity checks on any torch model: one file per row.

Each name here is a plain function `check(task, *, seed=0, budget=10.0) -> Finding`; `preflight` runs them in order;
`inferred` says what a task is taken for.
Invariant: a check never raises for what the user's code does, and leaves the world as it found it.
"""

# A function has the name of the module it lives in, and takes its place as the package's attribute.
from nntui.checks.blind import check as blind
from nntui.checks.dependency import check as dependency
from nntui.checks.inferred import inferred
from nntui.checks.init_bias import check as init_bias
from nntui.checks.init_loss import check as init_loss
from nntui.checks.overfit_batch import check as overfit_batch
from nntui.checks.preflight import preflight
from nntui.checks.seed import check as seed
from nntui.checks.task import TaskError

__all__ = [
    "TaskError",
    "blind",
    "dependency",
    "inferred",
    "init_bias",
    "init_loss",
    "overfit_batch",
    "preflight",
    "seed",
]
