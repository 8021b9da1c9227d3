"""The signals of a tile, one by one, on arrays whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from geomeld_build.captions.classes import DYNAMIC_WORLD, LAND_CLASSES, WORLDCOVER, harmonised
from geomeld_build.captions.signals.landcover import disagreement, dominance_of, fractions_of
from geomeld_build.captions.signals.layout import objects_of, parts_of, patchiness_of
from geomeld_build.captions.signals.season import season_of
from geomeld_build.captions.signals.spectral import indices_of, radar_of
from geomeld_build.captions.signals.terrain import terrain_of
from geomeld_build.captions.signals.water import water_of
from geomeld_build.modalities import MODALITIES

SIDE = 128


def test_classes_are_those_of_the_table() -> None:
    cover, dynamic = MODALITIES["esa_worldcover"].classes, MODALITIES["dynamic_world"].classes
    assert cover is not None
    assert dynamic is not None
    assert tuple(WORLDCOVER) == cover.values
    assert tuple(DYNAMIC_WORLD) == dynamic.values
    assert tuple(WORLDCOVER.values()) == LAND_CLASSES
    assert set(DYNAMIC_WORLD.values()) <= set(LAND_CLASSES)


def test_fractions_leave_nodata_out() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[:5], label[5:7] = 10, 40
    fractions, valid = fractions_of(label, WORLDCOVER, 0)
    assert valid == pytest.approx(0.7)
    assert fractions["tree"] == pytest.approx(5 / 7)
    assert fractions["crop"] == pytest.approx(2 / 7)
    assert sum(fractions.values()) == pytest.approx(1.0)
    nothing, none = fractions_of(np.zeros((4, 4), np.uint8), WORLDCOVER, 0)
    assert none == 0.0
    assert set(nothing.values()) == {0.0}


@pytest.mark.parametrize(
    ("fractions", "kind"),
    [
        ({"tree": 0.61, "crop": 0.39}, "single"),
        ({"tree": 0.45, "crop": 0.29, "grass": 0.26}, "single"),
        ({"tree": 0.45, "crop": 0.36, "grass": 0.19}, "co-dominant"),
        ({"tree": 0.38, "crop": 0.27, "grass": 0.35}, "co-dominant"),
        ({"tree": 0.39, "crop": 0.28, "grass": 0.27, "bare": 0.06}, "mixed"),
    ],
)
def test_dominance(fractions: dict[str, float], kind: str) -> None:
    assert dominance_of(fractions) == ("tree", kind)


@given(st.lists(st.floats(0, 1), min_size=11, max_size=11).filter(lambda parts: sum(parts) > 0.1))
def test_a_map_agrees_with_itself(parts: list[float]) -> None:
    cover = dict(zip(LAND_CLASSES, np.array(parts) / sum(parts), strict=True))
    merged = harmonised(cover)
    assert sum(merged.values()) == pytest.approx(1.0)
    assert disagreement(cover, merged) == pytest.approx(0.0, abs=1e-9)
    swapped = dict.fromkeys(merged, 0.0) | {"snow": 1.0}
    assert 0.0 <= disagreement(cover, swapped) <= 1.0 + 1e-9


def test_parts_are_north_up() -> None:
    label = np.full((SIDE, SIDE), 10, np.uint8)
    label[:64, :64], label[64:, 64:] = 40, 80
    label[42:86, 42:86] = 50
    parts = parts_of(label, WORLDCOVER)
    assert max(parts["NW"], key=lambda name: parts["NW"][name]) == "crop"
    assert max(parts["SE"], key=lambda name: parts["SE"][name]) == "water"
    assert parts["NE"]["tree"] > 0.8
    assert parts["centre"] == {"built": 1.0}


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_a_river_has_a_direction_and_a_width(angle: int) -> None:
    label = np.full((SIDE, SIDE), 30, np.uint8)
    y, x = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2 + 0.5
    east, north = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    across = x * north + y * east
    label[np.abs(across) < 6.0] = 80
    river = next(one for one in objects_of(label, WORLDCOVER, 10.0) if one.name == "water")
    assert river.shape == "linear"
    assert river.where == "centre"
    assert abs((river.orientation_deg - angle + 90) % 180 - 90) < 3.0
    assert river.width_m == pytest.approx(120.0, rel=0.12)
    assert len(river.edges) >= 2


def test_patches_are_found_whole_and_placed() -> None:
    label = np.full((SIDE, SIDE), 30, np.uint8)
    label[5:25, 100:120] = 80
    label[110:113, 3:9] = 50
    # Two squares that touch at a corner are one patch.
    label[60:70, 60:70], label[70:80, 70:80] = 10, 10
    found = {one.name: one for one in objects_of(label, WORLDCOVER, 10.0)}
    assert set(found) == {"grass", "water", "tree"}
    assert (found["water"].where, found["water"].shape) == ("NE", "patch")
    assert found["water"].frac == pytest.approx(400 / SIDE**2)
    assert found["water"].edges == ()
    assert found["tree"].frac == pytest.approx(200 / SIDE**2)
    assert patchiness_of(label, 10, 10.0) == (pytest.approx(1 / 1.6384), 1.0)
    assert patchiness_of(label, 95, 10.0) == (0.0, 0.0)


def context(surface: NDArray[np.float64], noise: float = 0.0, seed: int = 1) -> NDArray[np.int16]:
    rough = np.random.default_rng(seed).normal(0.0, noise, surface.shape) if noise else 0.0
    return np.rint(surface + rough).astype(np.int16)


def measured(surface: NDArray[np.float64], noise: float = 0.0) -> Any:
    found = terrain_of(context(surface, noise), -32768, 30.0, 1280.0)
    assert found is not None
    return found


def test_a_noisy_plain_is_flat() -> None:
    plain = measured(np.full((SIDE, SIDE), 412.0), noise=3.0)
    assert plain.terrain_class == "Flat"
    assert plain.form_fractions["Flat"] > 0.9
    assert plain.relief_m < 5.0
    assert plain.mean_m == pytest.approx(412.0, abs=0.5)
    assert sum(plain.form_fractions.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(("facing", "east", "north"), [(90, -1, 0), (180, 0, 1), (225, 1, 1), (0, 0, -1)])
def test_a_slope_faces_downhill(facing: int, east: int, north: int) -> None:
    """``east`` and ``north``: where the ground rises to."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] * 30.0
    rise = np.tan(np.radians(12.0)) / np.hypot(east, north)
    slope = measured(2000.0 + rise * (east * x - north * y), noise=1.0)
    assert slope.terrain_class == "Slope"
    assert slope.slope_mean_deg == pytest.approx(12.0, abs=0.4)
    assert abs((slope.aspect_deg - facing + 180) % 360 - 180) < 3.0
    assert slope.aspect_strength > 0.95


