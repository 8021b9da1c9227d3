"""Random draws that depend on nothing but a recipe, a purpose and an id: no generator state, no order of calls.

The numbers come from a hash or a mixing function instead of a generator of NumPy, whose streams may change between
releases: a frame or a checkpoint must find the same draws years later, in any process and in any order.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw", "mixed", "pick", "seed_of", "uniform"]

_GOLDEN = 0x9E3779B97F4A7C15


def seed_of(recipe: str, purpose: str, key: str) -> int:
    """A 64-bit seed that depends on nothing but its arguments: every random draw is keyed by an id."""
    digest = hashlib.blake2b(f"{recipe}|{purpose}|{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def mixed(counters: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers that look random, one for each: the finaliser of SplitMix64. Any shape, uint64."""
    with np.errstate(over="ignore"):
        value = (counters + np.uint64(1)) * np.uint64(_GOLDEN)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def draw(recipe: str, purpose: str, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number for each key, uniform over 64 bits; the same shape. Other purposes give other numbers."""
    return mixed(mixed(keys) ^ np.uint64(seed_of(recipe, purpose, "")))


def uniform(recipe: str, purpose: str, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """One number in [0, 1) for each key: the upper 53 bits of ``draw``."""
    return (draw(recipe, purpose, keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(recipe: str, purpose: str, keys: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """One of ``0..count - 1`` for each key, all equally likely."""
    return (uniform(recipe, purpose, keys) * count).astype(np.int64)
