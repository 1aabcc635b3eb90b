"""The recipe's sanity checks on any torch model: one file per row.

Each name here is a plain function `check(task, *, seed=0, budget=10.0) -> Finding`; `preflight` runs them in order.
Invariant: a check never raises for what the user's code does, and leaves the world as it found it.
"""

# A function has the name of the module it lives in, and takes its place as the package's attribute.
from nntui.checks.dependency import check as dependency
from nntui.checks.init_loss import check as init_loss
from nntui.checks.preflight import preflight

__all__ = ["dependency", "init_loss", "preflight"]
