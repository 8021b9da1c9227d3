"""The compiled loop of the ground's cover against the array formula that it stands for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground import cover, cover_kernel
from geomeld_build.emulator.worlds.planet.ground.cover import (
    BARE,
    BUILT,
    CLASSES,
    CROP,
    GRASS,
    MANGROVE,
    MOSS,
    SHRUB,
    SNOW,
    TREE,
    WETLAND,
)
from geomeld_build.emulator.worlds.planet.ground.cover_kernel import LAYERS, cover_block
from geomeld_build.emulator.worlds.planet.ground.macro import LAPSE_K_PER_M, smoothstep

Array = NDArray[np.float64]
SIDE = 40


def soft(value: Array, width: float) -> Array:
    return smoothstep(-width, width, value)


def replace(fractions: Array, kind: int, share: Array) -> None:
    fractions *= 1.0 - share
    fractions[kind] += share


def natural(moisture: Array, warmest: Array, slope: Array, patch1: Array, patch2: Array) -> Array:
    steep_rock = smoothstep(0.55, 1.0, slope)
    trees = smoothstep(0.18, 1.05, moisture) * smoothstep(8.5, 13.5, warmest) * (1.0 - 0.8 * steep_rock)
    green = smoothstep(0.06, 0.34, moisture) * smoothstep(0.5, 7.0, warmest) * (1.0 - 0.7 * steep_rock)
    tree = soft(patch1 + 4.6 * (trees - 0.5), 0.32) * (trees > 0.01)
    dry = 1.0 - smoothstep(0.3, 1.0, moisture)
    shrub = (1.0 - tree) * soft(patch2 + 2.2 * (0.55 * dry + 0.3 * trees - 0.42), 0.45) * green
    rest = 1.0 - tree - shrub
    grass = rest * np.clip(green * (1.15 + 0.25 * patch2), 0.0, 1.0)
    mossy = smoothstep(0.3, 0.9, 1.0 - smoothstep(6.0, 9.5, warmest))
    frozen = soft(0.9 * patch2 + 1.1 * (0.5 - warmest), 1.3) * (1.0 - 0.6 * steep_rock)
    fractions = np.zeros((len(CLASSES), *tree.shape))
    fractions[TREE], fractions[SHRUB] = tree, shrub * (1.0 - mossy)
    fractions[MOSS], fractions[GRASS] = (grass + shrub) * mossy, grass * (1.0 - mossy)
    fractions[BARE] = np.clip(rest - grass, 0.0, 1.0)
    fractions *= 1.0 - frozen
    fractions[SNOW] = frozen
    return fractions


def wetlands(fractions: Array, t: dict[str, Array], mean: Array, moisture: Array, warmest: Array, slope: Array) -> None:
    flat = 1.0 - smoothstep(0.02, 0.06, slope)
    ashore = np.exp(-((np.clip(-t["wet"], 0.0, 5e3) / 130.0) ** 2)) * smoothstep(0.35, 0.9, moisture)
    plain = smoothstep(1.0, 1.7, t["marsh"] + 0.25 * t["patch2"]) * smoothstep(0.2, 0.5, moisture)
    wettest = np.maximum(ashore, plain)
    reeds = soft(0.5 * t["patch2"] - 1.6 + 2.0 * wettest, 0.4) * smoothstep(0.15, 0.5, wettest)
    replace(fractions, WETLAND, reeds * flat * smoothstep(7.0, 12.0, warmest))
    tidal = (t["coast"] < 0.14) * np.exp(-((t["elevation"] / 3.0) ** 2)) * smoothstep(-1500.0, -60.0, t["wet"])
    mangrove = tidal * smoothstep(19.5, 21.5, mean) * smoothstep(500.0, 1000.0, t["rain"])
    share = soft(mangrove + 0.2 * t["patch1"] - 0.5, 0.25) * np.clip(4.0 * mangrove, 0.0, 1.0)
    replace(fractions, MANGROVE, np.where(t["wet"] < 40.0, share, 0.0))
    bank = np.exp(-((t["wet"] / 18.0) ** 2)) * (1.0 - 0.6 * smoothstep(0.4, 1.2, moisture))
    under = smoothstep(-5.0, 25.0, t["wet"])
    replace(fractions, BARE, np.maximum(0.8 * bank, under) * (1.0 - 0.7 * fractions[MANGROVE]))


def settled(fractions: Array, t: dict[str, Array], mean: Array, warmest: Array, slope: Array) -> None:
    suited = (slope < 0.16) * (warmest > 11.0) * smoothstep(1.0, 4.0, mean)
    share = np.clip(1.55 * t["people"] - 0.18 + 0.16 * (t["habit"] - 0.5), 0.0, 0.94)
    order = 0.3 * t["rank"] + 0.7 * (0.5 + 0.5 * np.tanh(0.85 * t["region"]))
    tilled = (order < share) * suited * (t["wet"] < -25.0) * (fractions[WETLAND] < 0.5)
    replace(fractions, CROP, tilled * (1.0 - t["edge"]))
    cleared = fractions[TREE] * (order >= share) * (order < 1.45 * share) * suited * 0.75
    fractions[TREE] -= cleared
    fractions[GRASS] += cleared
    replace(fractions, BARE, np.where(t["density"] > 0.0, 0.12 * t["density"], 0.0))
    replace(fractions, BUILT, np.maximum(t["built"], t["road"]) * (t["wet"] < 6.0))


def formula(t: dict[str, Array], north: Array, east: Array) -> tuple[Array, Array]:
    """Fractions and the layers behind them, all arrays ``(y, x)`` without a halo."""
    slope = np.hypot(north, east)
    mean = t["sea_warmth"] - LAPSE_K_PER_M * t["elevation"]
    moisture, warmest = t["rain"] / (300.0 + 45.0 * np.clip(mean, -4.0, None)), mean + t["swing"]
    fractions = natural(moisture, warmest, slope, t["patch1"], t["patch2"])
    wetlands(fractions, t, mean, moisture, warmest, slope)
    settled(fractions, t, mean, warmest, slope)
    tallest = 6.0 + 30.0 * smoothstep(0.25, 1.4, moisture) * smoothstep(7.0, 17.0, warmest)
    tree, mangrove = fractions[TREE], fractions[MANGROVE]
    forest = tallest * np.sqrt(tree) * np.clip(0.72 + 0.14 * t["patch1"] + 0.09 * t["grain"], 0.2, 1.3)
    mangroves = np.sqrt(mangrove) * np.clip(9.0 + 2.0 * t["grain"], 3.0, 18.0)
    height = (np.where(tree > 0.15, forest, 0.0) + np.where(mangrove > 0.3, mangroves, 0.0)) * (t["wet"] < 4.0)
    cold = 1.0 - smoothstep(3.0, 9.0, mean)
    needles = np.clip(cold + smoothstep(0.3, 1.2, t["conifer"]) * (mean < 21.0), 0.0, 1.0)
    return fractions, np.stack((east, north, mean, moisture, needles, height))


def some_ground(rng: np.random.Generator) -> dict[str, Array]:
    """Fields with a halo, independent of each other, so that every branch is met."""

    def any_of(low: float, high: float) -> Array:
        return rng.uniform(low, high, (SIDE + 2, SIDE + 2))

    t = {name: rng.normal(0, 1, (SIDE + 2, SIDE + 2)) for name in ("patch1", "patch2", "region", "marsh", "conifer")}
    t |= {"elevation": any_of(0, 4) ** 3 / 8, "wet": any_of(-1.0, 1.0) ** 3 * 900 - 20, "coast": any_of(-0.1, 0.5)}
    t |= {"sea_warmth": any_of(-10, 28), "swing": any_of(0, 20), "rain": any_of(5, 3000), "people": any_of(-0.2, 1.0)}
    inner = {name: rng.random((SIDE, SIDE)) for name in ("rank", "edge", "habit", "built", "road", "density")}
    return t | inner | {"grain": rng.normal(0, 1, (SIDE, SIDE))}


def test_cover_equals_the_formula() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        t = some_ground(rng)
        t["density"] = np.where(t["density"] > 0.5, t["density"], 0.0)
        # From level ground to cliffs.
        t["elevation"] *= (0.01, 0.1, 0.3, 1.0, 3.0, 10.0)[seed]
        names = ("elevation", "wet", "patch1", "patch2", "region")
        found = cover_block(
            tuple(t[name] for name in names),
            tuple(t[name] for name in ("sea_warmth", "swing", "rain", "people", "marsh", "coast", "conifer")),
            (t["rank"], t["edge"], t["habit"]),
            (t["built"], t["road"], t["density"]),
            t["grain"],
        )
        north, east = (
            np.gradient(t["elevation"], axis=axis)[1:-1, 1:-1] * sign for axis, sign in ((0, -0.1), (1, 0.1))
        )
        cropped = {name: array[1:-1, 1:-1] if array.shape[0] > SIDE else array for name, array in t.items()}
        fractions, layers = formula(cropped, north, east)
        np.testing.assert_allclose(found[: len(CLASSES)], fractions, atol=1e-6)
        np.testing.assert_allclose(found[len(CLASSES) :], layers, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[: len(CLASSES)].sum(axis=0), 1.0, atol=1e-5)
        assert ((fractions > 0.05).sum(axis=(1, 2)) > 0).sum() >= 8


def test_constants_are_those_of_the_ground() -> None:
    names = ("TREE", "SHRUB", "GRASS", "CROP", "BUILT", "BARE", "SNOW", "WATER", "WETLAND", "MANGROVE", "MOSS")
    assert {n: getattr(cover_kernel, f"_{n}") for n in names} == {n: getattr(cover, n) for n in names}
    assert cover_kernel.LAPSE_K_PER_M == LAPSE_K_PER_M
    assert LAYERS == ("east", "north", "mean", "moisture", "needles", "height")
