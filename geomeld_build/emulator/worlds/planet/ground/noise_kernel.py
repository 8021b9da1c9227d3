"""Hashes and value noise, compiled: one pass, without arrays for intermediate bits and the corners of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import helper, kernel

__all__ = [
    "GAIN",
    "M1",
    "M2",
    "PRIMES",
    "grid_codes",
    "hash_bits",
    "hash_draws",
    "hash_normals",
    "hash_units",
    "lattice_noise",
]

PRIMES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
"""Factors of the coordinates in a hash."""
M1, M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Factors of splitmix64's finaliser (Steele, Lea and Flood 2014; variant 13 of Stafford)."""
GAIN = 2.5
"""Trilinear value noise with quintic weights has a standard deviation of 0.4; this brings a channel to about one."""

_P = np.array(PRIMES, dtype=np.uint64)
_PX, _PY, _PZ = (np.uint64(prime) for prime in PRIMES[:3])
_M1, _M2 = np.uint64(M1), np.uint64(M2)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)
_S16, _S32, _S48, _LOW = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)
_UNIT = 2.0**-52

_Bits = NDArray[np.uint64]
_Floats = NDArray[np.float64]


@helper
def _mix(bits: np.uint64) -> np.uint64:
    bits = (bits ^ (bits >> _S30)) * _M1
    bits = (bits ^ (bits >> _S27)) * _M2
    return bits ^ (bits >> _S31)


@helper
def _corner(bits: np.uint64) -> np.float64:
    """A number in [0, 2**53) of a corner's hash."""
    return np.float64(_mix(bits) >> _S11)


@kernel
def grid_codes(bases: _Bits, rows: NDArray[np.int64], columns: NDArray[np.int64], down: int, along: int) -> _Bits:
    """What is hashed for every base, row and column, flat.

    Args:
        bases: ``(k,)``.
        rows: ``(n,)``.
        columns: ``(m,)``.
        down: which of ``PRIMES`` belongs to rows.
        along: which belongs to columns.
    """
    out, at = np.empty(bases.size * rows.size * columns.size, dtype=np.uint64), 0
    steps = columns.astype(np.uint64) * _P[along]
    for k in range(bases.size):
        for i in range(rows.size):
            start = bases[k] + np.uint64(rows[i]) * _P[down]
            for j in range(columns.size):
                out[at + j] = start + steps[j]
            at += columns.size
    return out


@kernel
def hash_bits(codes: _Bits) -> _Bits:
    """64 random bits of each code ``(n,)``."""
    out = np.empty_like(codes)
    for i in range(codes.size):
        out[i] = _mix(codes[i])
    return out


@kernel
def hash_units(codes: _Bits) -> _Floats:
    """Numbers in [0, 1) of codes ``(n,)``."""
    out = np.empty(codes.size)
    for i in range(codes.size):
        out[i] = np.float64(_mix(codes[i]) >> _S11) * 2.0**-53
    return out


@kernel
def hash_draws(codes: _Bits) -> _Floats:
    """Four numbers in [0, 1) of each code ``(n,)``, ``(4, n)``: the 16-bit parts of one hash."""
    out = np.empty((4, codes.size))
    for i in range(codes.size):
        bits = _mix(codes[i])
        out[0, i] = np.float64(bits & _LOW) * (1.0 / 65536.0)
        out[1, i] = np.float64(bits >> _S16 & _LOW) * (1.0 / 65536.0)
        out[2, i] = np.float64(bits >> _S32 & _LOW) * (1.0 / 65536.0)
        out[3, i] = np.float64(bits >> _S48) * (1.0 / 65536.0)
    return out


@kernel
def hash_normals(codes: _Bits) -> _Floats:
    """About standard normal numbers of codes ``(n,)``: the sum of the four 16-bit parts of one hash."""
    out = np.empty(codes.size)
    for i in range(codes.size):
        bits = _mix(codes[i])
        total = (bits & _LOW) + (bits >> _S16 & _LOW) + (bits >> _S32 & _LOW) + (bits >> _S48)
        out[i] = (np.float64(total) * (1.0 / 65536.0) - 2.0) * 1.7320508
    return out


@helper
def _weight(part: np.float64) -> np.float64:
    return part * part * part * (part * (part * 6.0 - 15.0) + 10.0)


@helper
def _noise(x: np.float64, y: np.float64, z: np.float64, key: np.uint64) -> np.float64:
    """Value noise at one point in cells."""
    floor_x, floor_y, floor_z = np.floor(x), np.floor(y), np.floor(z)
    wx, wy, wz = _weight(x - floor_x), _weight(y - floor_y), _weight(z - floor_z)
    base = key + np.uint64(np.int64(floor_x)) * _PX
    base += np.uint64(np.int64(floor_y)) * _PY
    base += np.uint64(np.int64(floor_z)) * _PZ
    near, far = base + _PY, base + _PZ
    across = far + _PY
    a, b, c, d = _corner(base), _corner(near), _corner(far), _corner(across)
    a += (_corner(base + _PX) - a) * wx
    b += (_corner(near + _PX) - b) * wx
    c += (_corner(far + _PX) - c) * wx
    d += (_corner(across + _PX) - d) * wx
    a += (b - a) * wy
    c += (d - c) * wy
    return ((a + (c - a) * wz) * _UNIT - 1.0) * GAIN


@kernel
def lattice_noise(
    xyz: _Floats, matrices: _Floats, shifts: _Floats, keys: _Bits, weights: _Floats, channels: NDArray[np.int64]
) -> _Floats:
    """Weighted sums of octaves of value noise.

    Args:
        xyz: points ``(3, n)``, km.
        matrices: ``(octave, 3, 3)``, from km to cells of the octave.
        shifts: ``(octave, 3)``, cells.
        keys: ``(octave,)``.
        weights: ``(octave,)``.
        channels: ``(octave,)``: which channel an octave is added to; every channel from 0 on has one.

    Returns:
        ``(channel, n)``; an octave has mean 0 and a deviation of about 1.
    """
    out = np.zeros((channels.max() + 1, xyz.shape[1]))
    for octave in range(channels.size):
        m, key, weight, total = matrices[octave], keys[octave], weights[octave], out[channels[octave]]
        sx, sy, sz = shifts[octave, 0], shifts[octave, 1], shifts[octave, 2]
        for i in range(xyz.shape[1]):
            x, y, z = xyz[0, i], xyz[1, i], xyz[2, i]
            u = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + sx
            v = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + sy
            w = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + sz
            total[i] += weight * _noise(u, v, w, key)
    return out
