"""Kitty's graphics protocol: a picture is sent once under a number, and shown by ordinary characters that name it.

Owns the bytes and the characters. Pure functions. Invariant: every character says which row and which column of which picture it
is, so that it may be moved, cut off and drawn over like any other; nothing is sent that the terminal answers.
https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

from __future__ import annotations

import base64
import zlib

PLACEHOLDER = "\U0010eeee"
CHUNK = 4096
"""Most characters of a picture in one sequence."""
_RANGES = """
305 30D-30E 310 312 33D-33F 346 34A-34C 350-352 357 35B 363-36F 483-487 592-595 597-599 59C-5A1 5A8-5A9 5AB-5AC 5AF 5C4 610-617
657-65B 65D-65E 6D6-6DC 6DF-6E2 6E4 6E7-6E8 6EB-6EC 730 732-733 735-736 73A 73D 73F-741 743 745 747 749-74A 7EB-7F1 7F3 816-819
81B-823 825-827 829-82D 951 953-954 F82-F83 F86-F87 135D-135F 17DD 193A 1A17 1A75-1A7C 1B6B 1B6D-1B73 1CD0-1CD2 1CDA-1CDB 1CE0
1DC0-1DC1 1DC3-1DC9 1DCB-1DCC 1DD1-1DE6 1DFE 20D0-20D1 20D4-20D7 20DB-20DC 20E1 20E7 20E9 20F0 2CEF-2CF1 2DE0-2DFF A66F A67C-A67D
A6F0-A6F1 A8E0-A8F1 AAB0 AAB2-AAB3 AAB7-AAB8 AABE-AABF AAC1 FE20-FE26 10A0F 10A38 1D185-1D189 1D1AA-1D1AD 1D242-1D244
"""


def _marks() -> str:
    ends = [[int(end, 16) for end in part.split("-")] for part in _RANGES.split()]
    return "".join(chr(code) for low, *high in ends for code in range(low, (high or [low])[0] + 1))


MARKS = _marks()
"""The combining mark that stands for each number, as the protocol has them."""
MOST = len(MARKS)
"""Rows and columns that a picture may have."""
COLOURS = range(16, 256)
"""Entries of the palette by which pictures are told apart: those that every terminal of 256 colours leaves as they are."""
NUMBERS = len(COLOURS) * 256
"""Pictures that can be told apart."""


def number(at: int) -> int:
    """The number by which a terminal knows the picture at this place of all that can be told apart."""
    high, low = divmod(at % NUMBERS, len(COLOURS))
    return high << 24 | COLOURS[low]


def colour(number: int) -> str:
    """What is said of the colour of a picture's characters: it is the lower part of its number."""
    return f"38;5;{number & 0xFF}"


def character(number: int, row: int, column: int) -> str:
    """What stands in one cell of a picture, in its colour."""
    return PLACEHOLDER + MARKS[row] + MARKS[column] + MARKS[number >> 24]


def sent(number: int, pixels: bytes, size: tuple[int, int], room: tuple[int, int]) -> list[str]:
    """The sequences that hand over a picture. pixels: red, green, blue, …; size: columns and rows of them; room: of cells."""
    data = base64.standard_b64encode(zlib.compress(pixels)).decode("ascii")
    about = f"a=T,U=1,q=2,i={number},f=24,o=z,s={size[0]},v={size[1]},c={room[0]},r={room[1]},"
    found: list[str] = []
    for first in range(0, len(data), CHUNK):
        more = int(first + CHUNK < len(data))
        found.append(f"\x1b_G{'q=2,' if first else about}m={more};{data[first : first + CHUNK]}\x1b\\")
    return found


def deleted(number: int) -> str:
    """The sequence by which the terminal forgets a picture."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"