def test_ridges_and_valleys_have_their_names() -> None:
    _, x = np.mgrid[-64.0:64.0, -64.0:64.0] * 30.0
    wave = 60.0 * np.cos(x / 700.0 * np.pi)
    middle = np.abs(x) < 640.0
    ridge, valley = measured(800.0 + wave), measured(800.0 - wave)
    assert ridge.form_fractions["Ridge"] > valley.form_fractions["Ridge"]
    assert valley.form_fractions["Valley"] > ridge.form_fractions["Valley"]
    assert ridge.relief_m > 60.0
    assert middle.any()


def test_holes_are_filled_and_too_many_are_refused() -> None:
    ground = context(np.full((SIDE, SIDE), 90.0), noise=1.0)
    ground[10:14, 20:60] = -32768
    found = terrain_of(ground, -32768, 30.0, 1280.0)
    assert found is not None
    assert found.lowest_m > 80.0
    ground[:40] = -32768
    assert terrain_of(ground, -32768, 30.0, 1280.0) is None


def test_terrain_looks_at_the_tile_only() -> None:
    """A mountain beside the tile changes neither its elevation nor its relief."""
    ground = np.full((SIDE, SIDE), 100.0)
    ground[:, :20] = 900.0
    found = measured(ground)
    assert found.highest_m == 100.0
    assert found.relief_m < 1.0
    assert ndimage.gaussian_filter(ground, 2.0)[64, 64] == pytest.approx(100.0)


