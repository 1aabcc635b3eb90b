"""Which models a script trains, found by the parameters that its optimizers update.

Owns one look at all objects that Python keeps, and names for what is found there. Invariants: no property and no method of a
user's object is asked for; nothing found is kept alive.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from nntui.probes.layers import bare, class_of

_Kind = TypeVar("_Kind")


def alive(kind: type[_Kind]) -> list[_Kind]:
    """Every object of a class that there is."""
    objects = gc.get_objects()  # isinstance would ask a proxy what it is for
    try:
        fitting = {mine for mine in set(map(type, objects)) if issubclass(mine, kind)}
        return list(compress(objects, map(fitting.__contains__, map(type, objects))))
    except TypeError:  # slower, where some class cannot be hashed
        return [one for one in objects if issubclass(type(one), kind)]


def optimizers() -> list[Optimizer]:
    """Every optimizer that there is."""
    return [one for one in alive(Optimizer) if "param_groups" in vars(one)]


def roots(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Those that are part of no other."""
    modules = [one for one in modules if "_modules" in vars(one)]
    inside = {id(part) for one in modules for part in one._modules.values() if part is not one}
    return [one for one in modules if id(one) not in inside]


def covering(candidates: Iterable[nn.Module], parameters: Iterable[Tensor]) -> list[nn.Module]:
    """The fewest modules, about, that hold the parameters: again and again the one with the most of those that are left, and
    with the fewest others."""
    wanted = {id(p) for p in parameters}
    held = [(one, own, own & wanted) for one in candidates if (own := _held(one)) & wanted]
    found: list[nn.Module] = []
    while wanted and held:
        best, own, mine = max(held, key=lambda entry: (len(entry[2]), -len(entry[1])))
        if not mine:
            break
        found.append(best)
        wanted -= own
        held = [(one, own, mine & wanted) for one, own, mine in held if one is not best]
    return found


def named(models: Sequence[nn.Module]) -> dict[str, nn.Module]:
    """The models by their classes."""
    return dict(zip(distinct([class_of(bare(one)).__name__ for one in models]), models, strict=True))


def labels(models: Sequence[nn.Module], groups: Iterable[Iterable[Tensor]]) -> list[str]:
    """What a person would call groups of parameters: the classes of their models, or the parts of one in which they differ."""
    paths = [_path(models, group) for group in groups]
    for depth in range(max(map(len, paths), default=0)):
        names = [path[min(depth, len(path) - 1)] for path in paths]
        if len(set(names)) == len(names):
            return names
    return distinct(path[0] for path in paths)


def _path(models: Sequence[nn.Module], parameters: Iterable[Tensor]) -> list[str]:
    """From the class of the model that holds all of them to the smallest part that does; `all` where no single model does."""
    wanted = {id(p) for p in parameters}
    part = next((bare(one) for one in models if wanted <= _held(one)), None)
    path = ["all" if part is None else class_of(part).__name__]
    while part is not None:
        name, part = next(
            ((n, m) for n, m in part._modules.items() if m is not None and wanted <= _held(m)), ("", None)
        )
        if part is not None:
            path.append(name)
    return path


def distinct(names: Iterable[str]) -> list[str]:
    """The names, numbered where one comes again."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _held(module: nn.Module) -> set[int]:
    """Every parameter of a module and its parts, as ids."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting: list[nn.Module] = [module]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or "_modules" not in vars(one):
            continue
        seen.add(id(one))
        own: Mapping[str, Any] = vars(one).get("_parameters", {})
        found.update(id(p) for p in own.values() if p is not None)
        waiting += [part for part in one._modules.values() if part is not None]
    return found
