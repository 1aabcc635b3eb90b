"""The tables of a run folder: one Arrow schema per kind of file, format 1.

Owns the columns, their types and their meaning. Knows nothing of files or frames.
Invariant: a schema of a released format never changes; a change is a new format number.

Types are kept to int64, float32, float64, utf8 and list, which every Arrow implementation reads.
"""

from __future__ import annotations

import pyarrow as pa

FORMAT = 1
"""Format number written to run.json. A reader refuses a larger one by name."""

_texts = pa.list_(pa.utf8())
_int64s = pa.list_(pa.int64())
_float32s = pa.list_(pa.float32())
_float64s = pa.list_(pa.float64())

METRICS = pa.schema(
    [
        ("metric", _texts),  # k names logged together
        ("step", _int64s),  # n steps, in the order logged
        ("wall_time_ns", _int64s),  # n Unix times in nanoseconds
        ("value", pa.list_(_float64s)),  # k lists of n values: metric-major; NaN and ±inf as they are
    ]
)
"""One row per group of metrics logged together, per flush."""

SYSTEM = METRICS
"""What the machine does, in the same columns: readings that come whether or not training goes on."""

PREDICTIONS = pa.schema(
    [
        ("name", pa.utf8()),  # which fixed batch
        ("step", pa.int64()),
        ("wall_time_ns", pa.int64()),
        ("role", pa.utf8()),  # input | target | output
        ("example", pa.int64()),  # position inside the fixed batch
        ("shape", _int64s),  # shape of data; empty for a scalar
        ("data", _float32s),  # row-major; empty when only text is known
        ("text", pa.utf8()),  # what a person reads: a label, tokens; may be empty
    ]
)
"""The fixed batch over time, one row per example and role. Inputs and targets are written once."""

SAMPLES = PREDICTIONS
"""What entered the network, captured at the forward call; the same columns."""

DEPENDENCIES = pa.schema(
    [
        ("name", pa.utf8()),
        ("step", pa.int64()),
        ("wall_time_ns", pa.int64()),
        ("axis", pa.utf8()),  # batch | time
        ("rows", pa.int64()),  # outputs
        ("cols", pa.int64()),  # inputs
        ("data", _float32s),  # rows × cols, row-major: largest |gradient| of output row by input column
        ("row_labels", _texts),
        ("col_labels", _texts),
        ("leak_row", pa.int64()),  # first leaking pair; -1 when there is none
        ("leak_col", pa.int64()),
        ("leak_value", pa.float64()),  # its |gradient|; NaN when there is none
    ]
)
"""Which input reaches which output."""

CHECKS = pa.schema(
    [
        ("id", pa.utf8()),  # recipe row, `skeleton.init_loss`
        ("step", pa.int64()),  # -1 before the first step
        ("wall_time_ns", pa.int64()),
        ("status", pa.utf8()),  # pass | warn | fail | skip | crash
        ("message", pa.utf8()),
        ("expected", pa.float64()),  # NaN where expected_text says it
        ("expected_text", pa.utf8()),  # empty where the number says it
        ("measured", pa.float64()),
        ("measured_text", pa.utf8()),
        ("tolerance", pa.float64()),
        ("unit", pa.utf8()),
        ("advice", pa.utf8()),
        ("evidence", pa.utf8()),  # JSON object, at most EVIDENCE_LIMIT bytes
        ("seconds", pa.float64()),
    ]
)
"""Outcomes of the recipe's checks; the newest row of an id counts."""

EVENTS = pa.schema(
    [
        ("step", pa.int64()),  # -1 where no step applies
        ("wall_time_ns", pa.int64()),
        ("level", pa.utf8()),  # info | warn | error
        ("event", pa.utf8()),  # start | resume | end | lr | checkpoint | dropped | lost | exception | note
        ("message", pa.utf8()),
        ("data", pa.utf8()),  # JSON object, may be `{}`
    ]
)
"""What happened: lifecycle, losses of data, log lines, tracebacks, checkpoints."""

OUTPUT = pa.schema(
    [
        ("step", pa.int64()),  # newest step when the line was begun; -1 before the first
        ("wall_time_ns", pa.int64()),
        ("stream", pa.utf8()),  # stdout | stderr; empty: what the text says was left out here
        ("text", pa.utf8()),  # one line without its end
    ]
)
"""What the process printed, a row per line."""

EXAMPLES = pa.schema(
    [
        ("split", pa.utf8()),  # train | validation | test | …
        ("index", pa.int64()),  # place in the split's data; -1: all that a recording measured without listing them
        ("step", pa.int64()),  # -1 before the first step
        ("wall_time_ns", pa.int64()),
        ("label", pa.utf8()),  # empty: not known, like every text here
        ("prediction", pa.utf8()),
        ("loss", pa.float64()),  # NaN: not known, like every number here; of index -1 the largest of the unlisted
        ("confidence", pa.float64()),  # probability of the prediction, as the network sees it
        ("outlier", pa.float64()),  # how far from the rest, in whatever unit; larger is farther
        ("suspect", pa.float64()),  # 0 to 1: how little the label belongs to the input
        ("duplicate_of", pa.int64()),  # index of the example that this one repeats; -1: none is known
        ("duplicate_split", pa.utf8()),  # the split it is in; empty: the same
        ("shape", _int64s),  # shape of data
        ("data", _float32s),  # a small picture or a row of numbers, row-major; empty where there is none
        ("text", pa.utf8()),  # the input as a person reads it
    ]
)
"""What is known of single examples. Rows add up: of each column the newest known value counts."""

TENSORS = pa.schema(
    [
        ("name", pa.utf8()),  # of the parameter, as the model names it: `stem.conv.weight`
        ("step", pa.int64()),  # updates completed
        ("wall_time_ns", pa.int64()),
        ("shape", _int64s),  # shape of data; empty for a scalar
        ("data", _float32s),  # row-major
    ]
)
"""Tensors worth a picture at a few moments: first-layer weights, (filters, channels, rows, columns) or (filters, inputs)."""

SCHEMAS: dict[str, pa.Schema] = {
    "metrics": METRICS,
    "system": SYSTEM,
    "predictions": PREDICTIONS,
    "samples": SAMPLES,
    "examples": EXAMPLES,
    "dependencies": DEPENDENCIES,
    "checks": CHECKS,
    "events": EVENTS,
    "output": OUTPUT,
    "tensors": TENSORS,
}
"""Kind of file to its columns. `summaries` is a reserved name, written by nobody yet."""

POINTS = ("metrics", "system")
"""Kinds whose rows are groups of points."""

EVIDENCE_LIMIT = 64 * 1024
"""Most bytes of one evidence JSON; longer evidence is replaced by a note of its size."""
