"""The folder world over small rasters written here: inference, overrides, masks, versions."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.windows import Window
from shapely.geometry import Point, box

from geomeld_build.emulator.worlds.base import CollectionAsset, SearchHint, World
from geomeld_build.emulator.worlds.folder import FolderWorld
from tests.support.realworld_small import UTM, everything, image, ramp, raster, world


def test_a_folder_of_tiffs_in_one_asset_line(tmp_path: Path) -> None:
    for day in ("20200604", "20200609"):
        raster(tmp_path / f"scene_{day}.tif", np.stack([ramp(20, 30), ramp(20, 30) + 7]))
    entry = {"type": "collection", "id": "users/me/scenes", "files": "*.tif", "datetime_pattern": r"_(\d{8})"}
    served: World = world(tmp_path, entry)

    assert served.name == tmp_path.name
    collection = served.find("users/me/scenes")
    assert isinstance(collection, CollectionAsset)
    records = list(collection.images(SearchHint()))
    assert [r.id for r in records] == ["users/me/scenes/scene_20200604", "users/me/scenes/scene_20200609"]
    first = records[0]
    assert [(b.name, b.dtype, b.crs, b.width, b.height) for b in first.bands] == [
        ("b1", "uint16", UTM, 30, 20),
        ("b2", "uint16", UTM, 30, 20),
    ]
    assert first.bands[0].transform == (10.0, 0.0, 336_000.0, 0.0, -10.0, 3_372_000.0)
    # 2020-06-04T00:00:00Z by `date -u -d 2020-06-04 +%s`
    assert first.properties["system:time_start"] == 1_591_228_800_000
    assert first.properties["system:index"] == "scene_20200604"
    values, valid = first.read("b2", 3, 9, 10, 25)
    assert np.array_equal(values, (ramp(20, 30) + 7)[3:9, 10:25])
    assert valid.all()


def test_files_of_a_folder_become_one_image_with_bands_in_natural_order(tmp_path: Path) -> None:
    for name, size in {"B2": 60, "B11": 30, "B1": 10}.items():
        grid = from_origin(336_000, 3_372_000, 600 / size, 600 / size)
        raster(tmp_path / "20200604T054639_T43RCP" / f"{name}.tif", ramp(size, size), transform=grid)
    served = world(tmp_path, {"type": "collection", "id": "S2", "files": "*/*.tif", "group": "folder"})
    record = image(served, "S2/20200604T054639_T43RCP")
    assert [b.name for b in record.bands] == ["B1", "B2", "B11"]
    assert [b.width for b in record.bands] == [10, 60, 30]
    assert "system:time_start" not in record.properties


def test_band_names_from_descriptions_patterns_lists_and_objects(tmp_path: Path) -> None:
    raster(tmp_path / "d.tif", np.stack([ramp(4, 5), ramp(4, 5)]), names=("red", "nir"))
    for name in ("T43_B02_10m", "T43_B11_20m", "T43_TCI_10m"):
        raster(tmp_path / "p" / f"{name}.tif", ramp(4, 5) + len(name))
    served = world(
        tmp_path,
        {"type": "image", "id": "described", "files": "d.tif"},
        {"type": "image", "id": "listed", "files": "d.tif", "bands": ["a", "b"]},
        {"type": "image", "id": "swapped", "files": "d.tif", "bands": [{"name": "x", "band": 2}]},
        {"type": "image", "id": "chosen", "files": "d.tif", "bands": ["nir"]},
        {"type": "image", "id": "pattern", "files": "p/*.tif", "band_pattern": r"_(B\d\d)_"},
        {"type": "image", "id": "objects", "bands": [{"name": "y", "file": "p/*TCI*.tif", "dtype": "float64"}]},
    )
    names = {i: [b.name for b in image(served, i).bands] for i in served.children("")}
    assert names == {
        "described": ["red", "nir"],
        "listed": ["a", "b"],
        "swapped": ["x"],
        "chosen": ["nir"],
        "pattern": ["B02", "B11"],
        "objects": ["y"],
    }
    assert image(served, "objects").bands[0].dtype == "float64"


@pytest.mark.parametrize(
    ("stored", "served_as"),
    [
        ("uint8", "uint8"),
        ("int8", "int16"),
        ("uint16", "uint16"),
        ("int16", "int16"),
        ("int32", "int32"),
        ("uint32", "float64"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
def test_types_are_the_files_own_or_the_next_that_holds_them(tmp_path: Path, stored: str, served_as: str) -> None:
    values = np.array([[1, 2], [3, 100]], dtype=stored)
    raster(tmp_path / "a.tif", values)
    record = image(world(tmp_path, {"type": "image", "id": "a", "files": "a.tif"}), "a")
    read, valid = everything(record, "b1")
    assert record.bands[0].dtype == served_as == str(read.dtype)
    assert np.array_equal(read, values)
    assert valid.all()


def test_masks_from_nodata_nan_and_dataset_mask(tmp_path: Path) -> None:
    raster(tmp_path / "tag.tif", np.array([[0, 1], [2, 0]], "uint8"), nodata=0)
    raster(tmp_path / "nan.tif", np.array([[np.nan, 1], [2, 3]], "float32"))
    path = raster(tmp_path / "mask.tif", np.array([[5, 6], [7, 8]], "uint8"))
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.array([[0, 255], [255, 255]], "uint8"))
    served = world(
        tmp_path,
        {"type": "image", "id": "tag", "files": "tag.tif"},
        {"type": "image", "id": "tag-one", "files": "tag.tif", "nodata": 1},
        {"type": "image", "id": "tag-two", "files": "tag.tif", "nodata": [1, 2]},
        {"type": "image", "id": "tag-none", "files": "tag.tif", "nodata": "none"},
        {"type": "image", "id": "nan", "files": "nan.tif", "nodata": 3},
        {"type": "image", "id": "mask", "files": "mask.tif"},
        {"type": "image", "id": "mask-and", "files": "mask.tif", "nodata": 8},
        {"type": "image", "id": "mask-none", "files": "mask.tif", "nodata": "none"},
    )
    masks = {i: everything(image(served, i), "b1")[1].ravel().tolist() for i in served.children("")}
    assert masks == {
        "tag": [False, True, True, False],
        "tag-one": [True, False, True, True],
        "tag-two": [True, False, False, True],
        "tag-none": [True] * 4,
        "nan": [False, True, True, False],
        "mask": [False, True, True, True],
        "mask-and": [False, True, True, False],
        "mask-none": [True] * 4,
    }
    values, _ = everything(image(served, "nan"), "b1")
    assert values.ravel().tolist() == [0.0, 1.0, 2.0, 0.0]


def test_conversions(tmp_path: Path) -> None:
    decibels = np.array([[-20.0, -6.5], [0.0, -9999.0]], "float32")
    raster(tmp_path / "db.tif", decibels, nodata=-9999)
    raster(tmp_path / "power.tif", np.array([[0.01, 0.0], [-1.0, 1.0]], "float64"))
    raster(tmp_path / "change.tif", np.array([[0, 100], [200, 253]], "uint8"))
    linear = {"op": "linear", "scale": 2.0, "offset": -300.5}
    served = world(
        tmp_path,
        {"type": "image", "id": "power", "files": "db.tif", "convert": {"op": "db_to_power"}},
        {"type": "image", "id": "db", "files": "power.tif", "convert": {"op": "power_to_db"}, "dtype": "float64"},
        {"type": "image", "id": "c", "files": "change.tif", "nodata": 253, "convert": linear, "dtype": "int16"},
        {"type": "image", "id": "clamped", "files": "change.tif", "convert": linear, "dtype": "uint8"},
    )
    power, valid = everything(image(served, "power"), "b1")
    assert power.dtype == np.float32
    assert valid.ravel().tolist() == [True, True, True, False]
    assert power[valid] == pytest.approx([0.01, 10**-0.65, 1.0], rel=1e-6)
    assert power[1, 1] == 0.0

    db, valid = everything(image(served, "db"), "b1")
    assert valid.ravel().tolist() == [True, False, False, True]
    assert db.ravel().tolist() == [-20.0, 0.0, 0.0, 0.0]

    change, valid = everything(image(served, "c"), "b1")
    assert change.tolist() == [[-300, -100], [100, 0]]  # -300.5 rounds to even
    assert valid.ravel().tolist() == [True, True, True, False]
    assert everything(image(served, "clamped"), "b1")[0].tolist() == [[0, 0], [100, 206]]


def test_hints_narrow_and_never_lose(tmp_path: Path) -> None:
    for number, day in enumerate(("20200101", "20200102", "20200103")):
        grid = from_origin(70 + number, 31, 0.1, 0.1)
        raster(tmp_path / f"{day}.tif", ramp(10, 10), crs="EPSG:4326", transform=grid)
    entry = {"type": "collection", "id": "c", "files": "*.tif", "datetime_pattern": r"^(\d{8})"}
    collection = world(tmp_path, entry).find("c")
    assert isinstance(collection, CollectionAsset)

    def found(**hint: Any) -> list[str]:
        return [str(r.properties["system:index"]) for r in collection.images(SearchHint(**hint))]

    day_ms = 86_400_000.0
    start = 1_577_836_800_000.0  # 2020-01-01
    assert found() == ["20200101", "20200102", "20200103"]
    assert found(start_ms=start + 1) == ["20200102", "20200103"]
    assert found(start_ms=start, end_ms=start + 2 * day_ms) == ["20200101", "20200102"]
    assert found(region=Point(71.5, 30.5)) == ["20200102"]
    assert found(region=box(70.5, 30.1, 71.2, 30.2)) == ["20200101", "20200102"]
    assert found(indices=frozenset({"20200103", "x"})) == ["20200103"]
    assert collection.image("nope") is None


def test_ids_children_and_members(tmp_path: Path) -> None:
    raster(tmp_path / "a b.tif", ramp(2, 2))
    served = world(
        tmp_path,
        {"type": "collection", "id": "users/me/c", "files": "*.tif", "image_properties": {"k": 1, "l": 1}},
        {
            "type": "collection",
            "id": "users/me/d",
            "properties": {"title": "d"},
            "image_properties": {"k": 1, "l": 1},
            "datetime": "2020-01-01T00:00:00Z",
            "images": [{"index": "one", "files": "a b.tif", "version": 77, "properties": {"k": 2}}],
        },
        {"type": "collection", "id": "users/me/empty", "images": []},
        {"type": "image", "id": "dem", "files": "a b.tif"},
    )
    assert served.children("") == ["dem", "users"]
    assert served.children("users") == ["users/me"]
    assert served.children("users/me") == ["users/me/c", "users/me/d", "users/me/empty"]
    assert served.children("users/me/c") == ["users/me/c/a_b"]
    assert served.children("dem") == []
    assert served.find("users") is None
    assert served.find("users/me/c/other") is None
    one = image(served, "users/me/d/one")
    assert one.version == 77
    assert one.properties == {
        "system:index": "one",
        "system:time_start": 1_577_836_800_000,
        "system:time_end": 1_577_836_800_000,
        "k": 2,
        "l": 1,
    }
    empty = served.find("users/me/empty")
    assert isinstance(empty, CollectionAsset)
    assert list(empty.images(SearchHint())) == []


def test_versions_follow_content_and_not_place_or_file_time(tmp_path: Path) -> None:
    asset = {"type": "image", "id": "a", "files": "a.tif"}
    raster(tmp_path / "one" / "a.tif", ramp(8, 8))
    first = image(world(tmp_path / "one", asset), "a").version
    assert 0 < first < 2**53
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    assert image(FolderWorld.open(tmp_path / "two"), "a").version == first
    assert image(world(tmp_path / "two", {**asset, "properties": {"k": 1}}), "a").version != first
    assert image(world(tmp_path / "two", {**asset, "nodata": 3}), "a").version != first
    changed = ramp(8, 8)
    changed[4, 4] += 1
    raster(tmp_path / "two" / "a.tif", changed)
    assert image(world(tmp_path / "two", asset), "a").version != first
    assert image(world(tmp_path / "two", {**asset, "version": 9}), "a").version == 9


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_windows_equal_rasterio(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "windows"
    path = folder / "a.tif"
    if not path.exists():
        values = np.random.default_rng(7).integers(0, 9, (2, 70, 50)).astype("int16")
        raster(path, values, nodata=3)
        world(folder, {"type": "image", "id": "a", "files": "a.tif"})
    rows = sorted(data.draw(st.tuples(st.integers(0, 70), st.integers(0, 70))))
    cols = sorted(data.draw(st.tuples(st.integers(0, 50), st.integers(0, 50))))
    band = data.draw(st.integers(1, 2))
    read, valid = image(FolderWorld.open(folder), "a").read(f"b{band}", *rows, *cols)
    shape = (rows[1] - rows[0], cols[1] - cols[0])
    assert read.shape == valid.shape == shape
    if 0 not in shape:
        with rasterio.open(path) as dataset:
            expected = dataset.read(band, window=Window(cols[0], rows[0], shape[1], shape[0]), masked=True)
        assert np.array_equal(valid, ~np.ma.getmaskarray(expected))
        assert np.array_equal(read, expected.filled(0))


def test_many_threads_read_the_same_file(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(1, 60_000, (256, 256)).astype("uint16")
    raster(tmp_path / "a.tif", values)
    served = world(tmp_path, {"type": "image", "id": "a", "files": "a.tif"})
    record = image(served, "a")
    wrong: list[int] = []

    def work(seed: int) -> None:
        generator = np.random.default_rng(seed)
        for _ in range(40):
            row, col = generator.integers(0, 200, 2)
            read, _ = record.read("b1", int(row), int(row) + 56, int(col), int(col) + 56)
            if not np.array_equal(read, values[row : row + 56, col : col + 56]):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    served.close()
    assert everything(record, "b1")[1].all()
