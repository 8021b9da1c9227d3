"""Pickles of strangers: plain values come out, everything else is refused before it runs."""

from __future__ import annotations

import collections
import datetime
import os
import pickle
import pickletools
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors.imports.pickles import MAX_PICKLE_BYTES, PickleRefused, load_plain

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(), st.binary()
)


def _containers(inner: Any) -> Any:
    lists = st.lists(inner, max_size=4)
    return st.one_of(lists, lists.map(tuple), st.dictionaries(st.text(), inner, max_size=4))


values = st.recursive(scalars, _containers, max_leaves=12)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list | tuple) else 0


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return any(map(_has_bytes, value)) if isinstance(value, list | tuple) else isinstance(value, bytes)


@given(values, st.integers(0, 5))
def test_plain_values_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol=protocol)
    # Before protocol 3 bytes are written as a call of codecs.encode, which is a call.
    if _depth(value) > 6 or (protocol < 3 and _has_bytes(value)):
        with pytest.raises(PickleRefused):
            load_plain(data)
    else:
        assert load_plain(data) == value


def test_text_and_containers_may_be_shared() -> None:
    tags = {"building": "yes"}
    value = {"center_tags": tags, "surrounding_tags": [tags, {"building": "yes"}]}
    for protocol in range(6):
        assert load_plain(pickle.dumps(value, protocol=protocol)) == value


class _Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "owned")


class _State:
    def __setstate__(self, state: Any) -> None:
        raise AssertionError("state was set")


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_called(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "proof"
    data = pickle.dumps({"box": (1.0, 2.0, 3.0, 4.0), "time": _Touch(proof)}, protocol=protocol)
    with pytest.raises(PickleRefused, match="not one of plain values"):
        load_plain(data)
    assert not proof.exists()
    pickle.loads(data)
    assert proof.exists(), "the pickle would have written the file"


STATE = _State()
STATE.__dict__["a"] = 1


@pytest.mark.parametrize(
    "value",
    [
        os.system, len, datetime.date(2020, 1, 1), collections.OrderedDict(a=1), np.float64(1.0), {1, 2},
        frozenset({1}), bytearray(b"a"), 1j, range(3), STATE, collections.Counter("a"), Path(),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_objects_of_any_kind_are_refused(value: Any) -> None:
    for protocol in range(6):
        with pytest.raises(PickleRefused):
            load_plain(pickle.dumps([value], protocol=protocol))


FORBIDDEN = {
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD", "EXT1", "EXT2", "EXT4", "PERSID",
    "BINPERSID", "BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "DUP", "POP", "POP_MARK", "EMPTY_SET", "ADDITEMS",
    "FROZENSET", "BINUNICODE8", "BINBYTES8", "LONG4",
}  # fmt: skip


@pytest.mark.parametrize("opcode", pickletools.opcodes, ids=lambda opcode: opcode.name)
def test_every_instruction_of_python_is_allowed_or_refused_on_purpose(opcode: Any) -> None:
    data = opcode.code.encode("latin-1") + b"0\n0\n" + b"\0" * 20
    refused = ""
    try:
        load_plain(data)
    except PickleRefused as error:
        refused = str(error)
    assert ("at byte 0 is not one of plain values" in refused) == (opcode.name in FORBIDDEN)


def _laughs(container: type, width: int, levels: int) -> bytes:
    value: Any = container(["ha"])
    for _ in range(levels):
        value = container([value] * width)
    return pickle.dumps({"box": (1.0, 2.0, 3.0, 4.0), "center_tags": value}, protocol=4)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_laughs(list, 10, 9), id="billion laughs of lists"),
        pytest.param(_laughs(tuple, 10, 9), id="billion laughs of tuples"),
        pytest.param(_laughs(list, 20, 4), id="wide"),
        pytest.param(_laughs(list, 2, 40), id="two by two"),
        pytest.param(b"]q\x00h\x00a.", id="a list in itself"),
        pytest.param(b"(" * 200_000 + b".", id="marks"),
        pytest.param(b"}" + b")" + b"\x85" * 200_000 + b"Ns.", id="a deep tuple as a key"),
        pytest.param(b"}" + b")" + b"(eq\x00h\x00\x86" * 40 + b"Ns.", id="a tuple doubled behind an empty append"),
        pytest.param(b"}" + b")" + b"\x80\x04q\x00h\x00\x86" * 40 + b"Ns.", id="doubled behind a protocol"),
        pytest.param(b"K\x01q\x07})\x94h\x01\x86\x94h\x02\x86Ns.", id="a memo counted in two ways"),
        pytest.param(b"N" + b"r\xff\xff\xff\x7f.", id="a memo of gigabytes"),
        pytest.param(b"Np99999999999999\n.", id="a memo in words"),
        pytest.param(b"B\xff\xff\xff\x7fabc.", id="bytes that are not there"),
        pytest.param(b"X\xff\xff\xff\xffabc.", id="text that is not there"),
        pytest.param(b"T\xff\xff\xff\xffabc.", id="a negative length"),
        pytest.param(b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", id="a frame of exabytes"),
        pytest.param(b"\x96" + struct.pack("<Q", 2**40) + b".", id="a bytearray of a terabyte"),
        pytest.param(b"I" + b"9" * 100_000 + b"\n.", id="an endless number"),
        pytest.param(b"N" * (MAX_PICKLE_BYTES + 1), id="too large"),
        pytest.param(b"\x80\xffN.", id="a protocol of the future"),
        pytest.param(b"h\x05.", id="an empty memo"),
        pytest.param(b"a.", id="an empty stack"),
        pytest.param(b"]]s.", id="no dict"),
        pytest.param(b"}]Ns.", id="a list as a key"),
        pytest.param(b"U", id="no length"),
        pytest.param(b"q", id="no place"),
        pytest.param(b"", id="empty"),
        pytest.param(b"N", id="no end"),
    ],
)
def test_hostile_and_broken_bytes_are_refused_at_once(data: bytes) -> None:
    began = time.process_time()
    with pytest.raises(PickleRefused):
        load_plain(data)
    assert time.process_time() - began < 5


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    try:
        value = load_plain(data)
    except PickleRefused:
        return
    assert type(value) in (type(None), bool, int, float, str, bytes, tuple, list, dict)
