"""Resampling against scipy and pyproj, which know nothing of the emulator."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from geomeld_build.emulator.raster.context import RenderContext
from geomeld_build.emulator.raster.grid import Grid, aligned_offset, compose, invert
from geomeld_build.emulator.raster.nodes import SourceNode
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import Projection
from geomeld_build.emulator.worlds.base import BandInfo
from geomeld_build.emulator.worlds.memory import MemoryWorld, memory_image

UTM, LONLAT = "EPSG:32643", "EPSG:4326"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
SECOND = (1 / 3600, 0.0, 75.9, 0.0, -1 / 3600, 12.68)


def source_coordinates(
    grid_crs: str, transform: Any, width: int, height: int, crs: str, source: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, pixel centres at whole numbers, of a grid's pixel centres in a north-up source."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x, y = transform[0] * columns + transform[2], transform[4] * rows + transform[5]
    x, y = Transformer.from_crs(grid_crs, crs, always_xy=True).transform(x, y)
    return (y - source[5]) / source[4] - 0.5, (x - source[2]) / source[0] - 0.5


@pytest.fixture
def elevation(world: MemoryWorld) -> np.ndarray:
    values = np.random.default_rng(1).integers(0, 900, (200, 220)).astype(np.int16)
    world.add(memory_image("dem", {"elevation": (values, LONLAT, SECOND)}))
    return values


def test_bilinear_between_crs_is_scipy_at_exact_coordinates(elevation: np.ndarray, pixels: Any) -> None:
    target = (10, 0, 600_305, 0, -10, 1_399_303)
    found = pixels(ee.Image("dem").resample("bilinear").toDouble(), target, 90, 70)["elevation"]
    rows, columns = source_coordinates(UTM, target, 90, 70, LONLAT, SECOND)
    expected = map_coordinates(elevation.astype(float), [rows, columns], order=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_nearest_is_the_default_and_takes_the_pixel_that_contains_the_centre(
    elevation: np.ndarray, pixels: Any
) -> None:
    target = (10, 0, 600_305, 0, -10, 1_399_303)
    found = pixels(ee.Image("dem"), target, 90, 70)["elevation"]
    rows, columns = source_coordinates(UTM, target, 90, 70, LONLAT, SECOND)
    expected = elevation[np.floor(rows + 0.5).astype(int), np.floor(columns + 0.5).astype(int)]
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, expected)


def test_equal_grids_copy_bits_even_with_resampling(world: MemoryWorld, pixels: Any) -> None:
    values = np.random.default_rng(2).random((60, 60)).astype(np.float32)
    world.add(memory_image("s1", {"VV": (values, UTM, TEN)}))
    # The origin carries the rounding noise that a computed origin has.
    found = pixels(ee.Image("s1").resample("bilinear"), (10, 0, 600_100 + 1e-9, 0, -10, 1_399_900 - 1e-9), 40, 40)
    np.testing.assert_array_equal(found["VV"], values[10:50, 10:50])


def test_twenty_metres_to_ten_is_scipy(world: MemoryWorld, pixels: Any) -> None:
    values = np.random.default_rng(3).integers(0, 10_000, (50, 50)).astype(np.uint16)
    source = (20, 0, 600_000, 0, -20, 1_400_000)
    world.add(memory_image("s2", {"B5": (values, UTM, source)}))
    target = (10, 0, 600_100, 0, -10, 1_399_900)
    found = pixels(ee.Image("s2").resample("bilinear").toDouble(), target, 64, 64)["B5"]
    rows, columns = source_coordinates(UTM, target, 64, 64, UTM, source)
    np.testing.assert_allclose(found, map_coordinates(values.astype(float), [rows, columns], order=1), atol=1e-9)


def test_a_zone_next_door_is_scipy(world: MemoryWorld, pixels: Any) -> None:
    values = np.random.default_rng(4).integers(0, 10_000, (400, 400)).astype(np.uint16)
    x, y = Transformer.from_crs(UTM, "EPSG:32644", always_xy=True).transform(820_000, 1_400_000)
    source = (10, 0, x - 2_000, 0, -10, y + 2_000)
    world.add(memory_image("s2", {"B4": (values, "EPSG:32644", source)}))
    target = (10, 0, 819_500, 0, -10, 1_400_500)
    found = pixels(ee.Image("s2").resample("bilinear").toDouble(), target, 64, 64)["B4"]
    rows, columns = source_coordinates(UTM, target, 64, 64, "EPSG:32644", source)
    np.testing.assert_allclose(found, map_coordinates(values.astype(float), [rows, columns], order=1), atol=1e-5)


def test_bilinear_renormalises_over_valid_neighbours(world: MemoryWorld, pixels: Any) -> None:
    values = np.array([[100, 200], [300, 400]], dtype=np.uint16)
    valid = np.array([[True, False], [True, True]])
    world.add(memory_image("a", {"b": (values, UTM, TEN)}, masks={"b": valid}))
    image = ee.Image("a").resample("bilinear")
    # One output pixel whose centre lies a quarter to the right and a quarter below the first source centre.
    target = (10, 0, 600_002.5, 0, -10, 1_399_997.5)
    weights = np.array([[0.75 * 0.75, 0.25 * 0.75], [0.75 * 0.25, 0.25 * 0.25]])
    share = (weights * valid).sum()
    found = pixels(image.toDouble().addBands(image.mask().rename("m")), target, 1, 1)
    assert found["b"][0, 0] == pytest.approx((weights * valid * values).sum() / share)
    assert found["m"][0, 0] == pytest.approx(share)


def test_bilinear_is_masked_where_no_neighbour_is_valid(world: MemoryWorld, pixels: Any) -> None:
    values = np.full((4, 4), 7, dtype=np.uint16)
    valid = np.zeros((4, 4), dtype=bool)
    valid[0, 0] = True
    world.add(memory_image("a", {"b": (values, UTM, TEN)}, masks={"b": valid}))
    found = pixels(ee.Image("a").resample("bilinear").unmask(9).toUint8(), (10, 0, 600_005, 0, -10, 1_399_995), 3, 3)
    np.testing.assert_array_equal(found["b"], [[7, 9, 9], [9, 9, 9], [9, 9, 9]])


def test_a_masked_neighbour_of_weight_zero_does_not_matter(world: MemoryWorld, pixels: Any) -> None:
    values = np.array([[1.0, np.nan], [3.0, 4.0]], dtype=np.float32)
    world.add(memory_image("a", {"b": (values, UTM, TEN)}))
    found = pixels(ee.Image("a").resample("bilinear"), (10, 0, 600_000, 0, -10, 1_399_995), 1, 1)
    assert found["b"][0, 0] == 2.0


def test_bicubic_reproduces_quadratics(world: MemoryWorld, pixels: Any) -> None:
    rows, columns = np.mgrid[0:20, 0:20].astype(float)
    world.add(memory_image("a", {"b": (3 * rows**2 - 2 * columns**2 + columns, UTM, TEN)}))
    found = pixels(ee.Image("a").resample("bicubic"), (10, 0, 600_053, 0, -10, 1_399_936), 8, 8)["b"]
    y, x = source_coordinates(UTM, (10, 0, 600_053, 0, -10, 1_399_936), 8, 8, UTM, TEN)
    np.testing.assert_allclose(found, 3 * y**2 - 2 * x**2 + x, atol=1e-9)


def test_downsampling_samples_without_averaging(world: MemoryWorld, pixels: Any) -> None:
    values = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    world.add(memory_image("a", {"b": (values, UTM, TEN)}))
    found = pixels(ee.Image("a"), (90, 0, 600_000, 0, -90, 1_400_000), 11, 11)["b"]
    np.testing.assert_array_equal(found, values[4::9, 4::9])


def test_outside_the_source_is_masked(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", {"b": (np.full((4, 4), 5, np.uint8), UTM, TEN)}))
    found = pixels(ee.Image("a"), (10, 0, 599_980, 0, -10, 1_400_020), 6, 6)["b"]
    expected = np.zeros((6, 6), np.uint8)
    expected[2:, 2:] = 5
    np.testing.assert_array_equal(found, expected)


def test_large_requests_are_rendered_in_blocks_without_seams(world: MemoryWorld, pixels: Any) -> None:
    values = np.random.default_rng(5).integers(0, 900, (900, 900)).astype(np.int16)
    source = (1 / 3600, 0.0, 75.9, 0.0, -1 / 3600, 12.68)
    world.add(memory_image("dem", {"e": (values, LONLAT, source)}))
    image = ee.Image("dem").resample("bilinear").toDouble()
    many = image.addBands([image.add(number).rename(f"e{number}") for number in range(1, 3)])
    target = (20, 0, 600_305, 0, -20, 1_399_303)
    found = pixels(many, target, 900, 900)
    rows, columns = source_coordinates(UTM, target, 900, 900, LONLAT, source)
    expected = map_coordinates(values.astype(float), [rows, columns], order=1, cval=0)
    inside = (rows > 0) & (columns > 0) & (rows < 899) & (columns < 899)
    np.testing.assert_allclose(found["e"][inside], expected[inside], atol=1e-4)
    np.testing.assert_allclose(found["e2"][inside], expected[inside] + 2, atol=1e-4)


def test_sparse_windows_are_split() -> None:
    read_areas = []

    def read(band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[np.ndarray, np.ndarray]:
        read_areas.append((row1 - row0) * (col1 - col0))
        rows, columns = np.mgrid[row0:row1, col0:col1]
        return (rows + columns).astype(np.int32), np.ones(rows.shape, dtype=bool)

    info = BandInfo("b", "int32", UTM, TEN, 20_000, 20_000)
    ctx = RenderContext(LimitSettings(window_pixels=100_000))
    grid = Grid(UTM, (5_000.0, 0.0, 600_000.0, 0.0, -5_000.0, 1_400_000.0), 40, 40)
    values, mask = ctx.render(SourceNode(read, info), grid)
    row, column = np.mgrid[0:40, 0:40]
    np.testing.assert_array_equal(values, 500 * row + 250 + 500 * column + 250)
    assert mask is None
    assert max(read_areas) <= 100_000
    assert ctx.native_pixels == sum(read_areas)


def test_transforms_compose_and_invert() -> None:
    transform = (10.0, 1.0, 5.0, -2.0, -9.0, 7.0)
    np.testing.assert_allclose(compose(transform, invert(transform)), (1, 0, 0, 0, 1, 0), atol=1e-12)
    assert aligned_offset(Projection(UTM, TEN), Grid(UTM, (10.0, 0.0, 600_030.0, 0.0, -10.0, 1_399_980.0), 5, 5)) == (
        2,
        3,
    )
    assert (
        aligned_offset(Projection(UTM, TEN), Grid(UTM, (10.0, 0.0, 600_031.0, 0.0, -10.0, 1_399_980.0), 5, 5)) is None
    )
