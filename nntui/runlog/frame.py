"""Frames: Arrow IPC messages that carry their own length, sequence number and checksum.

Owns the bytes of a frame and how to find whole ones in a damaged file. Knows nothing of files or folders.
Invariant: a frame that is returned has the very bytes that were encoded; no Arrow code sees bytes that were not.

A frame is one encapsulated Arrow IPC message (schema or record batch). Its custom metadata holds, under the key
`nntui.frame`, a marker: fixed-width text, patched in after encoding:

    nntui1 len=0000001344 at=000604 seq=0000000007 kind=metrics______ msg=b nonce=5f0c1a2b crc=89abcdef

len: bytes of the frame; at: offset of the marker inside it, so that finding the marker is finding the frame; seq: per
kind over all segments of a writer; msg: s(chema) or b(atch); nonce: of this file alone (`nonce_of`), so that a frame
quoted in user data is never taken for ours; crc: CRC-32 (zlib) of the frame with the eight crc digits as `0`.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass

import pyarrow as pa

from nntui.runlog.schema import SCHEMAS

KEY = b"nntui.frame"
FRAME_LIMIT = 64 << 20
"""Most bytes of a frame; a marker that claims more is not believed."""

_TEMPLATE = b"nntui1 len=%010d at=%06d seq=%010d kind=%s msg=%s nonce=%s crc=%s"
_KIND_WIDTH = 13
_ZEROS = b"0" * 8
_MAGIC = b"nntui1 len="
_MARKER = re.compile(
    rb"nntui1 len=(\d{10}) at=(\d{6}) seq=(\d{10}) kind=([a-z_]{13}) msg=([sb]) nonce=([0-9a-f]{8}) crc=([0-9a-f]{8})"
)
_PREFIX = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame found in a buffer; start and end are offsets into it."""

    start: int
    end: int
    sequence: int
    kind: str
    is_schema: bool
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """What a buffer holds."""

    frames: tuple[Frame, ...]
    gaps: tuple[tuple[int, int], ...]
    """Stretches of bytes that belong to no whole frame, each followed by a whole frame."""
    settled: int
    """Offset up to which everything is frames or gaps; what follows may still become a frame."""


def nonce_of(folder: str, file: str) -> bytes:
    """The nonce of a file: CRC-32 of `folder/file` in hex.

    The folder's name holds random digits, so it is a file's own; and a reader knows it without the first frame.
    """
    return b"%08x" % zlib.crc32(os.fsencode(f"{folder}/{file}"))


def encode_schema(kind: str, *, sequence: int, nonce: bytes) -> bytes:
    """The first frame of a file: the schema of its kind."""
    blank = _marker(0, 0, sequence, kind, b"s", nonce, _ZEROS)
    message = SCHEMAS[kind].with_metadata({KEY: blank}).serialize().to_pybytes()
    return _patch(bytearray(message), sequence, kind, b"s", nonce)


def encode(batch: pa.RecordBatch, kind: str, *, sequence: int, nonce: bytes) -> bytes:
    """One record batch, whose schema must be that of its kind, as a frame.

    Raises ValueError for another schema, or for a batch over FRAME_LIMIT bytes.
    """
    if not batch.schema.equals(SCHEMAS[kind]):
        raise ValueError(f"{kind}: schema was {batch.schema.names}; expected {SCHEMAS[kind].names}.")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch, custom_metadata={KEY: _marker(0, 0, sequence, kind, b"b", nonce, _ZEROS)})
    encoded = memoryview(sink.getvalue())
    schema_length = 8 + int.from_bytes(encoded[4:8], "little")
    message = bytearray(encoded[schema_length:-8])  # without the end-of-stream mark
    if len(message) > FRAME_LIMIT:
        raise ValueError(
            f"{kind}: a batch of {len(message)} bytes; expected at most {FRAME_LIMIT}. Write smaller ones."
        )
    return _patch(message, sequence, kind, b"b", nonce)


def schema_nonce(data: bytes, kind: str) -> bytes | None:
    """The nonce of the whole schema frame at the very start of a file: it holds no user data, so it is believed."""
    first = _frame_at(data, 0, kind, None, 0)
    return first.nonce if first is not None and first.is_schema and first.start == 0 else None


