"""Compiled noise against the formula it stands for, and kernels where nothing can be cached."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import geomeld_build
from geomeld_build.emulator.worlds.planet.ground.bank import NoiseBank
from geomeld_build.emulator.worlds.planet.ground.noise import (
    Octaves,
    cell_bits,
    cell_draws,
    cell_hash,
    cell_normal,
    cell_normals,
    key_of,
    kind_hash,
    unit_xyz,
)
from geomeld_build.emulator.worlds.planet.ground.noise_kernel import GAIN, M1, M2, PRIMES, lattice_noise

Points = NDArray[np.float64]
Bits = NDArray[np.uint64]


def mixed(bits: Bits) -> Bits:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(M1)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(M2)
    return bits ^ (bits >> np.uint64(31))


def formula(points: Points, keys: Bits) -> Points:
    """Value noise as arrays: eight corners a point, hashed, and blended along x, y and z."""
    floor = np.floor(points)
    part = points - floor
    weight = part * part * part * (part * (part * 6.0 - 15.0) + 10.0)
    cell = floor.astype(np.int64).view(np.uint64)
    base = keys + sum(cell[:, axis] * np.uint64(PRIMES[axis]) for axis in range(3))
    corners = []
    for corner in range(8):
        steps = [np.uint64(PRIMES[axis] * (corner >> axis & 1) % 2**64) for axis in range(3)]
        corners.append((mixed(base + steps[0] + steps[1] + steps[2]) >> np.uint64(11)).astype(np.float64))
    values = np.stack(corners)
    along_x = values[0::2] + (values[1::2] - values[0::2]) * weight[:, 0]
    along_y = along_x[0::2] + (along_x[1::2] - along_x[0::2]) * weight[:, 1]
    blended = along_y[0] + (along_y[1] - along_y[0]) * weight[:, 2]
    result: Points = (blended * 2.0**-52 - 1.0) * GAIN
    return result


def at(points: Points) -> Points:
    """One octave at points in cells."""
    return Octaves(np.eye(3)[None], np.zeros((1, 3)), np.array([7], dtype=np.uint64)).at(points)[0]


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize(("octaves", "count", "reach"), [(1, 1, 1.0), (3, 257, 30.0), (48, 400, 4e3), (2, 1000, 1e9)])
def test_the_kernel_equals_the_formula_to_the_last_bit(octaves: int, count: int, reach: float) -> None:
    rng = np.random.default_rng(count)
    xyz, matrices = rng.uniform(-reach, reach, (3, count)), rng.normal(0, 1, (octaves, 3, 3))
    shifts, weights = rng.uniform(0, 1e3, (octaves, 3)), rng.uniform(0.1, 1, octaves)
    # One octave leaves the points where they are: whole numbers are corners of cells, where a weight is 0.
    matrices[0], shifts[0] = np.eye(3), 0.0
    xyz[:, ::7] = np.rint(xyz[:, ::7])
    keys = rng.integers(0, 2**64, octaves, dtype=np.uint64)
    channels = np.arange(octaves) // 2
    turned = sum(matrices[:, :, axis, None] * xyz[None, axis][:, None] for axis in range(3))
    noise = formula(turned + shifts[:, :, None], keys[:, None]) * weights[:, None]
    sums = np.zeros((channels[-1] + 1, count))
    for octave, channel in enumerate(channels):
        sums[channel] += noise[octave]
    np.testing.assert_array_equal(lattice_noise(xyz, matrices, shifts, keys, weights, channels), sums)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_hashes_of_cells_equal_the_formula() -> None:
    key, kinds, rows, columns = key_of("hash"), np.arange(3)[:, None, None], np.arange(-9, 40)[:, None], np.arange(17)
    codes = np.uint64(key) + sum(
        axis.astype(np.int64).view(np.uint64) * np.uint64(prime)
        for prime, axis in zip(PRIMES, (kinds, rows, columns), strict=False)
    )
    bits = mixed(codes)
    np.testing.assert_array_equal(cell_hash(key, kinds, rows, columns), (bits >> np.uint64(11)) * 2.0**-53)
    parts = np.stack([(bits >> np.uint64(16 * n)) & np.uint64(0xFFFF) for n in range(4)]) / 65536.0
    np.testing.assert_array_equal(cell_draws(key, kinds, rows, columns), parts)
    np.testing.assert_array_equal(cell_normal(key, kinds, rows, columns), (parts.sum(axis=0) - 2.0) * 1.7320508)


def test_hashes_of_a_grid_are_those_of_its_cells() -> None:
    rows, columns = np.arange(-5, 9)[:, None], np.arange(100, 117)
    every = np.broadcast_arrays(rows, columns)
    np.testing.assert_array_equal(cell_hash(5, rows, columns), cell_hash(5, *every))
    np.testing.assert_array_equal(cell_draws(5, rows, columns), cell_draws(5, *every))
    bits = cell_bits((5, 6), rows, columns)
    for key, found in zip((5, 6), bits, strict=True):
        np.testing.assert_array_equal(found >> np.uint64(11), cell_hash(key, *every) * 2.0**53)
    normals = cell_normals((5, 6), rows, columns)
    np.testing.assert_array_equal(normals, [cell_normal(key, *every) for key in (5, 6)])
    kinds = np.arange(3)[:, None, None]
    np.testing.assert_array_equal(kind_hash(5, 3, rows[:, 0], columns), cell_hash(5, kinds, rows, columns))


def test_octaves_have_mean_zero_and_deviation_one() -> None:
    rng = np.random.default_rng(0)
    xyz = unit_xyz(rng.uniform(-180, 180, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000))))
    noise = Octaves.of(key_of("test"), (40.0, 3.0, 0.1)).at(xyz)
    assert np.abs(noise.mean(axis=1)).max() < 0.05
    assert np.abs(noise.std(axis=1) - 1.0).max() < 0.05


def test_noise_is_continuous_across_cells() -> None:
    line = np.full((3, 4001), 0.3)
    line[0] = np.linspace(-2.0, 2.0, 4001)
    noise = at(line)
    # The steepest a cell can be: the whole range of 2 gains, times 1.875, the steepest point of the quintic weight.
    assert np.abs(np.diff(noise)).max() <= 2 * GAIN * 1.875 * 0.001
    assert np.ptp(noise) > 1.0


_CHILD = """
import numpy as np
from geomeld_build.emulator.worlds.planet.ground.noise import Octaves
octaves = Octaves(np.eye(3)[None], np.zeros((1, 3)), np.array([7], dtype=np.uint64))
print(octaves.at(np.full((3, 1), 0.25))[0, 0].hex())
"""


def test_kernels_work_where_no_cache_folder_can_be_written() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    environment["PYTHONPATH"] = str(Path(geomeld_build.__file__).parents[1])
    # numba looks in the user's own folder only, and none is named.
    environment["NUMBA_CACHE_LOCATOR_CLASSES"] = "UserProvidedCacheLocator"
    done = subprocess.run([sys.executable, "-c", _CHILD], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == float(at(np.full((3, 1), 0.25))[0]).hex()


def test_part_of_a_bank_has_the_values_of_the_whole() -> None:
    bank = NoiseBank(5, "test", {"a": {90.0: 0.5, 20.0: 0.3}, "b": {7.0: 1.0}, "c": {3.0: 0.2, 1.0: 0.1}})
    xyz = unit_xyz(*np.meshgrid(np.linspace(0, 3, 7), np.linspace(-2, 2, 5)))
    whole, part = bank.at(xyz), bank.only("c", "a").at(xyz)
    assert set(part) == {"a", "c"}
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name])
