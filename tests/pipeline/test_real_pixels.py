"""Real pixels through the stock client, against a reference that shares no code with the emulator.

The reference projects output pixel centres with pyproj and interpolates the array that rasterio reads with
``scipy.ndimage.map_coordinates``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from google.auth.credentials import AnonymousCredentials
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy.ndimage import map_coordinates

from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.folder import FolderWorld
from tests.support.realdata import data_dir, needs_real_data
from tests.support.realworld import S2_BANDS, THAILAND, shared_real_world

LOG = logging.getLogger(__name__)
pytestmark = needs_real_data

S2_SCENE = "20200604T054639_20200604T054831_T43RCP"
S1_SCENE = "S1A_IW_GRDH_1SDV_20200607T010800_20200607T010825_032904_03CFBA_D457"
SIZE = 128
PUNJAB = ("EPSG:32643", Affine(10, 0, 336_700, 0, -10, 3_372_040))
"""Origin snapped to 20 m; 1,280 m that lie within every file of the Punjab tile."""
THAILAND_ORIGIN = (362612.19685932994, 1987088.206431803)


@pytest.fixture(scope="module")
def client() -> Iterator[None]:
    """The stock client, talking to an emulator of the real world."""
    world = FolderWorld.open(shared_real_world())
    with EmulatorServer(world) as server:
        # Otherwise Initialize looks for a list of deprecated assets on the internet, without a timeout.
        before, ee.deprecation.deprecated_assets = ee.deprecation.deprecated_assets, {"none": None}
        ee.Initialize(AnonymousCredentials(), url=server.url, project="local")
        yield
        ee.Reset()
        ee.deprecation.deprecated_assets = before
    world.close()


def grid_request(crs: str, transform: Affine, size: int = SIZE) -> dict[str, Any]:
    """The ``grid`` of a pixel request."""
    a, b, c, d, e, f = tuple(transform)[:6]
    return {
        "dimensions": {"width": size, "height": size},
        "affineTransform": {
            "scaleX": a,
            "shearX": b,
            "translateX": c,
            "shearY": d,
            "scaleY": e,
            "translateY": f,
        },
        "crsCode": crs,
    }


def pixels(image: Any, crs: str, transform: Affine, size: int = SIZE) -> NDArray[Any]:
    """Structured ``(y, x)`` array of the image on a grid."""
    request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid_request(crs, transform, size)}
    answer: NDArray[Any] = ee.data.computePixels(request)
    return answer


def source_indices(dataset: Any, crs: str, transform: Affine, size: int) -> NDArray[np.float64]:
    """Fractional ``(row, col)`` of the output's pixel centres in the dataset's array; ``(2, y, x)``."""
    rows, cols = np.mgrid[0:size, 0:size] + 0.5
    x, y = transform @ (cols, rows)
    lon, lat = Transformer.from_crs(crs, dataset.crs, always_xy=True).transform(x, y)
    col, row = ~dataset.transform @ (lon, lat)
    return np.stack([row - 0.5, col - 0.5])


def interpolated(dataset: Any, crs: str, transform: Affine, *, power: bool = False, size: int = SIZE) -> NDArray[Any]:
    """The reference: bilinear interpolation of the file on a grid; in linear power, given back in dB, when asked."""
    stored = dataset.read(1).astype(np.float64)
    where = source_indices(dataset, crs, transform, size)
    assert where.min() > 1
    assert where[0].max() < dataset.height - 2
    assert where[1].max() < dataset.width - 2
    if power:
        stored = 10 ** (stored / 10)
    values = map_coordinates(stored, where, order=1)
    return 10 * np.log10(values) if power else values


def nearest(dataset: Any, crs: str, transform: Affine, size: int = SIZE) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The reference: the pixel that holds each output centre, and where that pixel is clear of its edges."""
    where = source_indices(dataset, crs, transform, size) + 0.5
    inside = np.floor(where).astype(int)
    clear = np.all(np.abs(where - np.rint(where)) > 1e-5, axis=0)
    return dataset.read(1)[inside[0], inside[1]], clear


