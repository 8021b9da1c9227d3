"""The whole build over real satellite rasters: what is stored equals a reference that shares no code with us.

The reference: pyproj takes each output pixel centre to the file's grid, and ``scipy.ndimage.map_coordinates`` with
``order=1`` weights the four nearest source centres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from geomeld_build.anchors import write_anchors
from geomeld_build.build import BuildConfig, BuildSummary, SourceConfig, build_tiles
from geomeld_build.emulator.worlds.folder import FolderWorld
from geomeld_build.grid import Anchor, place_anchor
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import Store, open_store
from tests.support.realdata import data_dir, needs_real_data
from tests.support.realworld import THAILAND, shared_real_world

pytestmark = needs_real_data

RECIPE = "geomeld-1"
PUNJAB = (73.3056, 30.4642)


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.fixture(scope="session")
def real_url(serve: Callable) -> str:
    return serve(FolderWorld.open(shared_real_world())).url


def _build(url: str, folder: Path, anchor: Anchor) -> tuple[Store, BuildSummary]:
    write_anchors(folder / "anchors.parquet", [anchor])
    config = BuildConfig(
        store=str(folder / "store"),
        anchors=folder / "anchors.parquet",
        source=SourceConfig(url=url, project="local"),
        workers=2,
    )
    summary = build_tiles(config)
    return open_store(config.store), summary


@pytest.fixture(scope="module")
def punjab_june(real_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Anchor]:
    anchor = place_anchor(*PUNJAB, _day(2020, 6, 4), recipe=RECIPE)
    store, summary = _build(real_url, tmp_path_factory.mktemp("june"), anchor)
    assert (summary.ok, summary.skipped, summary.failed) == (1, 0, 0)
    return store, anchor


def _centres(anchor: Anchor) -> tuple[np.ndarray, np.ndarray]:
    x = anchor.left + 10 * (np.arange(128) + 0.5)
    y = anchor.top - 10 * (np.arange(128) + 0.5)
    return np.meshgrid(x, y)


def _reference(path: Path, anchor: Anchor, *, power: bool = False) -> np.ndarray:
    with rasterio.open(path) as file:
        pixels = file.read(1).astype(np.float64)
        inverse = ~file.transform
        project = Transformer.from_crs(anchor.epsg, file.crs, always_xy=True)
    if power:
        pixels = 10.0 ** (pixels / 10.0)
    columns, rows = inverse * np.array(project.transform(*_centres(anchor)))
    return map_coordinates(pixels, [rows - 0.5, columns - 0.5], order=1, mode="nearest", prefilter=False)


def _s2_folder(day: str) -> Path:
    (folder,) = (data_dir() / "tile_punjab_pk/s2a/0000200").glob(f"{day}*")
    return folder


def test_the_tile_lies_in_its_own_zone(punjab_june: tuple[Store, Anchor]) -> None:
    store, anchor = punjab_june
    record = store.record(anchor.tile_id)
    assert (record["proj_code"], record["proj_transform"]) == (
        "EPSG:32643",
        [10.0, 0.0, anchor.left, 0.0, -10.0, anchor.top],
    )
    assert record["s2_ref_offset_days"] == pytest.approx(0.2505, abs=1e-3)


def test_every_sentinel2_band_equals_the_reference(punjab_june: tuple[Store, Anchor]) -> None:
    store, anchor = punjab_june
    stored = store.raw(anchor.tile_id)["sentinel2"]
    worst = {}
    for number, band in enumerate(MODALITIES["sentinel2"].bands):
        expected = _reference(_s2_folder("20200604") / f"{band}.tif", anchor)
        worst[band] = float(np.abs(stored[number] - expected).max())
    assert max(worst.values()) <= 0.5 + 1e-6, worst


def test_descending_backscatter_equals_the_reference_in_power(punjab_june: tuple[Store, Anchor]) -> None:
    store, anchor = punjab_june
    row = MODALITIES["sentinel1"]
    stored = store.raw(anchor.tile_id)["sentinel1"]
    (folder,) = (data_dir() / "tile_punjab_pk/s1/0000200").glob("S1A_IW_GRDH_1SDV_20200607*")
    for band in ("VV", "VH"):
        expected = 10.0 * np.log10(_reference(folder / f"{band}.tif", anchor, power=True))
        got = stored[row.bands.index(f"{band}_desc")] * row.scaling.scale
        assert np.abs(got - expected).max() <= 0.005 + 1e-6
    for band in ("VV_asc", "VH_asc", "HH_desc", "HV_desc"):
        assert (stored[row.bands.index(band)] == row.nodata).all()


def test_the_descending_pass_is_dated_and_the_ascending_one_has_a_reason(punjab_june: tuple[Store, Anchor]) -> None:
    store, anchor = punjab_june
    record = store.record(anchor.tile_id)
    parts = {part["part"]: part for part in record["parts"] if part["row"] == "sentinel1"}
    assert record["sentinel1_outcome"] == "partial"
    assert record["sentinel1_offset_days"] == pytest.approx(2.8, abs=0.05)
    assert parts["asc_vv"]["outcome"] == "no_scene_in_window"
    assert "within 15 d" in parts["asc_vv"]["detail"]
    assert (parts["desc_vv"]["outcome"], parts["desc_vv"]["relative_orbit"]) == ("ok", 107)


def test_what_the_archive_lacks_is_typed(punjab_june: tuple[Store, Anchor]) -> None:
    store, anchor = punjab_june
    record = store.record(anchor.tile_id)
    outcomes = {name: record[f"{name}_outcome"] for name in MODALITIES}
    assert outcomes["sentinel2"] == "ok"
    assert outcomes["elevation"] == outcomes["canopy_height"] == "asset_missing"
    assert outcomes["esa_worldcover"] == "no_valid_pixels"
    assert outcomes["scl"] == outcomes["dynamic_world"] == "no_scene_in_window"
    assert outcomes["naip"] == "not_applicable"


def test_a_date_without_radar_keeps_its_tile(real_url: str, tmp_path: Path) -> None:
    anchor = place_anchor(*PUNJAB, _day(2020, 8, 13), recipe=RECIPE)
    store, summary = _build(real_url, tmp_path, anchor)
    record = store.record(anchor.tile_id)
    assert (summary.ok, record["status"]) == (1, "ok")
    assert record["sentinel1_outcome"] == "no_scene_in_window"
    parts = [part for part in record["parts"] if part["row"] == "sentinel1"]
    assert {part["outcome"] for part in parts} == {"no_scene_in_window"}
    expected = _reference(_s2_folder("20200813") / "B4.tif", anchor)
    stored = store.raw(anchor.tile_id)["sentinel2"][MODALITIES["sentinel2"].bands.index("B4")]
    assert np.abs(stored - expected).max() <= 0.5 + 1e-6


def test_a_tile_on_the_source_lattice_is_copied_bit_by_bit(real_url: str, tmp_path: Path) -> None:
    folder = data_dir() / THAILAND
    bands = {"B2": "B02", "B3": "B03", "B4": "B04", "B8": "B08"}
    sources = {}
    for band, name in bands.items():
        with rasterio.open(folder / f"{name}.tif") as file:
            sources[band], transform = file.read(1), file.transform
    # This product's lattice is not on whole metres, so the tile is put onto it by hand.
    column, row = 400, 500
    placed = place_anchor(103.75, 17.92, _day(2020, 2, 23), recipe=RECIPE)
    anchor = replace(placed, left=transform.c + 10 * column, top=transform.f - 10 * row)
    store, _ = _build(real_url, tmp_path, anchor)
    stored = store.raw(anchor.tile_id)["sentinel2"]
    for band, pixels in sources.items():
        number = MODALITIES["sentinel2"].bands.index(band)
        np.testing.assert_array_equal(stored[number], pixels[row : row + 128, column : column + 128])
        assert stored[number].min() > 0


def test_stock_rioxarray_writes_a_georeferenced_tile(punjab_june: tuple[Store, Anchor], tmp_path: Path) -> None:
    store, anchor = punjab_june
    store.tile(anchor.tile_id)["sentinel2"].rio.to_raster(tmp_path / "tile.tif")
    with rasterio.open(tmp_path / "tile.tif") as file:
        assert file.crs.to_epsg() == 32643
        assert (file.transform.c, file.transform.f) == (anchor.left, anchor.top)
        assert file.count == 12