Bands = dict[str, NDArray[np.float64]]
INDEX_FORMULAS: dict[str, Callable[[Bands], NDArray[np.float64]]] = {
    "ndvi": lambda b: (b["B8"] - b["B4"]) / (b["B8"] + b["B4"]),
    "ndwi": lambda b: (b["B3"] - b["B8"]) / (b["B3"] + b["B8"]),
    "mndwi": lambda b: (b["B3"] - b["B11"]) / (b["B3"] + b["B11"]),
    "ndbi": lambda b: (b["B11"] - b["B8"]) / (b["B11"] + b["B8"]),
    "nbr": lambda b: (b["B8"] - b["B12"]) / (b["B8"] + b["B12"]),
    "bsi": lambda b: ((b["B11"] + b["B4"]) - (b["B8"] + b["B2"])) / ((b["B11"] + b["B4"]) + (b["B8"] + b["B2"])),
}


def test_indices_are_their_formulas_over_clear_pixels() -> None:
    rng = np.random.default_rng(3)
    bands = {name: rng.uniform(0.01, 0.6, (SIDE, SIDE)) for name in ("B2", "B3", "B4", "B8", "B11", "B12")}
    clear = rng.random((SIDE, SIDE)) < 0.6
    bands["B8"][5, 5] = np.nan
    found = indices_of(bands, clear)
    assert set(found) == set(INDEX_FORMULAS)
    for name, formula in INDEX_FORMULAS.items():
        values = formula(bands)[clear]
        p10, p50, p90 = np.nanquantile(values, [0.1, 0.5, 0.9])
        assert (found[name].p10, found[name].p50, found[name].p90) == pytest.approx((p10, p50, p90))
    assert indices_of(bands, np.zeros_like(clear)) == {}
    assert set(indices_of({name: bands[name] for name in ("B4", "B8")}, clear)) == {"ndvi"}


def test_radar_leaves_empty_bands_out() -> None:
    decibel = np.full((2, 4, 4), np.nan)
    decibel[0, :2] = -10.0
    found = radar_of(("VV_asc", "VH_asc"), decibel)
    assert set(found) == {"VV_asc"}
    assert (found["VV_asc"].p50, found["VV_asc"].valid) == (-10.0, 0.5)


def lake(radius: float, shift: int = 0) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:SIDE, 0:SIDE] - 64
    return np.hypot(x - shift, y) < radius


@pytest.mark.parametrize(
    ("dynamic", "occurrence", "wet", "status", "detected"),
    [
        (lake(20), 95 * lake(19), True, "consensus", True),
        (lake(20), 0 * lake(5), True, "dw_confirmed", True),
        (lake(20), 0 * lake(5), False, "disputed", False),
        (lake(0), 12 * lake(15), False, "jrc_seasonal_only", False),
        (lake(0), 0 * lake(5), False, "none", False),
        (lake(10, -40), 95 * lake(10, 40), False, "disputed", False),
        (None, 95 * lake(20), False, "consensus", True),
        (None, 0 * lake(5), False, "none", False),
    ],
)
def test_water_by_consensus(
    dynamic: NDArray[np.bool_] | None, occurrence: NDArray[Any], wet: bool, status: str, detected: bool
) -> None:
    ndwi = np.where(lake(20), 0.4 if wet else -0.4, -0.5)
    found = water_of(dynamic, occurrence, ndwi)
    assert (found.status, found.detected) == (status, detected)
    if detected:
        assert found.percentage == pytest.approx(100 * np.pi * 19.5**2 / SIDE**2, rel=0.08)
    if status == "consensus":
        assert found.jrc_occurrence_p50 == 95


def test_shores_that_differ_by_a_pixel_agree() -> None:
    found = water_of(lake(20, 1), 90 * lake(20, -1), None)
    assert found.status == "consensus"
    assert found.percentage > 0.95 * found.dw_pct


@pytest.mark.parametrize(
    ("day", "lat", "season"),
    [
        (date(2020, 12, 1), 50.0, "winter"),
        (date(2020, 2, 29), 50.0, "winter"),
        (date(2020, 3, 1), 50.0, "spring"),
        (date(2020, 8, 31), 50.0, "summer"),
        (date(2020, 9, 1), 10.0, "autumn"),
        (date(2020, 1, 15), -33.0, "summer"),
        (date(2020, 7, 15), -33.0, "winter"),
        (date(2020, 10, 15), -10.0, "spring"),
        (date(2020, 7, 15), 9.99, "tropical"),
        (date(2020, 7, 15), -9.99, "tropical"),
    ],
)
def test_seasons(day: date, lat: float, season: str) -> None:
    assert season_of(day, lat) == season
