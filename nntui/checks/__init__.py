"""The recipe's sanity checks on any torch model: one file per row.

Each row is a plain function `check(task, *, seed=0, budget=10.0) -> Finding`; `preflight` runs them in order;
`inferred` says what a task is taken for; `matches` compares a fast function with a plain one. What findings advise
are functions too: `init_final_bias`, `scale_final_layer`, `scaled_inputs`.
Invariant: a check never raises for what the user's code does, and leaves the world as it found it.
"""

# A function has the name of the module it lives in, and takes its place as the package's attribute.
from nntui.checks.adam import check as adam
from nntui.checks.balance import check as balance
from nntui.checks.blind import check as blind
from nntui.checks.capacity import check as capacity
from nntui.checks.corrupt import check as corrupt
from nntui.checks.dependency import check as dependency
from nntui.checks.duplicates import check as duplicates
from nntui.checks.fixes import init_final_bias, scale_final_layer, scaled_inputs
from nntui.checks.full_eval import check as full_eval
from nntui.checks.gate import check as gate
from nntui.checks.general import check as general
from nntui.checks.general import matches
from nntui.checks.human import check as human
from nntui.checks.inferred import inferred
from nntui.checks.init_bias import check as init_bias
from nntui.checks.init_loss import check as init_loss
from nntui.checks.label_noise import check as label_noise
from nntui.checks.layers import check as layers
from nntui.checks.leak import check as leak
from nntui.checks.lr_decay import check as lr_decay
from nntui.checks.outliers import check as outliers
from nntui.checks.overfit_batch import check as overfit_batch
from nntui.checks.preflight import preflight
from nntui.checks.resolution import check as resolution
from nntui.checks.seed import check as seed
from nntui.checks.simple import check as simple
from nntui.checks.task import TaskError

__all__ = [
    "TaskError",
    "adam",
    "balance",
    "blind",
    "capacity",
    "corrupt",
    "dependency",
    "duplicates",
    "full_eval",
    "gate",
    "general",
    "human",
    "inferred",
    "init_bias",
    "init_final_bias",
    "init_loss",
    "label_noise",
    "layers",
    "leak",
    "lr_decay",
    "matches",
    "outliers",
    "overfit_batch",
    "preflight",
    "resolution",
    "scale_final_layer",
    "scaled_inputs",
    "seed",
    "simple",
]
