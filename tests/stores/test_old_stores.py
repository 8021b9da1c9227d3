"""A store of every schema version that was ever released stays readable."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from geomeld_build.modalities import MODALITIES, SCHEMA_VERSION
from geomeld_build.store import commit, open_store, records_to_table, reserve, write_group
from geomeld_build.store.gc import collect_garbage
from geomeld_build.store.verify import verify_store
from tests.stores.make_store import PLACES, anchor_of, pixels_of
from tests.unit.store.making import record_of, tile_of

FOLDER = Path(__file__).parent
STORES = sorted(path for path in FOLDER.glob("v*") if path.is_dir())
IDS = [path.name for path in STORES]


def test_there_is_a_store_of_this_schema_version() -> None:
    assert f"v{SCHEMA_VERSION}" in IDS, "run python -m tests.stores.make_store and commit what it writes"
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 300_000 * len(STORES)


@pytest.mark.parametrize("path", STORES, ids=IDS)
def test_its_tiles_are_readable(path: Path) -> None:
    store = open_store(str(path))
    ids = [anchor_of(number).tile_id for number in range(len(PLACES))]
    assert store.tile_ids() == ids
    assert store.status()["skipped"] == 1
    for number, tile_id in enumerate(ids):
        arrays = store.raw(tile_id)
        assert set(arrays) == set(store.modalities)
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, pixels_of(name, number))
        tile = store.tile(tile_id)
        assert bool(np.isnan(tile["elevation"].values[..., :8, :8]).all())
    assert store.query("SELECT sum(requests) AS n FROM runs").column("n")[0].as_py() == 2
    assert verify_store(str(path)).clean


@pytest.mark.parametrize("path", STORES, ids=IDS)
def test_stock_readers_read_it(path: Path) -> None:
    group = zarr.open_group(path, mode="r")
    for name in group.array_keys():
        np.testing.assert_array_equal(group[name][0], pixels_of(name, 0))
    with xr.open_zarr(path, consolidated=False) as dataset:
        assert dataset["sentinel2"].dtype.kind == "f"
        row = MODALITIES["sentinel2"]
        expected = pixels_of("sentinel2", 1)[3, 50, 60] * row.scaling.scale
        assert float(dataset["sentinel2"][1, 3, 50, 60]) == pytest.approx(expected)


@pytest.mark.parametrize("path", STORES, ids=IDS)
def test_it_can_be_written_on(path: Path, tmp_path: Path) -> None:
    uri = str(tmp_path / "store")
    shutil.copytree(path, uri)
    names = open_store(uri).modalities
    shard = reserve(uri, 1, "run-2")
    objects = write_group(uri, shard, [tile_of(0, names)], names)
    assert commit(uri, records_to_table([record_of(0, shard, 0, names)]), objects).added == 1
    collect_garbage(uri, retention=timedelta(days=0), compaction=True)
    assert len(open_store(uri).tile_ids()) == len(PLACES) + 1
    assert verify_store(uri).clean
