"""The loader: every tile once, the right pixels, exact resume, and errors instead of silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.grid import TilePlan, place_anchor
from geomeld_build.store import append_side_table, commit, decode_many, open_store, records_to_table, write_group
from geomeld_build.store.epochs import LoaderState, OrderRule
from geomeld_build.store.ring_loader import Batch, LoaderOptions, TileLoader
from geomeld_build.store.window_chunks import Arena
from tests.unit.store.making import (
    DAY,
    FEW,
    RECIPE,
    anchor_of,
    failure_of,
    new_store,
    put_group,
    record_of,
    scene_of,
    tile_of,
)

COUNT = 23
RULE = OrderRule(seed=5, batch=4, block=3, window=9)
SMALL = LoaderOptions(names=FEW, threads=2, slots=2)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Tiles over three shard groups, with failures between them."""
    uri = new_store(tmp_path_factory.mktemp("ring"))
    put_group(uri, 0, range(10))
    put_group(uri, 1, range(10, 20), cloud_fraction=0.5)
    put_group(uri, 3, range(20, COUNT))
    commit(uri, records_to_table([failure_of(99)]), ())
    return uri


def number_of(uri: str) -> dict[str, int]:
    return {anchor_of(number).tile_id: number for number in range(COUNT)}


def taken(batches: Iterator[Batch]) -> list[tuple[list[str], LoaderState, dict[str, NDArray[Any]]]]:
    return [(b.tile_ids, b.state, {name: array.copy() for name, array in b.pixels.items()}) for b in batches]


