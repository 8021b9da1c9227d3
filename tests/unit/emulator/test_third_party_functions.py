"""Functions and endpoints that geemap and xee call, compared with numpy, pyproj, Pillow and rasterio."""

from __future__ import annotations

import io
import math
import urllib.request
import zipfile
from typing import Any

import ee
import numpy as np
import pyproj
import pytest
import rasterio
from PIL import Image as Pillow

from geomeld_build.emulator.worlds.memory import MemoryCollection, MemoryWorld, memory_image

UTM = "EPSG:32643"
TEN = (10.0, 0.0, 600_000.0, 0.0, -10.0, 1_400_000.0)
Rows = list[dict[str, Any]]


def table(rows: Rows) -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, row) for row in rows])


ROWS: Rows = [
    {"name": "a", "x": 1, "y": 10.5},
    {"name": "b", "x": 4},
    {"x": -2, "y": 3.25},
    {"name": "d", "x": 4, "y": 0},
]


def reduce(rows: Rows, reducer: ee.Reducer, *selectors: str) -> Any:
    return table(rows).reduceColumns(reducer, list(selectors)).getInfo()


@pytest.mark.usefixtures("world")
class TestReduceColumns:
    def test_repeat_lists_the_outputs_of_copies_with_inputs_of_their_own(self) -> None:
        found = reduce(ROWS, ee.Reducer.toList().repeat(3), "name", "x", "y")
        assert found == {"list": [["a", "b", "d"], [1, 4, -2, 4], [10.5, 3.25, 0]]}
        found = reduce(ROWS, ee.Reducer.minMax().repeat(2), "x", "y")
        assert found == {"min": [-2, 0], "max": [4, 10.5]}

    def test_repeat_takes_reducers_with_several_inputs(self) -> None:
        found = reduce(ROWS, ee.Reducer.toList(2).repeat(2), "name", "x", "x", "y")
        assert found == {"list": [[["a", 1], ["b", 4], ["d", 4]], [[1, 10.5], [-2, 3.25], [4, 0]]]}

    def test_tuples_with_a_null_are_dropped_unless_it_is_optional(self) -> None:
        assert reduce(ROWS, ee.Reducer.toList(2), "name", "y") == {"list": [["a", 10.5], ["d", 0]]}
        found = reduce(ROWS, ee.Reducer.toList(2, 1), "name", "y")
        assert found == {"list": [["a", 10.5], ["b", None], ["d", 0]]}
        assert reduce(ROWS, ee.Reducer.toList(1), "y") == {"list": [[10.5], [3.25], [0]]}
        assert reduce(ROWS, ee.Reducer.toList(None, 1), "y") == {"list": [10.5, None, 3.25, 0]}

    def test_statistics_of_numbers_leave_nulls_out(self) -> None:
        y = np.array([10.5, 3.25, 0.0])
        for reducer, name, expected in (
            (ee.Reducer.mean(), "mean", y.mean()),
            (ee.Reducer.sum(), "sum", y.sum()),
            (ee.Reducer.stdDev(), "stdDev", y.std()),
            (ee.Reducer.variance(), "variance", y.var()),
            (ee.Reducer.median(), "median", np.median(y)),
            (ee.Reducer.count(), "count", 3),
        ):
            assert reduce(ROWS, reducer, "y") == {name: pytest.approx(expected)}
        assert reduce(ROWS, ee.Reducer.mean().unweighted().repeat(2), "x", "y") == {
            "mean": [pytest.approx(1.75), pytest.approx(y.mean())]
        }

    def test_some_reducers_take_any_value(self) -> None:
        assert reduce(ROWS, ee.Reducer.first(), "name") == {"first": "a"}
        assert reduce(ROWS, ee.Reducer.last(), "name") == {"last": "d"}
        assert reduce(ROWS, ee.Reducer.count(), "name") == {"count": 3}
        assert reduce(ROWS, ee.Reducer.countDistinct(), "x") == {"count": 3}

    def test_nothing_to_reduce(self) -> None:
        assert reduce(ROWS, ee.Reducer.toList().repeat(2), "none", "x") == {"list": [[], [1, 4, -2, 4]]}
        assert reduce(ROWS, ee.Reducer.mean(), "none") == {"mean": None}
        assert reduce([], ee.Reducer.first(), "x") == {"first": None}

    def test_what_does_not_fit_is_refused(self) -> None:
        with pytest.raises(ee.EEException, match="takes 2 inputs, but there are 1"):
            reduce(ROWS, ee.Reducer.toList(2), "x")
        with pytest.raises(ee.EEException, match="'mean' needs numbers, found a value of type String"):
            reduce(ROWS, ee.Reducer.mean(), "name")
        with pytest.raises(ee.EEException, match="'weightSelectors' is not emulated"):
            table(ROWS).reduceColumns(ee.Reducer.mean(), ["x"], ["y"]).getInfo()
        for reducer in (ee.Reducer.mean().repeat(0), ee.Reducer.toList(0)):
            with pytest.raises(ee.EEException, match="must be positive, found 0"):
                reduce(ROWS, reducer, "x")
        image = ee.Image(1).rename("x")
        with pytest.raises(ee.EEException, match="in reduceColumns only"):
            image.reduceRegion(ee.Reducer.mean().repeat(2), ee.Geometry.Point([75, 12]), 10).getInfo()


