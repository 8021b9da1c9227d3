"""Functions by family, and the registry against the signature list of the installed client."""

from __future__ import annotations

import ast
import inspect
import math
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer

import geomeld_build.emulator
from geomeld_build.emulator import signatures as signature_module
from geomeld_build.emulator.errors import SignaturesMissing
from geomeld_build.emulator.functions.registry import emulated, lookup
from geomeld_build.emulator.worlds.base import FeatureRecord
from geomeld_build.emulator.worlds.memory import MemoryCollection, MemoryTable, MemoryWorld, memory_image

UTM = "EPSG:32643"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
ORIGIN = TEN


def test_every_function_takes_the_arguments_of_its_signature() -> None:
    for name in emulated():
        found = lookup(name)
        try:
            parameters = list(inspect.signature(found.call).parameters.values())
        except ValueError:  # builtins such as min
            continue
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            continue
        needed = sum(p.default is p.empty for p in parameters)
        given = len(found.parameters) + found.wants_session
        assert needed <= given <= len(parameters), name


def test_the_emulator_imports_nothing_of_the_rest_of_the_package() -> None:
    root = Path(geomeld_build.emulator.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                inside = name == "geomeld_build" or name.startswith("geomeld_build.")
                assert not inside or name.startswith("geomeld_build.emulator"), f"{path}: {name}"


def test_a_client_without_the_function_list_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SignaturesMissing, match="Install earthengine-api"):
        signature_module._path()


def test_functions_that_are_not_emulated_are_named(world: MemoryWorld) -> None:
    with pytest.raises(ee.EEException, match=r"^Image\.random: this function is not emulated\."):
        ee.Image.random(3).getInfo()


def test_wrong_types_are_refused(world: MemoryWorld) -> None:
    with pytest.raises(ee.EEException, match=r"^Number\.add, argument 'left': Invalid type\.\nExpected type: Number\."):
        ee.Number(ee.List(["x"]).get(0)).add(1).getInfo()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda: ee.Number(7).divide(2), 3.5),
        (lambda: ee.Number(7).mod(4), 3),
        (lambda: ee.Number(-1.5).round(), -1),
        (lambda: ee.Number(300).toUint8(), 255),
        (lambda: ee.Number(2).pow(0.5), math.sqrt(2)),
        (lambda: ee.Number(3).gte(3), 1),
        (lambda: ee.Number(5).format("%03d"), "005"),
        (lambda: ee.Number.parse("12.5"), 12.5),
        (lambda: ee.String("a").cat("b"), "ab"),
        (lambda: ee.String("S2A_20200604").slice(4), "20200604"),
        (lambda: ee.String("a_b_c").split("_"), ["a", "b", "c"]),
        (lambda: ee.String("abc123").match("[0-9]+"), ["123"]),
        (lambda: ee.String("a-b-a").replace("a", "x", "g"), "x-b-x"),
        (lambda: ee.List([3, 1, 2]).sort(), [1, 2, 3]),
        (lambda: ee.List([1, 2]).cat([3]).add(4).slice(1, 3), [2, 3]),
        (lambda: ee.List.sequence(0, 1, 0.25), [0, 0.25, 0.5, 0.75, 1]),
        (lambda: ee.List.sequence(1, None, 2, 3), [1, 3, 5]),
        (lambda: ee.List([1, 2]).zip([3, 4]), [[1, 3], [2, 4]]),
        (lambda: ee.List([1, [2, [3]]]).flatten(), [1, 2, 3]),
        (lambda: ee.List([1, 2, 3]).map(lambda n: ee.Number(n).multiply(n)), [1, 4, 9]),
        (lambda: ee.List([1, 2, 3]).iterate(lambda n, total: ee.Number(total).add(n), 0), 6),
        (lambda: ee.List([1, 2, 3]).filter(ee.Filter.gt("item", 1)), [2, 3]),
        (lambda: ee.List([1, 2, 4]).reduce(ee.Reducer.mean()), 7 / 3),
        (lambda: ee.List([1, 2, 9]).get(-1), 9),
        (lambda: ee.List([5, 6]).indexOf(6), 1),
        (lambda: ee.Dictionary({"a": 1, "b": 2}).keys(), ["a", "b"]),
        (lambda: ee.Dictionary({"a": 1}).combine({"a": 2, "c": 3}), {"a": 2, "c": 3}),
        (lambda: ee.Dictionary({"a": 1}).get("z", 9), 9),
        (lambda: ee.Dictionary({"a": 1, "b": 2}).map(lambda k, v: ee.Number(v).add(1)), {"a": 2, "b": 3}),
        (lambda: ee.Algorithms.If(ee.Number(0), "yes", "no"), "no"),
        (lambda: ee.Date("2020-06-04T05:46:39Z").format("YYYY-MM-dd'T'HH:mm:ss"), "2020-06-04T05:46:39"),
        (lambda: ee.Date("2020-1-31").advance(1, "month").format("YYYY-MM-dd"), "2020-02-29"),
        (lambda: ee.Date("2020-06-04").difference(ee.Date("2020-06-01"), "day"), 3),
        (lambda: ee.Date("2020-06-04").get("month"), 6),
        (lambda: ee.Date(86_400_000).millis(), 86_400_000),
        (lambda: ee.Date("2020-06-04").getRelative("day", "year"), 155),
        (lambda: ee.Date.fromYMD(2020, 6, 4).millis(), 1_591_228_800_000),
        (lambda: ee.DateRange("2020-06-01", "2020-06-10").start().millis(), 1_590_969_600_000),
    ],
)
def test_values(world: MemoryWorld, value: Any, expected: Any) -> None:
    assert value().getInfo() == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_errors_of_values(world: MemoryWorld) -> None:
    with pytest.raises(ee.EEException, match="List index must be between"):
        ee.List([1]).get(5).getInfo()
    with pytest.raises(ee.EEException, match="Dictionary does not contain key: 'z'"):
        ee.Dictionary({"a": 1}).get("z").getInfo()
    with pytest.raises(ee.EEException, match="Invalid date string"):
        ee.Date("June").getInfo()
    with pytest.raises(ee.EEException, match="Unrecognized time unit"):
        ee.Date("2020-01-01").advance(1, "eon").getInfo()


