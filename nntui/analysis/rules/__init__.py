"""Alerts: one diagnosis per file, each a pure function of the recorded columns.

Owns the order in which they are asked and answered. Invariant: the same columns and facts give the same findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nntui import names
from nntui.analysis import roles
from nntui.analysis.rules import (
    below_chance,
    clipping,
    collapse,
    crash,
    divergence,
    evaluation,
    few_examples,
    generalization,
    gradients,
    jitter,
    late_clipping,
    lr_decay,
    machine,
    modes,
    noise,
    nonfinite,
    normalization,
    other_data,
    overfitting,
    plateau,
    ranks,
    rounding,
    shrinking,
    spike,
    stale_gradient,
    stall,
    state,
    underfitting,
    units,
    updates,
)
from nntui.analysis.series import RunFacts, Series
from nntui.finding import Finding

Rule = Callable[[Mapping[str, Series], RunFacts], list[Finding]]

RULES: tuple[Rule, ...] = (
    crash.find,
    nonfinite.find,
    stale_gradient.find,
    late_clipping.find,
    modes.find,
    ranks.find,
    state.find,
    divergence.find,
    spike.find,
    updates.find,
    rounding.find,
    gradients.find,
    clipping.find,
    units.find,
    shrinking.find,
    normalization.find,
    collapse.find,
    jitter.find,
    generalization.find,
    evaluation.find,
    few_examples.find,
    below_chance.find,
    other_data.find,
    overfitting.find,
    underfitting.find,
    lr_decay.find,
    stall.find,
    machine.find,
    plateau.find,
    noise.find,
)

COMPARED = (names.PARAMETER_HASH, names.BATCH_HASH, names.STEP_SECONDS, names.OWN_SECONDS)
"""Metrics by which ranks are compared."""

_OUTCOMES = frozenset({jitter.ID, collapse.ID, underfitting.ID, plateau.ID})
"""What becomes of a network that does not learn, whatever the reason."""

EXPLAINS: dict[str, frozenset[str]] = {
    nonfinite.ID: _OUTCOMES
    | {divergence.ID, spike.ID, updates.ID, gradients.ID, units.ID, normalization.ID, state.RESUME, state.SCALE},
    stale_gradient.ID: frozenset({divergence.ID, spike.ID, gradients.ID, jitter.ID, clipping.ID}),
    modes.ID: frozenset({jitter.ID}),
    divergence.ID: _OUTCOMES - {collapse.ID} | {spike.ID, overfitting.ID},
    state.RESUME: frozenset({spike.ID}),
    state.SCALE: _OUTCOMES | {evaluation.STALE},
    evaluation.STALE: frozenset({overfitting.ID, collapse.ID, jitter.ID}),
    lr_decay.ID: frozenset({evaluation.STALE, plateau.ID}),
    clipping.ID: frozenset({updates.ID, plateau.ID}),
    updates.ID: _OUTCOMES,
    gradients.ID: _OUTCOMES,
    shrinking.ID: _OUTCOMES | {gradients.ID, units.ID, updates.ID, below_chance.ID},
    units.ID: _OUTCOMES | {gradients.ID, updates.FROZEN},
    normalization.ID: frozenset({overfitting.ID, jitter.ID, below_chance.ID}),
    collapse.ID: frozenset({below_chance.ID, evaluation.CONTRADICTION, jitter.ID, underfitting.ID, plateau.ID}),
    other_data.ID: frozenset({overfitting.ID, jitter.ID, collapse.ID}),
    below_chance.ID: frozenset({evaluation.CONTRADICTION, overfitting.ID}),
    underfitting.ID: frozenset({plateau.ID}),
}
"""What a warning or an error is enough to explain: told beside it, it would only hide the cause."""

_WEIGHT = {"error": 0, "warn": 1, "info": 2}


def find(series: Mapping[str, Series], facts: RunFacts) -> list[Finding]:
    """Everything every rule has to say: errors first, then warnings, then information; newest first within each.

    Losses that are named after players are as good as declared.
    """
    if roles.is_a_game(series):
        facts = facts.declaring("adversarial")
    with np.errstate(all="ignore"):  # what a user logs may be as large as a float can be
        found = [finding for rule in RULES for finding in rule(series, facts)]
    causes = {finding.id for finding in found if finding.status in ("warn", "error")}
    explained = frozenset[str]().union(*(EXPLAINS.get(cause, frozenset()) for cause in causes))
    found = [finding for finding in found if finding.id not in explained]
    return sorted(found, key=lambda f: (_WEIGHT.get(f.status, 3), -f.step))
