"""Behaviours of the service that a careless fake would get wrong, and so let wrong client code pass."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Geod

from geomeld_build.emulator.worlds.memory import MemoryCollection, MemoryWorld, memory_image

UTM, LONLAT = "EPSG:32643", "EPSG:4326"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
ORIGIN = (10, 0, 600_000, 0, -10, 1_400_000)


def band(values: Any, dtype: str = "uint16") -> dict[str, Any]:
    return {"b": (np.asarray(values, dtype=dtype), UTM, TEN)}


# 1. Pull model


def test_resample_before_a_composite_counts_and_after_it_does_not(world: MemoryWorld, pixels: Any) -> None:
    values = np.random.default_rng(0).integers(0, 10_000, (50, 50)).astype(np.uint16)
    world.add(memory_image("s2", {"b": (values, UTM, (20, 0, 600_000, 0, -20, 1_400_000))}))
    target = (10, 0, 600_100, 0, -10, 1_399_900)
    image = ee.Image("s2")
    nearest, smooth = (
        pixels(image.toFloat(), target, 16, 16)["b"],
        pixels(image.resample("bilinear"), target, 16, 16)["b"],
    )
    before = pixels(ee.ImageCollection([image.resample("bilinear")]).mosaic(), target, 16, 16)["b"]
    after = pixels(ee.ImageCollection([image]).mosaic().resample("bilinear"), target, 16, 16)["b"]
    assert not np.array_equal(nearest, smooth)
    np.testing.assert_array_equal(before, smooth)
    assert not np.array_equal(after, smooth)


def test_a_composite_has_a_projection_of_one_degree(world: MemoryWorld) -> None:
    world.add(memory_image("a", band([[1]])))
    mosaic = ee.ImageCollection([ee.Image("a")]).mosaic()
    assert mosaic.projection().getInfo() == {"type": "Projection", "crs": LONLAT, "transform": [1, 0, 0, 0, 1, 0]}
    assert ee.Image("a").projection().getInfo()["crs"] == UTM


def test_slope_of_a_composite_is_flat_until_its_projection_is_set(world: MemoryWorld, pixels: Any) -> None:
    values = np.tile(np.arange(40, dtype=np.int16) * 10, (40, 1))
    world.add(memory_image("dem", {"b": (values, UTM, TEN)}))
    mosaic = ee.ImageCollection([ee.Image("dem")]).mosaic()
    target = (10, 0, 600_100, 0, -10, 1_399_900)
    lost = pixels(ee.Terrain.slope(mosaic).unmask(-1, False), target, 8, 8)["slope"]
    kept = pixels(ee.Terrain.slope(mosaic.setDefaultProjection(ee.Image("dem").projection())), target, 8, 8)["slope"]
    assert (lost == -1).all()
    np.testing.assert_allclose(kept, 45.0)


def test_reproject_forces_a_grid(world: MemoryWorld, pixels: Any) -> None:
    values = np.arange(100, dtype=np.uint16).reshape(10, 10)
    world.add(memory_image("a", {"b": (values, UTM, TEN)}))
    coarse = ee.Image("a").reproject(UTM, [50, 0, 600_000, 0, -50, 1_400_000])
    found = pixels(coarse, ORIGIN, 10, 10)["b"]
    np.testing.assert_array_equal(found, np.kron(values[2::5, 2::5], np.ones((5, 5), np.uint16)))


def test_resample_concerns_only_its_own_image(world: MemoryWorld, pixels: Any) -> None:
    values = np.arange(25, dtype=np.uint16).reshape(5, 5) * 100
    world.add(memory_image("a", {"b": (values, UTM, (20, 0, 600_000, 0, -20, 1_400_000))}))
    target = (10, 0, 600_020, 0, -10, 1_399_980)
    image = ee.Image("a")
    both = image.resample("bilinear").rename("smooth").addBands(image)
    found = pixels(both, target, 4, 4)
    assert len(np.unique(found["smooth"])) > len(np.unique(found["b"]))
    assert set(np.unique(found["b"])) <= set(np.unique(values))


# 2. Masks


def test_arithmetic_intersects_masks_and_masked_pixels_come_out_as_zero(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", band([[1, 2, 3]]), masks={"b": np.array([[True, False, True]])}))
    world.add(memory_image("c", band([[10, 20, 30]]), masks={"b": np.array([[True, True, False]])}))
    total = ee.Image("a").add(ee.Image("c"))
    np.testing.assert_array_equal(pixels(total, ORIGIN, 3, 1)["b"], [[11, 0, 0]])
    np.testing.assert_array_equal(pixels(total.mask(), ORIGIN, 3, 1)["b"], [[1, 0, 0]])


def test_composites_unite_masks(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", band([[1, 2, 3]]), masks={"b": np.array([[True, False, True]])}))
    world.add(memory_image("c", band([[10, 20, 30]]), masks={"b": np.array([[True, True, False]])}))
    mosaic = ee.ImageCollection([ee.Image("a"), ee.Image("c")]).mosaic()
    np.testing.assert_array_equal(pixels(mosaic, ORIGIN, 3, 1)["b"], [[10, 20, 3]])
    np.testing.assert_array_equal(pixels(mosaic.mask(), ORIGIN, 3, 1)["b"], [[1, 1, 1]])


def test_where_keeps_the_mask_of_its_input(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", band([[1, 2, 3]]), masks={"b": np.array([[True, False, True]])}))
    found = ee.Image("a").where(ee.Image("a").unmask(0).gte(0), 9)
    np.testing.assert_array_equal(pixels(found, ORIGIN, 3, 1)["b"], [[9, 0, 9]])
    np.testing.assert_array_equal(pixels(found.mask(), ORIGIN, 3, 1)["b"], [[1, 0, 1]])


def test_where_ignores_masked_tests_and_masked_values(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", band([[1, 2, 3]])))
    world.add(memory_image("t", band([[1, 1, 0]]), masks={"b": np.array([[True, False, True]])}))
    found = ee.Image("a").where(ee.Image("t"), 9)
    np.testing.assert_array_equal(pixels(found, ORIGIN, 3, 1)["b"], [[9, 2, 3]])


# 3. unmask


def test_unmask_fills_inside_the_footprint_only(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", band([[5, 6], [7, 8]]), masks={"b": np.array([[True, False], [True, True]])}))
    around = (10, 0, 599_990, 0, -10, 1_400_010)
    inside = pixels(ee.Image("a").unmask(99), around, 4, 4)["b"]
    everywhere = pixels(ee.Image("a").unmask(99, False), around, 4, 4)["b"]
    np.testing.assert_array_equal(inside, [[0, 0, 0, 0], [0, 5, 99, 0], [0, 7, 8, 0], [0, 0, 0, 0]])
    assert (everywhere == 99).sum() == 13
    np.testing.assert_array_equal(everywhere[1:3, 1:3], [[5, 99], [7, 8]])


# 4. Band names


def test_repeated_names_get_suffixes(world: MemoryWorld) -> None:
    world.add(memory_image("a", band([[1]])))
    image = ee.Image("a")
    assert image.addBands(image).addBands(image).bandNames().getInfo() == ["b", "b_1", "b_2"]
    assert ee.Image.cat([image, image]).bandNames().getInfo() == ["b", "b_1"]
    assert image.addBands(image, None, True).bandNames().getInfo() == ["b"]


def test_select_takes_full_match_patterns(world: MemoryWorld) -> None:
    bands = {name: (np.ones((2, 2), np.uint16), UTM, TEN) for name in ("B1", "B11", "B12", "SCL")}
    world.add(memory_image("a", bands))
    image = ee.Image("a")
    assert image.select("B1").bandNames().getInfo() == ["B1"]
    assert image.select("B1.").bandNames().getInfo() == ["B11", "B12"]
    assert image.select(["SCL", "B.*"]).bandNames().getInfo() == ["SCL", "B1", "B11", "B12"]
    assert image.select([3, 0], ["x", "y"]).bandNames().getInfo() == ["x", "y"]
    with pytest.raises(ee.EEException, match=r"^Image\.select: Band pattern 'B9' did not match any bands"):
        image.select("B9").getInfo()


def test_rename_checks_the_number_of_names(world: MemoryWorld) -> None:
    world.add(memory_image("a", band([[1]])))
    with pytest.raises(ee.EEException, match=r"number of names \(2\) must match the number of bands \(1\)"):
        ee.Image("a").rename(["x", "y"]).getInfo()


# 5. Geometry filters


def _scenes(world: MemoryWorld) -> None:
    members = []
    for number, west in enumerate((75.0, 75.5)):
        box = shapely.box(west, 12.0, west + 1, 13.0)
        members.append(
            memory_image(f"S2/{number}", band([[1]]), footprint=box, properties={"system:time_start": 1_000 * number})
        )
    world.add(MemoryCollection("S2", members))


def test_contains_means_the_footprint_contains_the_geometry(world: MemoryWorld) -> None:
    _scenes(world)
    collection = ee.ImageCollection("S2")
    inside_both = ee.Geometry.Rectangle([75.6, 12.4, 75.7, 12.5], None, False)
    across = ee.Geometry.Rectangle([75.4, 12.4, 75.7, 12.5], None, False)
    found = collection.filter(ee.Filter.contains(".geo", inside_both))
    assert found.aggregate_array("system:index").getInfo() == ["0", "1"]
    assert collection.filter(ee.Filter.contains(".geo", across)).aggregate_array("system:index").getInfo() == ["0"]
    assert collection.filterBounds(across).size().getInfo() == 2
    assert collection.filter(ee.Filter.contains(".all", across)).size().getInfo() == 1


def test_contains_tolerates_ten_centimetres(world: MemoryWorld) -> None:
    _scenes(world)
    _, _, metres = Geod(ellps="WGS84").inv(75.0, 12.45, 75.001, 12.45)
    degree = 0.001 / metres  # one metre of longitude
    within = ee.Geometry.Rectangle([75.0 - 0.05 * degree, 12.4, 75.1, 12.5], None, False)
    beyond = ee.Geometry.Rectangle([75.0 - 0.2 * degree, 12.4, 75.1, 12.5], None, False)
    collection = ee.ImageCollection("S2")
    assert collection.filter(ee.Filter.contains(".geo", within)).size().getInfo() == 1
    assert collection.filter(ee.Filter.contains(".geo", beyond)).size().getInfo() == 0


# 7. Dates


def test_filter_date_excludes_the_end(world: MemoryWorld) -> None:
    start = ee.Date("2020-06-01").millis().getInfo()
    day = 86_400_000
    members = [memory_image(f"C/{n}", band([[1]]), properties={"system:time_start": start + n * day}) for n in range(3)]
    world.add(MemoryCollection("C", members))
    found = ee.ImageCollection("C").filterDate("2020-6-01", "2020-06-03")
    assert found.aggregate_array("system:index").getInfo() == ["0", "1"]
    assert ee.ImageCollection("C").filterDate("2020-06-02").aggregate_array("system:index").getInfo() == ["1"]


def test_a_missing_property_fails_every_filter(world: MemoryWorld) -> None:
    members = [memory_image("C/a", band([[1]]), properties={"cloud": 5}), memory_image("C/b", band([[1]]))]
    world.add(MemoryCollection("C", members))
    collection = ee.ImageCollection("C")
    for condition in (
        ee.Filter.lt("cloud", 10),
        ee.Filter.gt("cloud", 1),
        ee.Filter.inList("cloud", [5, 6]),
        ee.Filter.notNull(["cloud"]),
    ):
        assert collection.filter(condition).aggregate_array("system:index").getInfo() == ["a"]
    assert collection.filterDate("1970-01-01", "2100-01-01").size().getInfo() == 0
    # The client spells "not equal" as not(equals), so there a missing property passes.
    assert collection.filter(ee.Filter.neq("cloud", 7)).size().getInfo() == 2


# 8. Null


def test_the_first_of_nothing_is_null_and_using_it_raises(world: MemoryWorld) -> None:
    world.add(MemoryCollection("C", []))
    assert ee.ImageCollection("C").first().getInfo() is None
    with pytest.raises(ee.EEException, match=r"Element\.get: Parameter 'object' is required and may not be null\."):
        ee.Image(ee.ImageCollection("C").first()).get("x").getInfo()


def test_one_null_kills_a_whole_mapped_batch(world: MemoryWorld) -> None:
    world.add(MemoryCollection("C", []))
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(75, 12)), ee.Feature(ee.Geometry.Point(76, 12))])

    def naive(feature: ee.Feature) -> ee.Feature:
        return feature.set("id", ee.Image(ee.ImageCollection("C").first()).get("system:index"))

    with pytest.raises(ee.EEException, match=r"Element\.get: Parameter 'object' is required and may not be null\."):
        points.map(naive).getInfo()


# Casts


def test_casts_truncate_toward_zero_and_clamp(world: MemoryWorld, pixels: Any) -> None:
    values = [[1.9, -1.9, 70_000.0, -5.0, 255.5, np.nan]]
    world.add(memory_image("a", band(values, "float64")))
    image = ee.Image("a")
    np.testing.assert_array_equal(pixels(image.toUint16(), ORIGIN, 6, 1)["b"], [[1, 0, 65_535, 0, 255, 0]])
    np.testing.assert_array_equal(pixels(image.toInt16(), ORIGIN, 6, 1)["b"], [[1, -1, 32_767, -5, 255, 0]])
    np.testing.assert_array_equal(pixels(image.toUint8(), ORIGIN, 6, 1)["b"], [[1, 0, 255, 0, 255, 0]])
    assert pixels(image.toUint16(), ORIGIN, 1, 1)["b"].dtype == np.uint16


def test_a_missing_round_shows(world: MemoryWorld, pixels: Any) -> None:
    world.add(memory_image("a", {"b": (np.array([[10, 11]], np.uint16), UTM, (20, 0, 600_000, 0, -20, 1_400_000))}))
    target = (10, 0, 600_010, 0, -20, 1_400_000)
    image = ee.Image("a").resample("bilinear")
    assert pixels(image.toUint16(), target, 2, 1)["b"].tolist() == [[10, 10]]
    assert pixels(image.round().toUint16(), target, 2, 1)["b"].tolist() == [[10, 11]]


def test_interpolating_decibels_is_not_interpolating_power(world: MemoryWorld, pixels: Any) -> None:
    power = np.array([[0.01, 0.25]], dtype=np.float64)
    world.add(memory_image("s1", {"VV": (power, UTM, (20, 0, 600_000, 0, -20, 1_400_000))}))
    target = (20, 0, 600_010, 0, -20, 1_400_000)
    right = pixels(ee.Image("s1").resample("bilinear").log10().multiply(10), target, 1, 1)["VV"][0, 0]
    wrong = pixels(ee.Image("s1").log10().multiply(10).resample("bilinear"), target, 1, 1)["VV"][0, 0]
    assert right == pytest.approx(10 * np.log10(0.13))
    assert wrong == pytest.approx(5 * np.log10(0.01 * 0.25))


def test_change_proj_keeps_pixel_coordinates(world: MemoryWorld, pixels: Any) -> None:
    values = np.random.default_rng(1).integers(0, 900, (60, 60)).astype(np.int16)
    thirty = (30.0, 0.0, 600_000.0, 0.0, -30.0, 1_400_000.0)
    world.add(memory_image("dem", {"b": (values, UTM, thirty)}))
    moved = ee.Image("dem").changeProj(
        ee.Projection(UTM, [30, 0, 600_150, 0, -30, 1_399_700]), ee.Projection(UTM, list(ORIGIN))
    )
    found = pixels(moved, ORIGIN, 20, 20)["b"]
    np.testing.assert_array_equal(found, values[10:30, 5:25])
