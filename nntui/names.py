"""What the metrics are called that probes and the recorder write, and rules and screens read.

Owns the names alone (standard library only). A layer is named as `model.named_modules()` names it.
Invariant: a name, once recorded by a released version, keeps its meaning.
"""

from __future__ import annotations

STANDARD_ERROR = "_stderr"
"""How the name of a metric's standard error ends: `val/loss_stderr`."""

LAYER = "layer/"
"""How a metric of one layer begins: `layer/<layer>/<statistic>`."""

# --- of one layer ---------------------------------------------------------------------------------

GRAD_NORM = "grad_norm"
"""L2 norm of the gradients of the layer's own parameters, as the optimizer's step finds them."""
WEIGHT_NORM = "weight_norm"
"""L2 norm of the layer's own parameters."""
UNHELD = "unheld"
"""L2 norm of those of the layer's own parameters that got a gradient and that no optimizer holds; absent where there are none."""
FROZEN = "frozen"
"""1 at an update for which none of the layer's parameters that an optimizer holds had or wanted a gradient (requires_grad=False);
absent at any other."""
UPDATE_RATIO = "update_ratio"
"""L2 norm of one update of the layer's parameters divided by their L2 norm before it."""
ACTIVATION_MEAN = "activation_mean"
"""Mean of the layer's output in the forward calls of training."""
ACTIVATION_STD = "activation_std"
"""Standard deviation of the layer's output, over all its numbers."""
DEAD_FRACTION = "dead_fraction"
"""Share of the units of an activation function that gave exactly nothing for every input of the newest looks, of at least 512
inputs together."""
SATURATED_FRACTION = "saturated_fraction"
"""Share of the units of a bounded activation function whose outputs lie, on average, within 3 % of its range from a bound;
over as many inputs."""

NORM_GAP = "norm_gap"
"""Of a batch normalisation: root of the mean square difference between what it gives a batch in training and what it would give
the same batch in evaluation, before scale and shift and in units of the spread in training; median over channels, less what
chance explains in a batch of that size."""
NONFINITE = "nonfinite"
"""Share of the numbers of the layer's output that are NaN or infinite; taken in an update that follows a gradient which was not
finite."""

# --- of the model and its training ----------------------------------------------------------------

PROBE = "probe/"
"""How a metric of the whole training begins that a probe took."""
WHOLE_GRAD_NORM = "probe/grad_norm"
"""L2 norm of all gradients as the optimizer's step finds them (after clipping)."""
WHOLE_UPDATE_RATIO = "probe/update_ratio"
"""Median of the update ratios of the layers."""
STALE_GRADIENT = "probe/stale_gradient"
"""L2 norm of the gradients that were there already when a backward pass began, at the least of those since the update; 0 after
zero_grad."""
LATE_CLIPPING = "probe/late_clipping"
"""Norm of the gradients after an update divided by that which the update used, where they changed without a backward pass."""
TRAINING_MODE = "probe/training_mode"
"""Share of the modules that act differently in training (dropout, batch normalization) which were in training mode in forward
calls with gradients."""
EVALUATION_MODE = "probe/evaluation_mode"
"""The same share in forward calls without gradients; 0 where evaluation is as it should be."""
PROBE_LR = "probe/lr"
"""Learning rate of the optimizer's first group at the update."""
ROUNDED_AWAY = "probe/rounded_away"
"""Of the numbers of parameters in half precision that had a gradient, the share that an update left as they were, to the bit;
absent where no layer is in half precision."""
WITHOUT_STATE = "probe/without_state"
"""Share of the parameters with a state in their optimizer which had none there before the update."""
LOSS_SCALE = "probe/loss_scale"
"""Scale of a gradient scaler."""
SKIPPED = "probe/skipped"
"""Attempts at an update that a gradient scaler has skipped so far."""
STEP_SECONDS = "probe/step_seconds"
"""Seconds from one update to the next."""
DATA_WAIT = "probe/data_wait"
"""Share of that time from the end of an update to the next forward call: waiting for data, and whatever else the loop does."""
OWN_SECONDS = "probe/own_seconds"
"""Seconds of an update in which a rank waits for no other: from the end of the one before to the first forward call, and the
forward calls themselves."""
SAMPLES_PER_SECOND = "probe/samples_per_second"
"""Examples that went through forward calls of training, per second."""
OVERHEAD = "probe/overhead"
"""Share of the time of training that the probes themselves took on its thread."""
MEMORY = "probe/memory"
"""Bytes of resident memory of the process."""
DEVICE_MEMORY = "probe/device_memory"
"""Bytes that tensors hold on the accelerator."""
PARAMETER_HASH = "probe/parameter_hash"
"""24 bits of a hash of all parameters, equal on every rank of replicated training."""
BATCH_HASH = "probe/batch_hash"
"""24 bits of a hash of what entered the network, different on every rank."""

