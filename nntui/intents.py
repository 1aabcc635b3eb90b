"""What a user can declare as meant, where it only looks wrong: the words, and what each says.

Owns the vocabulary of `declared` (standard library only). A word may name layers by a pattern (`frozen:encoder.*`) or a number
(`accumulate:4`). Invariant: what a check, an alert or a probe asks for is one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

INTENTS = {
    "accumulate": "gradients are meant to be added up over so many batches, as in `accumulate:4`",
    "adversarial": "losses are meant to work against each other",
    "augmentation": "examples are meant to be drawn anew at every reading",
    "bidirectional": "outputs may depend on what comes later, though targets are the inputs one step on",
    "clipped": "gradients are meant to be clipped at every update",
    "contrastive": "examples are meant to meet, and no constant prediction has a meaning",
    "curriculum": "examples are meant to come in an order",
    "different_ranks": "ranks are meant to have parameters of their own",
    "fresh_optimizer": "an optimizer is meant to begin anew with a model that goes on",
    "frozen": "parameters that match `frozen:PATTERN` are meant to get no gradient, or all where no pattern is given",
    "reconstruction": "targets are meant to be the inputs, or a part of them",
    "repeated": "examples are meant to occur more than once, across the splits too",
    "shift": "the splits are meant to differ",
    "stateful": "outputs are meant to depend on what was fed before",
    "stochastic": "forward calls without gradients are meant to be in training mode",
    "sum": "the loss is meant to be a sum over examples",
}


def declares(words: Iterable[str], intent: str, name: str = "") -> bool:
    """Whether an intent is among the words, for a layer or parameter where it has a pattern and a name is given."""
    for word in words:
        kind, _, pattern = word.partition(":")
        if kind == intent and (not pattern or not name or fnmatchcase(name, pattern)):
            return True
    return False


def unknown(words: Iterable[str]) -> str:
    """What was found and what was expected, in a line, where some words are no intents; else empty."""
    odd = [repr(word) for word in words if word.partition(":")[0] not in INTENTS]
    return f"found {', '.join(odd)}, which says nothing here; expected {', '.join(INTENTS)}." if odd else ""
