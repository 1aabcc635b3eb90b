"""Several models that are trained together, as one.

Owns what a layer of one of them is called. Invariant: no model is kept alive.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Mapping
from typing import Any

from torch import nn

from nntui.probes.layers import bare, class_of


class Several(nn.Module):
    """The models by name: a layer is called `<model>.<layer>`. It has no forward call of its own."""

    def __init__(self, models: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._known = {name: weakref.ref(model) for name, model in models.items()}

    def models(self) -> dict[str, nn.Module]:
        """Those that still exist, wrapped or not."""
        return {name: model for name, known in self._known.items() if (model := known()) is not None}

    def modules(self, remove_duplicate: bool = True) -> Generator[nn.Module]:
        """Of every model, with what wraps it."""
        for model in self.models().values():
            yield from model.modules()

    def named_modules(self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True) -> Generator[Any]:
        """Of every model, without what wraps it."""
        memo = set() if memo is None else memo
        for name, model in self.models().items():
            yield from bare(model).named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)


def models_of(model: nn.Module) -> list[nn.Module]:
    """What is called: the model itself, or each of several."""
    return [*model.models().values()] if isinstance(model, Several) else [model]


def title(model: nn.Module) -> str:
    """The class, or classes, of what is trained."""
    return " and ".join(dict.fromkeys(class_of(bare(one)).__name__ for one in models_of(model)))
