"""The folder world over the real sample data: ids, properties, pixels and places are the files' own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.warp import transform_bounds
from shapely.geometry import Point, box

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint, TableAsset
from geomeld_build.emulator.worlds.folder import FolderWorld
from tests.support.realdata import data_dir, needs_real_data
from tests.support.realworld import S2_BANDS, THAILAND, build_real_world, shared_real_world

pytestmark = needs_real_data

S2 = "COPERNICUS/S2_SR_HARMONIZED"
S1 = "COPERNICUS/S1_GRD"
PUNJAB = Point(73.3058, 30.4641)


@pytest.fixture(scope="module")
def world() -> Iterator[FolderWorld]:
    served = FolderWorld.open(shared_real_world())
    yield served
    served.close()


def _members(world: FolderWorld, asset_id: str, **hint: Any) -> list[ImageRecord]:
    collection = world.find(asset_id)
    assert isinstance(collection, CollectionAsset)
    return list(collection.images(SearchHint(**hint)))


def _image(world: FolderWorld, asset_id: str) -> ImageRecord:
    record = world.find(asset_id)
    assert isinstance(record, ImageRecord)
    return record


def _read(record: ImageRecord, band: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    info = next(b for b in record.bands if b.name == band)
    return record.read(band, 0, info.height, 0, info.width)


def _punjab_folders(kind: str) -> list[Path]:
    return sorted((data_dir() / "tile_punjab_pk" / kind / "0000200").iterdir())


def test_builds_quickly(tmp_path: Path) -> None:
    start = time.perf_counter()
    served = FolderWorld.open(build_real_world(tmp_path / "w", data_dir()))
    assert time.perf_counter() - start < 10
    assert "projects/sat-io/open-datasets/ASTER/GDEM" not in served.asset_ids()
    made_up = [a for a in json.loads((tmp_path / "w/world.json").read_text())["assets"] if "made_up" in str(a)]
    assert made_up == []


@pytest.mark.parametrize(("kind", "asset_id"), [("s2a", S2), ("s1", S1), ("s1", f"{S1}_FLOAT")])
def test_punjab_has_the_ids_and_properties_of_its_metadata(world: FolderWorld, kind: str, asset_id: str) -> None:
    folders = _punjab_folders(kind)
    records = _members(world, asset_id, region=PUNJAB)
    assert [r.properties["system:index"] for r in records] == [f.name for f in folders]
    for folder, record in zip(folders, records, strict=True):
        metadata = json.loads((folder / "metadata.json").read_text())
        assert record.id == f"{asset_id}/{folder.name}"
        assert record.properties["system:time_start"] == metadata["system:time_start"]
        scene = {key: value for key, value in metadata.items() if not key.startswith("system:")}
        assert {key: record.properties[key] for key in scene} == scene
        if asset_id == S1:
            assert record.version == metadata["system:version"]
    again = FolderWorld.open(shared_real_world())
    assert [r.version for r in _members(again, asset_id, region=PUNJAB)] == [r.version for r in records]


@pytest.mark.parametrize(("kind", "asset_id"), [("s2a", S2), ("s1", S1)])
def test_punjab_pixels_and_footprints_are_the_files(world: FolderWorld, kind: str, asset_id: str) -> None:
    for folder in _punjab_folders(kind):
        record = _image(world, f"{asset_id}/{folder.name}")
        assert [b.name for b in record.bands] == list(S2_BANDS if kind == "s2a" else ("VV", "VH"))
        assert record.footprint is not None
        for info in record.bands:
            with rasterio.open(folder / f"{info.name}.tif") as dataset:
                stored = dataset.read(1)
                bounds = box(*transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds))
                assert info.transform == tuple(dataset.transform)[:6]
            values, valid = _read(record, info.name)
            assert str(values.dtype) == info.dtype == str(stored.dtype)
            assert np.array_equal(values[valid], stored[valid])
            # 2.5 fine pixels of an edge lie outside the ground that all twelve bands share.
            assert valid.mean() > 0.97
            assert record.footprint.within(bounds.buffer(1e-9))


def test_s1_float_is_the_power_of_s1(world: FolderWorld) -> None:
    for folder in _punjab_folders("s1"):
        record = _image(world, f"{S1}_FLOAT/{folder.name}")
        for name in ("VV", "VH"):
            with rasterio.open(folder / f"{name}.tif") as dataset:
                decibels = dataset.read(1).astype(np.float64)
            power, valid = _read(record, name)
            assert valid.all()
            np.testing.assert_allclose(power, 10 ** (decibels / 10), rtol=1e-7)


def test_thailand_is_at_its_native_grids(world: FolderWorld) -> None:
    (record,) = _members(world, S2, region=Point(103.7533, 17.9197))
    assert record.properties["MGRS_TILE"] == "48QUE"
    assert record.properties["PRODUCT_ID"] == Path(THAILAND).name
    assert record.properties["system:time_start"] == 1_582_428_459_000  # 2020-02-23T03:27:39Z
    sizes = {b.name: (b.crs, b.transform[0], b.width) for b in record.bands}
    assert sizes["B2"] == ("EPSG:32648", 10.0, 1068)
    assert sizes["B8A"] == ("EPSG:32648", 20.0, 534)
    assert sizes["B1"] == ("EPSG:32648", 60.0, 178)
    with rasterio.open(data_dir() / THAILAND / "B08.tif") as dataset:
        stored = dataset.read(1)
    values, valid = record.read("B8", 300, 428, 200, 328)
    assert valid.all()
    assert np.array_equal(values, stored[300:428, 200:328])


def test_static_maps(world: FolderWorld) -> None:
    (dem,) = _members(world, "COPERNICUS/DEM/GLO30_2024_1")
    values, valid = _read(dem, "DEM")
    assert valid.all()
    assert (values.min(), values.max()) == pytest.approx((-8.4, 1976.4), abs=0.1)
    for version, year in (("v100", "2020"), ("v200", "2021")):
        cover = _image(world, f"ESA/WorldCover/{version}/{year}")
        labels, valid = _read(cover, "Map")
        assert set(np.unique(labels[valid])) <= {10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100}
    water = _image(world, "JRC/GSW1_4/GlobalSurfaceWater")
    assert [b.name for b in water.bands] == [
        "occurrence",
        "change_abs",
        "seasonality",
        "recurrence",
        "transition",
        "max_extent",
    ]
    ever, all_valid = _read(water, "max_extent")
    assert all_valid.all()
    for name in ("occurrence", "change_abs", "recurrence", "transition"):
        _, valid = _read(water, name)
        assert np.array_equal(valid, ever == 1), name
    change, valid = _read(water, "change_abs")
    assert -100 <= change[valid].min() <= change[valid].max() <= 100


def test_biomes(world: FolderWorld) -> None:
    table = world.find("RESOLVE/ECOREGIONS/2017")
    assert isinstance(table, TableAsset)
    assert [row.properties["BIOME_NUM"] for row in table.features()] == list(range(1, 16))
    here = [r.properties["BIOME_NAME"] for r in table.features() if r.geometry and r.geometry.intersects(PUNJAB)]
    assert here == ["Deserts & Xeric Shrublands"]


@pytest.mark.filterwarnings("ignore")
def test_belgium_is_the_series(world: FolderWorld) -> None:
    folder = data_dir() / "timeseries_belgium"
    place = Point(3.023, 50.814)
    s2, s1 = _members(world, S2, region=place), _members(world, S1, region=place)
    assert (len(s2), len(s1)) == (118, 159)
    with (
        xr.open_dataset(next(folder.glob("S2_L2A_10m*")), mask_and_scale=False, engine="h5netcdf") as fine,
        xr.open_dataset(next(folder.glob("S2_L2A_20m*")), mask_and_scale=False, engine="h5netcdf") as coarse,
        xr.open_dataset(next(folder.glob("S1_GRD*")), engine="h5netcdf") as radar,
    ):
        times = fine.timestamp.values.astype("datetime64[ms]").astype(int)
        assert [r.properties["system:time_start"] for r in s2] == times.tolist()
        for number in (0, 57, 117):
            values, _ = _read(s2[number], "B8")
            assert np.array_equal(values, fine.B08.values[number])
            values, _ = _read(s2[number], "B11")
            assert np.array_equal(values, coarse.B11.values[number])
            values, _ = _read(s1[number], "VH")
            np.testing.assert_allclose(values, radar.VH.values[number], rtol=1e-6)
        cloudy = np.isin(coarse.SCL.values, (8, 9, 10)).mean(axis=(1, 2)) * 100
        x, y = float(fine.x[0]) - 5, float(fine.y[0]) + 5
    assert [r.properties["CLOUDY_PIXEL_PERCENTAGE"] for r in s2] == pytest.approx(cloudy.tolist(), abs=1e-3)
    assert all("CLOUDY_PIXEL_PERCENTAGE" in r.properties["derived_properties"] for r in s2)
    assert s2[0].bands[0].transform == (10.0, 0.0, x, 0.0, -10.0, y)


def test_made_up_rasters_say_so() -> None:
    served = FolderWorld.open(shared_real_world(made_up=True))
    for asset_id in (
        "projects/sat-io/open-datasets/ASTER/GDEM",
        "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1",
        "users/nlang/ETH_GlobalCanopyHeightSD_2020_10m_v1",
    ):
        record = _image(served, asset_id)
        assert record.properties["made_up"] is True
        assert record.footprint is not None
        assert all(record.footprint.covers(r.footprint) for r in _members(served, S2, region=PUNJAB))
    (label,) = _members(served, "GOOGLE/DYNAMICWORLD/V1")
    assert label.properties["made_up"] is True
    values, valid = _read(label, "label")
    assert set(np.unique(values[valid])) == set(range(9))
    for record in _members(served, S2, region=PUNJAB):
        assert record.properties["made_up_bands"] == ["SCL"]
        assert [b.name for b in record.bands] == [*S2_BANDS, "SCL"]
    assert all("made_up" not in r.properties for r in _members(served, S1))