def warped(dataset: Any, crs: str, transform: Affine) -> NDArray[Any]:
    """What GDAL makes of it, for comparison."""
    out = np.zeros((SIZE, SIZE), np.float64)
    source = dataset.read(1).astype(np.float64)
    reproject(
        source,
        out,
        src_transform=dataset.transform,
        src_crs=dataset.crs,
        dst_transform=transform,
        dst_crs=crs,
        resampling=Resampling.bilinear,
        tolerance=0,
    )
    return out


def punjab_file(kind: str, scene: str, band: str) -> Path:
    return data_dir() / "tile_punjab_pk" / kind / "0000200" / scene / f"{band}.tif"


def test_every_s2_band_bilinear(client: None) -> None:
    image = ee.Image(f"COPERNICUS/S2_SR_HARMONIZED/{S2_SCENE}").select(list(S2_BANDS))
    answer = pixels(image.resample("bilinear").toDouble(), *PUNJAB)
    assert answer.dtype.names == S2_BANDS
    for band in S2_BANDS:
        with rasterio.open(punjab_file("s2a", S2_SCENE, band)) as dataset:
            expected = interpolated(dataset, *PUNJAB)
            gdal = warped(dataset, *PUNJAB)
        worst = np.abs(answer[band] - expected).max()
        LOG.info("%s: %.2g DN from the reference, GDAL %.2g DN", band, worst, np.abs(gdal - expected).max())
        assert worst < 0.5, band


def test_s1_in_linear_power(client: None) -> None:
    image = ee.Image(f"COPERNICUS/S1_GRD_FLOAT/{S1_SCENE}").select(["VV", "VH"])
    answer = pixels(image.resample("bilinear").log10().multiply(10), *PUNJAB)
    in_decibels = pixels(ee.Image(f"COPERNICUS/S1_GRD/{S1_SCENE}").resample("bilinear"), *PUNJAB)
    for band in ("VV", "VH"):
        with rasterio.open(punjab_file("s1", S1_SCENE, band)) as dataset:
            expected = interpolated(dataset, *PUNJAB, power=True)
            plain = interpolated(dataset, *PUNJAB)
        worst = np.abs(answer[band] - expected).max()
        LOG.info(
            "%s: %.2g dB from the reference; dB against power %.2f dB in the mean",
            band,
            worst,
            (plain - expected).mean(),
        )
        assert worst < 0.005, band
        assert np.abs(in_decibels[band] - plain).max() < 0.005, band
        # The mean of logarithms never exceeds the logarithm of the mean: interpolated decibels are biased low.
        assert (plain - expected).max() < 1e-9
        assert (plain - expected).mean() < -0.05


def test_nearest_is_exact(client: None) -> None:
    s2 = pixels(ee.Image(f"COPERNICUS/S2_SR_HARMONIZED/{S2_SCENE}").select(list(S2_BANDS)), *PUNJAB)
    s1 = pixels(ee.Image(f"COPERNICUS/S1_GRD/{S1_SCENE}").select(["VV", "VH"]), *PUNJAB)
    for kind, scene, answer in (("s2a", S2_SCENE, s2), ("s1", S1_SCENE, s1)):
        for band in answer.dtype.names or ():
            with rasterio.open(punjab_file(kind, scene, band)) as dataset:
                expected, clear = nearest(dataset, *PUNJAB)
            assert clear.mean() > 0.999
            assert np.array_equal(answer[band][clear], expected[clear]), band


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
def test_on_the_source_lattice_10_m_bands_are_copies(client: None, resampling: str) -> None:
    west, north = THAILAND_ORIGIN
    grid = Affine(10, 0, west + 200 * 10, 0, -10, north - 300 * 10)
    image = ee.Image("COPERNICUS/S2_SR_HARMONIZED/20200223T032739_20200223T032739_T48QUE")
    image = image.select(["B2", "B3", "B4", "B8"])
    answer = pixels(image if resampling == "nearest" else image.resample("bilinear"), "EPSG:32648", grid)
    for band, file in {"B2": "B02", "B3": "B03", "B4": "B04", "B8": "B08"}.items():
        with rasterio.open(data_dir() / THAILAND / f"{file}.tif") as dataset:
            assert np.array_equal(answer[band], dataset.read(1)[300:428, 200:328]), band


