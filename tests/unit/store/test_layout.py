"""What is on disk is what the table of modalities says: checked with stock zarr-python and stock xarray."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from geomeld_build.modalities import MODALITIES, SCHEMA_VERSION, Modality
from geomeld_build.store import array_spec, create_store
from geomeld_build.store.layout import object_key, shard_tiles, with_rows
from tests.unit.store.making import RECIPE, put_group

ROWS = pytest.mark.parametrize("row", MODALITIES.values(), ids=MODALITIES)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = str(tmp_path_factory.mktemp("layout") / "store")
    create_store(uri, modalities=tuple(MODALITIES), recipe=RECIPE)
    return uri


def test_the_spec_of_a_row_is_that_of_the_table() -> None:
    spec = array_spec(MODALITIES["canopy_height"])
    assert (spec["shape"], spec["dtype"], spec["fill_value"]) == ((2, 128, 128), "uint8", 255)
    assert spec["attrs"]["units"] == "m"
    assert spec["dims"] == ("tile", "canopy_height_band", "y", "x")
    assert array_spec(MODALITIES["naip"])["dims"] == ("tile", "naip_band", "naip_y", "naip_x")
    assert array_spec(MODALITIES["dem_context"])["dims"][2:] == ("dem_y", "dem_x")
    assert shard_tiles(MODALITIES["sentinel2"]) == 256
    assert shard_tiles(MODALITIES["naip"]) == 16


def test_the_key_of_a_place_counts_shards_of_the_row() -> None:
    assert object_key(MODALITIES["sentinel2"], 511) == "sentinel2/c/1/0/0/0"
    assert object_key(MODALITIES["naip"], 511) == "naip/c/31/0/0/0"


@ROWS
def test_an_array_on_disk_follows_its_spec(empty: str, row: Modality) -> None:
    spec = array_spec(row)
    array = zarr.open_group(empty, mode="r", use_consolidated=False)[row.name]
    assert isinstance(array, zarr.Array)
    assert array.shape == (0, *spec["shape"])
    assert array.dtype == np.dtype(row.dtype)
    assert array.fill_value == row.nodata
    assert array.chunks == (1, *spec["shape"])
    assert array.shards == (shard_tiles(row), *spec["shape"])
    metadata = json.loads((Path(empty) / row.name / "zarr.json").read_text())
    assert tuple(metadata["dimension_names"]) == spec["dims"]
    (sharding,) = metadata["codecs"]
    assert sharding["name"] == "sharding_indexed"
    assert tuple(sharding["configuration"]["codecs"]) == spec["codecs"]
    blosc = spec["codecs"][1]["configuration"]
    assert (blosc["cname"], blosc["clevel"]) == ("zstd", 6)
    assert blosc["shuffle"] == ("noshuffle" if row.dtype == "uint8" else "shuffle")


@ROWS
def test_attributes_are_cf(empty: str, row: Modality) -> None:
    attrs = dict(zarr.open_group(empty, mode="r", use_consolidated=False)[row.name].attrs)
    assert attrs["_FillValue"] == row.nodata
    assert attrs["band_names"] == list(row.bands)
    assert attrs["long_name"]
    assert ("scale_factor" in attrs) == (row.scaling.scale != 1.0)
    assert ("add_offset" in attrs) == (row.scaling.offset != 0.0)
    if row.classes is not None:
        assert attrs["flag_values"] == list(row.classes.values)
        assert attrs["flag_meanings"].split() == list(row.classes.meanings)


def test_the_group_says_what_it_is(empty: str) -> None:
    attrs = dict(zarr.open_group(empty, mode="r", use_consolidated=False).attrs)
    assert attrs["schema_version"] == SCHEMA_VERSION
    assert attrs["recipe"] == RECIPE
    assert attrs["modalities"] == list(MODALITIES)
    assert str(attrs["created_by"]).startswith("geomeld-build ")


def test_arrays_never_shrink() -> None:
    stored = json.dumps({"shape": [512, 1, 2, 3]}).encode()
    assert with_rows(stored, 256) == stored
    assert json.loads(with_rows(stored, 768))["shape"] == [768, 1, 2, 3]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = str(tmp_path_factory.mktemp("filled") / "store")
    create_store(uri, modalities=tuple(MODALITIES), recipe=RECIPE)
    put_group(uri, 0, [7], tuple(MODALITIES))
    return uri


@ROWS
def test_stock_xarray_gives_physical_units_and_nan(filled: str, row: Modality) -> None:
    # Warnings are errors in this suite, so this also shows that xarray has nothing to complain about.
    with xr.open_zarr(filled, consolidated=False) as dataset:
        seen = dataset[row.name].isel(tile=0).load()
        empty_slot = dataset[row.name].isel(tile=1, drop=True).isel({dataset[row.name].dims[1]: 0}).load()
    stored = np.asarray(zarr.open_group(filled, mode="r", use_consolidated=False)[row.name][0])  # type: ignore[index]
    invalid = stored == row.nodata
    assert invalid.any()
    assert np.array_equal(np.isnan(seen.values), invalid)
    expected = stored.astype(np.float64) * row.scaling.scale + row.scaling.offset
    np.testing.assert_allclose(seen.values[~invalid], expected[~invalid], rtol=1e-6)
    assert seen.attrs["units"] == row.units
    assert np.isnan(empty_slot.values).all()