def test_geometry_measures(world: MemoryWorld) -> None:
    ring = [[75.0, 12.0], [75.1, 12.0], [75.1, 12.1], [75.0, 12.1], [75.0, 12.0]]
    polygon = ee.Geometry.Polygon([ring], None, False)
    geod = Geod(ellps="WGS84")
    area, length = geod.geometry_area_perimeter(shapely.Polygon(ring))
    assert polygon.area().getInfo() == pytest.approx(abs(area))
    assert polygon.perimeter().getInfo() == pytest.approx(length)
    buffered = ee.Geometry.Point(75, 12).buffer(1_000)
    assert buffered.area().getInfo() == pytest.approx(math.pi * 1e6, rel=5e-3)
    shape = shapely.geometry.shape(buffered.getInfo())
    lon, lat = shape.exterior.coords[0]
    assert geod.inv(75, 12, lon, lat)[2] == pytest.approx(1_000, abs=0.01)
    assert polygon.type().getInfo() == "Polygon"
    assert polygon.contains(ee.Geometry.Point(75.05, 12.05), 1).getInfo() is True
    common = polygon.intersection(ee.Geometry.Rectangle([75.05, 12.05, 76, 13], None, False), 1)
    assert shapely.geometry.shape(common.getInfo()).equals(shapely.box(75.05, 12.05, 75.1, 12.1))
    moved = ee.Geometry.Point(75, 12).transform(UTM, 1).coordinates().getInfo()
    assert moved == pytest.approx(Transformer.from_crs(4326, UTM, always_xy=True).transform(75, 12))
    assert polygon.centroid(1).coordinates().getInfo() == pytest.approx([75.05, 12.05], abs=1e-4)
    assert ee.Geometry.Point(75, 12).distance(ee.Geometry.Point(75, 12.1)).getInfo() == pytest.approx(
        geod.inv(75, 12, 75, 12.1)[2], rel=1e-6
    )


