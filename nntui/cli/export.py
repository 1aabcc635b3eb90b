"""`nntui export`: what a run recorded, for other programs.

Owns which table, which rows and which form. Invariant: a file holds exactly the rows of `nntui.read`, non-finite numbers in JSON
as the strings `nan`, `inf`, `-inf`; nothing is written into a run folder.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv, parquet

from nntui.cli import OK, UsageError
from nntui.finding import jsonable
from nntui.runlog import layout
from nntui.runlog.schema import POINTS
from nntui.runlog.tables import read
from nntui.session import paths
from nntui.tui.safe import safe

SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".json": "json", ".svg": "svg"}
PARSED = ("evidence", "data")
"""Columns of text that hold JSON."""


def run(arguments: argparse.Namespace) -> int:
    """Write it. Raises RunFolderError when there is no run, UsageError for what does not go together, OSError."""
    path = paths.resolve(arguments.path)
    out = None if arguments.out in (None, "-") else Path(arguments.out)
    form = arguments.format or (SUFFIXES.get(out.suffix.lower(), "csv") if out else "csv")
    kind = arguments.kind or "metrics"
    _check(form, kind, arguments.metric, out)
    if form == "svg":
        from nntui.cli.vector import drawn

        data = drawn(path, arguments.metric, light=arguments.light).encode()
        _put(lambda sink: sink.write(data), out)
    elif kind == "alerts":
        _put_json(path, kind, _alerts(path), out)
    else:
        table = chosen(getattr(read(path), kind), arguments.metric, path)
        if form == "json":
            _put_json(path, kind, rows(table), out)
        elif form == "parquet":
            _put(lambda sink: parquet.write_table(table, sink), out)
        else:
            _put(lambda sink: csv.write_csv(flat(table), sink), out)
    if out is not None:
        sys.stderr.write(f"{out}: {kind} of {path} as {form}.\n")
    return OK


def chosen(table: pa.Table, patterns: Sequence[str] | None, path: Path) -> pa.Table:
    """The rows of the metrics that fit one of the patterns. Raises UsageError when none does."""
    if not patterns or "metric" not in table.schema.names:
        return table
    column = table["metric"].combine_chunks().dictionary_encode()
    names = column.dictionary.to_pylist()
    fitting = [any(fnmatchcase(name, pattern) for pattern in patterns) for name in names]
    if not any(fitting):
        near = ", ".join(difflib.get_close_matches(patterns[0], names, 3, 0.3)) or ", ".join(names[:5]) or "none"
        raise UsageError(
            f"--metric {patterns[0]!r}: no such metric in {path}; expected one of its own, such as {near}."
        )
    return table.filter(pa.array(fitting).take(column.indices))


def flat(table: pa.Table) -> pa.Table:
    """The table as CSV can hold it. Raises UsageError where a cell is a list."""
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    if lists:
        raise UsageError(f"csv holds no lists ({', '.join(lists)}); expected --format parquet or json for this kind.")
    return table


def rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows as JSON can carry them."""
    for row in table.to_pylist():
        for name in PARSED:
            if isinstance(row.get(name), str):
                row[name] = _parsed(row[name])
        yield jsonable(row)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _alerts(path: Path) -> Iterator[dict[str, Any]]:
    from nntui.session.load import load
    from nntui.session.snapshot import View

    return (one.as_dict() for one in load(path, View()).alerts)


def _check(form: str, kind: str, patterns: Sequence[str] | None, out: Path | None) -> None:
    """Raises UsageError for what does not go together."""
    if kind == "alerts" and form != "json":
        raise UsageError(f"--kind alerts as {form}; expected --format json: alerts are findings, computed anew.")
    if form == "svg" and kind != "metrics":
        raise UsageError(f"--kind {kind} as svg; expected metrics, which are what is plotted.")
    if patterns and kind not in POINTS:
        raise UsageError(f"--metric with --kind {kind}; expected it with {' or '.join(POINTS)}.")
    if out is None and form == "parquet" and sys.stdout.isatty():
        raise UsageError("parquet on a terminal; expected --out FILE.")
    if out is not None and any(layout.is_run(folder) for folder in out.absolute().parents):
        raise UsageError(
            f"--out {out}: inside a run folder; expected another place: nothing but its recorder writes there."
        )


def _put_json(path: Path, kind: str, found: Iterator[dict[str, Any]], out: Path | None) -> None:
    text = json.dumps(
        {"format": 1, "run": path.name, "kind": kind, "rows": list(found)}, ensure_ascii=True, allow_nan=False
    )
    _put(lambda sink: sink.write(f"{text}\n".encode()), out)


def _put(write: Any, out: Path | None) -> None:
    """To standard output, made safe where that is a terminal, or whole to a file: a reader never sees half of it.

    Raises OSError.
    """
    if out is None and sys.stdout.isatty():
        shown = io.BytesIO()
        write(pa.PythonFile(shown, mode="w"))
        for line in shown.getvalue().decode(errors="replace").rstrip("\n").split("\n"):
            print(safe(line, len(line)))
        return
    if out is None:
        sink: BinaryIO = sys.stdout.buffer
        write(pa.PythonFile(sink, mode="w"))
        sink.flush()
        return
    part = out.with_name(f".{out.name}.{time.time_ns():x}")
    try:
        with part.open("wb") as sink:
            write(sink)
        part.replace(out)
    except OSError as error:  # says the name that was asked for
        raise OSError(error.errno, error.strerror, str(out)) from None
    finally:
        part.unlink(missing_ok=True)