# --- of the machine -------------------------------------------------------------------------------

SYSTEM = "system/"
"""How a metric begins that the recorder takes of the machine every few seconds, at the newest step. It moves neither the run's
step nor its beat, says nothing of whether training goes on, and no alert reads it."""
CPU = "system/cpu"
"""Processor time of the process per second: 1 is one core at work."""
RESIDENT = "system/memory"
"""Bytes of resident memory of the process."""
WORKERS = "system/workers"
"""Processes that the process has started, such as the workers of a loader; absent like the next two while there are none."""
WORKERS_CPU = "system/workers_cpu"
"""Their processor time per second."""
WORKERS_MEMORY = "system/workers_memory"
"""Bytes of their resident memory; what they share is counted in each."""
MACHINE_CPU = "system/machine_cpu"
"""Share of all cores of the machine that are at work."""
MACHINE_MEMORY = "system/machine_memory"
"""Share of the memory in use, without caches: of the machine, or of the process's control group if that is nearer its limit."""
DISK_FREE = "system/disk_free"
"""Bytes free where the run folder lies."""
RECORDER_CPU = "system/recorder_cpu"
"""Processor time of the recorder's thread per second."""
RECORDED = "system/recorded"
"""Bytes that the recorder of this process has written so far."""
QUEUE = "system/queue"
"""Most calls of `log` that waited for the recorder at once since the reading before."""
GPU_UTILIZATION = "utilization"
"""`system/gpu.0/utilization`: share of the time in which a kernel ran, 0 to 1, as NVML has it."""
GPU_MEMORY = "memory"
"""Bytes in use on the device, by whatever process."""
GPU_PROCESS_MEMORY = "memory_process"
"""Bytes that this process uses there; absent where a container hides which process is which."""
GPU_POWER = "power_watts"
"""What the device draws."""

SYSTEM_EVENT = "system"
"""Event that tells what the machine is. Its data: `cores` (that the process may use), `memory` (bytes, or the limit of its
control group), `gpus` (`index` as nvidia-smi has it, `name`, `memory` in bytes), `blind` (sentences: what cannot be read)."""

WATCH_EVENT = "watch"
"""Event that tells what is watched. Its data: `layers` (names, in the order of the first forward call), `kinds` (class of each),
`parameters` (how many numbers each has), `trained` (how many of them an optimizer updates), `wanting` (how many of them want a
gradient), `functions` (class of each activation
function), `outputs` (shape of what the model gives one example; empty where it gives no tensor), `optimizers`, `declared`,
`blind` (sentences: what the probes cannot see here)."""


def layer(name: str, statistic: str) -> str:
    """The metric of one layer: `layer/encoder.0/grad_norm`."""
    return f"{LAYER}{name}/{statistic}"


def layer_of(metric: str) -> tuple[str, str]:
    """(layer, statistic) of a metric of one layer; a pair of empty texts for any other metric."""
    if not metric.startswith(LAYER):
        return "", ""
    name, _, statistic = metric[len(LAYER) :].rpartition("/")
    return (name, statistic) if name else ("", "")


def gpu(index: int, statistic: str) -> str:
    """The metric of one GPU: `system/gpu.0/utilization`."""
    return f"{SYSTEM}gpu.{index}/{statistic}"


def gpu_of(metric: str) -> tuple[int, str]:
    """(index, statistic) of a metric of one GPU; -1 and an empty text for any other metric."""
    number, _, statistic = metric.removeprefix(f"{SYSTEM}gpu.").partition("/")
    return (int(number), statistic) if metric.startswith(f"{SYSTEM}gpu.") and number.isdecimal() else (-1, "")


def is_inside(metric: str) -> bool:
    """Whether a metric was taken inside the model or the loop by a probe."""
    return metric.startswith((LAYER, PROBE))


def is_aside(metric: str) -> bool:
    """Whether a list leaves the metric out unless it is asked for: there are many of them."""
    return is_inside(metric) or metric.startswith(SYSTEM)
