"""What is on the screen as files: a picture, and the plotted columns as numbers.

Owns their names and where they go. Invariant: nothing is written into a run folder.
"""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nntui.analysis.downsampling import ABOVE, BELOW, NAN
from nntui.session.snapshot import PlotData
from nntui.tui.canvas import x_of

VARIABLE = "NNTUI_EXPORT"
KINDS = ((NAN, "nan"), (ABOVE, "inf"), (BELOW, "-inf"))
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def folder(environment: Mapping[str, str]) -> Path:
    """Where files go: the folder that NNTUI_EXPORT names, else the working directory."""
    return Path(environment.get(VARIABLE) or ".")


def exported(place: Path, run: str, screen: str, picture: str, plots: Mapping[str, PlotData]) -> str:
    """Write the files; what to say of it, in a line. Never raises for what the disk does."""
    if any((above / "run.json").is_file() for above in (place.absolute(), *place.absolute().parents)):
        return f"{place}: inside a run folder, where only its recorder writes. Set {VARIABLE} to another folder."
    moment = time.strftime("%Y%m%d-%H%M%S")
    stem = place / f"nntui-{_ODD.sub('-', run)[:60].strip('-.') or 'run'}-{screen}-{moment}"
    files = {stem.with_name(f"{stem.name}.svg"): picture}
    if plots:
        files[stem.with_name(f"{stem.name}.csv")] = table(plots)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        return (
            f"{error.filename or place}: {error.strerror}; nothing more was exported. Set {VARIABLE} to another folder."
        )
    return f"wrote {' and '.join(map(str, files))}"


def table(plots: Mapping[str, PlotData]) -> str:
    """The columns that are plotted: a row for each that holds a point.

    ranks: of the band of other ranks how many they are, 0 of a run's own line. nonfinite: which of nan, inf and -inf it holds.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["plot", "metric", "run", "superseded", "ranks", "axis", "x", "low", "line", "high", "nonfinite"])
    for name, data in plots.items():
        for one in data.series:
            count = len(one.line)
            for k in np.flatnonzero(np.isfinite(one.low) | (one.nonfinite > 0)):
                x = x_of((k + 0.5) / count, data)
                numbers = [repr(float(v)) for v in (x, one.low[k], one.line[k], one.high[k])]
                known = [name, one.metric, one.run, one.superseded, one.ranks, data.view.x]
                kinds = " ".join(word for bit, word in KINDS if one.nonfinite[k] & bit)
                writer.writerow([*known, *numbers, kinds])
    return text.getvalue()
