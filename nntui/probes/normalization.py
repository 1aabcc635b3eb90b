"""What a batch normalisation would do to the same batch in evaluation.

Owns one number, from the statistics of a batch and those that the layer keeps; no second forward call. Invariant: a batch drawn
from what the kept statistics describe gives about 0, however small it is.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nntui.probes.layers import named
from nntui.probes.parameters import median

PLACES = 64
"""Most places of one example and channel that are looked at, evenly spaced; what that leaves to chance counts as chance."""


def normalizations_of(model: nn.Module) -> dict[str, _BatchNorm]:
    """Batch normalisations that keep statistics, by name."""
    return {name: m for name, m in named(model) if isinstance(m, _BatchNorm) and m.track_running_stats}


def gap(module: _BatchNorm, given: Tensor) -> Tensor | None:
    """nntui.names.NORM_GAP of a batch, (N, C, …), that the layer has just normalised; None where it was not by the batch's own.

    With mean m, variance s² of the batch and the kept ones μ, σ² (ε added to each variance): training gives z = (x - m) / s,
    evaluation (x - μ) / σ = (s / σ) z + (m - μ) / σ, so that the mean square difference is (s / σ - 1)² + ((m - μ) / σ)². Chance
    adds the variances of s / σ and (m - μ) / σ, taken from how much examples differ among themselves.
    """
    kept, wide = module.running_mean, module.running_var
    if not module.training or kept is None or wide is None or given.dim() < 2 or len(given) < 2:
        return None
    given = given.detach()
    if given.dim() > 2:
        flat = given.flatten(2)
        given = flat[:, :, :: -(-flat.shape[2] // PLACES)].float()
        means, squares = given.mean(dim=2), (given * given).mean(dim=2)
    else:
        means = given.float()
        squares = means * means
    count, mean = len(given), means.mean(dim=0)
    apart = squares - 2 * mean * means + mean * mean  # of each example, from the mean of the batch
    own, usual = apart.mean(dim=0) + module.eps, wide.float() + module.eps
    found = ((own / usual).sqrt() - 1).square() + (mean - kept.float()).square() / usual
    chance = means.var(dim=0) / usual + apart.var(dim=0) / (4 * own * usual)
    return median(found - chance / count).clamp(min=0).sqrt()
