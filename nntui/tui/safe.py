"""Text from a run folder, made harmless for a terminal.

Owns the one function that every foreign string passes. Standard library only, so that printed output uses it too.
Invariant: the answer holds no control, no bidirectional override, no invisible and no unassigned character, and no line
break; what was there instead is visible.
"""

from __future__ import annotations

import re
import unicodedata

_PICTURES = {0x7F: "␡"} | {code: chr(0x2400 + code) for code in range(0x20)}
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that draw nothing."""
_RESHAPING = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0x1F3FB, 0x1F400), range(0xE0100, 0xE01F0))
"""Variation selectors and skin tones: they change the width of what stands before them, and terminals disagree how."""
_PLAIN = re.compile(
    r"[ -~\xa0-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2100-\u27ff\u2801-\u2bff\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fff]*"
)
"""Characters of which none carries another, none is invisible, and each is as wide as it says wherever it stands."""
MARKS = 2
"""Combining marks that a letter may carry; more only pile up over the lines around it."""
LIMIT = 2000
"""Characters of a foreign string that are looked at; a 10 kB metric name says nothing more."""


def safe(text: object, limit: int = LIMIT) -> str:
    """The text with everything that could steer a terminal or deceive a reader shown as a visible escape.

    C0 controls become control pictures (`␛`), everything else dangerous `\\u202e`. Longer text is cut with `…`.
    """
    raw = str(text)
    if len(raw) <= limit and _PLAIN.fullmatch(raw) and raw.isprintable():  # nearly always
        return raw
    shown: list[str] = []
    marks = 0
    for char in raw[:limit]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        shown.append(char if _harmless(char) and marks <= MARKS else _escape(char))
    return "".join(shown) + ("…" if len(raw) > limit else "")


def safe_lines(text: object, limit: int = LIMIT * 8) -> list[str]:
    """The lines of a longer text, each made safe; tabs become four blanks."""
    return [safe(line.replace("\t", "    ")) for line in str(text)[:limit].splitlines()]


def _harmless(char: str) -> bool:
    return char.isprintable() and char not in _INVISIBLE and not any(ord(char) in each for each in _RESHAPING)


def _escape(char: str) -> str:
    code = ord(char)
    if code in _PICTURES:
        return _PICTURES[code]
    return f"\\x{code:02x}" if code < 0x100 else (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
