"""The account of splits: what overlaps is found, and distances are those of pyproj."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyproj
import pytest

from geomeld_build.anchors.leakage import leakage, write_leakage
from geomeld_build.anchors.places import Places, concatenate, places_of_points
from geomeld_build.anchors.splits import SplitRule, split_of
from geomeld_build.errors import ConfigError


def crowd(count: int, seed: int = 1, box: tuple[float, float, float, float] = (5.5, 46.0, 6.5, 47.0)) -> Places:
    generator = np.random.default_rng(seed)
    west, south, east, north = box
    return places_of_points(generator.uniform(west, east, count), generator.uniform(south, north, count))


def at_random(count: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).choice(["train", "val", "test", "guard"], count, p=[0.7, 0.1, 0.1, 0.1])


def same_zone_pairs(places: Places, splits: np.ndarray, a: str, b: str) -> set[tuple[str, str]]:
    """Brute force inside zones: squares of equal size overlap when their corners are less than a side apart."""
    ids, found = places.location_ids(), set()
    for i in np.flatnonzero(splits == a).tolist():
        near = (np.abs(places.left - places.left[i]) < 1280) & (np.abs(places.top - places.top[i]) < 1280)
        for j in np.flatnonzero(near & (places.epsg == places.epsg[i]) & (splits == b)).tolist():
            found.add((ids[i], ids[j]))
    return found


def test_random_splits_leak_and_each_pair_is_counted() -> None:
    places, splits = crowd(2500, box=(7.0, 46.0, 8.0, 46.7)), at_random(2500)
    found = leakage(places, splits)
    wanted = {
        f"{a}/{b}": same_zone_pairs(places, splits, a, b)
        for b, a in (("train", "val"), ("train", "test"), ("val", "test"))
    }
    assert {name: len(pairs) for name, pairs in wanted.items()} == dict(found.overlaps)
    assert min(found.overlaps.values()) > 3
    assert not found.clean
    assert set(found.examples) <= set().union(*wanted.values())
    assert len(found.examples) == 10


def test_blocks_with_a_guard_do_not_leak_across_the_seam_of_zones() -> None:
    places = crowd(8000)
    rule = SplitRule("r", 0.5, 0.25, 0.25, block_km=10.0)
    found = leakage(places, split_of(places, rule))
    assert found.clean
    assert set(found.overlaps.values()) == set(found.duplicates.values()) == {0}
    assert found.tiles["guard"] > 500
    open_ = split_of(places, SplitRule("r", 0.5, 0.25, 0.25, block_km=10.0, guard_m=0.0))
    assert not leakage(places, open_).clean


def test_a_place_in_two_splits_is_a_duplicate() -> None:
    places = crowd(50, box=(0.0, 10.0, 20.0, 30.0))
    twice = concatenate([places, places.take(np.arange(3))])
    splits = np.array(["train"] * 50 + ["test", "train", "guard"])
    found = leakage(twice, splits)
    assert dict(found.duplicates) == {"val/train": 0, "test/train": 1, "test/val": 0}
    assert dict(found.overlaps) == {"val/train": 0, "test/train": 1, "test/val": 0}
    assert found.examples == ((places.location_ids()[0],) * 2,)
    assert not found.clean


def test_distances_are_geodesic() -> None:
    places, splits = crowd(700, box=(-10.0, 60.0, 10.0, 72.0)), at_random(700)
    geod = pyproj.Geod(ellps="WGS84")
    found = leakage(places, splits)
    train = np.flatnonzero(splits == "train")
    for name in ("val", "test"):
        mine = np.flatnonzero(splits == name)
        x, y = (np.repeat(axis[mine], len(train)) for axis in (places.lon, places.lat))
        u, v = (np.tile(axis[train], len(mine)) for axis in (places.lon, places.lat))
        nearest = geod.inv(x, y, u, v)[2].reshape(len(mine), -1).min(axis=1)
        near = found.nearest[name]
        for probability, metres in near.quantiles_m.items():
            assert metres == pytest.approx(np.quantile(nearest, probability), rel=0.005)
        for metres, share in near.within.items():
            assert share == pytest.approx((nearest <= metres).mean(), abs=0.02)
        assert set(near.within) == {5000, 20_000}


def test_counts_by_split_and_biome() -> None:
    places = crowd(6, box=(0.0, 10.0, 20.0, 30.0))
    splits = np.array(["train", "train", "val", "guard", "test", "train"])
    found = leakage(places, splits, np.array([1, 14, 1, 1, 14, 14]))
    assert dict(found.tiles) == {"train": 3, "val": 1, "test": 1, "guard": 1}
    assert {name: dict(counts) for name, counts in found.biomes.items()} == {
        "1": {"train": 1, "val": 1, "test": 0, "guard": 1},
        "14": {"train": 2, "val": 0, "test": 1, "guard": 0},
    }
    told = found.to_json()
    assert told["shares"]["train"] == 0.5
    assert told["biomes"]["14"]["shares"]["test"] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize("splits", [["train"] * 3, ["val", "val", "test"], []])
def test_splits_without_tiles_have_no_distances(splits: list[str]) -> None:
    found = leakage(crowd(len(splits), box=(0, 0, 50, 50)), np.array(splits, dtype=str))
    assert not found.nearest["val"].quantiles_m
    assert found.clean
    json.dumps(found.to_json(), allow_nan=False)


def test_the_file_says_the_same(tmp_path: Path) -> None:
    found = leakage(crowd(900), at_random(900), np.arange(900) % 3)
    write_leakage(tmp_path / "leakage.json", found)
    assert json.loads((tmp_path / "leakage.json").read_text()) == found.to_json()
    assert [path.name for path in tmp_path.iterdir()] == ["leakage.json"]


def test_what_is_no_split_is_refused() -> None:
    places = crowd(2)
    with pytest.raises(ConfigError, match="row 2: split 'trian': expected one of train, val, test, guard"):
        leakage(places, np.array(["train", "trian"]))
    with pytest.raises(ConfigError, match="splits: 1 values for 2 places"):
        leakage(places, np.array(["train"]))
    with pytest.raises(ConfigError, match="biomes: 3 values for 2 places"):
        leakage(places, np.array(["train", "val"]), np.arange(3))
