"""Splits: no tile of one overlaps a tile of another, and nothing that is added later changes one."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from scipy.spatial import cKDTree
from scipy.stats import kstest

from geomeld_build.anchors.blocks import block_grid, block_of
from geomeld_build.anchors.places import Places, concatenate, places_of_cells, places_of_points, project
from geomeld_build.anchors.splits import SPLITS, SplitRule, split_of
from geomeld_build.draws import uniform
from geomeld_build.errors import ConfigError

HARD = {
    "plain": (8.6, 48.0),
    "zone seam": (12.0, 47.0),
    "seam far north": (24.0, 71.5),
    "Norway": (3.0, 60.0),
    "edge of 32V": (11.99, 56.0),
    "Svalbard": (21.0, 78.5),
    "equator": (30.0, 0.0),
    "antimeridian": (180.0, 66.0),
    "Fiji": (-180.0, -17.0),
    "north of UTM's best": (0.0, 83.7),
    "south": (-66.0, -79.5),
}


def crowd(name: str, count: int = 3000, reach_km: float = 20.0, seed: int = 3) -> Places:
    """Imported centres and lattice cells, so close together that many overlap."""
    lon, lat = HARD[name]
    generator = np.random.default_rng(seed)
    up, aside = generator.uniform(-1, 1, (2, count)) * reach_km / 111.2
    points = places_of_points((lon + aside / np.cos(np.radians(lat)) + 180.0) % 360.0 - 180.0, lat + up)
    some = points.take(np.arange(count // 3))
    x, y = project(some.epsg, some.lon, some.lat).T
    cells = np.unique(np.column_stack([some.epsg, x // 1280, y // 1280]).astype(np.int64), axis=0)
    return concatenate([points, places_of_cells(cells[:, 0].astype(np.int32), cells[:, 1], cells[:, 2])])


def ecef(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return np.column_stack(pyproj.Transformer.from_crs(4326, 4978, always_xy=True).transform(lon, lat, 0 * lon))


def square(places: Places, at: int, wider: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The outline of a tile in its own metres, a point every twentieth of a side."""
    x0, x1 = places.left[at] - wider, places.left[at] + 1280.0 + wider
    y0, y1 = places.top[at] - 1280.0 - wider, places.top[at] + wider
    ring = shapely.segmentize(shapely.box(x0, y0, x1, y1), (x1 - x0) / 20)
    return shapely.get_coordinates(ring).T  # type: ignore[return-value]


def overlap(places: Places, one: int, other: int) -> bool:
    """Whether two tiles share ground: both in the metres of the first, by pyproj and shapely."""
    zones = [pyproj.CRS.from_epsg(int(places.epsg[at])) for at in (one, other)]
    x, y = pyproj.Transformer.from_crs(zones[1], zones[0], always_xy=True).transform(*square(places, other))
    first = shapely.polygons(np.column_stack(square(places, one)))
    return bool(shapely.area(shapely.intersection(first, shapely.polygons(np.column_stack([x, y])))) > 1e-3)


def leaks(places: Places, splits: np.ndarray) -> int:
    pairs = cKDTree(ecef(places.lon, places.lat)).query_pairs(1900.0, output_type="ndarray")
    a, b = splits[pairs].T
    across = pairs[(a != b) & (a != "guard") & (b != "guard")]
    return sum(overlap(places, int(one), int(other)) for one, other in across[:400])


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("guard_m", [910.0, 1280.0])
def test_no_tile_overlaps_one_of_another_split(name: str, guard_m: float) -> None:
    places = crowd(name)
    rule = SplitRule("r", 0.4, 0.3, 0.3, block_km=8.0, guard_m=guard_m)
    splits = split_of(places, rule)
    assert set(splits) == {"train", "val", "test", "guard"}
    assert leaks(places, splits) == 0
    assert leaks(places, split_of(places, SplitRule("r", 0.4, 0.3, 0.3, block_km=8.0, guard_m=0.0))) > 20