def test_one_by_one_gives_the_same(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = TileLoader(open_store(uri), SMALL, RULE)
    together = taken(loader.epoch(0))
    monkeypatch.setattr(decode_many, "_loop", lambda: None)
    for (ids, state, pixels), (same_ids, same_state, same) in zip(together, taken(loader.epoch(0)), strict=True):
        assert (ids, state) == (same_ids, same_state)
        for name in FEW:
            np.testing.assert_array_equal(pixels[name], same[name])


@pytest.mark.parametrize("threads", [1, 3])
def test_every_tile_once_with_its_own_pixels(uri: str, threads: int) -> None:
    loader = TileLoader(open_store(uri), replace(SMALL, threads=threads), replace(RULE, drop_last=False))
    known = number_of(uri)
    seen = []
    for batch in loader.epoch(0):
        assert batch.keys() == [*FEW, "index", "tile_ids"]
        for at, tile_id in enumerate(batch["tile_ids"]):
            seen.append(known[tile_id])
            for name in FEW:
                np.testing.assert_array_equal(batch[name][at], tile_of(known[tile_id])[name])
        assert batch["index"].tolist() == batch.table.column("row").to_pylist()
        assert len(batch) == len(batch.tile_ids)
    assert sorted(seen) == list(range(COUNT))
    again = [tile_id for batch in loader.epoch(0) for tile_id in batch.tile_ids]
    assert [known[tile_id] for tile_id in again] == seen
    other = [known[tile_id] for batch in loader.epoch(1) for tile_id in batch.tile_ids]
    assert other != seen
    assert sorted(other) == sorted(seen)


def test_buffers_are_used_again(uri: str) -> None:
    loader = TileLoader(open_store(uri), SMALL, RULE)
    addresses = {(b.slot, b["elevation"].__array_interface__["data"][0]) for e in (0, 1) for b in loader.epoch(e)}
    assert len(addresses) == 2
    assert [len(slot["elevation"]) for slot in loader.buffers] == [4, 4]
    arena = Arena()
    first = arena.room(100)
    assert (len(first), arena.size) == (100, 110)
    arena.room(110)
    assert arena.size == 110


def test_resume_is_exact(uri: str) -> None:
    whole = taken(TileLoader(open_store(uri), SMALL, RULE).epoch(2))
    assert len(whole) == TileLoader(open_store(uri), SMALL, RULE).steps(2)
    for after in range(len(whole)):
        state = LoaderState.from_dict(whole[after][1].to_dict())
        rest = taken(TileLoader(open_store(uri, state.version), SMALL, RULE).epoch(after=state))
        assert [(ids, s) for ids, s, _ in rest] == [(ids, s) for ids, s, _ in whole[after + 1 :]]
        for (_, _, mine), (_, _, theirs) in zip(rest, whole[after + 1 :], strict=True):
            for name in FEW:
                np.testing.assert_array_equal(mine[name], theirs[name])


def test_a_state_of_something_else_is_refused(uri: str) -> None:
    state = next(iter(taken(TileLoader(open_store(uri), SMALL, RULE).epoch(0))))[1]
    store = open_store(uri)
    others = [
        TileLoader(store, SMALL, replace(RULE, seed=6)),
        TileLoader(store, SMALL, replace(RULE, batch=2)),
        TileLoader(store, SMALL, replace(RULE, world=2, batch=2), rank=1),
        TileLoader(store, replace(SMALL, where="cloud_fraction < 0.2"), RULE),
        TileLoader(open_store(uri, version=3), SMALL, RULE),
    ]
    for loader in others:
        with pytest.raises(ConfigError, match="the state is of version 4, seed 5"):
            loader.epoch(after=state)


def test_ranks_share_tiles_and_a_state(uri: str) -> None:
    rule = replace(RULE, world=2, batch=2, window=6)
    loaders = [TileLoader(open_store(uri), SMALL, rule, rank=rank) for rank in (0, 1)]
    found = [taken(loader.epoch(1)) for loader in loaders]
    assert len(found[0]) == len(found[1]) == loaders[0].steps(1)
    ids = [tile_id for one in found for batch in one for tile_id in batch[0]]
    assert len(set(ids)) == len(ids)
    # What rank 0 wrote into a checkpoint brings rank 1 to the same step.
    for step in range(len(found[0])):
        rest = taken(loaders[1].epoch(after=found[0][step][1]))
        assert [b[0] for b in rest] == [b[0] for b in found[1][step + 1 :]]


def test_conditions_and_columns(uri: str) -> None:
    options = replace(SMALL, where="cloud_fraction > 0.2 AND sentinel2_valid IS NULL", columns=("lon", "stratum"))
    loader = TileLoader(open_store(uri), options, replace(RULE, drop_last=False))
    tables = [batch.table for batch in loader.epoch()]
    assert sum(table.num_rows for table in tables) == 10
    assert tables[0].column_names == ["tile_id", "location_id", "row", "datetime", "lon", "stratum"]
    expected = {anchor_of(n).tile_id: anchor_of(n).lon for n in range(10, 20)}
    found = pa.concat_tables(tables)
    assert dict(zip(found["tile_id"].to_pylist(), found["lon"].to_pylist(), strict=True)) == expected
    for wrong, message in [
        ({"where": "cloud_fraction > 2"}, "no tile of .* meets the condition 'cloud_fraction > 2'"),
        ({"where": "nonsense = 1"}, "cannot run the query"),
        ({"columns": ("nonsense",)}, "no column nonsense"),
        ({"dates": 0}, "at least one date"),
        ({"dates": 2}, "no place has 2 dates: the most is 1"),
    ]:
        with pytest.raises(ConfigError, match=message):
            TileLoader(open_store(uri), replace(SMALL, **wrong), RULE)


def test_conditions_on_side_tables(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, range(6))
    places = [anchor_of(number).location_id for number in range(6)]
    splits = ["train", "train", "test", "train", "val", "test"]
    append_side_table(uri, "splits", pa.table({"location_id": places, "split": ["old"] * 6, "created": [1] * 6}))
    append_side_table(uri, "splits", pa.table({"location_id": places, "split": splits, "created": [2] * 6}))
    ids = [anchor_of(number).tile_id for number in range(5)]
    append_side_table(uri, "biomes", pa.table({"tile_id": ids, "biome": [1, 2, 1, 1, 3]}))
    rule = OrderRule(batch=2, drop_last=False)
    options = replace(SMALL, where="\"split\" = 'train' AND biome = 1", columns=("biome", "split"))
    loader = TileLoader(open_store(uri), options, rule)
    assert loader.tiles.table.select(["tile_id", "biome", "split"]).to_pylist() == [
        {"tile_id": anchor_of(number).tile_id, "biome": 1, "split": "train"} for number in (0, 3)
    ]
    # A tile without a line in the side table is there, with nothing in the column.
    everything = TileLoader(open_store(uri), replace(SMALL, columns=("biome",)), rule).tiles.table
    assert everything.column("biome").to_pylist() == [1, 2, 1, 1, 3, None]
    append_side_table(uri, "more", pa.table({"tile_id": ids, "biome": [0] * 5}))
    with pytest.raises(ConfigError, match="column biome is in the side tables biomes and more"):
        TileLoader(open_store(uri), replace(SMALL, where="biome = 1"), rule)
    TileLoader(open_store(uri), replace(SMALL, where="split = 'biome'  OR split = 'test'"), rule)


def test_several_dates_of_a_place(tmp_path: Path) -> None:
    uri = new_store(tmp_path, FEW)
    counts = [3, 1, 2, 4, 2]
    dated = [(place, date) for place, count in enumerate(counts) for date in range(count)]
    np.random.default_rng(1).shuffle(dated)
    tiles = [tile_of(10 * place + date) for place, date in dated]
    objects = write_group(uri, 0, tiles, FEW)
    records = []
    for slot, (place, date) in enumerate(dated):
        anchor = place_anchor(10.0 + place, 40.0, DAY + timedelta(days=90 * date), recipe=RECIPE)
        scene = replace(scene_of(slot), datetime=anchor.datetime)
        records.append(record_of(slot, 0, slot, plan=TilePlan(anchor, 0, scene, 15, ())))
    commit(uri, records_to_table(records), objects)
    loader = TileLoader(open_store(uri), replace(SMALL, dates=2), OrderRule(batch=2, block=1, window=3))
    assert (loader.tiles.samples, loader.steps()) == (4, 2)
    choices = set()
    for epoch in range(6):
        places = []
        for batch in loader.epoch(epoch):
            assert batch["elevation"].shape == (2, 2, 1, 128, 128)
            assert batch.index.shape == (2, 2)
            for sample, rows in enumerate(batch.index.tolist()):
                (place, first), (same, second) = (dated[row] for row in rows)
                assert place == same
                assert first < second
                places.append(place)
                choices.add((place, first, second))
                np.testing.assert_array_equal(batch["elevation"][sample, 1], tile_of(10 * place + second)["elevation"])
        assert sorted(places) == [0, 2, 3, 4]
    assert len([choice for choice in choices if choice[0] == 3]) > 2, "always the same dates"


def test_a_place_through_time(tmp_path: Path) -> None:
    uri = new_store(tmp_path, FEW)
    objects = write_group(uri, 0, [tile_of(number) for number in range(3)], FEW)
    records = []
    for slot, days in enumerate((200, 0, 100)):
        anchor = place_anchor(10.0, 40.0, DAY + timedelta(days=days), recipe=RECIPE)
        scene = replace(scene_of(slot), datetime=anchor.datetime)
        records.append(record_of(slot, 0, slot, plan=TilePlan(anchor, 0, scene, 15, ())))
    commit(uri, records_to_table(records), objects)
    store = open_store(uri)
    series = store.series(records[0].plan.anchor.location_id)
    assert series["elevation"].dims == ("time", "elevation_band", "y", "x")
    assert series["time"].to_index().is_monotonic_increasing
    assert str(series["time"].values[0]).startswith("2021-05-07T05:30")
    order = [1, 2, 0]
    assert series["tile_id"].values.tolist() == [records[n].plan.anchor.tile_id for n in order]
    for at, number in enumerate(order):
        xr.testing.assert_equal(
            series["canopy_height"].isel(time=at, drop=True).drop_vars("tile_id", errors="ignore"),
            store.tile(records[number].plan.anchor.tile_id)["canopy_height"],
        )
    assert series.rio.crs == store.tile(records[0].plan.anchor.tile_id).rio.crs
    with pytest.raises(ConfigError, match="no tile of place 'nowhere'"):
        store.series("nowhere")


def test_a_lost_shard_is_no_nodata(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, range(6))
    (Path(uri) / "canopy_height/c/0/0/0/0").unlink()
    loader = TileLoader(open_store(uri), SMALL, RULE)
    with pytest.raises(StoreError, match=r"the catalog has pixels of canopy_height, but .* the shard object is lost"):
        list(loader.epoch())
    assert not ours()
    fine = TileLoader(open_store(uri), replace(SMALL, names=("elevation",)), RULE)
    assert len(list(fine.epoch())) == 1


def test_a_damaged_chunk_ends_the_epoch(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    put_group(uri, 0, range(6))
    shard = Path(uri) / "elevation/c/0/0/0/0"
    data = bytearray(shard.read_bytes())
    data[30:60] = bytes(30)
    shard.write_bytes(data)
    loader = TileLoader(open_store(uri), SMALL, replace(RULE, drop_last=False))
    for _ in range(2):
        with pytest.raises(StoreError, match=r"elevation/c/0/0/0/0 is damaged at slot 0 \(place 0\)"):
            list(loader.epoch())
    assert not ours()


def test_leaving_early_ends_the_threads(uri: str) -> None:
    loader = TileLoader(open_store(uri), SMALL, RULE)
    batches = loader.epoch()
    next(batches)
    assert ours()
    with pytest.raises(ConfigError, match="another epoch of this loader is being read"):
        next(loader.epoch(1))
    batches.close()
    assert not ours()
    assert len(list(loader.epoch(1))) == loader.steps(1)
    for _ in loader.epoch():
        break
    assert not ours()


def ours() -> list[str]:
    names = ("geomeld-ring", "geomeld-decode", "geomeld-fetch")
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


def test_bands_and_wrong_options(uri: str) -> None:
    options = LoaderOptions(names=("canopy_height",), bands={"canopy_height": ("std",)})
    batch = next(TileLoader(open_store(uri), options, RULE).epoch())
    known = number_of(uri)
    for at, tile_id in enumerate(batch.tile_ids):
        np.testing.assert_array_equal(batch["canopy_height"][at], tile_of(known[tile_id])["canopy_height"][1:])
    with pytest.raises(ConfigError, match="at least 1 thread and 2 slots, got 0 and 1"):
        LoaderOptions(names=FEW, threads=0, slots=1)
    with pytest.raises(ConfigError, match="none twice"):
        LoaderOptions(names=("elevation", "elevation"))
    with pytest.raises(ConfigError, match="do not give each"):
        TileLoader(open_store(uri), options, OrderRule(batch=64))
