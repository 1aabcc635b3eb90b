"""Rules of other tools over the columns that nntui records, for `scripts/zoo_others.py` alone.

Owns nothing of nntui: each rule is written from its public documentation and has the defaults that this gives. Where something
can be read in two ways the one is taken that speaks less often; where a rule sees tensors and nntui records numbers of
them, its docstring says what stands for what. Invariant: a rule is a pure function of a `Recording` and looks at no step after
the one that it names.
"""

from __future__ import annotations

from rivals import curves, sagemaker, umlaut
from rivals.recording import Recording, Rule

RULES: tuple[Rule, ...] = (*sagemaker.RULES, *curves.RULES, *umlaut.RULES)

__all__ = ["RULES", "Recording", "Rule"]
