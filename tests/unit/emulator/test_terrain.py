"""Slope from the four neighbours on the elevation's own grid."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
from scipy.ndimage import map_coordinates

from geomeld_build.emulator.worlds.memory import MemoryWorld, memory_image

UTM, LONLAT = "EPSG:32643", "EPSG:4326"
SECOND = (1 / 3600, 0.0, 75.9, 0.0, -1 / 3600, 12.68)
METRES = 111_319.49079327358 / 3600


def expected_slope(z: np.ndarray) -> np.ndarray:
    """Slope of the inner pixels by hand, row by row."""
    out = np.zeros((z.shape[0] - 2, z.shape[1] - 2))
    for row in range(1, z.shape[0] - 1):
        latitude = 12.68 - (row + 0.5) / 3600
        east = (z[row, 2:] - z[row, :-2]) / (2 * METRES * np.cos(np.radians(latitude)))
        north = (z[row - 1, 1:-1] - z[row + 1, 1:-1]) / (2 * METRES)
        out[row - 1] = np.degrees(np.arctan(np.sqrt(east**2 + north**2)))
    return out


def test_slope_on_its_own_grid(world: MemoryWorld, pixels: Any) -> None:
    z = np.random.default_rng(0).integers(0, 300, (40, 40)).astype(np.int16)
    world.add(memory_image("dem", {"b1": (z, LONLAT, SECOND)}))
    found = pixels(ee.Terrain.slope(ee.Image("dem")), SECOND, 40, 40, LONLAT)["slope"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[1:-1, 1:-1], expected_slope(z.astype(float)), rtol=1e-6)
    assert (found[0] == 0).all()


def test_a_missing_neighbour_masks_four_pixels_and_itself(world: MemoryWorld, pixels: Any) -> None:
    z = np.zeros((9, 9), np.int16)
    valid = np.ones((9, 9), bool)
    valid[4, 4] = False
    world.add(memory_image("dem", {"b1": (z, LONLAT, SECOND)}, masks={"b1": valid}))
    mask = pixels(ee.Terrain.slope(ee.Image("dem")).mask(), SECOND, 9, 9, LONLAT)["slope"]
    gone = np.argwhere(mask[1:-1, 1:-1] == 0) + 1
    assert sorted(map(tuple, gone)) == [(3, 4), (4, 3), (4, 4), (4, 5), (5, 4)]
    assert (mask[0] == 0).all()
    assert (mask[:, -1] == 0).all()


def test_resample_interpolates_slope_not_elevation(world: MemoryWorld, pixels: Any) -> None:
    z = np.random.default_rng(1).integers(0, 300, (60, 60)).astype(np.int16)
    world.add(memory_image("dem", {"b1": (z, LONLAT, SECOND)}))
    slope = ee.Terrain.slope(ee.Image("dem").rename("elevation"))
    fine = (1 / 36_000, 0.0, 75.9 + 10 / 3600, 0.0, -1 / 36_000, 12.68 - 10 / 3600)
    found = pixels(slope.resample("bilinear").toDouble(), fine, 100, 100, LONLAT)["slope"]
    centres = 10 + (np.arange(100) + 0.5) / 10 - 0.5
    rows, columns = np.meshgrid(centres, centres, indexing="ij")
    inner = expected_slope(z.astype(float))
    np.testing.assert_allclose(found, map_coordinates(inner, [rows - 1, columns - 1], order=1), atol=1e-6)


def test_aspect_faces_downhill(world: MemoryWorld, pixels: Any) -> None:
    ten = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
    rows, columns = np.mgrid[0:9, 0:9]
    for name, z, degrees in (("e", -columns, 90), ("w", columns, 270), ("n", rows, 0), ("s", -rows, 180)):
        world.add(memory_image(name, {"z": (z.astype(np.int16), UTM, ten)}))
        found = pixels(ee.Terrain.aspect(ee.Image(name)), ten, 9, 9)["aspect"]
        np.testing.assert_allclose(found[1:-1, 1:-1], degrees, atol=1e-4)


def test_hillshade_of_flat_ground(world: MemoryWorld, pixels: Any) -> None:
    ten = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
    world.add(memory_image("flat", {"z": (np.zeros((5, 5), np.int16), UTM, ten)}))
    found = pixels(ee.Terrain.hillshade(ee.Image("flat")), ten, 5, 5)["hillshade"]
    assert found[2, 2] == int(255 * np.sin(np.radians(45)))
