"""geemap and xee, unmodified, against the simulated planet; their pixels are those of the world's own readers."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
import shapely
from google.auth.credentials import AnonymousCredentials
from PIL import Image as Pillow
from pyproj import Geod, Transformer

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.settings import EmulatorSettings, QuotaSettings
from geomeld_build.emulator.worlds.base import ImageRecord, SearchHint, TableAsset
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.errors import ConfigError
from geomeld_build.grid import Window
from geomeld_build.sources import SceneQuery, open_source
from geomeld_build.sources.earthengine_session import Session

pytestmark = [
    # xee 0.1.2 multiplies affine transforms with `*`, which newer affine announces to give up.
    pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning"),
]

S2 = "COPERNICUS/S2_SR_HARMONIZED"
LON, LAT = 73.3056, 30.4642
JUNE = (datetime(2020, 6, 1, tzinfo=UTC), datetime(2020, 6, 25, tzinfo=UTC))
SIDE = 48


@pytest.fixture(scope="module")
def planet() -> PlanetWorld:
    return PlanetWorld()


@pytest.fixture(scope="module")
def server(planet: PlanetWorld) -> Iterator[EmulatorServer]:
    # xee sends one request a thread without a pause.
    settings = EmulatorSettings(quota=QuotaSettings(concurrent=None, per_second=None))
    with EmulatorServer(planet, settings) as running:
        yield running


def close_client() -> None:
    session = ee.data._get_state().requests_session
    if session is not None:
        session.close()
    ee.Reset()


def connect(url: str) -> None:
    """What a notebook does first. Nothing is reset: whatever used the client before must not be in the way."""
    ee.Initialize(AnonymousCredentials(), url=url, project="local")


@pytest.fixture
def client(server: EmulatorServer) -> Iterator[str]:
    """The process-wide client, set up the usual way; as it was afterwards."""
    # Otherwise Initialize looks for a list of deprecated assets on the internet, without a timeout.
    before, ee.deprecation.deprecated_assets = ee.deprecation.deprecated_assets, {"none": None}
    connect(server.url)
    yield server.url
    close_client()
    ee.deprecation.deprecated_assets = before


@pytest.fixture(scope="module")
def geemap() -> ModuleType:
    with warnings.catch_warnings():
        # Its notebook widgets declare traits in a way that traitlets deprecates; only the import is affected.
        warnings.simplefilter("ignore")
        return pytest.importorskip("geemap", reason="geemap is not installed (extra [ee])")


@pytest.fixture(scope="module")
def xarray() -> ModuleType:
    pytest.importorskip("xee", reason="xee is not installed (extra [ee])")
    return pytest.importorskip("xarray")


@pytest.fixture(scope="module")
def scenes(planet: PlanetWorld) -> list[ImageRecord]:
    """All Sentinel-2 scenes of the place and time, from the world itself."""
    start, end = (day.timestamp() * 1000 for day in JUNE)
    hint = SearchHint(start, end, shapely.Point(LON, LAT))
    collection: Any = planet.find(S2)
    return [r for r in collection.images(hint) if start <= r.properties["system:time_start"] < end]


def snippets() -> list[str]:
    """The Python of docs/emulator.md, section "Third-party clients", block by block."""
    page = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
    section = page.split("\n## Third-party clients\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


def collection() -> ee.ImageCollection:
    start, end = (f"{day:%Y-%m-%d}" for day in JUNE)
    return ee.ImageCollection(S2).filterDate(start, end).filterBounds(ee.Geometry.Point([LON, LAT]))


def window(record: ImageRecord, band: str = "B4") -> tuple[str, tuple[float, ...], int, int]:
    """CRS and transform of the pixels around the place, and the first row and column in the native grid."""
    info = next(b for b in record.bands if b.name == band)
    x, y = Transformer.from_crs(4326, info.crs, always_xy=True).transform(LON, LAT)
    a, _, c, _, e, f = info.transform
    row, column = math.floor((y - f) / e), math.floor((x - c) / a)
    return info.crs, (a, 0.0, c + a * column, 0.0, e, f + e * row), row, column


def native(record: ImageRecord, band: str, row: int, column: int) -> tuple[Any, Any]:
    return record.read(band, row, row + SIDE, column, column + SIDE)


def region(record: ImageRecord) -> ee.Geometry:
    """The window as a rectangle in the scene's own projection."""
    crs, (a, _, c, _, e, f), _, _ = window(record)
    return ee.Geometry.Rectangle([c, f + e * SIDE, c + a * SIDE, f], crs, False)


