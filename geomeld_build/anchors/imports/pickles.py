"""Pickles that somebody else wrote, read as plain values: nothing in them is ever imported or called.

Three fences, each of which would do alone against code. The instructions of the pickle are checked before any of them
runs: those that name, build or call objects are refused, and so are those that ask for memory beyond the member's own
size. The unpickler then refuses every name. What comes out is walked within a budget, so that a few bytes that refer to
themselves over and over (a "billion laughs") are refused too.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn

__all__ = ["MAX_PICKLE_BYTES", "PickleRefused", "load_plain"]

MAX_PICKLE_BYTES = 1 << 20
"""Largest pickle that is looked at. SkyScript's have some kilobytes."""
MAX_INSTRUCTIONS = 100_000
"""Most instructions: bounds the time of one pickle."""
MAX_TUPLES = 1000
"""Most tuples: a tuple is hashed by recursion, which has to end before the stack does."""
MAX_DEPTH = 6
"""Deepest nesting of containers; SkyScript's are 3 deep."""
MAX_MEMO = 1 << 17
"""Largest place in the memo, which the unpickler allocates up to the place asked for."""

_TUPLES = b"t)\x85\x86\x87"
_FRESH = b"TUXVS\x8cBC]}ldNIJKMLFG\x88\x89\x8a"
"""After these the newest value is for sure no tuple."""
_PUT_BYTE, _GET_BYTE, _PUT_WORD, _GET_WORD = b"qhrj"
_PUTS, _GETS = b"qrp\x94", b"hjg"
_STOP, _MEMOIZE = ord("."), 0x94
_CONTAINERS = (dict, list, tuple)

_LENGTHS = {
    1: b"(.N]})tlaesud\x85\x86\x87\x88\x89\x94",  # marks, None, containers, booleans, memoize
    2: b"Khq\x80",  # one byte: small int, memo, protocol
    3: b"M",  # two-byte int
    5: b"Jjr",  # four bytes: int, memo
    9: b"G\x95",  # float, frame
    -1: b"UC\x8a\x8c",  # one byte of length, then so many
    -4: b"TXB",  # four bytes of length, then so many
    -10: b"FILSVgp",  # text up to the end of the line
}


_IS_FRESH, _IS_TUPLE, _IS_PUT, _IS_GET = 1, 2, 3, 4
_KINDS = {_IS_FRESH: _FRESH, _IS_TUPLE: _TUPLES, _IS_PUT: _PUTS, _IS_GET: _GETS}


def _table(codes: dict[int, bytes]) -> tuple[int, ...]:
    table = [0] * 256
    for value, instructions in codes.items():
        for instruction in instructions:
            table[instruction] = value
    return tuple(table)


_KIND = _table(_KINDS)
"""By instruction: what it does to the memo, as far as it matters."""
_SIZE = _table(_LENGTHS)
"""By instruction: its length with its argument, or how the length is found; 0 = refused."""


class PickleRefused(ValueError):
    """A pickle that is broken, or holds more than plain values. The message says which."""


