"""A configuration as a flat list of settings.

Owns how nested settings are named, and when two values are the same. Standard library only. Invariant: any JSON gives a list, of
bounded length; two values that are written alike are the same, whatever a process made of an object's address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from nntui.analysis.ticks import format_number

DEPTH = 16
"""Levels of nesting that are looked into."""
_PLACES = re.compile(
    r"(exp|run|output|out|log|save|work|checkpoint)?_?(name|id|dir|path|folder)|run|exp|experiment|out|output|tag",
    re.IGNORECASE,
)
"""The last word of a setting that says where a run is kept and what it is called."""
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+|\b0x[0-9a-fA-F]{8,}")


def flattened(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting by its name; what is nested is named with dots, an empty mapping stands for itself."""
    return dict(_settings(config, "", DEPTH))


def _settings(config: Mapping[str, Any], under: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping) and value and depth > 1:
            yield from _settings(cast(Mapping[str, Any], value), f"{under}{name}.", depth - 1)
        else:
            yield f"{under}{name}", value


def written(value: Any) -> str:
    """A value in full, on one line: numbers as Python writes them, texts as they are, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None or not isinstance(value, int | float):
        return json.dumps(value, ensure_ascii=False, default=str)
    return repr(value) if isinstance(value, float) else str(value)


def short(value: Any) -> str:
    """A value in few characters."""
    return format_number(value) if isinstance(value, float) else written(value)


def comparable(setting: str, value: Any, run: str = "") -> str:
    """What a value is compared by: as it is written, with 1.0 like 1 and without addresses.

    run: name of the run it is of, which is no difference in a path, nor where a setting says where a run is kept.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = _ADDRESS.sub("0x…", written(value))
    kept = "/" in text or _PLACES.fullmatch(setting.rpartition(".")[2])
    if not run or not kept or run not in text:
        return text
    return re.sub(rf"(?<![^\W_]){re.escape(run)}(?![^\W_])", "<run>", text)