class TestXee:
    def test_a_window_of_a_collection_is_the_worlds_own(
        self, client: str, xarray: ModuleType, scenes: list[ImageRecord]
    ) -> None:
        assert len(scenes) >= 4
        crs, transform, row, column = window(scenes[0])
        found = xarray.open_dataset(
            collection().select(["B4", "B8"]),
            engine="ee",
            crs=crs,
            crs_transform=transform,
            shape_2d=(SIDE, SIDE),
            io_chunks={"time": 3, "width": 32, "height": 32},
        )
        assert dict(found.sizes) == {"time": len(scenes), "y": SIDE, "x": SIDE}
        times = found.time.values.astype("datetime64[ms]").astype(np.int64)
        assert times.tolist() == [r.properties["system:time_start"] for r in scenes]
        assert found.x.values[:2].tolist() == [transform[2] + 5, transform[2] + 15]
        for name in ("B4", "B8"):
            values = found[name].values
            for got, record in zip(values, scenes, strict=True):
                expected, valid = native(record, name, row, column)
                assert np.array_equal(np.isnan(got), ~valid)
                assert np.array_equal(got[valid], expected[valid].astype(np.float32))

    def test_it_reads_what_compute_pixels_answers(
        self, client: str, xarray: ModuleType, scenes: list[ImageRecord]
    ) -> None:
        """In another projection, where both resample."""
        image = ee.Image(scenes[0].id).select(["B8", "SCL"])
        transform = (0.0002, 0.0, LON, 0.0, -0.0002, LAT)
        found = xarray.open_dataset(
            ee.ImageCollection([image]), engine="ee", crs="EPSG:4326", crs_transform=transform, shape_2d=(40, 30)
        )
        keys = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        grid = {"dimensions": {"width": 25, "height": 20}, "crsCode": "EPSG:4326"}
        moved = (0.0002, 0.0, LON + 10 * 0.0002, 0.0, -0.0002, LAT - 5 * 0.0002)
        grid["affineTransform"] = dict(zip(keys, moved, strict=True))
        direct: Any = ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
        for name in ("B8", "SCL"):
            assert np.array_equal(found[name].values[0, 5:25, 10:35], direct[name].astype(np.float32))

    def test_asset_names_properties_and_shortcuts(
        self, client: str, xarray: ModuleType, scenes: list[ImageRecord]
    ) -> None:
        crs, transform, row, column = window(scenes[0])
        options = {"engine": "ee", "crs": crs, "crs_transform": transform, "shape_2d": (SIDE, SIDE)}
        by_cloud = xarray.open_dataset(
            collection().select("B4"),
            primary_dim_name="cloud",
            primary_dim_property="CLOUDY_PIXEL_PERCENTAGE",
            n_images=2,
            **options,
        )
        assert by_cloud.cloud.values.tolist() == [r.properties["CLOUDY_PIXEL_PERCENTAGE"] for r in scenes[:2]]
        fast = xarray.open_dataset(collection(), fast_time_slicing=True, **options)
        assert np.array_equal(fast.B4.isel(time=1).values, by_cloud.B4.isel(cloud=1).values, equal_nan=True)
        cover = xarray.open_dataset("ee://ESA/WorldCover/v200", **options)
        assert cover.sizes["time"] == 1
        assert set(np.unique(cover.Map.values)) <= {10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100}

    def test_the_native_grid_of_a_scene(self, client: str, scenes: list[ImageRecord]) -> None:
        helpers = pytest.importorskip("xee.helpers", reason="xee is not installed (extra [ee])")
        info = next(b for b in scenes[0].bands if b.name == "B4")
        assert helpers.extract_grid_params(ee.Image(scenes[0].id).select("B4")) == {
            "crs": info.crs,
            "crs_transform": info.transform,
            "shape_2d": (info.width, info.height),
        }


