"""Rules of others that look at one curve: W&B, Lightning, OLMo and Prechelt.

Owns one function per rule. OLMo scores the norm of the gradients as well; it is recorded at some updates only and left out.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rivals.recording import NEVER, Recording, Rule, first

JUMPS = frozenset({"live.spike", "live.divergence"})


def wandb_zscore(seen: Recording, window: int = 30, threshold: float = 3.0, *, rising: bool = False) -> int:
    """W&B's automation on the z-score of a run metric, here the training loss: |z| > 3 over the last 30 logged values.

    Defaults of `wandb.automations.MetricZScoreFilter`: window 30, threshold 3.0, change_dir ANY. The newest value is taken as
    one of the window. https://docs.wandb.ai/models/automations/automation-events
    """
    points = seen.losses
    if len(points) < window:
        return NEVER
    windows = sliding_window_view(points.value, window)
    with np.errstate(all="ignore"):
        score = (windows[:, -1] - windows.mean(axis=1)) / windows.std(axis=1)
    return first(points.step[window - 1 :], (score if rising else np.abs(score)) > threshold)


def wandb_zscore_rising(seen: Recording) -> int:
    """The same with change_dir INCREASE, as one would choose it for a loss."""
    return wandb_zscore(seen, rising=True)


def lightning_spike(seen: Recording, window: int = 10, warmup: int = 1, rtol: float = 2.0) -> int:
    """SpikeDetection of Lightning: a loss above the last one that differs by 2 times the mean of the last 10 from that mean.

    Defaults: mode min, window 10, warmup 1, atol None, rtol 2.0; with finite_only a loss that is not finite is a spike too. It
    ends the training, so it fires once. https://lightning.ai/docs/fabric/stable/, `lightning.fabric.utilities.spike`
    """
    kept, last = deque[float](maxlen=window), 0.0
    for place, (step, loss) in enumerate(zip(seen.losses.step, seen.losses.value, strict=True)):
        if place >= warmup:
            mean = sum(kept) / len(kept) if kept else np.nan
            if not np.isfinite(loss) or (loss > last and abs(loss - mean) >= abs(rtol * mean)):
                return int(step)
        kept.append(float(loss))
        last = float(loss)
    return NEVER


def olmo_spike(seen: Recording, window_size: int = 128, threshold_std: float = 6.0) -> int:
    """A spike of OLMo's SpikeScore: the loss lies over 6 standard deviations above the mean of the 128 before it.

    `StabilityMonitorCallback` of https://github.com/allenai/OLMo-core: no spike where the deviation is below 1e-10.
    """
    points = seen.losses
    if len(points) <= window_size:
        return NEVER
    before = sliding_window_view(points.value, window_size)[:-1]
    mean, deviation = before.mean(axis=1), before.std(axis=1)
    return first(
        points.step[window_size:],
        (deviation >= 1e-10) & (points.value[window_size:] > mean + threshold_std * deviation),
    )


def prechelt_gl5(seen: Recording, threshold: float = 5.0) -> int:
    """Prechelt's GL5: the validation error is over 5 % above its least so far.

    L. Prechelt, Early Stopping - But When?, 1998: GL(t) = 100 (E_va(t) / E_opt(t) - 1); GL_5 is the least patient of his.
    """
    error = seen.validation.value
    return (
        first(seen.validation.step, 100 * (error / np.fmin.accumulate(error) - 1) > threshold) if len(error) else NEVER
    )


RULES = (
    Rule("W&B, z-score of the loss", "z-score", wandb_zscore, JUMPS),
    Rule("W&B, z-score of the loss, rises alone", "z-score, rises alone", wandb_zscore_rising, JUMPS),
    Rule("Lightning SpikeDetection", "SpikeDetection", lightning_spike, JUMPS | {"live.nonfinite"}),
    Rule("OLMo SpikeScore", "6σ spike", olmo_spike, JUMPS),
    Rule("Prechelt GL5", "GL5", prechelt_gl5, frozenset({"regularise.early_stop"})),
)
