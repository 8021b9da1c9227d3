"""Statistics of a store against numpy on the raw arrays, wherever they come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import (
    Store,
    StoreStatistics,
    append_side_table,
    append_statistics,
    commit,
    group_statistics,
    known_splits,
    open_store,
    records_to_table,
    update_statistics,
    write_group,
)
from geomeld_build.store.layout import object_key
from geomeld_build.store.swap import swap
from tests.unit.store.making import DAY, FEW, anchor_of, new_store, put_group, record_of, rows_of, tile_of

CONTINUOUS = ("elevation", "canopy_height")


def put(uri: str, shard: int, numbers: Sequence[int], splits: dict[int, str] | None = None, **changes: Any) -> None:
    """A group as a build commits it: statistics first."""
    append_statistics(uri, group_statistics(shard, dict(enumerate(map(tile_of, numbers))), FEW, splits))
    put_group(uri, shard, numbers, **changes)


def put_splits(uri: str, splits: dict[int, str], **more: Any) -> None:
    rows = [{"location_id": anchor_of(number).location_id, "split": split, **more} for number, split in splits.items()]
    append_side_table(uri, "splits", pa.Table.from_pylist(rows))


def assert_statistics_of(found: StoreStatistics, numbers: Iterable[int]) -> None:
    tiles = [tile_of(number) for number in numbers]
    assert found.tiles == len(tiles)
    for name in FEW:
        row = MODALITIES[name]
        for i, band in enumerate(row.bands):
            stored = np.stack([tile[name][i] for tile in tiles]) if tiles else np.zeros(0, row.dtype)
            assert_band(found, name, band, stored[stored != row.nodata])


def assert_band(found: StoreStatistics, name: str, band: str, valid: NDArray[Any]) -> None:
    row, mine = MODALITIES[name], found.band(name, band)
    assert mine.count == valid.size
    if row.classes is not None:
        assert mine.classes == {
            meaning: int((valid == value).sum())
            for value, meaning in zip(row.classes.values, row.classes.meanings, strict=True)
        }
        return
    if not valid.size:
        assert math.isnan(mine.mean)
        return
    physical = valid.astype(np.float64) * row.scaling.scale + row.scaling.offset
    told = (mine.mean, mine.std, mine.min, mine.max, mine.quantile(0.05), mine.quantile(0.5))
    wanted = (physical.mean(), physical.std(), physical.min(), physical.max(), *np.quantile(physical, (0.05, 0.5)))
    np.testing.assert_allclose(told, wanted, rtol=1e-11)


def test_from_the_side_table_and_from_the_pixels(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1, 2])
    put(uri, 1, [3, 4])
    put_group(uri, 2, [5, 6])  # a group that nobody counted
    found = open_store(uri).statistics()
    assert_statistics_of(found, range(7))
    assert found.tiles_read == 2
    assert update_statistics(uri) == 1
    assert update_statistics(uri) == 0
    again = open_store(uri).statistics()
    assert again.tiles_read == 0
    assert again.to_json()["modalities"] == found.to_json()["modalities"]


def test_a_condition_reads_exactly_those_tiles(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1, 2, 3])
    ids = ", ".join(f"'{anchor_of(number).tile_id}'" for number in (0, 2, 3))
    found = open_store(uri).statistics(where=f"tile_id IN ({ids}) -- these")
    assert_statistics_of(found, [0, 2, 3])
    assert found.tiles_read == 3
    assert_statistics_of(open_store(uri).statistics(where="shard = 7"), [])
    with pytest.raises(ConfigError, match="nonsense"):
        open_store(uri).statistics(where="nonsense = 1")


def test_rows_that_were_never_committed_count_for_nothing(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1])
    append_statistics(uri, group_statistics(1, {0: tile_of(8), 1: tile_of(9)}, FEW))
    put(uri, 2, [1, 2], run_id="run-2")  # tile 1 is there already: its second copy is not in the catalog
    found = open_store(uri).statistics()
    assert_statistics_of(found, [0, 1, 2])
    assert found.tiles_read == 1
    update_statistics(uri)
    again = open_store(uri).statistics()
    assert again.tiles_read == 0
    assert_statistics_of(again, [0, 1, 2])


def test_what_was_appended_twice_counts_once(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1])
    append_statistics(uri, group_statistics(0, {0: tile_of(0), 1: tile_of(1)}, FEW))
    found = open_store(uri).statistics()
    assert_statistics_of(found, [0, 1])
    assert found.tiles_read == 0


def test_rows_of_another_producer_are_not_read(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    rows = group_statistics(0, {0: tile_of(1)}, FEW)
    at = rows.schema.get_field_index("producer")
    append_statistics(uri, rows.set_column(at, rows.schema.field(at), pa.array(["guess-7"] * rows.num_rows)))
    put_group(uri, 0, [0])
    assert_statistics_of(open_store(uri).statistics(), [0])


def test_pinned_to_the_catalog_version(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1])
    version = open_store(uri).version
    before = open_store(uri).statistics()
    put(uri, 1, [2])
    assert open_store(uri, version).statistics().to_json() == before.to_json()
    assert_statistics_of(open_store(uri).statistics(), [0, 1, 2])


def test_by_split_that_came_later(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1, 2])
    with pytest.raises(ConfigError, match="no side table splits"):
        open_store(uri).statistics(split="train")
    put_splits(uri, {0: "train", 1: "val", 2: "train"})
    found = open_store(uri).statistics(split="train")
    assert_statistics_of(found, [0, 2])
    assert (found.tiles_read, open_store(uri).statistics().tiles_read) == (2, 0)
    assert update_statistics(uri) == 1
    for split, numbers in (("train", [0, 2]), ("val", [1]), (None, [0, 1, 2])):
        again = open_store(uri).statistics(split=split)
        assert again.tiles_read == 0
        assert_statistics_of(again, numbers)
    with pytest.raises(ConfigError, match="expected one of train, val"):
        open_store(uri).statistics(split="tests")


def test_by_split_that_was_known_at_commit(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_splits(uri, {0: "train", 1: "val", 3: "train"})
    splits = known_splits(uri, {slot: anchor_of(slot) for slot in range(4)})
    assert splits == {0: "train", 1: "val", 3: "train"}
    put(uri, 0, [0, 1, 2, 3], splits)
    for split, numbers in (("train", [0, 3]), ("val", [1]), (None, range(4))):
        found = open_store(uri).statistics(split=split)
        assert found.tiles_read == 0
        assert_statistics_of(found, numbers)
    assert_statistics_of(open_store(uri).statistics(where="slot > 0", split="train"), [3])


def test_the_newest_split_holds(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1])
    put_splits(uri, {0: "train", 1: "train"}, created=DAY)
    put_splits(uri, {1: "val"}, created=DAY + timedelta(days=1))
    assert_statistics_of(open_store(uri).statistics(split="train"), [0])
    assert known_splits(uri, {1: anchor_of(1)}) == {1: "val"}


def test_two_splits_of_one_place_are_an_error(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0])
    put_splits(uri, {0: "train"})
    put_splits(uri, {0: "val"})
    with pytest.raises(StoreError, match="two splits for location_id"):
        open_store(uri).statistics(split="train")


def test_tiles_that_moved_count_once(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put(uri, 0, [0, 1, 2])
    before = open_store(uri).statistics()
    moved = {"elevation": tile_of(7)["elevation"], **{name: tile_of(1)[name] for name in FEW[1:]}}
    objects = write_group(uri, 1, [moved], FEW)
    swap(uri, records_to_table([record_of(1, 1, 0)]), objects, {anchor_of(1).tile_id: 1})
    for read in (3, 0):
        found = open_store(uri).statistics()
        assert (found.tiles, found.tiles_read) == (3, read)
        heights = np.stack([tile["elevation"] for tile in (tile_of(0), moved, tile_of(2))])
        assert_band(found, "elevation", "elevation", heights[heights != MODALITIES["elevation"].nodata])
        update_statistics(uri)
    assert open_store(uri, before.catalog_version).statistics().to_json() == before.to_json()


def test_no_valid_pixel(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    tile = {"esa_worldcover": tile_of(0)["esa_worldcover"]}
    append_statistics(uri, group_statistics(0, {0: tile}, FEW))
    record = record_of(0, 0, 0, rows=rows_of(["esa_worldcover"]), parts=())
    commit(uri, records_to_table([record]), write_group(uri, 0, [tile], FEW))
    found = open_store(uri).statistics()
    for name in CONTINUOUS:
        for item in found.bands[name]:
            told = item.to_json()
            assert told["count"] == 0
            assert {told[key] for key in ("mean", "std", "min", "max")} | set(told["quantiles"].values()) == {None}
    assert found.band("esa_worldcover", "label").count > 0
    empty = open_store(new_store(tmp_path / "empty")).statistics()
    assert (empty.tiles, empty.band("esa_worldcover", "label").count) == (0, 0)


def test_a_lost_object_is_an_error_and_not_nodata(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, [0, 1])
    (Path(uri) / object_key(MODALITIES["elevation"], 0)).unlink()
    with pytest.raises(StoreError, match="shard object is lost"):
        open_store(uri).statistics()


@pytest.fixture(scope="module")
def partly_counted(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Twelve tiles in three groups, the middle one counted in two entries, the last one not at all."""
    uri = new_store(tmp_path_factory.mktemp("statistics"))
    put(uri, 0, [0, 1, 2, 3])
    append_statistics(uri, group_statistics(1, {0: tile_of(4), 2: tile_of(6)}, FEW))
    put(uri, 1, [4, 5, 6, 7], {0: "a", 1: "a"})
    put_group(uri, 2, [8, 9, 10, 11])
    return open_store(uri)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.sets(st.integers(0, 11), min_size=1))
def test_any_set_of_tiles(partly_counted: Store, numbers: set[int]) -> None:
    ids = ", ".join(f"'{anchor_of(number).tile_id}'" for number in numbers)
    assert_statistics_of(partly_counted.statistics(where=f"tile_id IN ({ids})"), sorted(numbers))
