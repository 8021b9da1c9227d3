"""What is written comes back: through zarr-python, through Store, and as GeoTIFF through rasterio."""

from __future__ import annotations

import tempfile
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import rasterio
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from geomeld_build.errors import ConfigError, SkipKind, StoreError
from geomeld_build.grid import grid_geobox
from geomeld_build.modalities import MODALITIES, Grid
from geomeld_build.store import RowRecord, commit, open_store, records_to_table, write_group
from tests.unit.store.making import FEW, anchor_of, new_store, pixels, put_group, record_of, rows_of, tile_of

_PRESENT = st.dictionaries(
    st.integers(0, 255), st.sets(st.sampled_from(FEW), min_size=1).map(sorted), min_size=1, max_size=4
)


@given(present=_PRESENT, shard=st.integers(0, 2))
@settings(max_examples=12)
def test_any_tiles_read_back_equal(present: dict[int, list[str]], shard: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        uri = new_store(Path(folder))
        tiles = [tile_of(slot, present[slot]) if slot in present else None for slot in range(max(present) + 1)]
        objects = write_group(uri, shard, tiles, FEW)
        records = [record_of(slot, shard, slot, names, parts=()) for slot, names in present.items()]
        commit(uri, records_to_table(records), objects)

        group = zarr.open_group(uri, mode="r", use_consolidated=False)
        store = open_store(uri)
        for slot in range(len(tiles)):
            for name in FEW:
                row = MODALITIES[name]
                wanted = pixels(row, slot) if name in present.get(slot, ()) else np.full((1,), row.nodata)
                place = shard * 256 + slot
                assert (np.asarray(group[name][place]) == wanted).all()  # type: ignore[index]
                if slot in present:
                    assert (store.raw(anchor_of(slot).tile_id)[name] == wanted).all()


def test_equal_pixels_give_equal_bytes(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    tiles = [tile_of(number) for number in range(12)]
    assert write_group(uri, 0, tiles, FEW) == write_group(uri, 0, tiles, FEW)


def test_a_shard_object_tells_its_size_and_checksum(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    for item in write_group(uri, 3, [tile_of(1)], FEW):
        data = (Path(uri) / item.key).read_bytes()
        assert item.key == f"{item.modality}/c/3/0/0/0"
        assert (len(data), google_crc32c.value(data)) == (item.bytes, item.crc32c)


def test_wide_rows_have_small_shards_and_absent_ones_no_object(tmp_path: Path) -> None:
    names = ("elevation", "naip")
    uri = new_store(tmp_path, names)
    tiles = [tile_of(slot, names if slot == 20 else ("elevation",)) for slot in range(33)]
    objects = write_group(uri, 1, tiles, names)
    assert [item.key for item in objects] == ["elevation/c/1/0/0/0", "naip/c/17/0/0/0"]
    absent = {**rows_of(("elevation",)), "naip": RowRecord(SkipKind.NOT_APPLICABLE.value)}
    records = [record_of(s, 1, s, names, rows=rows_of(names) if s == 20 else absent) for s in range(33)]
    commit(uri, records_to_table(records), objects)
    store = open_store(uri)
    assert np.array_equal(store.raw(anchor_of(20).tile_id)["naip"], pixels(MODALITIES["naip"], 20))
    # In the shard of that tile, and in a shard that has no object at all.
    for slot in (21, 2):
        assert (store.raw(anchor_of(slot).tile_id)["naip"] == 0).all()
    assert store.record(anchor_of(2).tile_id)["objects"] != store.record(anchor_of(20).tile_id)["objects"]


def test_nothing_but_nodata_is_no_object(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    assert write_group(uri, 0, [None, {}], FEW) == ()
    assert write_group(uri, 0, [{"elevation": np.full((1, 128, 128), -32768, "int16")}], FEW) == ()


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 128, 127), "int16"), np.zeros((128, 128), "int16"), np.zeros((1, 128, 128), "int32")]
)
def test_wrong_pixels_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    uri = new_store(tmp_path)
    with pytest.raises(StoreError, match=r"place 257: elevation is .* expected int16 \(1, 128, 128\)"):
        write_group(uri, 1, [None, {"elevation": wrong}], FEW)


def test_a_row_that_the_store_lacks_is_refused(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    with pytest.raises(StoreError, match="no store with row 'slope'"):
        write_group(uri, 0, [tile_of(0, ("slope",))], ("slope",))
    with pytest.raises(ConfigError, match="unknown modality 'nope'"):
        write_group(uri, 0, [tile_of(0)], ("nope",))


def test_a_committed_group_is_never_written_again(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0])
    with pytest.raises(StoreError, match=r"shard group 0 .* is committed"):
        write_group(uri, 0, [tile_of(1)], FEW)


_GEO = ("sentinel2", "canopy_height", "esa_worldcover", "dem_context", "naip")


@pytest.fixture(scope="module")
def georeferenced(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = new_store(tmp_path_factory.mktemp("geo"), _GEO)
    put_group(uri, 0, [3], _GEO)
    return uri


@pytest.mark.parametrize("name", _GEO)
def test_a_tile_becomes_a_right_geotiff(georeferenced: str, tmp_path: Path, name: str) -> None:
    row, anchor = MODALITIES[name], anchor_of(3)
    dataset = open_store(georeferenced).tile(anchor.tile_id)
    dataset[name].rio.to_raster(tmp_path / "tile.tif")
    stored = pixels(row, 3)
    with rasterio.open(tmp_path / "tile.tif") as image:
        assert image.crs.to_epsg() == anchor.epsg
        assert tuple(image.transform) == tuple(grid_geobox(anchor, row.grid).affine)
        assert image.descriptions == row.bands
        seen = image.read()
        nodata = image.nodata
    if row.classes is not None:
        assert nodata == row.nodata
        assert np.array_equal(seen, stored)
    else:
        assert np.isnan(nodata)
        assert np.array_equal(np.isnan(seen), stored == row.nodata)
        np.testing.assert_allclose(
            seen[stored != row.nodata], stored[stored != row.nodata] * row.scaling.scale, rtol=1e-6
        )


def test_pixel_centres_are_those_of_the_grid(georeferenced: str) -> None:
    anchor = anchor_of(3)
    dataset = open_store(georeferenced).tile(anchor.tile_id)
    for prefix, grid in (("", MODALITIES["sentinel2"].grid), ("dem_", Grid(128, 30, "dem_")), ("naip_", Grid(1280, 1))):
        box = grid_geobox(anchor, grid)
        assert np.array_equal(dataset[f"{prefix}x"], box.coords["x"].values)
        assert np.array_equal(dataset[f"{prefix}y"], box.coords["y"].values)
    assert list(dataset["sentinel2"].coords["sentinel2_band"].values) == list(MODALITIES["sentinel2"].bands)
