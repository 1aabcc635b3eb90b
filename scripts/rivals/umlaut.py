"""Heuristics of UMLAUT (Schoop, Huang and Hartmann, CHI 2021) that are asked while a network trains.

Owns one function per heuristic, from https://doi.org/10.1145/3411764.3445538 and https://github.com/BerkeleyHCI/umlaut. They are
asked once an epoch; here at each evaluation, with means of training since the one before.

Left out: the ranges, types and shapes of inputs, and what is read off the program (softmax, missing activations, dropout).
"""

from __future__ import annotations

import numpy as np

from nntui.analysis import roles
from nntui.analysis.series import Series
from rivals.recording import NEVER, Recording, Rule, first

SYSTEM = "UMLAUT"
HIGH, LOW = 0.01, 1e-7
"""Rates beyond which one is unusual."""


def nan_loss(seen: Recording) -> int:
    """NaN in the loss of an epoch."""
    return first(seen.validation.step, np.isnan(seen.since_evaluation(seen.losses)) & (len(seen.losses) > 0))


def learning_rate(seen: Recording) -> int:
    """The rate at the end of an epoch is above 0.01 or below 1e-7."""
    rate = seen.role("lr")
    if not len(rate):
        return NEVER
    place = np.searchsorted(rate.step, seen.validation.step, side="right") - 1
    found = np.where(place >= 0, rate.value[place], HIGH)
    return first(seen.validation.step, (found > HIGH) | (found < LOW))


def overfitting(seen: Recording) -> int:
    """From one epoch to the next the validation loss has risen and that of training has not."""
    training = seen.since_evaluation(seen.losses)
    return first(seen.validation.step[1:], (np.diff(seen.validation.value) > 0) & (np.diff(training) <= 0))


def validation_accuracy(seen: Recording, ignored: int = 3) -> int:
    """From the fourth epoch on: a validation accuracy above 95 %, or above that of training."""
    validation, training = (_accuracy(seen, validation=which) for which in (True, False))
    if len(validation) != len(seen.validation):
        return NEVER
    odd = (validation.value > 0.95) | (validation.value > seen.since_evaluation(training))
    return first(validation.step[ignored:], odd[ignored:])


def _accuracy(seen: Recording, *, validation: bool) -> Series:
    """The accuracy of one split."""
    named = [
        one for one in seen.series if {"acc", "accuracy"} & {*roles.words(one)} and "stderr" not in roles.words(one)
    ]
    return seen.metric(min((one for one in named if roles.is_validation(one) == validation), key=len, default=""))


RULES = (
    Rule(SYSTEM, "NaN in the loss", nan_loss, frozenset({"live.nonfinite"})),
    Rule(
        SYSTEM, "learning rate", learning_rate, frozenset({"live.update_ratio", "live.divergence", "overfit.lr_decay"})
    ),
    Rule(SYSTEM, "overfitting", overfitting, frozenset({"regularise.early_stop"})),
    Rule(SYSTEM, "validation accuracy", validation_accuracy, frozenset({"live.contradiction"})),
)
