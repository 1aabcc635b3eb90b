"""Answers that go to and fro, or never move.

Symptom: what was right a moment ago is wrong again: a rate too high (or a batch too small) for the weights to settle. Answers
that never change: a rate too low, or nothing that is learned.
Test, on fixed batches of classes, over the last third of the moments (at least MOMENTS changes from one to the next): the
share of right answers that are wrong at the next moment (forgetting, Toneva et al. 2019) is above LOST by SIGMAS of its
standard error; early in a training, over all moments so far and by SURE. What is learned stays: dropout, augmentation, noisy
labels and batches of two forget 2 to 7 %; a rate at the edge 15 % and more. Only of a network that knows something: more right
than by always saying the commonest label, by SIGMAS standard errors; coins are forgotten half of the time. Not while the rate
is below half of its peak: decay is the cure. (2) No answer has ever changed, over at least MOMENTS moments, and no more are
right than by chance: information. Wrong when: the moments lie so far apart that the task itself has changed (a curriculum,
declared).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nntui.analysis.answers import Answers
from nntui.analysis.readings import is_slowed
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

ID = "live.jitter"
MOMENTS = 8
LOST = 0.1
SIGMAS = 2.0
SURE = 3.0
"""Standard errors above LOST among the first EARLY * MOMENTS moments: what has only just been learned is forgotten more often."""
EARLY = 3


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """At most one finding for each fixed batch."""
    if facts.declares("curriculum"):
        return []
    found: list[Finding] = []
    for name, said in facts.answers.items():
        if said.kind == "classes" and len(said) > MOMENTS and said.labelled.sum() >= MOMENTS:
            found += _restless(name, said, series) or _still(name, said)
    return found


def _restless(name: str, said: Answers, series: Mapping[str, Series]) -> list[Finding]:
    early = len(said) < EARLY * MOMENTS
    late = len(said) if early else max(MOMENTS, len(said) // 3) + 1
    right = said.right[-late:, said.labelled]
    before, after = right[:-1], right[1:]
    known, lost = int(before.sum()), int((before & ~after).sum())
    if not known or is_slowed(series) or not said.knows(float(right.mean()), SIGMAS):
        return []
    share = lost / known
    error = math.sqrt(share * (1 - share) / known)
    if share - (SURE if early else SIGMAS) * error <= LOST:
        return []
    step = int(said.step[-late])
    changes = (said.said[-late + 1 :] != said.said[-late:-1]).sum(axis=0)
    return [
        Finding(
            ID,
            "warn",
            f"{share:.0%} of what is right on the batch {name!r} is wrong again at the next moment ({lost} of {known} since step "
            f"{step:,}).",
            expected=f"below {LOST:.0%}",
            measured=share,
            tolerance=LOST,
            advice="Most likely a rate too high, or batches too small for it: the weights are thrown about and do not settle. "
            "Refute: with a tenth of the rate from this checkpoint on the answers must change as often.",
            evidence={
                "batch": name,
                "lost": lost,
                "right": known,
                "standard_error": error,
                "right_per_moment": right.sum(axis=1).tolist()[-20:],
                "most_restless": np.argsort(-changes, kind="stable")[:10].tolist(),
                "since_step": step,
            },
            step=step,
        )
    ]


def _still(name: str, said: Answers) -> list[Finding]:
    if (said.said[1:] != said.said[:1]).any() or said.knows(float(said.right[:, said.labelled].mean()), SIGMAS):
        return []
    return [
        Finding(
            ID,
            "info",
            f"No answer on the batch {name!r} has changed in {len(said)} moments, since step {int(said.step[0]):,}, and no "
            "more are right than by chance.",
            expected="answers that change while something is learned",
            measured=0.0,
            unit="changes",
            advice="Most likely a rate too low, weights that no optimizer holds, or a network that cannot tell the examples "
            "apart. Refute: ten times the rate must change as little.",
            evidence={"batch": name, "moments": len(said)},
            step=int(said.step[0]),
        )
    ]
