"""Hash-based randomness: every value is a function of integers and a seed, so nothing depends on reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.noise_kernel import (
    PRIMES,
    grid_codes,
    hash_bits,
    hash_draws,
    hash_normals,
    hash_units,
    lattice_noise,
)

__all__ = [
    "EARTH_RADIUS_KM",
    "KM_PER_DEGREE",
    "Floats",
    "Ints",
    "Octaves",
    "cell_bits",
    "cell_draws",
    "cell_hash",
    "cell_normal",
    "cell_normals",
    "key_of",
    "kind_hash",
    "unit_of",
    "unit_xyz",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Bits = NDArray[np.uint64]

EARTH_RADIUS_KM = 6371.0
KM_PER_DEGREE = 111.2
"""Along a meridian, and along a parallel after multiplication with the cosine of its latitude."""

_MASK = (1 << 64) - 1


def key_of(*parts: int | str) -> int:
    """A 64-bit key of integers and strings; the same in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def unit_of(*parts: int | str) -> float:
    """A number in [0, 1) keyed by integers and strings."""
    return (key_of(*parts) >> 11) * 2.0**-53


def _codes(keys: Sequence[int], coordinates: tuple[NDArray[Any], ...]) -> tuple[_Bits, tuple[int, ...]]:
    """What is hashed, flat: one number for each key and set of coordinates; and their shape."""
    total: _Bits = np.array([key & _MASK for key in keys], dtype=np.uint64)
    if len(coordinates) == 2 and coordinates[0].shape[1:] == (1,) and coordinates[1].ndim == 1:
        rows, columns = coordinates[0][:, 0], coordinates[1]
        shape = (rows.size, columns.size) if len(keys) == 1 else (len(keys), rows.size, columns.size)
        return grid_codes(total, np.ascontiguousarray(rows), np.ascontiguousarray(columns), 0, 1), shape
    if total.size > 1:
        total = total.reshape(-1, *(1,) * max(axis.ndim for axis in coordinates))
    for prime, axis in zip(PRIMES, coordinates, strict=False):
        total = total + np.asarray(axis).astype(np.int64, copy=False).view(np.uint64) * np.uint64(prime)
    return total.ravel(), total.shape


def cell_bits(keys: Sequence[int], *coordinates: NDArray[Any]) -> _Bits:
    """64 random bits for each key and set of integer coordinates (arrays that broadcast against each other)."""
    codes, shape = _codes(keys, coordinates)
    return hash_bits(codes).reshape(shape)


def cell_hash(key: int, *coordinates: NDArray[Any]) -> Floats:
    """Numbers in [0, 1) keyed by integer coordinates (arrays that broadcast against each other)."""
    codes, shape = _codes((key,), coordinates)
    return hash_units(codes).reshape(shape)


def kind_hash(key: int, kinds: int, rows: Ints, columns: Ints) -> Floats:
    """``cell_hash`` of the numbers 0 to ``kinds``, rows ``(n,)`` and columns ``(m,)``: ``(kind, n, m)``."""
    bases = np.array([(key + kind * PRIMES[0]) & _MASK for kind in range(kinds)], dtype=np.uint64)
    return hash_units(grid_codes(bases, rows, columns, 1, 2)).reshape(kinds, rows.size, columns.size)


def cell_draws(key: int, *coordinates: NDArray[Any]) -> Floats:
    """Four numbers in [0, 1) of 16 bits each, ``(4, ...)``: cheaper than four hashes."""
    codes, shape = _codes((key,), coordinates)
    return hash_draws(codes).reshape(4, *shape)


def cell_normal(key: int, *coordinates: NDArray[Any]) -> Floats:
    """About standard normal numbers keyed by integer coordinates: the sum of four 16-bit uniforms of one hash."""
    codes, shape = _codes((key,), coordinates)
    return hash_normals(codes).reshape(shape)


def cell_normals(keys: Sequence[int], *coordinates: NDArray[Any]) -> Floats:
    """``cell_normal`` of several keys together, ``(key, ...)``."""
    codes, shape = _codes(keys, coordinates)
    return hash_normals(codes).reshape(shape)


def unit_xyz(lon: Floats, lat: Floats) -> Floats:
    """Lon/lat degrees to points ``(3, ...)`` on a sphere of Earth's radius, km."""
    lam, phi = np.radians(lon), np.radians(lat)
    cos_phi = np.cos(phi)
    return EARTH_RADIUS_KM * np.stack((cos_phi * np.cos(lam), cos_phi * np.sin(lam), np.sin(phi)))


def _rotation(key: int) -> Floats:
    """A rotation keyed by an integer: hides the lattice, which would show where it lies along the surface."""
    angles = [2.0 * np.pi * unit_of(key, axis) for axis in range(3)]
    matrix: Floats = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = np.asarray(matrix @ turn, dtype=np.float64)
    return matrix


@dataclass(frozen=True, slots=True)
class Octaves:
    """Several octaves of lattice noise in space, evaluated together; each has mean 0 and a deviation of about 1."""

    matrices: Floats
    """``(octave, 3, 3)``: rotation divided by the wavelength in km."""
    shifts: Floats
    """``(octave, 3)``."""
    keys: NDArray[np.uint64]
    """``(octave,)``."""

    @classmethod
    def of(cls, key: int, wavelengths_km: Sequence[float]) -> Octaves:
        """Octaves of these wavelengths, keyed by ``key`` and their position."""
        seeds = [key_of(key, index) for index in range(len(wavelengths_km))]
        matrices = np.stack([_rotation(seed) / length for seed, length in zip(seeds, wavelengths_km, strict=True)])
        shifts = np.array([[unit_of(seed, axis, 9) * 1e3 for axis in range(3)] for seed in seeds])
        return cls(matrices, shifts, np.array(seeds, dtype=np.uint64))

    def part(self, kept: Ints) -> Octaves:
        """Some of the octaves, unchanged."""
        return Octaves(self.matrices[kept], self.shifts[kept], self.keys[kept])

    def at(self, xyz: Floats) -> Floats:
        """Noise ``(octave, n)`` at points ``(3, n)`` in km."""
        count = self.keys.size
        return self.mixed(xyz, np.ones(count), np.arange(count))

    def mixed(self, xyz: Floats, weights: Floats, channels: Ints) -> Floats:
        """Weighted sums of octaves ``(channel, n)`` at points ``(3, n)`` in km.

        Args:
            xyz: the points.
            weights: one an octave.
            channels: for each octave the sum that it is part of; every number from 0 on has one.
        """
        points = np.ascontiguousarray(xyz)
        return lattice_noise(points, self.matrices, self.shifts, self.keys, weights, channels)