class TestGeemap:
    def test_a_tile_as_an_array(self, client: str, geemap: ModuleType, scenes: list[ImageRecord]) -> None:
        record = scenes[0]
        _, _, row, column = window(record)
        found = geemap.ee_to_numpy(ee.Image(record.id).select(["B4", "B3"]), region=region(record), scale=10)
        assert found.shape == (SIDE, SIDE, 2)
        for plane, name in enumerate(("B4", "B3")):
            values, valid = native(record, name, row, column)
            assert np.array_equal(found[..., plane], np.where(valid, values, 0))

    def test_a_tile_as_a_file(self, client: str, geemap: ModuleType, scenes: list[ImageRecord], tmp_path: Path) -> None:
        record = scenes[0]
        crs, transform, row, column = window(record)
        path = tmp_path / "tile.tif"
        geemap.ee_export_image(
            ee.Image(record.id).select(["B4"]), str(path), scale=10, region=region(record), verbose=False
        )
        assert list(tmp_path.iterdir()) == [path]
        with rasterio.open(path) as dataset:
            assert dataset.crs.to_string() == crs
            assert tuple(dataset.transform)[:6] == pytest.approx(transform)
            values, valid = native(record, "B4", row, column)
            assert np.array_equal(dataset.read(1), np.where(valid, values, 0))

    def test_a_thumbnail(self, client: str, geemap: ModuleType, scenes: list[ImageRecord], tmp_path: Path) -> None:
        record = scenes[0]
        crs, _, row, column = window(record)
        path = tmp_path / "view.png"
        look = {"bands": ["B4", "B3", "B2"], "min": 0, "max": 5000}
        geemap.get_image_thumbnail(
            ee.Image(record.id), str(path), look, dimensions=SIDE, region=region(record), crs=crs
        )
        picture = np.asarray(Pillow.open(path).convert("RGBA")).astype(int)
        assert picture.shape == (SIDE, SIDE, 4)
        for channel, name in enumerate(("B4", "B3", "B2")):
            values, valid = native(record, name, row, column)
            expected = np.floor(np.clip(values / 5000, 0, 1) * 255 + 0.5)
            assert np.array_equal(picture[..., 3] == 255, valid)
            assert np.abs(picture[..., channel] - expected)[valid].max() <= 1

    def test_statistics_of_an_image(self, client: str, geemap: ModuleType, scenes: list[ImageRecord]) -> None:
        record = scenes[0]
        crs, (a, _, c, _, e, f), row, column = window(record)
        values, valid = native(record, "B4", row, column)
        image, place = ee.Image(record.id).select("B4"), region(record)
        found = geemap.image_stats(image, place, scale=10).getInfo()
        data = values[valid].astype(float)
        expected = {"min": data.min(), "max": data.max(), "mean": data.mean(), "std": data.std()}
        assert {name: found[name]["B4"] for name in expected} == pytest.approx(expected)
        x, y = [c, c + a * SIDE, c + a * SIDE, c], [f, f, f + e * SIDE, f + e * SIDE]
        lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
        whole = abs(Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0])
        square_metres = geemap.image_area(image.add(1), place, scale=10).getInfo()["B4"]
        assert square_metres == pytest.approx(whole, rel=1e-5)
        assert geemap.image_dates(collection()).getInfo() == [
            f"{datetime.fromtimestamp(r.properties['system:time_start'] / 1000, UTC):%Y-%m-%d}" for r in scenes
        ]

    def test_tables_go_both_ways(
        self,
        client: str,
        geemap: ModuleType,
        planet: PlanetWorld,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # gdf_to_ee writes a file into the working directory.
        monkeypatch.chdir(tmp_path)
        table = planet.find("RESOLVE/ECOREGIONS/2017")
        assert isinstance(table, TableAsset)
        row = next(r for r in table.features() if r.geometry is not None and r.geometry.covers(shapely.Point(LON, LAT)))
        here = ee.FeatureCollection(table.id).filterBounds(ee.Geometry.Point([LON, LAT]))
        frame = geemap.ee_to_gdf(here)
        assert frame.crs.to_epsg() == 4326
        assert frame.BIOME_NUM.tolist() == [row.properties["BIOME_NUM"]]
        assert frame.geometry.iloc[0].equals_exact(row.geometry, 1e-9)
        back = geemap.gdf_to_ee(frame[["geometry", "BIOME_NUM"]])
        again = geemap.ee_to_gdf(back)
        assert again.geometry.iloc[0].normalize().equals_exact(frame.geometry.iloc[0].normalize(), 1e-6)
        assert again.BIOME_NUM.tolist() == frame.BIOME_NUM.tolist()

    def test_a_map_layer_serves_tiles(self, client: str, geemap: ModuleType, scenes: list[ImageRecord]) -> None:
        shown = geemap.Map(ee_initialize=False)
        shown.add_layer(ee.Image(scenes[0].id), {"bands": ["B4", "B3", "B2"], "min": 0, "max": 5000}, "scene")
        layer = shown.layers[-1]
        assert layer.url.startswith(f"{client}/v1/projects/local/maps/")
        zoom = 13
        x = int((LON + 180) / 360 * 2**zoom)
        y = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**zoom)
        requests = pytest.importorskip("requests")
        answer = requests.get(layer.url.format(x=x, y=y, z=zoom), timeout=30)
        picture = Pillow.open(io.BytesIO(answer.content))
        assert (answer.status_code, picture.size) == (200, (256, 256))
        assert np.asarray(picture).std() > 0