def test_on_the_source_lattice_20_m_bands_are_doubled(client: None) -> None:
    west, north = THAILAND_ORIGIN
    grid = Affine(10, 0, west + 200 * 10, 0, -10, north - 300 * 10)
    image = ee.Image("COPERNICUS/S2_SR_HARMONIZED/20200223T032739_20200223T032739_T48QUE").select(["B8A", "B11"])
    answer = pixels(image, "EPSG:32648", grid)
    for band, file in {"B8A": "B8A", "B11": "B11"}.items():
        with rasterio.open(data_dir() / THAILAND / f"{file}.tif") as dataset:
            native = dataset.read(1)[150:214, 100:164]
        assert np.array_equal(answer[band], native.repeat(2, axis=0).repeat(2, axis=1)), band


@pytest.mark.parametrize("version", ["v100", "v200"])
def test_worldcover_is_exact(client: None, version: str) -> None:
    grid = ("EPSG:32632", Affine(10, 0, 233_000, 0, -10, 25_600))
    answer = pixels(ee.ImageCollection(f"ESA/WorldCover/{version}").mosaic(), *grid)
    (path,) = (data_dir() / "saotome").glob(f"*_{version}_*.tif")
    with rasterio.open(path) as dataset:
        expected, clear = nearest(dataset, *grid)
    assert clear.mean() > 0.99
    assert len(np.unique(expected)) > 1
    assert np.array_equal(answer["Map"][clear], expected[clear])


def test_surface_water_is_exact_and_masked_where_never_water(client: None) -> None:
    grid = ("EPSG:32721", Affine(10, 0, 635_900, 0, -10, 8_339_400))
    image = ee.Image("JRC/GSW1_4/GlobalSurfaceWater").select(["occurrence", "max_extent"])
    answer = pixels(image.unmask(255, False), *grid)
    for band, file, masked in (("occurrence", "occurrence", 0), ("max_extent", "extent", None)):
        (path,) = (data_dir() / "jrc_gsw_manso_br").glob(f"{file}-*.tif")
        with rasterio.open(path) as dataset:
            expected, clear = nearest(dataset, *grid)
        assert clear.mean() > 0.99
        assert len(np.unique(expected)) > 1
        expected = np.where(expected == masked, 255, expected) if masked is not None else expected
        assert np.array_equal(answer[band][clear], expected[clear]), band


def test_elevation_bilinear(client: None) -> None:
    grid = ("EPSG:32632", Affine(10, 0, 233_000, 0, -10, 25_600))
    image = ee.ImageCollection("COPERNICUS/DEM/GLO30_2024_1").first().resample("bilinear")
    answer = pixels(image, *grid)
    (path,) = (data_dir() / "saotome").glob("Copernicus_DSM*.tif")
    with rasterio.open(path) as dataset:
        expected = interpolated(dataset, *grid)
    assert np.ptp(expected) > 20
    assert np.abs(answer["DEM"] - expected).max() < 0.01


def test_search_finds_what_the_files_hold(client: None) -> None:
    place = ee.Geometry.Point(73.3058, 30.4641)
    scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filterBounds(place)
    clear = scenes.filter(ee.Filter.lt("CLOUDY_PIXEL_PERCENTAGE", 3))
    assert scenes.aggregate_array("system:index").getInfo() == [S2_SCENE, "20200813T054639_20200813T054952_T43RCP"]
    assert clear.aggregate_array("CLOUDY_PIXEL_PERCENTAGE").getInfo() == [pytest.approx(1.95, abs=0.01)]
    # Within 15 days of 2020-06-04 there is the descending pass only, of 2020-08-13 none.
    radar = ee.ImageCollection("COPERNICUS/S1_GRD_FLOAT").filterBounds(place)
    near = radar.filterDate("2020-05-20", "2020-06-20")
    assert near.aggregate_array("orbitProperties_pass").getInfo() == ["DESCENDING"]
    assert radar.filterDate("2020-07-29", "2020-08-29").size().getInfo() == 0
    biome = ee.FeatureCollection("RESOLVE/ECOREGIONS/2017").filterBounds(place).first()
    assert biome.get("BIOME_NUM").getInfo() == 13
    cloudless = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filter(ee.Filter.eq("MGRS_TILE", "31UDS"))
    assert cloudless.size().getInfo() == 118