class _Plain(pickle.Unpickler):
    """An unpickler to which no name means anything."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise PickleRefused(f"it names {module_name}.{global_name}: only plain values are read")

    def persistent_load(self, pid: Any, /) -> NoReturn:
        raise PickleRefused(f"it refers to a {type(pid).__name__} outside: only plain values are read")


def load_plain(data: bytes) -> Any:
    """The value of a pickle made of None, booleans, numbers, text, bytes, tuples, lists and dicts alone.

    Raises:
        PickleRefused: anything else, however it is hidden; nothing of it has run then.
    """
    if len(data) > MAX_PICKLE_BYTES:
        raise PickleRefused(f"it has {len(data)} bytes, expected at most {MAX_PICKLE_BYTES}")
    _check_instructions(data)
    try:
        # Safe here alone: every instruction that could import, call or build has been refused, and so is every name.
        value = _Plain(io.BytesIO(data), encoding="utf-8", errors="replace").load()
    except PickleRefused:
        raise
    except Exception as error:  # the machine of pickles raises many kinds; all mean broken bytes
        raise PickleRefused(f"it is broken ({type(error).__name__}: {error})") from error
    _measure(value)
    return value


def _check_instructions(data: bytes) -> None:
    """Walk over the instructions without running any."""
    at, count, tuples, memoized, numbered, fresh = 0, 0, 0, 0, False, False
    reusable: set[int] = set()
    sizes, kinds, end = _SIZE, _KIND, len(data)
    while at < end:
        code = data[at]
        size, kind = sizes[code], kinds[code]
        if size <= 0:
            size = _long_size(data, at, size)
        if kind == _IS_PUT:
            if code == _MEMOIZE:
                place, memoized = memoized, memoized + 1
            else:
                # One byte is what nearly all have; the call would cost as much as the rest of the loop.
                place, numbered = data[at + 1] if code == _PUT_BYTE and at + 1 < end else _place(data, at), True
            if fresh:
                reusable.add(place)
            else:
                reusable.discard(place)
        else:
            # Reuse of a tuple could take exponential time to hash. Python itself writes equal tuples apart.
            if kind == _IS_GET and _place(data, at) not in reusable:
                raise PickleRefused("it uses a tuple twice: only plain values are read")
            fresh = kind == _IS_FRESH
            tuples += kind == _IS_TUPLE
        if code == _STOP:
            break
        at += size
        count += 1
    else:
        raise PickleRefused("it ends too early (truncated?)")
    if count > MAX_INSTRUCTIONS or tuples > MAX_TUPLES:
        raise PickleRefused(
            f"it has {count} instructions and {tuples} tuples, expected at most {MAX_INSTRUCTIONS} and {MAX_TUPLES}"
        )
    if memoized and numbered:
        raise PickleRefused("it counts its memo in two ways, which Python never does")


def _long_size(data: bytes, at: int, kind: int) -> int:
    """Length of an instruction whose argument has no fixed length, within the data."""
    if kind == -1:
        size = 2 + data[at + 1] if at + 1 < len(data) else 2
    elif kind == -4:
        size = 5 + int.from_bytes(data[at + 1 : at + 5], "little")
    elif kind == -10:
        newline = data.find(b"\n", at)
        size = newline + 1 - at if newline >= 0 else len(data)
    else:
        raise PickleRefused(f"instruction 0x{data[at]:02x} at byte {at} is not one of plain values")
    if at + size > len(data):
        raise PickleRefused(f"it asks for {size} bytes at byte {at} and has {len(data) - at}")
    return size


def _place(data: bytes, at: int) -> int:
    """Which place of the memo an instruction means."""
    code = data[at]
    if code in (_PUT_BYTE, _GET_BYTE):
        return data[at + 1] if at + 1 < len(data) else 0
    if code in (_PUT_WORD, _GET_WORD):
        place = int.from_bytes(data[at + 1 : at + 5], "little")
    else:
        digits = data[at + 1 : data.find(b"\n", at)].strip()
        place = int(digits) if digits.isdigit() and len(digits) < 10 else MAX_MEMO + 1
    if place > MAX_MEMO:
        raise PickleRefused(f"it asks for place {place} of the memo, expected at most {MAX_MEMO}")
    return place


def _measure(value: Any) -> None:
    """Refuse what is deep, or large once every reference is followed. Never deeper than allowed, so never endless."""
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        deeper: list[Any] = []
        for container in level:
            inside = container.values() if type(container) is dict else container
            deeper += [item for item in inside if type(item) in _CONTAINERS]
            if len(deeper) > MAX_INSTRUCTIONS:
                raise PickleRefused(f"it unfolds into more than {MAX_INSTRUCTIONS} containers")
        level = deeper
    if level:
        raise PickleRefused(f"its containers are nested more than {MAX_DEPTH} deep")