def test_tables(world: MemoryWorld) -> None:
    rows = [FeatureRecord(str(n), shapely.box(n, 0, n + 1, 1), {"BIOME": n % 2, "NAME": f"eco {n}"}) for n in range(4)]
    world.add(MemoryTable("RESOLVE/ECOREGIONS/2017", rows))
    table = ee.FeatureCollection("RESOLVE/ECOREGIONS/2017")
    assert table.filter(ee.Filter.stringContains("NAME", "3")).first().get("BIOME").getInfo() == 1
    assert table.aggregate_histogram("BIOME").getInfo() == {"0": 2, "1": 2}
    assert table.aggregate_max("BIOME").getInfo() == 1
    assert table.aggregate_count_distinct("NAME").getInfo() == 4
    assert table.aggregate_sum("BIOME").getInfo() == 2
    assert table.filterBounds(ee.Geometry.Point(2.5, 0.5)).aggregate_array("NAME").getInfo() == ["eco 2"]
    merged = table.limit(1).merge(table.limit(1))
    assert merged.aggregate_array("system:index").getInfo() == ["1_0", "2_0"]
    nested = ee.FeatureCollection([table.limit(2), table.limit(1)]).flatten()
    assert nested.size().getInfo() == 3
    dropped = table.map(lambda f: ee.Algorithms.If(ee.Number(f.get("BIOME")).eq(0), f, None), True)
    assert dropped.size().getInfo() == 2
    assert table.toList(2, 1).map(lambda f: ee.Feature(f).get("NAME")).getInfo() == ["eco 1", "eco 2"]
    assert table.select(["NAME"]).first().toDictionary().getInfo() == {"NAME": "eco 0"}


def test_elements(world: MemoryWorld) -> None:
    world.add(memory_image("C/a", {"b": (np.ones((2, 2), np.uint8), UTM, TEN)}, properties={"x": 1}))
    world.add(
        MemoryCollection("C", [memory_image("C/a", {"b": (np.ones((2, 2), np.uint8), UTM, TEN)}, properties={"x": 1})])
    )
    image = ee.Image("C/a")
    assert image.get("system:id").getInfo() == "C/a"
    assert image.get("system:version").getInfo() == 1_600_000_000_000_000
    assert image.id().getInfo() == "a"
    assert image.get("nothing").getInfo() is None
    assert set(image.propertyNames().getInfo()) >= {"x", "system:index", "system:footprint", "system:version"}
    assert image.toDictionary().getInfo() == {"x": 1}
    assert image.set("y", 2).set({"z": 3}).toDictionary(["y", "z"]).getInfo() == {"y": 2, "z": 3}
    assert image.add(1).toDictionary().getInfo() == {}
    assert "system:index" not in image.add(1).propertyNames().getInfo()
    assert image.add(1).copyProperties(image).get("x").getInfo() == 1
    assert image.select("b").get("x").getInfo() == 1
    footprint = ee.Feature(ee.ImageCollection("C").geometry()).area().getInfo()
    assert footprint == pytest.approx(400, rel=2e-3)


def test_image_load_with_another_version_is_not_found(world: MemoryWorld) -> None:
    world.add(memory_image("a", {"b": (np.ones((2, 2), np.uint8), UTM, TEN)}, version=5))
    assert ee.Image.load("a", 5).bandNames().getInfo() == ["b"]
    message = r"^Image\.load: Image asset 'a' not found \(does not exist or caller does not have access\)\.$"
    with pytest.raises(ee.EEException, match=message):
        ee.Image.load("a", 6).getInfo()
    with pytest.raises(ee.EEException, match="ImageCollection asset 'none' not found"):
        ee.ImageCollection("none").size().getInfo()


def image_of(world: MemoryWorld, name: str, values: Any, dtype: str = "uint8", **more: Any) -> ee.Image:
    world.add(memory_image(name, {"b": (np.asarray(values, dtype=dtype), UTM, TEN)}, **more))
    return ee.Image(name)


