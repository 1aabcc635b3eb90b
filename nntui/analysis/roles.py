"""Which metric plays which part, by the names people give.

Owns the naming conventions of the field. Invariant: a name has at most one role.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

from nntui.finding import PROGRESS
from nntui.names import LAYER

_SPLIT = re.compile(r"[^a-z0-9]+")
_LOSS = frozenset(
    {
        "loss",
        "nll",
        "ce",
        "bce",
        "xent",
        "crossentropy",
        "logloss",
        "mse",
        "rmse",
        "perplexity",
        "ppl",
        "bpb",
        "bpc",
        "elbo",
    }
)
_SCORES = frozenset({"acc", "accuracy", "f1", "auc", "score", "r2"})
_ACCURACY = frozenset({"acc", "accuracy"})
_RANKING = frozenset({"auc", "auroc", "rocauc"})
_PRECISION = frozenset({"pr", "prc", "precision", "recall"})
_SPREAD = frozenset({"stderr", "std", "sem", "var", "scale", "count", "weight"})
_PHASE = frozenset({"task", "stage", "phase", "curriculum", "lesson", "level", "difficulty", "domain"})
_PLAYERS = frozenset(
    {"critic", "discriminator", "disc", "generator", "adversary", "adversarial", "actor", "policy", "value", "vf", "qf"}
)
_TRAIN = frozenset({"train", "training"})
_VALIDATION = frozenset({"val", "valid", "validation", "eval", "evaluation", "test", "dev", "holdout"})


@functools.lru_cache(maxsize=1 << 17)  # asked of every metric at every snapshot
def words(metric: str) -> tuple[str, ...]:
    """The parts of a name: `train/loss_stderr` is train, loss, stderr."""
    return tuple(part for part in _SPLIT.split(metric.lower()) if part)


def is_loss(metric: str) -> bool:
    """A loss of any split; not its standard error or scale."""
    parts = frozenset(words(metric))
    return bool(parts & _LOSS) and not parts & _SPREAD


def is_validation(metric: str) -> bool:
    """Measured on data that is not trained on."""
    return bool(frozenset(words(metric)) & _VALIDATION)


def is_score(metric: str) -> bool:
    """Something of which more is better: an accuracy, F1, AUC, R²; not its standard error."""
    parts = frozenset(words(metric))
    return bool(parts & _SCORES) and not parts & (_SPREAD | _LOSS | {"error"})


def is_accuracy(metric: str) -> bool:
    """A score that is a share of what is right."""
    return is_score(metric) and bool(frozenset(words(metric)) & _ACCURACY)


def is_ranking(metric: str) -> bool:
    """The share of pairs that are put in the right order: the area under the ROC curve, not that of precision and recall."""
    parts = frozenset(words(metric))
    return bool(parts & _RANKING) and not parts & (_SPREAD | _LOSS | _PRECISION)


def is_train_loss(metric: str) -> bool:
    """The loss that is being minimised: `train/loss`, `loss`, `training_loss`."""
    return is_loss(metric) and not is_validation(metric)


def is_a_game(metrics: Iterable[str]) -> bool:
    """Whether losses are those of players against each other, or against their own past: they have no direction.

    `critic/loss`, `policy_loss`, `losses/value_loss`, `d_loss` beside `g_loss`.
    """
    parts = [frozenset(words(metric)) for metric in metrics if is_train_loss(metric)]
    return any(part & _PLAYERS for part in parts) or (
        any("d" in part for part in parts) and any("g" in part for part in parts)
    )


def is_validation_loss(metric: str) -> bool:
    """`val/loss`, `eval_loss`, `test/loss`."""
    return is_loss(metric) and is_validation(metric)


def is_spread(metric: str) -> bool:
    """What tells of another metric how far it scatters, how much it weighs, or of how many it is."""
    return bool(frozenset(words(metric)) & _SPREAD)


def is_lr(metric: str) -> bool:
    """A learning rate: `lr`, `train/lr`, `learning_rate`, `lr-Adam/pg1`."""
    parts = words(metric)
    return "lr" in parts or ("learning" in parts and "rate" in parts)


def is_phase(metric: str) -> bool:
    """Which of several phases a training is in: `task`, `curriculum/level`, `stage/digits`."""
    parts = frozenset(words(metric))
    return bool(parts & _PHASE) and not parts & (_LOSS | _SCORES | _SPREAD)


def is_gradient_norm(metric: str) -> bool:
    """`grad_norm`, `gradient_norm`, `train/grad_norm`."""
    parts = frozenset(words(metric))
    return bool(parts & {"grad", "gradient", "gnorm"}) and bool(parts & {"norm", "gnorm"})


def is_throughput(metric: str) -> bool:
    """Samples per second."""
    parts = frozenset(words(metric))
    return bool(parts & {"throughput", "sps"}) or ({"samples", "second"} <= parts) or ({"samples", "sec"} <= parts)


def pick(metrics: Iterable[str], role: str) -> str | None:
    """The metric that best plays `train_loss`, `validation_loss`, `lr` or `throughput`; None when none does.

    The shortest name wins, then the first in alphabetical order: `train/loss` before `train/aux/loss`. What a check measures
    plays a part only where there is nothing else.
    """
    metrics = [*metrics]
    metrics = [name for name in metrics if not name.startswith(PROGRESS)] or metrics
    test = {
        "train_loss": is_train_loss,
        "validation_loss": is_validation_loss,
        "lr": is_lr,
        "throughput": is_throughput,
    }[role]
    fitting = [name for name in metrics if test(name)]
    if "loss" in role:  # an evidence bound rises, and some log its negative
        fitting = [name for name in fitting if "elbo" not in words(name) or "loss" in words(name)]
    plain = [name for name in fitting if "loss" in words(name)] if "loss" in role else fitting
    return min(plain or fitting, key=_plainness, default=None)


def outcome(metrics: Iterable[str]) -> str:
    """The metric that runs are judged by: a loss of validation, else a score of validation, any score, the loss of training."""
    metrics = [name for name in metrics if not name.startswith(PROGRESS)]
    scores = [name for name in metrics if is_score(name)]
    validated = [name for name in scores if is_validation(name)]
    score = min(validated or scores, key=_plainness, default="")
    return pick(metrics, "validation_loss") or score or pick(metrics, "train_loss") or ""


def _plainness(name: str) -> tuple[int, int, str]:
    return (len(words(name)), len(name), name)


def together(metric: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """The metric and what is the same of other splits, training first: `train/loss`, `val/loss`, `test/loss`."""
    return next((group for group in grouped(metrics) if metric in group), (metric,))


def grouped(metrics: Iterable[str]) -> list[tuple[str, ...]]:
    """The metrics, those that are the same of several splits together; each group where its first member was."""
    found: dict[tuple[str, ...], list[list[str]]] = {}
    groups: list[list[str]] = []
    for metric in metrics:
        alike = found.setdefault(_stem(metric), [])
        mine = next((group for group in alike if all(_splits(metric) != _splits(one) for one in group)), None)
        if mine is not None:
            mine.append(metric)
        else:
            alike.append([metric])
            groups.append(alike[-1])
    return [tuple(sorted(group, key=is_validation)) for group in groups]


@functools.lru_cache(maxsize=20_000)
def _stem(metric: str) -> tuple[str, ...]:
    """The name without its split; nothing is the same as what a check measures, or as another metric of the model's inside."""
    own = metric.startswith((PROGRESS, LAYER))
    return (metric,) if own else tuple(part for part in words(metric) if part not in _TRAIN | _VALIDATION)


def same(one: str, other: str) -> bool:
    """Whether two metrics are the same of different splits: `train/loss` and `val/loss`, not `train/loss` and `val/mse`."""
    return one != other and _stem(one) == _stem(other)


def _splits(metric: str) -> frozenset[str]:
    return frozenset(words(metric)) & (_TRAIN | _VALIDATION)


def order(metric: str) -> tuple[int, str]:
    """Sort key for lists: losses first (training before validation), then scores, the rest by name; checks' progress last."""
    parts = frozenset(words(metric))
    if metric.startswith(PROGRESS):
        return (6, metric)
    if parts & _SPREAD:
        return (5, metric)
    if is_loss(metric):
        return (1 if is_validation(metric) else 0, metric)
    if parts & (_SCORES | {"error"}):
        return (2 if is_validation(metric) else 3, metric)
    return (4, metric)
