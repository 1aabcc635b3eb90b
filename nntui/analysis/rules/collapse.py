"""One answer for everything.

Symptom: whatever comes in, the network gives the same: dead units before the output, an input that is not used, weights decayed
to nothing, training data that hold one class only.
Tests, on fixed batches whose labels differ: (1) the outputs of all examples were the same, to the rounding of float32 (SAME of
their size), at each of the last MOMENTS moments after the first step: an error, since a function of its inputs tells them
apart. (2) One class is said for every example at each of the last MOMENTS, where several were said before and more were right
than by always saying the commonest label, by SIGMAS standard errors, and at least LOST more than now (as many coins that all
fall on one side have a chance of 1 in 64). (3) One class has been said for all of them at each of at least LONG moments, and is
right for half of them at most: information, as a network that has not yet learned anything does so too. So it is, however often
it is right, where the training loss (its last RECENT points) lies below CONTENT of what such answers cost a cross entropy at
least: where another class is right, this one has no less probability, so the right one has at most a half, and ln 2 or more are
lost; a warning where as many evaluations have a recall, or the like (FOUND), of exactly zero. (4) Of outputs without any
labels, several numbers each: over the last MOMENTS of at least LONG moments they lie within NEAR of their size, and within NEAR
of how far they were apart at first: representations that have become one. And of an autoencoder with a prior, which logs a
divergence (`kl`) beside what it reconstructs: over the last quarter of at least ENOUGH points the divergence lies below
NOTHING, and was above at first: the code says nothing of the input. Wrong when: the labels of the batch differ and the network
must not tell its examples apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui.analysis import roles
from nntui.analysis.answers import Answers, trailing
from nntui.analysis.series import RunFacts, Series
from nntui.analysis.ticks import format_number
from nntui.finding import Finding

ID = "live.collapse"
MOMENTS = 3
SAME = 1e-6
LOST = 6
SIGMAS = 3.0
LONG = 8
CONTENT = 0.2
RECENT = 20
NEAR = 0.1
FOUND = frozenset({"recall", "precision", "f1", "iou", "dice", "tpr", "sensitivity"})
NOTHING = 1e-3
"""Nats; of a mean over many directions or pixels too, one that is used has more."""
ENOUGH = 40
CODES = frozenset({"kl", "kld", "kldiv"})
REBUILT = frozenset({"recon", "reconstruction", "rec", "reconstr", "nll", "elbo", "nelbo", "rate", "distortion"})


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each fixed batch."""
    loss = _loss(series)
    missed = _finds_nothing(series)
    found = [
        _constant(name, one) or _one_class(name, one, loss, missed=missed)
        for name, one in facts.answers.items()
        if one.differ
    ]
    found += [_alike(name, one) for name, one in facts.answers.items() if not one.labels]
    found.append(_empty_code(series))
    return [finding for finding in found if finding is not None]