def test_pixel_arithmetic(world: MemoryWorld, pixels: Any) -> None:
    a = image_of(world, "a", [[200, 4, 9]])
    b = image_of(world, "c", [[100, 0, 2]])

    def values(image: ee.Image) -> list[float]:
        found = pixels(image, ORIGIN, 3, 1)
        return found[found.dtype.names[0]][0].tolist()

    assert values(a.add(b)) == [300, 4, 11]
    assert values(a.subtract(b)) == [100, 4, 7]
    assert values(b.subtract(a)) == [-100, -4, -7]
    assert values(a.multiply(b)) == [20_000, 0, 18]
    assert values(a.divide(b)) == [2, 0, 4.5]
    assert values(a.pow(2)) == [40_000, 16, 81]
    assert values(a.sqrt()) == pytest.approx([200**0.5, 2, 3])
    assert values(a.max(b).min(50)) == [50, 4, 9]
    assert values(a.gt(b).And(b.neq(0))) == [1, 0, 1]
    assert values(a.bitwiseAnd(8)) == [8, 0, 8]
    assert values(b.Not()) == [0, 1, 0]
    assert values(a.remap([4, 9], [1, 2], 0)) == [0, 1, 2]
    assert values(a.remap([4, 9], [1, 2]).unmask(7)) == [7, 1, 2]
    assert values(a.updateMask(b).unmask(1)) == [200, 1, 9]
    assert values(a.selfMask().mask()) == [1, 1, 1]
    assert values(a.clamp(5, 100)) == [100, 5, 9]
    assert values(a.divide(10).floor()) == [20, 0, 0]
    assert values(a.log10()) == pytest.approx([np.log10(200), np.log10(4), np.log10(9)])
    assert values(ee.Image(3)) == [3, 3, 3]
    assert values(a.normalizedDifference(["b", "b"])) == [0, 0, 0]
    assert values(a.addBands(b).reduce(ee.Reducer.sum())) == [300, 4, 11]


def test_packed_mask_bits(world: MemoryWorld, pixels: Any) -> None:
    a = image_of(world, "a", [[1, 1]], masks={"b": np.array([[True, False]])})
    b = image_of(world, "c", [[1, 1]], masks={"b": np.array([[True, True]])})
    both = a.addBands(b).mask().gte(0.5).multiply(ee.Image.constant([1, 2])).reduce(ee.Reducer.sum()).toUint16()
    np.testing.assert_array_equal(pixels(both, ORIGIN, 2, 1)["sum"], [[3, 2]])


def test_types_of_computed_bands(world: MemoryWorld) -> None:
    a = image_of(world, "a", [[1]])

    def kind(image: ee.Image) -> Any:
        return image.getInfo()["bands"][0]["data_type"]

    assert kind(a.add(1)) == {"type": "PixelType", "precision": "int", "min": 1, "max": 256}
    assert kind(a.gt(1)) == {"type": "PixelType", "precision": "int", "min": 0, "max": 1}
    assert kind(a.divide(2))["precision"] in ("float", "double")
    assert kind(a.toFloat())["precision"] == "float"
    assert kind(ee.Image(0.5)) == {"type": "PixelType", "precision": "double", "min": 0.5, "max": 0.5}
    assert kind(a.toInt16()) == {"type": "PixelType", "precision": "int", "min": -32_768, "max": 32_767}


def test_band_matching(world: MemoryWorld) -> None:
    two = ee.Image.constant([1, 2]).rename(["x", "y"])
    assert two.add(1).bandNames().getInfo() == ["x", "y"]
    assert ee.Image(1).add(two).bandNames().getInfo() == ["x", "y"]
    with pytest.raises(ee.EEException, match="same number of bands"):
        two.add(ee.Image.constant([1, 2, 3])).getInfo()


