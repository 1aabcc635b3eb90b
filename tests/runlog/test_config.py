from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntui.runlog.writer import CONFIG_LIMIT, storable


class _Hostile:
    def __str__(self):
        raise ValueError("no")


class _Endless(dict):
    def items(self):
        return ((i, i) for i in iter(int, 1))


def _nest(depth, width):
    value: list = []
    for _ in range(depth):
        value = [value] * width
    return value


def _cyclic():
    value: dict = {"a": 1}
    value["self"] = [value, value, value, value, value]
    return value


@pytest.mark.parametrize(
    "config",
    [
        {"a": _Hostile()},
        _Endless(),
        {"a": _nest(30, 50)},
        _cyclic(),
        {"a": "x" * 10**6},
        {"a": 10**5000},
        {_Hostile(): 1},
    ],
    ids=["raises", "endless", "bomb", "cyclic", "long", "huge", "key"],
)
def test_a_hostile_config_neither_raises_nor_hangs_nor_fills_the_disk(config):
    assert len(json.dumps(storable(config))) <= CONFIG_LIMIT


def test_a_plain_config_is_kept_and_other_objects_become_text():
    config = {"lr": 3e-4, "layers": (1, 2), "path": Path("a/b"), "none": None, "nan": math.nan, "nested": {1: True}}
    assert storable(config) == {
        "lr": 3e-4,
        "layers": [1, 2],
        "path": "a/b",
        "none": None,
        "nan": "nan",
        "nested": {"1": True},
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_config_is_strict_json_of_bounded_size(value):
    text = json.dumps(storable({"value": value}), allow_nan=False)
    assert len(text) <= CONFIG_LIMIT
