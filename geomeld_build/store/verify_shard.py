"""Which tiles of a shard object with a wrong checksum are broken.

The catalog keeps one checksum an object. Where the inner codecs end with crc32c, every tile has its own, and the broken
ones are known exactly. Without it only the tiles that no longer decode are surely broken, and any other may be: Blosc
finds a damaged header, and zstd many damaged streams, but not all.
"""

from __future__ import annotations

from collections.abc import Sequence

import google_crc32c
import numcodecs.blosc
import numpy as np
from numpy.typing import NDArray

__all__ = ["broken_places"]

_CRC = "crc32c"
_CRC_BYTES = 4
_ABSENT = np.uint64(2**64 - 1)


def broken_places(data: bytes, tiles: int, start: int, codecs: Sequence[str]) -> tuple[tuple[int, ...] | None, str]:
    """Look for the broken tiles of a damaged shard object.

    Args:
        data: the object, of its right length.
        tiles: places in the object.
        start: its first place along ``tile``.
        codecs: names of the inner codecs in order.

    Returns:
        The broken places when all others are proven whole, else None; and a line for people.
    """
    index = _index(data, tiles)
    if index is None:
        return None, "its index is broken"
    failing = []
    for slot, (offset, length) in enumerate(index):
        if offset == _ABSENT and length == _ABSENT:
            continue
        if int(offset) + int(length) > len(data) or not _is_whole(data[int(offset) : int(offset + length)], codecs):
            failing.append(start + slot)
    listed = _ranges(failing)
    if codecs and codecs[-1] == _CRC:
        return tuple(failing), f"broken at places {listed}" if failing else "broken outside the tiles"
    if failing:
        return None, f"places {listed} do not decode; without checksums of their own the others are suspect"
    return None, "every tile still decodes, so which of them changed cannot be told"


def _index(data: bytes, tiles: int) -> NDArray[np.uint64] | None:
    size = tiles * 16
    tail = data[-(size + _CRC_BYTES) :]
    if len(tail) != size + _CRC_BYTES or google_crc32c.value(tail[:size]) != int.from_bytes(tail[size:], "little"):
        return None
    return np.frombuffer(tail[:size], dtype="<u8").reshape(tiles, 2)


def _is_whole(chunk: bytes, codecs: Sequence[str]) -> bool:
    if codecs and codecs[-1] == _CRC:
        checksum: int = google_crc32c.value(chunk[:-_CRC_BYTES])
        return checksum == int.from_bytes(chunk[-_CRC_BYTES:], "little")
    if codecs and codecs[-1] == "blosc":
        try:
            numcodecs.blosc.decompress(chunk)
        except (RuntimeError, ValueError):
            return False
    return True


def _ranges(places: Sequence[int]) -> str:
    """``3..5, 9`` of ascending places."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return ", ".join(f"{first}" if first == last else f"{first}..{last}" for first, last in runs)
