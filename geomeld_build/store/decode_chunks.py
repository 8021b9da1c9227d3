"""One compressed chunk into one slot of a caller's buffer, without the GIL and without a copy."""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import Any

import google_crc32c
import numcodecs.blosc
import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import StoreError
from geomeld_build.store.shard_index import ShardChain

__all__ = ["ChunkDecoder", "chunk_decoder"]

ChunkDecoder = Callable[[memoryview, NDArray[Any]], None]
"""Decodes a chunk into ``(band, y, x)``; raises ``StoreError`` where the bytes are not such a chunk."""

# Blosc's own threads serialise on a lock; without them every thread of ours decodes by itself.
numcodecs.blosc.use_threads = False

_CRC = 4
_HEADER = 16


def chunk_decoder(chain: ShardChain, *, verify: bool) -> ChunkDecoder:
    """How to decode the chunks of an array.

    Args:
        chain: the array's packing.
        verify: compare the crc32c of every chunk, where chunks have one.
    """
    body = _blosc(chain.tile_bytes) if chain.compressor == "blosc" else _plain(chain.tile_bytes)
    return _checksummed(body, verify) if chain.checksummed else body


def _blosc(expected: int) -> ChunkDecoder:
    decompress = numcodecs.blosc.decompress

    def decode(chunk: memoryview, out: NDArray[Any]) -> None:
        if len(chunk) < _HEADER:
            raise StoreError(f"a chunk of {len(chunk)} bytes is no Blosc frame")
        # Blosc leaves the rest of the slot alone where a frame holds less than a tile.
        size, _, packed = unpack_from("<III", chunk, 4)
        if size != expected or packed != len(chunk):
            raise StoreError(
                f"a Blosc frame of {packed} bytes for {size} pixels' bytes, expected {len(chunk)} for {expected}"
            )
        try:
            decompress(chunk, out)
        except (RuntimeError, ValueError) as error:
            raise StoreError(f"a chunk cannot be decoded ({error})") from error

    return decode


def _plain(expected: int) -> ChunkDecoder:
    def decode(chunk: memoryview, out: NDArray[Any]) -> None:
        if len(chunk) != expected:
            raise StoreError(f"a chunk has {len(chunk)} bytes, expected {expected}")
        out[...] = np.frombuffer(chunk, out.dtype).reshape(out.shape)

    return decode


def _checksummed(body: ChunkDecoder, verify: bool) -> ChunkDecoder:
    def decode(chunk: memoryview, out: NDArray[Any]) -> None:
        if len(chunk) < _CRC:
            raise StoreError(f"a chunk of {len(chunk)} bytes has no crc32c")
        inner, stored = chunk[:-_CRC], int.from_bytes(chunk[-_CRC:], "little")
        # An array of the same memory: the library takes no writeable memoryview, and a copy would cost twice the sum.
        if verify and (found := google_crc32c.value(np.frombuffer(inner, np.uint8))) != stored:
            raise StoreError(f"a chunk has crc32c {found:08x}, expected {stored:08x}")
        body(inner, out)

    return decode
