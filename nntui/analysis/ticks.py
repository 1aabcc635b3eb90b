"""Axes and numbers as a person reads them.

Owns tick positions and the one style of numbers on every screen. Invariant: a label never claims more digits than its
axis resolves, and two different ticks never share a label.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from datetime import datetime

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_LONGEST = 250e9
"""Seconds; the last ones that have a date of four digits."""
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)

Ticks = tuple[tuple[float, str], ...]


def format_number(value: float, digits: int = 4) -> str:
    """At most `digits` significant digits, never wider than 9 cells: 0.4121, 12.5, 3e-4, 1.25e+6, nan, -inf."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if -4 < magnitude < 6:
        text = f"{value:.{max(0, digits - 1 - magnitude)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{value:.{max(0, digits - 2)}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def format_count(value: float) -> str:
    """A count in few cells: 950, 12.4k, 3M."""
    if not math.isfinite(value):
        return format_number(value)
    for scale, suffix in _SUFFIXES:
        if abs(value) >= 0.9995 * scale:  # what rounds to 1000 of one unit is 1 of the next
            text = f"{value / scale:.3g}"
            return (text if "e" not in text else f"{value / scale:.0f}") + suffix
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"


def format_duration(seconds: float) -> str:
    """A stretch of time in its two largest units: 45s, 3m20s, 1h12m, 2d4h; – when unknown."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"


def linear_ticks(low: float, high: float, count: int) -> Ticks:
    """About `count` round positions (1, 2 or 5 times a power of ten apart) inside [low, high].

    None where a float can hardly tell the ends apart.
    """
    step = _step(low, high, count)
    first = math.ceil(low / step - 1e-9)
    positions = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
    return tuple((p, _plain(p, step)) for p in positions)


def decade_ticks(low: float, high: float, count: int) -> Ticks:
    """Powers of ten inside [low, high], thinned to about `count`; with 2 and 5 between them when there are few.

    low, high: positive. Falls back to linear ticks where that leaves one or two of several.
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = list(range(first, last + 1))
    if len(decades) >= 3 or (len(decades) == 2 and count <= 3):
        stride = -(-len(decades) // max(1, count))
        return tuple(
            (10.0**d, f"10{str(d).translate(_SUPERSCRIPT)}") for d in decades if d % stride == 0 or stride == 1
        )
    fine = [m * 10.0**d for d in range(first - 1, last + 1) for m in (1, 2, 5)]
    inside = [p for p in fine if low * (1 - 1e-9) <= p <= high * (1 + 1e-9)]
    if len(inside) < min(3, count):
        return tuple((p, text) for p, text in linear_ticks(low, high, count) if p > 0)
    return tuple((p, format_number(p, 2)) for p in inside)


def count_ticks(low: float, high: float, count: int) -> Ticks:
    """Ticks of an axis of epochs: 0, 0.5, 3k, 1.5M."""
    step = _step(low, high, count)
    ticks = linear_ticks(low, high, count)
    return tuple((position, _short_count(position, step)) for position, _ in ticks)


def step_ticks(low: float, high: float, count: int) -> Ticks:
    """Ticks of an axis of steps, of which there are only whole ones: 0, 3k, 1.5M."""
    if high - low >= max(2, count):
        return count_ticks(low, high, count)
    return tuple((float(k), f"{k:,}") for k in range(math.ceil(low), math.floor(high) + 1))


def spread_ticks(low: float, high: float, count: int) -> Ticks:
    """Ticks of a logarithmic axis of steps or epochs, about `count`: 1, 10, 100, 1k; with 2 and 5 where that leaves few."""
    decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    if len(decades) >= max(2, count // 2):
        stride = -(-len(decades) // max(1, count))
        return tuple((10.0**d, format_count(10.0**d)) for d in decades if d % stride == 0)
    fine = [m * 10.0**d for d in range(decades.start - 1, decades.stop) for m in (1, 2, 5)]
    inside = [p for p in fine if low * (1 - 1e-9) <= p <= high * (1 + 1e-9)]
    return _distinct((p, format_count(p)) for p in inside) if len(inside) > 1 else count_ticks(low, high, count)


def spread_durations(low: float, high: float, count: int) -> Ticks:
    """Ticks of a logarithmic axis of elapsed seconds, about `count`: 1s, 10s, 1m, 10m, 1h, 10h; more where these are few."""
    fine = [10.0**d for d in range(-9, 0)] + [*map(float, _SECONDS[:-1])] + [86400.0 * 10**d for d in range(7)]
    coarse = [10.0**d for d in range(-9, 2)] + [60.0, 600.0, 3600.0, 36000.0] + [86400.0 * 10**d for d in range(7)]
    for places in (coarse, fine):
        inside = [place for place in places if low <= place <= high]
        if len(inside) >= max(2, count // 2):
            shown = inside[:: -(-len(inside) // max(1, count))]
            return _distinct((p, _short_duration(p) if p >= 1 else f"{format_number(p)}s") for p in shown)
    return duration_ticks(low, high, count)


def duration_ticks(low: float, high: float, count: int) -> Ticks:
    """Ticks of an axis of elapsed seconds, on whole minutes and hours where that fits; before the start they are negative."""
    low, high = max(low, -_LONGEST), min(high, _LONGEST)
    if not low < high:
        return ()
    wanted = (high - low) / max(1, count)
    if wanted < 1:
        return tuple((p, f"{text}s") for p, text in linear_ticks(low, high, count))
    return _distinct((float(p), _short_duration(p)) for p in _whole(low, high, wanted))


def clock_ticks(low: float, high: float, count: int) -> Ticks:
    """Ticks of an axis of Unix seconds, as local clock time; none before 1970 or after the year 9999."""
    low, high = max(low, 0.0), min(high, _LONGEST)
    if not low < high:
        return ()
    offset = datetime.fromtimestamp(low).astimezone().utcoffset()
    shift = offset.total_seconds() if offset else 0.0
    style = "%H:%M:%S" if high - low < 600 else ("%H:%M" if high - low < 2 * 86400 else "%d %b")
    wanted = (high - low) / max(1, count)
    if wanted < 1:
        places = [p for p, _ in linear_ticks(low, high, count)]
    else:
        places = [p - shift for p in _whole(low + shift, high + shift, wanted)]
    return _distinct((p, datetime.fromtimestamp(p).astimezone().strftime(style)) for p in places)


def _whole(low: float, high: float, wanted: float) -> list[int]:
    """Seconds inside [low, high] on whole minutes, hours and days, about `wanted` apart."""
    step = next((s for s in _SECONDS if s >= wanted), 0) or 86400 * math.ceil(wanted / 86400)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _distinct(ticks: Iterable[tuple[float, str]]) -> Ticks:
    """The ticks without those whose label another one before them has."""
    first: dict[str, float] = {}
    for position, label in ticks:
        first.setdefault(label, position)
    return tuple((position, label) for label, position in first.items())


def _step(low: float, high: float, count: int) -> float:
    """The round distance between about `count` ticks; at least what a float resolves at these ends."""
    pieces = max(1, count)
    raw = high / pieces - low / pieces  # divided first: high - low may overflow
    raw = min(max(raw, 1e-14 * abs(low), 1e-14 * abs(high), 1e-300), 1e308)
    power = 10.0 ** math.floor(math.log10(raw))
    finer, step = next(
        (a, b) for a, b in itertools.pairwise(m * power for m in (0.5, 1, 2, 5, 10)) if b >= raw * (1 - 1e-9)
    )
    return step if math.floor(high / step + 1e-9) >= math.ceil(low / step - 1e-9) else finer  # one tick at least


def _plain(value: float, step: float) -> str:
    """The value with just the digits that its step needs."""
    if abs(value) < step / 2:
        return "0"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(step)) + 1
    return format_number(value, max(1, digits) + 1)  # one more: the mantissa of a power of ten has one digit less


def _short_count(value: float, step: float) -> str:
    for scale, suffix in _SUFFIXES:
        if abs(value) >= scale:
            return _plain(value / scale, step / scale) + suffix
    return _plain(value, step)


def _short_duration(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 0:
        return f"-{_short_duration(-seconds)}"
    text = format_duration(seconds)
    for empty in ("00m", "00s"):
        text = text.removesuffix(empty)
    return text.removesuffix("0h") if text.endswith("d0h") else text
