"""Many compressed chunks in one call that needs Python's lock once.

Chunks are small: a thread that decodes them one by one takes the lock every 70 µs, and from four threads on they mostly
wait for each other. Here a compiled loop calls Blosc and crc32c itself, by the functions that numcodecs and
google-crc32c carry in their own libraries, so that rates grow with the cores.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numcodecs.blosc
import numpy as np
from numpy.typing import NDArray

from geomeld_build.store.shard_index import ABSENT, ShardChain

__all__ = ["decode_many"]

logger = logging.getLogger(__name__)

_Loop = Callable[..., int]
_CRC, _HEADER = 4, 16
_compiling = threading.Lock()


def decode_many(
    chain: ShardChain,
    memory: memoryview,
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    out: NDArray[Any],
    *,
    verify: bool,
) -> int:
    """Decode chunks that lie in memory, and fill the tiles that have none.

    Args:
        chain: how the array is packed.
        memory: what ``places`` count in.
        places: where each tile's chunk begins, ``ABSENT`` without one, and its length.
        out: ``(tile, band, y, x)`` in the stored dtype, contiguous.
        verify: compare the crc32c of chunks that have one.

    Returns:
        How many tiles are done: all of them, or those before the first chunk that is damaged or that only
        ``chunk_decoder`` understands.
    """
    loop = _loop() if chain.compressor == "blosc" else None
    if loop is None:
        return 0
    starts, lengths = places
    absent = starts == ABSENT
    if absent.any():
        out[absent] = chain.fill
    plain = out.reshape(len(out), -1).view(np.uint8)
    crc = 0 if not chain.checksummed else _CRC
    return int(loop(np.frombuffer(memory, np.uint8), starts, lengths, plain, crc, verify))


def _loop() -> _Loop | None:
    # Compiling takes most of a second, once a process, and the compiler is not safe to start twice at once.
    with _compiling:
        return _compiled()


@lru_cache(maxsize=1)
def _compiled() -> _Loop | None:
    functions = _functions()
    if functions is None:
        logger.info("Blosc's or crc32c's own library cannot be called: chunks are decoded one by one")
        return None
    from numba import boolean, int64, njit, uint8

    signature = int64(uint8[::1], int64[::1], int64[::1], uint8[:, ::1], int64, boolean)
    compiled: _Loop = njit(signature, nogil=True)(_loop_over(*functions, njit(_little_endian)))
    return compiled


def _functions() -> tuple[Any, Any] | None:
    """``blosc_decompress_ctx`` and ``crc32c_value`` as C functions; None where the libraries hide them."""
    try:
        decompress = ctypes.CDLL(numcodecs.blosc.__file__).blosc_decompress_ctx
        # The extension links the library with the sum; looking it up there finds both.
        checksum = ctypes.CDLL(import_module("google_crc32c._crc32c").__file__).crc32c_value
    except (OSError, ImportError, AttributeError):
        return None
    decompress.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    decompress.restype = ctypes.c_int
    checksum.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    checksum.restype = ctypes.c_uint32
    return decompress, checksum


def _little_endian(memory: NDArray[np.uint8], at: int) -> int:
    return int(memory[at]) | int(memory[at + 1]) << 8 | int(memory[at + 2]) << 16 | int(memory[at + 3]) << 24


def _loop_over(decompress: Any, checksum: Any, little_endian: Any) -> _Loop:
    """The loop, to be compiled: only what numba knows."""

    def loop(
        memory: NDArray[np.uint8],
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        out: NDArray[np.uint8],
        crc: int,
        verify: bool,
    ) -> int:
        tile = out.shape[1]
        for at in range(starts.size):
            start, length = starts[at], lengths[at] - crc
            if start == ABSENT:
                continue
            if length < _HEADER or start < 0 or start + length + crc > memory.size:
                return at
            chunk = memory[start : start + length]
            # Blosc leaves the rest of the slot alone where a frame holds less than a tile.
            if little_endian(chunk, 4) != tile or little_endian(chunk, 12) != length:
                return at
            if crc and verify and checksum(chunk.ctypes.data, length) != little_endian(memory, start + length):
                return at
            if decompress(chunk.ctypes.data, out[at].ctypes.data, tile, 1) != tile:
                return at
        return starts.size

    return loop
