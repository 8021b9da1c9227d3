"""Compiled loops of the planet's maps against the array formulas that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground import cover
from geomeld_build.emulator.worlds.planet.sensors import classes_kernel
from geomeld_build.emulator.worlds.planet.sensors.classes_kernel import (
    add_patches,
    dynamic_world_labels,
    dynamic_world_shares,
    worldcover,
)
from geomeld_build.emulator.worlds.planet.sensors.maps_kernel import WATER_BANDS, canopy, surface_water

Small = NDArray[np.float32]
SIDE = 60
RNG = np.random.default_rng(5)
COVER = np.ascontiguousarray(np.moveaxis(RNG.dirichlet(np.full(11, 0.3), (SIDE, SIDE)), -1, 0), dtype=np.float32)
LIMITS = np.array([0.7, 0.3, 0.4, 0.6, 0.6, 0.7, 1.1, np.inf, 0.2, 0.7, 0.5], dtype=np.float32)
INSTEAD = RNG.integers(0, 9, (11, 2))


def field(low: float, high: float, *shape: int) -> Small:
    return RNG.uniform(low, high, shape or (SIDE, SIDE)).astype(np.float32)


def wide(array: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    return np.repeat(np.repeat(array, by, axis=-2), by, axis=-1)


def mistaken(
    label: NDArray[np.int64], hardness: Small, choice: NDArray[np.float64], farmed: NDArray[np.bool_], crops: int
) -> NDArray[np.int64]:
    second = wide(choice, 12) > 0.5
    pairs = INSTEAD[label]
    other, spare = (np.where(second, pairs[..., k], pairs[..., 1 - k]) for k in (1, 0))
    return np.where(hardness > LIMITS[label], np.where((other == crops) & ~farmed, spare, other), label)


WET, SEA = field(-300, 100), field(0, 1)
MEAN, SWING, MOISTURE = field(-5, 25), field(0, 9), field(0, 0.6)
FARMED = (MEAN + SWING > 11.0) & (MOISTURE > 0.12)
HARDNESS, CHOICE = field(-2, 2), RNG.random((5, 5))


def test_the_order_of_classes_is_that_of_the_ground() -> None:
    names = ("TREE", "SHRUB", "GRASS", "CROP", "BUILT", "BARE", "SNOW", "WETLAND", "MANGROVE", "MOSS")
    assert {n: getattr(classes_kernel, f"_{n}") for n in names} == {n: getattr(cover, n) for n in names}


@pytest.mark.parametrize(("row", "column", "size"), [(-120, 60, 16), (600, 180, 5)])
def test_patches_equal_the_formula(row: int, column: int, size: int) -> None:
    def carry(start: int) -> Small:
        axis = start + np.arange(SIDE)
        left = axis // size
        t = (axis - left * size + 0.5) / size
        t = t * t * (3.0 - 2.0 * t)
        matrix = np.zeros((SIDE, left[-1] - left[0] + 2))
        matrix[np.arange(SIDE), left - left[0]], matrix[np.arange(SIDE), left - left[0] + 1] = 1.0 - t, t
        return matrix.astype(np.float32)

    down, along = carry(row), carry(column)
    nodes, total = field(-2, 2, down.shape[1], along.shape[1]), field(-1, 1)
    expected = total + np.float32(0.8) * (down @ nodes @ along.T)
    add_patches(total, nodes, size, np.float32(0.8), row, column)
    np.testing.assert_allclose(total, expected, atol=2e-6)


@pytest.mark.parametrize("error", [0.0, 1.0, 2.5])
def test_worldcover_equals_the_formula(error: float) -> None:
    coarse, fine, shore = RNG.random((11, 20, 20)), RNG.random((4, SIDE, SIDE)), RNG.normal(0, 1, (30, 30))
    hardness, codes = (error * HARDNESS).astype(np.float32), np.array(cover.CLASSES)
    shares = COVER.astype(np.float64)
    shares[cover.SHRUB] *= 1.0 - 0.1 * error
    shares[cover.BUILT] *= 1.0 + 0.15 * error
    shares += 0.2 * error * wide(coarse, 3)
    shares[:4] += 0.08 * error * fine
    label = codes[mistaken(shares.argmax(axis=0), hardness, CHOICE, FARMED, cover.CROP)]
    expected = np.where(WET + 7.0 * error * wide(shore, 2) > 0.0, 80, label)
    truth, levels = (COVER, WET, SEA, MEAN, SWING, MOISTURE), (0.2 * error, 0.1 * error, error)
    found = worldcover(truth, (coarse, fine, shore), hardness, CHOICE, levels, LIMITS, INSTEAD, codes)
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], (SEA < 0.5) | (WET < 12_000))
    assert len(np.unique(expected)) > 8


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_dynamic_world_equals_the_formula(error: float) -> None:
    water, snow, green, cloud, shadow = (field(0, 1) for _ in range(5))
    noise, hardness = RNG.random((9, 20, 20)), (error * HARDNESS).astype(np.float32)
    c, dry = COVER.astype(np.float64), 1.0 - water.astype(np.float64)
    tree, shrub, grass, crop, built, bare, white, _, wetland, mangrove, moss = c
    mixed = (
        (tree + mangrove * 0.6),
        (grass * ((1 - 0.55 * error) + 0.55 * error * green) + moss * 0.5),
        (wetland + mangrove * 0.4),
        crop,
        (shrub + grass * (0.35 * error) * (1 - green) + moss * 0.5),
        built * (1 + 0.15 * error),
        (bare + grass * (0.2 * error) * (1 - green)),
        white,
    )
    shares = np.concatenate((water[None], np.stack(mixed) * dry))
    covered = snow * dry * 0.95 * (1 - 0.5 * tree)
    shares *= 1 - covered
    shares[8] += covered
    logits = 7.0 * shares + 0.9 * error * (wide(noise, 3) - 0.5)
    label = logits.argmax(axis=0)
    seen = mistaken(label, hardness, CHOICE, FARMED, 4)
    y, x = np.indices(label.shape)
    logits[label, y, x], logits[seen, y, x] = logits[seen, y, x], logits[label, y, x]
    soft = np.exp(logits - logits.max(axis=0))
    given = (
        (COVER, MEAN, SWING, MOISTURE),
        (water, snow, green),
        (cloud, shadow),
        noise,
        hardness,
        CHOICE,
        error,
        LIMITS[:9],
        INSTEAD[:9],
    )
    labels, probabilities = dynamic_world_labels(*given), dynamic_world_shares(*given)
    # Two classes that are as likely to six digits may change places.
    assert (labels[0] != seen).mean() < 1e-3
    np.testing.assert_array_equal(labels[1], (cloud < 0.12) & (shadow < 0.35))
    np.testing.assert_array_equal(probabilities[9], labels[1])
    np.testing.assert_array_equal(probabilities[:9].argmax(axis=0), labels[0])
    same = labels[0] == seen
    np.testing.assert_allclose(probabilities[:9][:, same], (soft / soft.sum(axis=0))[:, same], atol=1e-5)


@pytest.mark.parametrize("deviation", [False, True])
def test_canopy_height_equals_the_formula(deviation: bool) -> None:
    height, texture, noise = np.maximum(field(-20, 50), 0), field(-3, 3), RNG.normal(0, 1, (30, 30))
    built, snow, truth = field(0, 1), field(0, 1), height.astype(np.float64)
    spread = np.where(truth > 0.0, 2.2 + 0.13 * truth + 0.6 * texture.astype(np.float64), 0.9)
    off = wide(noise, 2) * 0.5 * spread * 1.5
    seen = np.where(truth > 0.0, np.clip(truth - 0.006 * 1.5 * truth**2 + off, 1.0, 60.0), 0.0)
    value = np.rint(np.clip(spread if deviation else seen, 0, 60))
    expected = np.where((WET > 5.0) | (built > 0.6) | (snow > 0.6), 255, value)
    found = canopy(height, texture, WET, built, snow, noise, 1.5, deviation)
    np.testing.assert_array_equal(found[0], expected)
    assert found[1].all()


def test_surface_water_equals_the_formula() -> None:
    margin, noise = field(14, 60), RNG.random((30, 30))
    often = np.clip(0.5 + WET.astype(np.float64) / (2.0 * margin.astype(np.float64)), 0.0, 1.0)
    often = np.where(SEA > 0.5, 1.0, often)
    often = np.clip(often + 0.04 * (wide(noise, 2) - 0.5) * (often > 0.01) * (often < 0.99), 0.0, 1.0)
    values = {
        "occurrence": np.rint(100 * often),
        "seasonality": np.clip(np.rint(12 * often * 1.05), 0, 12),
        "recurrence": np.rint(100 * np.clip(often * 1.4, 0, 1)),
        "transition": np.where(often > 0.75, 1, np.where(often > 0.25, 4, 9)),
        "max_extent": often >= 0.01,
    }
    assert tuple(values) == WATER_BANDS
    for number, (name, expected) in enumerate(values.items()):
        found = surface_water(WET, margin, SEA, noise, 1.0, number)
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_array_equal(found[1] > 0, (often >= 0.01) | (name == "max_extent"))