@pytest.mark.parametrize("name", HARD)
def test_the_guard_is_where_the_widened_footprint_touches_another_split(name: str) -> None:
    """Brute force: the blocks at 41 x 41 points of each widened footprint; and none is given up for much less."""
    places = crowd(name, 600)
    rule = SplitRule("r", 0.4, 0.3, 0.3, block_km=30.0)
    splits = split_of(places, rule)
    plain = split_of(places, SplitRule("r", 0.4, 0.3, 0.3, block_km=30.0, guard_m=0.0))
    share = np.linspace(0.0, 1.0, 41)
    for at in np.flatnonzero(plain != "train").tolist():
        inverse = pyproj.Transformer.from_crs(int(places.epsg[at]), 4326, always_xy=True)
        side = 1280.0 + 2 * 1280.0

        def mixed(side: float, at: int = at, inverse: pyproj.Transformer = inverse) -> bool:
            x, y = np.meshgrid(share * side, share * side)
            middle = (side - 1280.0) / 2
            lon, lat = inverse.transform(places.left[at] - middle + x, places.top[at] + middle - y)
            drawn = uniform("r", "split", block_of(lon, lat, 30.0))
            codes = np.where(drawn < 0.3, 2, np.where(drawn < 0.6, 1, 0))
            return bool((codes != SPLITS.index(str(plain[at]))).any())

        if mixed(side):
            assert splits[at] == "guard"
        elif splits[at] == "guard":
            # Its box is turned against north, which gives away up to a seventh of the side.
            assert mixed(side * 1.15)
        else:
            assert splits[at] == plain[at]
    assert (splits[plain == "train"] == "train").all()


def anywhere(count: int, seed: int = 1) -> Places:
    generator = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(generator.uniform(np.sin(np.radians(-80)), np.sin(np.radians(84)), count)))
    return places_of_points(generator.uniform(-180, 180, count), lat)


def test_splits_know_no_order_and_never_change_when_a_frame_grows() -> None:
    places, rule = anywhere(20_000), SplitRule("r")
    splits = split_of(places, rule)
    order = np.random.default_rng(2).permutation(20_000)
    assert (split_of(places.take(order), rule) == splits[order]).all()
    assert (split_of(concatenate([anywhere(2000, 9), places]), rule)[2000:] == splits).all()
    assert (split_of(places.take(np.arange(1)), rule) == splits[:1]).all()
    assert split_of(places.take(np.arange(0)), rule).tolist() == []


def test_shares_are_near_the_fractions() -> None:
    places = anywhere(200_000)
    for rule in (SplitRule("r"), SplitRule("r", 0.6, 0.3, 0.1), SplitRule("r", 0.5, 0.0, 0.5)):
        splits = split_of(places, rule)
        shares = {name: (splits == name).mean() for name in (*SPLITS, "guard")}
        assert shares["train"] == pytest.approx(rule.train, abs=0.01)
        # A block loses a frame of 1,920 m wherever a neighbour is of another split.
        for name, wanted in (("val", rule.val), ("test", rule.test)):
            widest = 1 - (1 - 2 * 1.95 / 100) ** 2
            assert wanted * (1 - widest) - 0.01 <= shares[name] <= wanted + 0.01
        assert 0 < shares["guard"] < (1 - rule.train) * 0.08


def test_blocks_are_drawn_evenly_under_any_recipe() -> None:
    grid = block_grid()
    row = np.repeat(np.arange(200), grid.columns)
    blocks = (row.astype(np.uint64) << np.uint64(20)) | np.concatenate([np.arange(n) for n in grid.columns]).astype(
        np.uint64
    )
    values = [kstest(uniform(f"recipe-{seed}", "split", blocks), "uniform").pvalue for seed in range(100)]
    assert kstest(values, "uniform").pvalue > 0.001
    assert sum(value < 0.01 for value in values) <= 5


def test_a_wide_guard_leaves_dead_zones() -> None:
    places = anywhere(50_000)
    splits = split_of(places, SplitRule("r", guard_m=20_000.0))
    train = cKDTree(ecef(*(axis[splits == "train"] for axis in (places.lon, places.lat))))
    held = np.isin(splits, ("val", "test"))
    distance, _ = train.query(ecef(places.lon[held], places.lat[held]))
    assert held.sum() > 1000
    assert distance.min() > 20_000.0


def test_the_poles_have_splits_too() -> None:
    places = places_of_points(np.linspace(-180, 180, 200), np.tile([89.99, -89.99, 89.2, -90.0], 50))
    assert set(split_of(places, SplitRule("r", 0.0, 1.0, 0.0))) == {"val"}
    assert set(split_of(places, SplitRule("r", 0.4, 0.3, 0.3, guard_m=5000.0))) <= {"train", "val", "test", "guard"}


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="whose sum is 1"):
        SplitRule("r", 0.8, 0.1, 0.2)
    with pytest.raises(ConfigError, match="whose sum is 1"):
        SplitRule("r", 1.1, -0.1, 0.0)
    with pytest.raises(ConfigError, match="guard of 500 m: expected 0"):
        SplitRule("r", guard_m=500.0)
    with pytest.raises(ConfigError, match=r"guard of 4000 m: .* up to 3720 m"):
        SplitRule("r", block_km=10.0, guard_m=4000.0)
    with pytest.raises(ConfigError, match="blocks of 0 km"):
        SplitRule("r", block_km=0.0)