def _empty_code(series: Mapping[str, Series]) -> Finding | None:
    """A code that is the prior whatever comes in."""
    parts = {metric: frozenset(roles.words(metric)) for metric in series}
    if not any(one & REBUILT and not one & CODES for one in parts.values()):
        return None
    for metric in (name for name, one in parts.items() if one & CODES and not roles.is_validation(name)):
        points = series[metric].finite()
        late = points.value[-(len(points) // 4) :]
        if len(points) < ENOUGH or not (np.abs(late) < NOTHING).all() or points.value[: len(late)].max() < NOTHING:
            continue
        step = int(points.step[len(points) - trailing(np.abs(points.value) < NOTHING)])
        return Finding(
            ID,
            "warn",
            f"{metric} is {format_number(float(np.median(late)))} and below {NOTHING:g} since step {step:,}: the code says "
            "nothing of the input, and what is reconstructed is the same for everything.",
            expected=f"above {NOTHING:g}",
            measured=float(np.median(late)),
            tolerance=NOTHING,
            advice="Most likely the divergence weighs too much against the reconstruction (a sum beside a mean), or no gradient "
            "passes the draw (sample() for rsample()). Refute: with a weight of zero the divergence must rise.",
            evidence={"metric": metric, "threshold": NOTHING, "since_step": step},
            step=step,
        )
    return None


def _loss(series: Mapping[str, Series]) -> float:
    """The training loss of late; infinite where there is none."""
    name = roles.pick(series, "train_loss")
    late = series[name].finite().value[-RECENT:] if name else np.empty(0)
    return float(np.median(late)) if len(late) else math.inf


def _finds_nothing(series: Mapping[str, Series]) -> bool:
    """Whether a score of validation that counts what is found has been exactly zero for long."""
    found = [
        one.finite().value for name, one in series.items() if roles.is_validation(name) and FOUND & {*roles.words(name)}
    ]
    return any(len(value) >= LONG and not value[-LONG:].any() for value in found)


def _constant(name: str, said: Answers) -> Finding | None:
    alike = trailing((said.apart <= SAME) & (said.step > 0))
    if alike < MOMENTS:
        return None
    step = int(said.step[len(said) - alike])
    return Finding(
        ID,
        "error",
        f"The outputs for all examples of the batch {name!r} are the same since step {step:,}, though their labels differ.",
        expected=f"outputs that differ by more than {SAME:g} of their size",
        measured=float(said.apart[-1]),
        tolerance=SAME,
        advice="Most likely units that are all dead or saturated (one update at too high a rate is enough), an input that is "
        "overwritten or not used, or weights "
        "decayed to nothing. Refute: print what each layer gives for two examples; the first layer that gives the same for "
        "both is where "
        "they get lost.",
        evidence={"batch": name, "apart": said.apart[-alike:].tolist()[-20:], "moments": alike, "since_step": step},
        step=step,
    )


def _one_class(name: str, said: Answers, loss: float, *, missed: bool) -> Finding | None:
    if said.kind != "classes" or not len(said):
        return None
    one = trailing((said.variety() == 1) & (said.step > 0))
    right, first = said.right.sum(axis=1), len(said) - one
    if one < MOMENTS:
        return None
    best = int(right[:first].max(initial=0))
    lost, known = best - int(right[-1]), int(said.labelled.sum())
    worse = lost >= LOST and said.knows(best / max(1, known), SIGMAS)
    cost = (1 - int(right[-1]) / max(1, known)) * math.log(2)
    content = one >= LONG and loss < CONTENT * cost
    if not worse and not content and (one < LONG or int(right[-1]) > known / 2):
        return None
    step, label = int(said.step[first]), int(np.nanmax(said.said[-1]))
    if content and not worse:
        return _content(name, label, step, loss, cost, missed=missed)
    return Finding(
        ID,
        "warn" if worse else "info",
        f"Class {label} is said for every example of the batch {name!r} since step {step:,}; that is right for "
        f"{int(right[-1])} of "
        f"{known}" + (f", where {best} were right before." if worse else "."),
        expected="several classes",
        measured=1.0,
        unit="classes",
        advice="Most likely training data that hold one class only (a filter, a sampler), a rate that threw the weights away, or "
        "units that are dead. Refute: count the labels of the last batches; several must be there.",
        evidence={"batch": name, "class": label, "moments": one, "right": right[-20:].tolist(), "since_step": step},
        step=step,
    )


def _content(name: str, label: int, step: int, loss: float, cost: float, *, missed: bool) -> Finding:
    return Finding(
        ID,
        "warn" if missed else "info",
        f"Class {label} is said for every example of the batch {name!r} since step {step:,}, and the training loss is content "
        f"with that: it is {format_number(loss)}, where such answers cost {format_number(cost)} at least if it is a mean cross "
        "entropy.",
        expected=f"above {format_number(cost)}",
        measured=loss,
        tolerance=CONTENT,
        advice="Most likely examples of the other classes hardly count: weights of classes that are upside down, a mask, a "
        "sampler that leaves them out. Refute: the mean cross entropy of the batch without weights must be as small.",
        evidence={"batch": name, "class": label, "loss": loss, "least_cost": cost, "since_step": step},
        step=step,
    )


def _alike(name: str, said: Answers) -> Finding | None:
    """Outputs of several numbers, without labels, that have become alike."""
    apart = said.apart
    if said.kind == "number" or len(apart) < LONG or not np.isfinite(apart).all():
        return None
    most = float(apart[:MOMENTS].max())
    limit = NEAR * min(1.0, most)
    near = trailing(apart < limit)
    if near < MOMENTS or not apart[-1] > SAME:
        return None
    step = int(said.step[len(said) - near])
    return Finding(
        ID,
        "warn",
        f"The outputs for all examples of the batch {name!r} lie within {format_number(float(apart[-1]))} of their size since "
        f"step {step:,}, where they were {format_number(most)} apart at first.",
        expected=f"above {format_number(limit)}",
        measured=float(apart[-1]),
        tolerance=NEAR,
        advice="Most likely nothing in the loss keeps them apart: pairs that are alike and none that differ, a stop of the "
        "gradient that is missing. Refute: the distance of two examples that differ must grow when the loss falls.",
        evidence={"batch": name, "apart": apart.tolist()[-20:], "since_step": step},
        step=step,
    )
