from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.runlog import frame
from nntui.runlog.schema import SCHEMAS

NONCE = b"0123abcd"


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_a_frame_of_every_kind_comes_back_as_it_was(make, kind):
    batches = [make.row(kind), make.row(kind)]
    data = b"".join(make.stream(kind, batches, NONCE))
    scan = frame.scan(data, kind=kind, nonce=NONCE)
    assert [f.sequence for f in scan.frames] == [0, 1, 2]
    assert (scan.gaps, scan.settled) == ((), len(data))
    assert [frame.decode(data, one) for one in scan.frames[1:]] == batches


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_plain_pyarrow_reads_the_frames_as_a_stream(make, kind):
    batches = [make.row(kind), make.row(kind)]
    data = b"".join(make.stream(kind, batches, NONCE))
    with pa.ipc.open_stream(data) as stream:
        assert stream.schema.names == SCHEMAS[kind].names
        assert list(stream) == batches
    assert len(data) % 8 == 0


def test_the_marker_says_the_length_and_where_it_stands(make):
    data = frame.encode(make.event(7), "events", sequence=12, nonce=NONCE)
    at = data.index(b"nntui1 len=")
    assert data[at:].startswith(b"nntui1 len=%010d at=%06d seq=0000000012 kind=events_______ msg=b " % (len(data), at))


@given(
    st.lists(st.floats(width=64), min_size=1, max_size=40),
    st.text(max_size=50),
    st.integers(0, 2**31),
)
def test_any_values_under_any_name_come_back_bit_for_bit(make, values, name, sequence):
    batch = make.metrics({name: values}, range(len(values)))
    data = frame.encode(batch, "metrics", sequence=sequence, nonce=NONCE)
    scan = frame.scan(data, kind="metrics", nonce=NONCE)
    again = frame.decode(data, scan.frames[0])
    assert again.column("metric")[0].as_py() == [name]
    stored = again.column("value").flatten().flatten()
    assert (
        stored.buffers()[1].to_pybytes()[: 8 * len(values)] == pa.array(values, pa.float64()).buffers()[1].to_pybytes()
    )


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_every_prefix_reads_as_the_whole_frames_in_it(make, kind):
    rows = [make.event(i, "x" * (37 * i)) if kind == "events" else make.row(kind) for i in range(4)]
    frames = make.stream(kind, rows, NONCE)
    data = b"".join(frames)
    ends = [sum(map(len, frames[: i + 1])) for i in range(len(frames))]
    for length in range(len(data) + 1):
        scan = frame.scan(data[:length], kind=kind, nonce=NONCE)
        assert [f.end for f in scan.frames] == [end for end in ends if end <= length]
        assert scan.gaps == ()


def test_every_flipped_bit_loses_exactly_its_frame(make, bits):
    frames = make.stream("events", [make.event(i) for i in range(3)], NONCE)
    data = b"".join(frames)
    whole = frame.scan(data, kind="events", nonce=NONCE).frames
    for bit in range(8 * len(data)):
        found = frame.scan(bits(data, bit), kind="events", nonce=NONCE).frames
        assert list(found) == [f for f in whole if not f.start <= bit >> 3 < f.end], bit


@pytest.mark.parametrize("message", ["a", "aNNTUI1", "nntui1 len="])
def test_a_letter_that_changed_case_in_the_marker_is_damage(make, message):
    data = frame.encode(make.event(1, message), "events", sequence=1, nonce=b"abcdefab")
    at = data.index(b"nntui1")
    for i in range(at, at + 110):
        if data[i : i + 1].isalpha():
            changed = data[:i] + bytes([data[i] ^ 0x20]) + data[i + 1 :]
            assert frame.scan(changed, kind="events", nonce=b"abcdefab").frames == ()


def test_a_frame_that_claims_too_much_hides_none_behind_it(make):
    first, second, third = make.stream("events", [make.event(1), make.event(2)], NONCE)
    longer = second[:4] + (2**31 - 9).to_bytes(4, "little") + second[8:]
    scan = frame.scan(first + longer + third, kind="events", nonce=NONCE)
    assert [f.sequence for f in scan.frames] == [0, 2]
    assert scan.gaps == ((len(first), len(first) + len(second)),)