def test_images_tell_their_id_and_time(world: MemoryWorld) -> None:
    pixels = np.zeros((2, 2), "uint8")
    members = [memory_image(f"c/i{n}", {"b": (pixels, UTM, TEN)}, properties={"system:time_start": n}) for n in (0, 1)]
    world.add(MemoryCollection("c", members))
    found = ee.ImageCollection("c").reduceColumns(ee.Reducer.toList().repeat(2), ["system:id", "system:time_start"])
    assert found.getInfo() == {"list": [["c/i0", "c/i1"], [0, 1]]}


def areas(crs: str, transform: tuple[float, ...], width: int, height: int) -> Any:
    """Areas of pixels on the ellipsoid by pyproj, edges divided so that they follow the projection."""
    move = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform
    geod, steps = pyproj.Geod(ellps="WGS84"), np.linspace(0, 1, 33)[:-1]
    a, b, c, d, e, f = transform
    out = np.empty((height, width))
    for row, column in np.ndindex(height, width):
        u = column + np.concatenate([steps, np.ones(32), 1 - steps, np.zeros(32)])
        v = row + np.concatenate([np.zeros(32), steps, np.ones(32), 1 - steps])
        lon, lat = move(a * u + b * v + c, d * u + e * v + f)
        out[row, column] = abs(geod.polygon_area_perimeter(lon, lat)[0])
    return out


@pytest.mark.usefixtures("world")
def test_properties_are_selected_by_name_or_pattern() -> None:
    feature = ee.Feature(None, {"name": "a", "x1": 1, "x2": 2})

    def select(*args: Any) -> Any:
        return feature.select(*args).toDictionary().getInfo()

    assert select([".*"]) == {"name": "a", "x1": 1, "x2": 2}
    assert select(["x"]) == {}, "a pattern matches the whole name"
    assert select(["x.", "name"], ["one", "two", "three"]) == {"one": 1, "two": 2, "three": "a"}
    assert select(["absent", "x1"], ["one", "two"]) == {"two": 1}
    with pytest.raises(ee.EEException, match="one new name for each of 2 properties, found 1"):
        select(["x."], ["one"])
    with pytest.raises(ee.EEException, match="not a regular expression"):
        select(["("])


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("crs", "transform", "within"),
    [
        (UTM, TEN, 1e-5),
        (UTM, (8.0, 3.0, 300_000.0, 3.0, -8.0, 7_400_000.0), 1e-5),
        ("EPSG:4326", (0.01, 0.0, 179.985, 0.0, -0.01, -60.0), 1e-5),
        ("EPSG:3857", (100.0, 0.0, 8e6, 0.0, -100.0, 7e6), 1e-5),
        # In US survey feet.
        ("EPSG:2263", (30.0, 0.0, 900_000.0, 0.0, -30.0, 200_000.0), 1e-5),
    ],
)
def test_pixel_area_and_coordinates(pixels: Any, crs: str, transform: tuple[float, ...], within: float) -> None:
    image = ee.Image.pixelArea().addBands(ee.Image.pixelLonLat())
    found = pixels(image, transform, 4, 3, crs=crs)
    assert found.dtype.names == ("area", "longitude", "latitude")
    np.testing.assert_allclose(found["area"], areas(crs, transform, 4, 3), rtol=within)
    a, b, c, d, e, f = transform
    u, v = np.meshgrid(np.arange(4) + 0.5, np.arange(3) + 0.5)
    lon, lat = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(a * u + b * v + c, d * u + e * v + f)
    if crs != "EPSG:4326":
        np.testing.assert_allclose(found["longitude"], lon, atol=1e-9)
    np.testing.assert_allclose(found["latitude"], lat, atol=1e-9)


