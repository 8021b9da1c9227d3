"""All chunks at once: the pixels of numcodecs, damage found where it is, and other threads not kept waiting."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import google_crc32c
import numcodecs.blosc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geomeld_build.store import decode_many as module
from geomeld_build.store.decode_many import decode_many
from geomeld_build.store.shard_index import ABSENT, ShardChain

CHAIN = ShardChain("made_up", 8, 8, (2, 16, 16), np.dtype("uint16"), 7, "blosc", True, False, True)
Places = tuple[NDArray[np.int64], NDArray[np.int64]]


def packed(tiles: NDArray[np.uint16], chain: ShardChain = CHAIN) -> tuple[memoryview, Places]:
    """Chunks as the writer packs them, with a few bytes between."""
    chunks = []
    for tile in tiles:
        body = numcodecs.blosc.compress(tile, b"zstd", 6, numcodecs.blosc.SHUFFLE)
        chunks.append(body + google_crc32c.value(body).to_bytes(4, "little") if chain.checksummed else body)
    lengths = np.array([len(chunk) for chunk in chunks], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths + 3)[:-1]))
    return memoryview(bytearray(b"\0\0\0".join(chunks))), (starts.astype(np.int64), lengths)


def made(seed: int, count: int = 5) -> NDArray[np.uint16]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1 << int(rng.integers(1, 16)), (count, *CHAIN.shape), dtype=np.uint16)


@given(seed=st.integers(0, 10_000), checksummed=st.booleans(), missing=st.sets(st.integers(0, 4)))
def test_pixels_as_numcodecs_decodes_them(seed: int, checksummed: bool, missing: set[int]) -> None:
    chain = replace(CHAIN, checksummed=checksummed)
    tiles = made(seed)
    memory, (starts, lengths) = packed(tiles, chain)
    starts[list(missing)] = ABSENT
    out = np.full_like(tiles, 9)
    assert decode_many(chain, memory, (starts, lengths), out, verify=True) == len(tiles)
    expected = tiles.copy()
    expected[list(missing)] = CHAIN.fill
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("where", [5, 13, 40, -2])
def test_stops_at_the_chunk_that_is_damaged(where: int) -> None:
    tiles = made(1)
    memory, (starts, lengths) = packed(tiles)
    # A byte of the frame's header (sizes), of its pixels, or of the sum.
    memory[int(starts[3]) + (where if where > 0 else int(lengths[3]) + where)] ^= 0x10
    out = np.zeros_like(tiles)
    assert decode_many(CHAIN, memory, (starts, lengths), out, verify=True) == 3
    np.testing.assert_array_equal(out[:3], tiles[:3])


@pytest.mark.parametrize("length", [0, 3, 12])
def test_chunks_that_are_too_short(length: int) -> None:
    memory, (starts, lengths) = packed(made(2))
    lengths[1] = length
    assert decode_many(CHAIN, memory, (starts, lengths), np.zeros((5, *CHAIN.shape), np.uint16), verify=True) == 1


def test_chunks_beyond_the_memory() -> None:
    memory, (starts, lengths) = packed(made(2))
    starts[4] = len(memory) - 20
    assert decode_many(CHAIN, memory, (starts, lengths), np.zeros((5, *CHAIN.shape), np.uint16), verify=True) == 4


def test_sums_are_left_alone_where_nobody_asks() -> None:
    tiles = made(3)
    memory, (starts, lengths) = packed(tiles)
    memory[int(starts[0] + lengths[0]) - 1] ^= 1
    out = np.zeros_like(tiles)
    assert decode_many(CHAIN, memory, (starts, lengths), out, verify=False) == 5
    np.testing.assert_array_equal(out, tiles)


def test_other_codecs_are_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, places = packed(made(4))
    out = np.zeros((5, *CHAIN.shape), np.uint16)
    assert decode_many(replace(CHAIN, compressor="none"), memory, places, out, verify=True) == 0
    monkeypatch.setattr(module, "_loop", lambda: None)
    assert decode_many(CHAIN, memory, places, out, verify=True) == 0
    assert not out.any()


def test_python_runs_on_meanwhile() -> None:
    tiles = np.tile(made(5, 8), (2000, 1, 1, 1))
    memory, (starts, lengths) = packed(tiles[:8])
    many = np.tile(starts, 2000), np.tile(lengths, 2000)
    out = np.zeros_like(tiles)
    decode_many(CHAIN, memory, many, out, verify=True)  # compiled
    done = threading.Event()

    def work() -> None:
        decode_many(CHAIN, memory, many, out, verify=True)
        done.set()

    thread, turns = threading.Thread(target=work), 0
    thread.start()
    while not done.is_set():
        turns += 1
        time.sleep(0)
    thread.join()
    assert turns > 100, "the lock was held: this thread would have had a turn or two"