def scan(data: bytes, *, kind: str, nonce: bytes, lowest: int = 0) -> Scan:
    """Every whole frame of `kind` with this nonce in the buffer, in order, its sequence numbers `lowest` or above.

    A frame that claims more bytes than there are hides no whole frame behind it: the search goes on inside the claimed
    extent. Sequence numbers only rise, so that an older frame of the file, quoted in user data, is not taken twice.
    """
    frames: list[Frame] = []
    gaps: list[tuple[int, int]] = []
    position = 0
    while position < len(data):
        frame = _frame_at(data, position, kind, nonce, lowest) or _next_frame(data, position, kind, nonce, lowest)
        if frame is None:
            break
        if frame.start > position:
            gaps.append((position, frame.start))
        frames.append(frame)
        lowest, position = frame.sequence + 1, frame.end
    return Scan(tuple(frames), tuple(gaps), position)


def decode(data: bytes, one: Frame) -> pa.RecordBatch:
    """The batch of a whole frame of record batch kind, decoded with the built-in schema and fully validated.

    Where the frame allows, its columns are views of `data`. Raises pa.ArrowException when it holds no valid batch.
    """
    if one.start % 8 == 0:
        message = pa.py_buffer(data).slice(one.start, one.end - one.start)
    else:  # behind a hole: moved to where numbers may lie
        message = pa.py_buffer(data[one.start : one.end])
    try:
        batch = pa.ipc.read_record_batch(message, SCHEMAS[one.kind])
    except (OSError, EOFError) as error:  # what pyarrow raises for a body shorter than its metadata says, or for none
        raise pa.ArrowInvalid(str(error)) from None
    batch.validate(full=True)
    return batch


def _marker(length: int, at: int, sequence: int, kind: str, message: bytes, nonce: bytes, crc: bytes) -> bytes:
    return _TEMPLATE % (length, at, sequence, kind.encode().ljust(_KIND_WIDTH, b"_"), message, nonce, crc)


def _patch(message: bytearray, sequence: int, kind: str, letter: bytes, nonce: bytes) -> bytes:
    metadata_end = 8 + int.from_bytes(message[4:8], "little")
    at = message.find(_MAGIC, 8, metadata_end)  # user data lies behind the metadata
    marker = _marker(len(message), at, sequence, kind, letter, nonce, _ZEROS)
    message[at : at + len(marker)] = marker
    crc_at = at + len(marker) - 8
    message[crc_at : crc_at + 8] = b"%08x" % zlib.crc32(message)
    return bytes(message)


def _frame_at(data: bytes, start: int, kind: str, nonce: bytes | None, lowest: int) -> Frame | None:
    """The whole frame that starts exactly here."""
    if data[start : start + 4] != _PREFIX:
        return None
    metadata_end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
    at = data.find(_MAGIC, start + 8, min(metadata_end, len(data)))
    return None if at < 0 else _frame_of_marker(data, at, start, kind, nonce, lowest)


def _next_frame(data: bytes, after: int, kind: str, nonce: bytes, lowest: int) -> Frame | None:
    """The first whole frame that starts behind `after`."""
    at = data.find(_MAGIC, after + 8)
    while at >= 0:
        frame = _frame_of_marker(data, at, after + 1, kind, nonce, lowest)
        if frame is not None:
            return frame
        at = data.find(_MAGIC, at + 1)
    return None


def _frame_of_marker(data: bytes, at: int, floor: int, kind: str, nonce: bytes | None, lowest: int) -> Frame | None:
    """The whole frame this marker belongs to, unless it starts before `floor` or is not one of those looked for."""
    found = _MARKER.match(data, at)
    if found is None:
        return None
    length, offset, start = int(found[1]), int(found[2]), at - int(found[2])
    end = start + length
    if start < floor or end > len(data) or length > FRAME_LIMIT or offset + len(found[0]) > length:
        return None
    if found[4].rstrip(b"_") != kind.encode() or (nonce is not None and found[6] != nonce) or int(found[3]) < lowest:
        return None
    view = memoryview(data)
    crc_at = found.start(7)
    crc = zlib.crc32(view[start:crc_at])
    crc = zlib.crc32(view[crc_at + 8 : end], zlib.crc32(_ZEROS, crc))
    if found[7] != b"%08x" % crc:
        return None
    return Frame(start, end, int(found[3]), kind, found[5] == b"s", found[6])