def test_composites(world: MemoryWorld, pixels: Any) -> None:
    rows = [[[1, 5, 2]], [[1, 6, 9]], [[3, 6, 9]]]
    masks = [[[1, 1, 0]], [[1, 1, 0]], [[1, 0, 0]]]
    images = [
        image_of(world, f"i{n}", row, masks={"b": np.array(mask, dtype=bool)})
        for n, (row, mask) in enumerate(zip(rows, masks, strict=True))
    ]
    collection = ee.ImageCollection.fromImages(images)

    def values(image: ee.Image) -> list[float]:
        return pixels(image.unmask(99), ORIGIN, 3, 1)[image.bandNames().getInfo()[0]][0].tolist()

    assert values(collection.mode()) == [1, 5, 99]
    assert values(collection.median()) == [1, 5.5, 99]
    assert values(collection.mean()) == pytest.approx([5 / 3, 5.5, 99])
    assert values(collection.max()) == [3, 6, 99]
    assert values(collection.count()) == [3, 2, 0]
    assert values(collection.reduce(ee.Reducer.mode())) == [1, 5, 99]
    assert collection.reduce(ee.Reducer.mode()).bandNames().getInfo() == ["b_mode"]
    assert collection.mode().bandNames().getInfo() == ["b"]
    assert collection.toBands().bandNames().getInfo() == ["i0_b", "i1_b", "i2_b"]
    mixed = ee.ImageCollection.fromImages([images[0], images[1].rename("other")])
    assert mixed.mosaic().bandNames().getInfo() == ["b", "other"]
    with pytest.raises(ee.EEException, match="homogeneous"):
        mixed.median().getInfo()


def test_reduce_region(world: MemoryWorld) -> None:
    values = np.arange(100, dtype=np.uint8).reshape(10, 10)
    image = image_of(world, "a", values, masks={"b": values != 11})
    region = ee.Geometry.Rectangle([600_010, 1_399_960, 600_044, 1_399_990], ee.Projection(UTM), False)

    def reduced(reducer: ee.Reducer, **more: Any) -> Any:
        return image.reduceRegion(reducer, region, **more).getInfo()

    weights = np.zeros((10, 10))
    weights[1:4, 1:4] = 1
    weights[1:4, 4] = 0.4
    weights[values == 11] = 0
    assert reduced(ee.Reducer.mean())["b"] == pytest.approx((values * weights).sum() / weights.sum())
    assert reduced(ee.Reducer.count())["b"] == 8
    assert reduced(ee.Reducer.minMax()) == {"b_min": 12, "b_max": 33}
    point = ee.Geometry.Point([600_025, 1_399_975], UTM)
    assert image.reduceRegion(ee.Reducer.first(), point, 10).getInfo() == {"b": 22}
    histogram = image.gt(30).reduceRegion(ee.Reducer.frequencyHistogram().unweighted(), region).getInfo()["b"]
    assert set(histogram) == {"0", "1"}
    with pytest.raises(ee.EEException, match=r"Too many pixels in the region. Found 12, but maxPixels allows only 5"):
        reduced(ee.Reducer.mean(), maxPixels=5)
    table = image.reduceRegions(ee.FeatureCollection([ee.Feature(point, {"n": 1})]), ee.Reducer.mean(), 10)
    assert table.first().toDictionary().getInfo() == {"n": 1, "mean": 22}


def test_clip_masks_pixels_whose_centre_is_outside(world: MemoryWorld, pixels: Any) -> None:
    image = image_of(world, "a", np.ones((6, 6)))
    region = ee.Geometry.Rectangle([600_014, 1_399_966, 600_036, 1_399_990], ee.Projection(UTM), False)
    found = pixels(image.clip(region), ORIGIN, 6, 6)["b"]
    expected = np.zeros((6, 6), np.uint8)
    expected[1:3, 1:4] = 1
    np.testing.assert_array_equal(found, expected)


def test_projections(world: MemoryWorld) -> None:
    projection = ee.Projection(UTM, list(TEN))
    assert projection.nominalScale().getInfo() == 10
    assert projection.atScale(30).getInfo()["transform"] == [30, 0, 600_000, 0, -30, 1_400_000]
    assert ee.Projection("EPSG:4326").nominalScale().getInfo() == pytest.approx(111_319.49, abs=0.01)
    assert projection.crs().getInfo() == UTM
    with pytest.raises(ee.EEException, match="could not be parsed"):
        ee.Projection("EPSG:99999999").getInfo()
