"""What a script was started with, as the configuration of its run.

Owns reading a command line that belongs to somebody else. Invariant: what reads like a secret is left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from nntui.recorder import environment
from nntui.unmodified import COMMAND

Word = str | int | float | bool


def config(argv: Sequence[str], environ: Mapping[str, str]) -> dict[str, Any]:
    """The options of the script by name, and the command of `nntui run`."""
    try:
        words = shlex.split(environment.command(argv[1:]))
        command = environment.command(shlex.split(environ.get(COMMAND, "")))
    except ValueError:  # too long, and cut within quotes
        words, command = [], ""
    return {"command": command} | options(words)


def options(words: Sequence[str]) -> dict[str, Word]:
    """`--lr 3e-4`, `--lr=3e-4` and `optimizer.lr=3e-4` by their names; a name without a value is true."""
    found: dict[str, Word] = {}
    name = ""
    for word in words:
        if word.startswith("-") and not _is_number(word):
            name, equals, text = word.lstrip("-").partition("=")
            if name:
                found[name] = _read(text) if equals else True
            name = "" if equals else name
        elif name:
            found[name] = _read(word)
            name = ""
        elif "=" in word:
            key, _, text = word.partition("=")
            found[key.lstrip("+~")] = _read(text)
    return found


def _read(text: str) -> Word:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _is_number(word: str) -> bool:
    return not isinstance(_read(word), str)