def _quoting(make, quoted, sequence):
    """A frame whose float data are the bytes of another frame."""
    values = pa.array(np.frombuffer(quoted, np.float32))
    data = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
    plain = make.row("predictions", step=sequence)
    batch = plain.set_column(plain.schema.get_field_index("data"), SCHEMAS["predictions"].field("data"), data)
    found = frame.encode(batch, "predictions", sequence=sequence, nonce=NONCE)
    assert quoted in found
    return found


@pytest.mark.parametrize("part", ["nothing", "length", "marker", "body"])
@pytest.mark.parametrize("nonce", [b"99999999", NONCE])
def test_a_frame_quoted_in_user_data_is_never_read_as_one_of_ours(make, part, nonce):
    """Another file's is told by its nonce; an older one of this file by its sequence number."""
    head, first = make.stream("predictions", [make.row("predictions", step=1)], NONCE)
    third = frame.encode(make.row("predictions", step=3), "predictions", sequence=3, nonce=NONCE)
    quoted = frame.encode(make.row("predictions", step=666), "predictions", sequence=1, nonce=nonce)
    carrier = bytearray(_quoting(make, quoted, 2))
    at = {"length": 5, "marker": carrier.index(b"nntui1") + 3, "body": len(carrier) - 9}.get(part)
    if at is not None:
        carrier[at] ^= 1
    scan = frame.scan(head + first + bytes(carrier) + third, kind="predictions", nonce=NONCE)
    assert [f.sequence for f in scan.frames] == ([0, 1, 2, 3] if part == "nothing" else [0, 1, 3])


def test_frames_of_another_kind_are_not_read(make):
    data = b"".join(make.stream("samples", [make.row("samples")], NONCE))
    assert frame.scan(data, kind="predictions", nonce=NONCE).frames == ()


def test_a_whole_frame_that_is_no_arrow_raises_and_nothing_else(make):
    """The checksum holds, so only a hostile writer can make it; the reader must live."""
    whole = frame.encode(make.event(1), "events", sequence=1, nonce=NONCE)
    for i in range(8, len(whole) - 8, 4):
        broken = bytearray(whole)
        broken[i : i + 4] = b"\xff\xff\xff\x7f"
        try:
            frame.decode(bytes(broken), frame.Frame(0, len(broken), 1, "events", False, NONCE)).to_pylist()
        except pa.ArrowException:
            continue


def test_a_message_that_is_no_batch_raises(make):
    schema = frame.encode_schema("events", sequence=0, nonce=NONCE)
    for message in (schema, b"\xff\xff\xff\xff\0\0\0\0", b""):
        with pytest.raises(pa.ArrowException):
            frame.decode(message, frame.Frame(0, len(message), 1, "events", False, NONCE))


@pytest.mark.parametrize("garbage", range(1, 9))
def test_a_frame_that_damage_moved_to_any_place_is_read(make, garbage):
    batch = make.metrics({"a": [1.5, -2.5]}, [1, 2])
    data = bytes(garbage) + frame.encode(batch, "metrics", sequence=1, nonce=NONCE)
    (one,) = frame.scan(data, kind="metrics", nonce=NONCE).frames
    assert one.start == garbage
    assert frame.decode(data, one) == batch


def test_another_schema_or_too_large_a_batch_is_refused(make, monkeypatch):
    with pytest.raises(ValueError, match="metrics: schema was"):
        frame.encode(make.event(1), "metrics", sequence=1, nonce=NONCE)
    monkeypatch.setattr(frame, "FRAME_LIMIT", 1000)
    with pytest.raises(ValueError, match="at most 1000"):
        frame.encode(make.event(1, "x" * 1000), "events", sequence=1, nonce=NONCE)


def test_the_nonce_is_that_of_folder_and_file():
    nonces = {frame.nonce_of(folder, file) for folder in ("w-1", "w-2") for file in ("a", "b")}
    assert len(nonces) == 4
    assert all(len(nonce) == 8 for nonce in nonces)
    assert len(frame.nonce_of("w-\udcff", "a")) == 8  # a name that is no UTF-8


def test_only_a_whole_schema_frame_at_the_start_gives_the_nonce(make):
    head, first = make.stream("events", [make.event(1)], NONCE)
    assert frame.schema_nonce(head + first, "events") == NONCE
    assert frame.schema_nonce(head[:-1], "events") is None
    assert frame.schema_nonce(first, "events") is None
    assert frame.schema_nonce(b"\0" * 8 + head, "events") is None
    assert frame.schema_nonce(b"", "events") is None
