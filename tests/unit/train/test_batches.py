"""The torch side: the ring's own memory, the right pixels, validity, samples in torchgeo's form."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import LoaderOptions, OrderRule, open_store
from geomeld_build.train.data import TileDataset, TorchLoader
from geomeld_build.train.data.batches import valid_pixels
from tests.support.small_store import PLACES, made_up_arrays, make_store

NAMES = ("sentinel2", "sentinel1", "canopy_height", "esa_worldcover", "dynamic_world")
RULE = OrderRule(batch=2, drop_last=False)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("train") / "store"
    make_store(folder)
    return str(folder)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_pixels_as_stored(uri: str, device: str | None) -> None:
    store = open_store(uri)
    loader = TorchLoader(store, LoaderOptions(names=NAMES, columns=("lon",), threads=1), RULE, device=device)
    assert loader.steps() == 2
    seen = []
    for batch in loader.epoch(1):
        assert batch.keys() == [*NAMES, "index", "tile_ids"]
        assert [batch[name].dtype for name in NAMES] == [torch.uint16, torch.int16] + 3 * [torch.uint8]
        for at, tile_id in enumerate(batch["tile_ids"]):
            for name, stored in store.raw(tile_id, NAMES).items():
                np.testing.assert_array_equal(batch[name][at].numpy(), stored)
                np.testing.assert_array_equal(batch.valid(name)[at].numpy(), stored != MODALITIES[name].nodata)
        mine = {slot[name].ctypes.data for slot in loader.loader.buffers for name in NAMES}
        assert all((batch[name].data_ptr() in mine) == (device is None) for name in NAMES), "copied, or not copied"
        assert batch["index"].tolist() == batch.table.column("row").to_pylist()
        seen += batch.table.column("lon").to_pylist()
        assert len(batch) == len(batch.tile_ids)
    assert sorted(seen) == pytest.approx(sorted(lon for lon, _ in PLACES), abs=0.02)


def test_continues_after_a_state(uri: str) -> None:
    loader = TorchLoader(open_store(uri), LoaderOptions(names=NAMES[:1]), RULE)
    first, second = ((batch.state, batch.tile_ids) for batch in loader.epoch(3))
    assert [batch.tile_ids for batch in loader.epoch(after=first[0])] == [second[1]]


@pytest.mark.parametrize("name", ["sentinel2", "sentinel1", "canopy_height"])
def test_validity_of_every_value(name: str) -> None:
    row = MODALITIES[name]
    limits = np.iinfo(row.dtype)
    values = np.arange(limits.min, limits.max + 1).astype(row.dtype)
    np.testing.assert_array_equal(valid_pixels(torch.from_numpy(values), name).numpy(), values != row.nodata)


def test_samples_in_torchgeos_form(uri: str) -> None:
    store = open_store(uri)
    dataset = pickle.loads(pickle.dumps(TileDataset(store, transforms=dict)))
    assert len(dataset) == 3
    assert [sample["tile_id"] for sample in dataset] == store.tile_ids()
    sample = dataset[-1]
    tile = store.tile(sample["tile_id"])
    np.testing.assert_array_equal(sample["image_sentinel2"].numpy(), tile["sentinel2"].values)
    assert sample["image_sentinel1"].dtype == torch.float32
    assert sample["image_sentinel1"][0].isnan().all()
    assert sample["avail_bands"]["sentinel1"] == ["VV_desc", "VH_desc"]
    assert sample["avail_bands"]["naip"] == []
    assert math.isclose(sample["lat"], PLACES[2][1], abs_tol=0.02)
    assert (sample["crs"], sample["date"]) == ("EPSG:32632", "2020-06-04T05:46:39+00:00")
    made = made_up_arrays(200)
    codes = MODALITIES["esa_worldcover"].classes
    assert codes is not None
    assert sample["mask_esa_worldcover"].dtype == torch.int64
    np.testing.assert_array_equal(np.array(codes.values)[sample["mask_esa_worldcover"]], made["esa_worldcover"])
    np.testing.assert_array_equal(sample["mask_dynamic_world"].numpy(), made["dynamic_world"])
    for wrong in (3, -4):
        with pytest.raises(IndexError, match=rf"no tile {wrong}: expected 0\.\.2"):
            dataset[wrong]
    with pytest.raises(ConfigError, match="has no nonsense"):
        TileDataset(store, ["nonsense"])


def test_a_data_loader_asks_for_many_at_once(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = TileDataset(open_store(uri), ["elevation", "esa_worldcover"], where="lon > 0")
    asked = []
    whole = dataset.__getitems__
    monkeypatch.setattr(
        TileDataset, "__getitems__", lambda self, numbers: asked.append(list(numbers)) or whole(numbers)
    )
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=2)))
    assert asked == [[0, 1]]
    assert batch["image_elevation"].shape == (2, 1, 128, 128)
    assert batch["mask_esa_worldcover"].shape == (2, 1, 128, 128)


def test_nodata_of_classes(uri: str) -> None:
    from geomeld_build.train.data.dataset import NO_CLASS, _classes

    row = MODALITIES["dynamic_world"]
    assert _classes(row, np.array([0, 8, 255, 9], np.uint8)).tolist() == [0, 8, NO_CLASS, NO_CLASS]


def test_without_torch_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from geomeld_build.errors import MissingExtra\n"
        "try:\n    import geomeld_build.train.data\n"
        "except MissingExtra as error:\n    print(error)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert "pip install 'geomeld-build[train]'" in done.stdout


@pytest.mark.gpu
def test_copies_to_the_device_are_over_before_the_slot_is_filled_again(uri: str) -> None:
    store = open_store(uri)
    loader = TorchLoader(store, LoaderOptions(names=NAMES, slots=2), OrderRule(batch=1), device="cuda")
    kept = [(batch.tile_ids[0], batch["sentinel2"]) for epoch in range(5) for batch in loader.epoch(epoch)]
    for tile_id, pixels in kept:
        np.testing.assert_array_equal(pixels[0].cpu().numpy(), store.raw(tile_id, NAMES[:1])["sentinel2"])