def test_a_map_needs_no_credentials(geemap: ModuleType) -> None:
    close_client()
    shown = geemap.Map(center=(LAT, LON), zoom=9, ee_initialize=False)
    page = shown.to_html()
    assert page.lstrip().startswith("<!DOCTYPE html>")
    assert str(LON) in page
    assert not ee.data.is_initialized()


def test_the_documented_snippets_run(
    client: str, geemap: ModuleType, xarray: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = snippets()
    assert len(found) == 3
    scope: dict[str, Any] = {}
    for code in found:
        exec(compile(code.replace("http://127.0.0.1:8765", client), "docs/emulator.md", "exec"), scope)
    assert scope["cube"].B4.shape == (5, 128, 128)
    assert np.isfinite(scope["cube"].B4.isel(time=0).values).any()
    assert scope["tile"].shape == (128, 128, 2)
    assert scope["tile"].any()
    assert {path.name for path in tmp_path.iterdir()} == {"tile.tif", "tile.png", "map.html"}


QUERY = SceneQuery(
    "sentinel2",
    "main",
    ((LON, LAT), (LON + 0.001, LAT), (LON + 0.001, LAT + 0.001), (LON, LAT)),
    Window(*JUNE),
    JUNE[0],
    24,
    100.0,
    False,
)


def test_a_source_works_after_other_code_used_the_client(
    client: str, xarray: ModuleType, scenes: list[ImageRecord]
) -> None:
    crs, transform, _, _ = window(scenes[0])
    options = {"engine": "ee", "crs": crs, "crs_transform": transform, "shape_2d": (4, 4)}
    with open_source("earthengine", url=client) as source:
        (first,) = source.find([QUERY])
        assert {scene.id for scene in first} == {record.id for record in scenes}
        for reset in (False, True):
            # As a notebook does it in between, with and without closing what the source had set up.
            if reset:
                close_client()
            connect(client)
            assert xarray.open_dataset(collection(), **options).sizes["time"] == len(scenes)
            assert source.find([QUERY]) == [first]
        close_client()
        assert source.find([QUERY]) == [first]


def test_taking_the_client_away_from_running_calls_is_an_error(client: str) -> None:
    with open_source("earthengine", url=client) as source:
        source.find([QUERY])
        session: Session = source._session

        def take_over() -> None:
            connect(client)
            with pytest.raises(ConfigError, match="set up by other code of this process while calls"):
                source.find([QUERY])

        session.run("search", take_over)
