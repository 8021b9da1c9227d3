"""Hash-based randomness: every value is a function of integers and a seed, so nothing depends on reading order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EARTH_RADIUS_KM",
    "Floats",
    "Ints",
    "Octaves",
    "cell_draws",
    "cell_hash",
    "cell_normal",
    "key_of",
    "unit_of",
    "unit_xyz",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Bits = NDArray[np.uint64]

EARTH_RADIUS_KM = 6371.0

_MASK = (1 << 64) - 1
_PRIMES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
# Trilinear value noise with quintic weights has a standard deviation of 0.4; this brings a channel to about one.
_GAIN = 2.5


def key_of(*parts: int | str) -> int:
    """A 64-bit key of integers and strings; the same in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def unit_of(*parts: int | str) -> float:
    """A number in [0, 1) keyed by integers and strings."""
    return (key_of(*parts) >> 11) * 2.0**-53


def _mix(bits: _Bits) -> _Bits:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(_M1)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(_M2)
    return bits ^ (bits >> np.uint64(31))


def _cell_bits(key: int, coordinates: tuple[NDArray[Any], ...]) -> _Bits:
    total = np.full(1, key & _MASK, dtype=np.uint64)
    for prime, axis in zip(_PRIMES, coordinates, strict=False):
        total = total + np.asarray(axis).astype(np.int64, copy=False).view(np.uint64) * np.uint64(prime)
    return _mix(total)


def cell_hash(key: int, *coordinates: NDArray[Any]) -> Floats:
    """Numbers in [0, 1) keyed by integer coordinates (arrays that broadcast against each other)."""
    return (_cell_bits(key, coordinates) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def cell_draws(key: int, *coordinates: NDArray[Any]) -> Floats:
    """Four numbers in [0, 1) of 16 bits each, ``(4, ...)``: cheaper than four hashes."""
    bits = np.ascontiguousarray(_cell_bits(key, coordinates))
    parts = bits.view(np.uint16).reshape((*bits.shape, 4))
    return np.moveaxis(parts, -1, 0) * (1.0 / 65536.0)


def cell_normal(key: int, *coordinates: NDArray[Any]) -> Floats:
    """About standard normal numbers keyed by integer coordinates: the sum of four 16-bit uniforms of one hash."""
    total: Floats = cell_draws(key, *coordinates).sum(axis=0)
    return (total - 2.0) * 1.7320508


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
    """``(octave, 3, 1)``."""
    keys: NDArray[np.uint64]
    """``(octave, 1)``."""

    @classmethod
    def of(cls, key: int, wavelengths_km: Sequence[float]) -> Octaves:
        """Octaves of these wavelengths, keyed by ``key`` and their position."""
        seeds = [key_of(key, index) for index in range(len(wavelengths_km))]
        matrices = np.stack([_rotation(seed) / length for seed, length in zip(seeds, wavelengths_km, strict=True)])
        shifts = np.array([[[unit_of(seed, axis, 9) * 1e3] for axis in range(3)] for seed in seeds])
        return cls(matrices, shifts, np.array(seeds, dtype=np.uint64)[:, None])

    def part(self, kept: Sequence[int]) -> Octaves:
        """Some of the octaves, unchanged."""
        where = list(kept)
        return Octaves(self.matrices[where], self.shifts[where], self.keys[where])

    def at(self, xyz: Floats) -> Floats:
        """Noise ``(octave, n)`` at points ``(3, n)`` in km."""
        return _lattice_noise(np.matmul(self.matrices, xyz) + self.shifts, self.keys)


def _lattice_noise(points: Floats, keys: NDArray[np.uint64]) -> Floats:
    """Value noise at lattice coordinates ``(octave, 3, n)``."""
    floor = np.floor(points)
    part = points - floor
    weight = part * part * part * (part * (part * 6.0 - 15.0) + 10.0)
    cell = floor.astype(np.int64).view(np.uint64)
    px, py, pz = (np.uint64(prime) for prime in _PRIMES[:3])
    base = keys + cell[:, 0] * px + cell[:, 1] * py + cell[:, 2] * pz
    corners = np.empty((8, *base.shape), dtype=np.uint64)
    for corner in range(8):
        offset = ((corner & 1) * _PRIMES[0] + (corner >> 1 & 1) * _PRIMES[1] + (corner >> 2) * _PRIMES[2]) & _MASK
        np.add(base, np.uint64(offset), out=corners[corner])
    values = (_mix(corners) >> np.uint64(11)).astype(np.float64)
    along_x = values[0::2] + (values[1::2] - values[0::2]) * weight[:, 0]
    along_y = along_x[0::2] + (along_x[1::2] - along_x[0::2]) * weight[:, 1]
    mixed = along_y[0] + (along_y[1] - along_y[0]) * weight[:, 2]
    result: Floats = (mixed * 2.0**-52 - 1.0) * _GAIN
    return result