def ramp(world: MemoryWorld) -> Any:
    """Three bands of 200 x 150 pixels of 10 m."""
    rng = np.random.default_rng(7)
    bands = {name: rng.integers(0, 3000, (150, 200)).astype("uint16") for name in ("B2", "B3", "B4")}
    world.add(memory_image("w/picture", {name: (values, UTM, TEN) for name, values in bands.items()}))
    return bands


def stretched(values: Any, high: float) -> Any:
    return np.floor(np.clip(values / high, 0, 1) * 255 + 0.5).astype(int)


def test_a_map_tile_shows_the_pixels_below_it(world: MemoryWorld) -> None:
    bands = ramp(world)
    lon, lat = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True).transform(601_000, 1_399_250)
    zoom = 14
    x = (lon + 180) / 360 * 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom
    image = ee.Image("w/picture")
    tiles = image.getMapId({"bands": ["B4", "B3", "B2"], "min": 0, "max": 3000})["tile_fetcher"]
    picture = np.asarray(Pillow.open(io.BytesIO(tiles.fetch_tile(int(x), int(y), zoom))).convert("RGBA"))
    assert picture.shape == (256, 256, 4)
    # Slippy-map arithmetic of pixel centres, then pyproj.
    u, v = np.meshgrid(int(x) + (np.arange(256) + 0.5) / 256, int(y) + (np.arange(256) + 0.5) / 256)
    lons, lats = u / 2**zoom * 360 - 180, np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * v / 2**zoom))))
    east, north = pyproj.Transformer.from_crs(4326, UTM, always_xy=True).transform(lons, lats)
    columns, rows = np.floor((east - TEN[2]) / 10).astype(int), np.floor((TEN[5] - north) / 10).astype(int)
    inside = (columns >= 0) & (columns < 200) & (rows >= 0) & (rows < 150)
    assert 0.2 < inside.mean() < 1
    assert ((picture[..., 3] == 255) == inside).all()
    for channel, name in enumerate(("B4", "B3", "B2")):
        expected = stretched(bands[name][rows[inside], columns[inside]], 3000)
        # A pixel centre on the edge of two source pixels may fall to either side.
        assert (picture[..., channel][inside] == expected).mean() > 0.9999


@pytest.mark.usefixtures("world")
def test_tiles_that_do_not_exist_are_refused() -> None:
    tiles = ee.Image(1).getMapId({"min": 0, "max": 1})["tile_fetcher"]
    for x, y, zoom in ((4, 0, 2), (0, -1, 2), (0, 0, 99)):
        with pytest.raises(ee.EEException, match="there is no tile"):
            tiles.fetch_tile(x, y, zoom)
    unknown = ee.data.TileFetcher("", map_name="projects/local/maps/0")
    with pytest.raises(ee.EEException, match=r"Map 'projects/local/maps/0' not found"):
        unknown.fetch_tile(0, 0, 0)


def test_bands_are_chosen_before_they_are_coloured(world: MemoryWorld) -> None:
    bands = ramp(world)
    grid = {
        "dimensions": {"width": 200, "height": 150},
        "affineTransform": {"scaleX": 10, "translateX": TEN[2], "scaleY": -10, "translateY": TEN[5]},
        "crsCode": UTM,
    }
    found = ee.data.computePixels(
        {
            "expression": ee.Image("w/picture"),
            "bandIds": ["B4", "B2", "B3"],
            "visualizationOptions": {"ranges": [{"min": 0, "max": 2000}]},
            "fileFormat": "PNG",
            "grid": grid,
        }
    )
    picture = np.asarray(Pillow.open(io.BytesIO(found)))
    for channel, name in enumerate(("B4", "B2", "B3")):
        assert (picture[..., channel] == stretched(bands[name], 2000)).all()


def test_downloads_are_named_as_asked(world: MemoryWorld) -> None:
    bands = ramp(world)
    image = ee.Image("w/picture")
    for per_band, names in ((False, ["place.tif"]), (True, ["place.B2.tif", "place.B3.tif", "place.B4.tif"])):
        url = image.getDownloadURL({"name": "place", "filePerBand": per_band, "region": image.geometry(), "scale": 10})
        with urllib.request.urlopen(url) as answer, zipfile.ZipFile(io.BytesIO(answer.read())) as archive:
            assert sorted(archive.namelist()) == names
            content = archive.read(names[0])
    with rasterio.MemoryFile(content) as memory, memory.open() as dataset:
        assert (dataset.read(1) == bands["B2"]).all()
