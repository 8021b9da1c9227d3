"""Compiled loops of the planet's satellites against the array formulas that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.sensors.blend_kernel import blend
from geomeld_build.emulator.worlds.planet.sensors.look_kernel import FACTORS, measure
from geomeld_build.emulator.worlds.planet.sensors.radar_kernel import on_slopes, speckled
from geomeld_build.emulator.worlds.planet.sensors.spectra import BANDS, CLOUD

Array = NDArray[np.float64]
Small = NDArray[np.float32]
SIDE = 60


def mean(pixels: Array, factor: int) -> Array:
    shape = (*pixels.shape[:-2], SIDE // factor, factor, SIDE // factor, factor)
    result: Array = pixels.reshape(shape).mean(axis=(-3, -1))
    return result


def classify(lit: Array, cloud: Array, shadow: Array, water: Array) -> NDArray[np.int64]:
    blue, green, red, near, short = mean(lit[[BANDS.index(name) for name in ("B2", "B3", "B4", "B8", "B11")]], 2)
    opaque, dark, wet = mean(cloud, 2), mean(shadow, 2), mean(water, 2)
    ndvi, ndsi = (near - red) / np.maximum(near + red, 1e-3), (green - short) / np.maximum(green + short, 1e-3)
    conditions = [
        opaque > 0.72,
        opaque > 0.34,
        opaque > 0.07,
        dark > 0.3,
        (ndsi > 0.4) & (blue > 0.25),
        (wet > 0.55) & (near < 0.12),
        near < 0.07,
        ndvi > 0.42,
        ndvi < 0.30,
    ]
    chosen = np.select(conditions, [9, 8, 10, 3, 11, 6, 2, 4, 5], default=7)
    return np.where((chosen == 5) & (blue > 0.21), 8, chosen)


@pytest.mark.parametrize("cloudy", [False, True])
def test_looks_equal_the_formula(cloudy: bool) -> None:
    rng = np.random.default_rng(int(cloudy))

    def field(low: float, high: float, *layers: int) -> Small:
        # Patches of 20 m, so that coarse pixels see what fine ones see, and noise.
        wide = rng.uniform(low, high, (*layers, SIDE // 2, SIDE // 2)).repeat(2, axis=-1).repeat(2, axis=-2)
        return np.clip(wide + rng.normal(0, 0.02, wide.shape), low, high).astype(np.float32)

    flat, east, north = field(0.0, 0.7, 12) * field(0, 1, 12), field(-0.5, 0.5), field(-0.5, 0.5)
    cloud, shadow, water = (field(0, 1) * cloudy, field(0, 1), field(0, 1))
    bits = rng.integers(0, 2**64, (3, SIDE, SIDE), dtype=np.uint64)
    sun = (0.6, 0.48, -0.64)
    *sizes, found = measure(flat, (east, north), (cloud, shadow), water, sun, CLOUD, bits)

    facing = (sun[0] - sun[1] * east - sun[2] * north.astype(float)) / np.sqrt(1 + east**2.0 + north**2.0)
    shade = 1 + ((np.clip(facing, 0.02, 1) + 0.32) / (sun[0] + 0.32) - 1) * (1 - water)
    lit = flat * shade
    seen = lit * (1 - 0.68 * shadow) * (1 - cloud) + CLOUD[:, None, None] * (cloud * (0.75 + 0.25 * cloud))
    parts = np.stack([(bits[band // 4] >> np.uint64(16 * (band % 4))) & np.uint64(0xFFFF) for band in range(12)])
    seen = seen + (parts / 32768.0 - 1.0) * 1.732 * (0.0022 + 0.008 * seen)
    numbers = np.clip(seen * 10_000, 1, 18_000)
    for factor, bands in zip((1, 2, 6), sizes, strict=True):
        expected = mean(numbers[[band for band in range(12) if FACTORS[band] == factor]], factor)
        # Single precision: half a number either way may round to the other side.
        assert np.abs(bands - expected).max() <= 0.5 + 2e-2
    assert dict(zip(BANDS, FACTORS, strict=True))["B8A"] == 2
    expected_classes = classify(lit, cloud, shadow, water)
    assert (found != expected_classes).mean() < 2e-3
    assert len(np.unique(expected_classes)) >= (4 if cloudy else 5)


@pytest.mark.parametrize("degrees", [31.0, 45.9])
def test_power_on_slopes_equals_the_formula(degrees: float) -> None:
    rng = np.random.default_rng(int(degrees))
    like, cross, water, sea, ice = rng.random((5, SIDE, SIDE)).astype(np.float32)
    east, north = rng.normal(0, 0.4, (2, SIDE, SIDE)).astype(np.float32)
    # A block is 600 m of a swath of 250 km.
    angles = degrees + np.linspace(0, 0.037, SIDE)[None, :] * np.ones((SIDE, 1))
    near, waves, frozen = (0.98, -0.199), (1.7, 0.013, 0.002), (0.04, 0.006)
    found = on_slopes(like, cross, (east, north), (water, sea, ice), angles, near, waves, frozen)
    theta = np.radians(angles)
    local = np.clip(theta - np.arctan(near[0] * east + near[1] * north), 0.12, 1.45)
    terrain = np.clip(np.tan(theta) / np.tan(local), 0.2, 4.0)
    rough = waves[0] * (np.cos(theta) / np.cos(np.radians(38.0))) ** 6.0 * (1 + sea)
    along = (1 - ice) * rough * waves[1] + ice * frozen[0]
    across = (1 - ice) * np.sqrt(rough) * waves[2] + ice * frozen[1]
    expected = np.stack(
        (
            like * terrain * (1 - water) + water * along,
            cross * np.sqrt(terrain) * (1 - water) + water * across,
        )
    )
    np.testing.assert_allclose(found, expected, rtol=3e-5)
    assert ((terrain == 4.0).any(), (terrain == 0.2).any()) == (True, True)


@pytest.mark.parametrize("decibel", [False, True])
def test_speckle_equals_the_formula(decibel: bool) -> None:
    rng = np.random.default_rng(3)
    power, draws = rng.gamma(1.0, 0.05, (SIDE + 1, SIDE + 2)).astype(np.float32), rng.random((SIDE, SIDE + 1))
    quantiles = np.sort(rng.gamma(4.4, 1 / 4.4, 512)).astype(np.float32)
    found = speckled(power, (0.3, 0.85), draws, quantiles, 3e-4, decibel)
    moved = power[:-1] * 0.7 + power[1:] * np.float64(0.3)
    moved = moved[:, :-1] * 0.15 + moved[:, 1:] * 0.85
    expected = np.maximum(moved * quantiles[(draws * 512).astype(int)], 1e-4) + 3e-4
    np.testing.assert_allclose(found, 10 * np.log10(expected) if decibel else expected, rtol=2e-6)


def test_mixtures_equal_the_matrix_product() -> None:
    rng = np.random.default_rng(6)
    table, shares = rng.random((12, 20)).astype(np.float32), rng.random((20, SIDE, SIDE + 3)).astype(np.float32)
    expected = np.einsum("qk,kij->qij", table.astype(np.float64), shares.astype(np.float64))
    np.testing.assert_allclose(blend(table, shares), expected, rtol=3e-6)
