# pyright: standard
"""Rows of checks and events as they lie in Arrow, made into what the session speaks.

Owns what stands for an absent or a broken field. Invariant: no row raises.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from nntui.finding import STATUSES, Finding


def finding_of(row: dict[str, Any]) -> Finding:
    """The finding that a row of checks holds."""
    return Finding(
        id=row["id"],
        status=row["status"] if row["status"] in STATUSES else "crash",
        message=row["message"],
        expected=row["expected_text"] or row["expected"],
        measured=row["measured_text"] or row["measured"],
        tolerance=row["tolerance"],
        unit=row["unit"],
        advice=row["advice"],
        evidence=object_of(row["evidence"]),
        seconds=row["seconds"],
        step=row["step"],
    )


def rows_of(data: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows with every absent value (our recorder writes none) as the zero of its type."""
    zero = {
        field.name: "" if pa.types.is_string(field.type) else field.type.to_pandas_dtype()(0) for field in data.schema
    }
    return [{name: zero[name] if value is None else value for name, value in row.items()} for row in data.to_pylist()]


def object_of(text: str) -> dict[str, Any]:
    """The JSON object in a text; empty when there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
