"""Thinning against the greedy pass it stands for, one place after another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors.overlap import Thinned, overlapping_pairs, overlaps_any, thin
from geomeld_build.anchors.overlap_bins import binned, pairs_in_bins
from geomeld_build.anchors.overlap_rounds import first_independent
from geomeld_build.anchors.overlap_squares import squares
from geomeld_build.anchors.places import Places, concatenate, places_of_cells, places_of_points
from geomeld_build.draws import draw
from geomeld_build.errors import ConfigError
from tests.support.made_pools import BIOME_AREAS_KM2, biome_raster, made_points
from tests.support.realdata import needs_real_data

SITES = st.sampled_from(
    [(6.0, 47.0), (7.5, 0.0), (180.0, -17.0), (4.0, 56.0), (21.0, 78.5), (30.0, 84.0), (50.0, 89.99)]
)
SEEDS = st.integers(0, 2**32 - 1)


def clustered(lon: float, lat: float, seed: int, count: int = 150) -> Places:
    """Tiles in a few heaps around a point, some of them twice."""
    generator = np.random.default_rng(seed)
    heaps = generator.normal(scale=0.03, size=(6, 2))
    spread = generator.choice([0.0005, 0.005, 0.02], size=(count, 1))
    offset = heaps[generator.integers(0, 6, count)] + spread * generator.normal(size=(count, 2))
    x = lon + offset[:, 0] / max(np.cos(np.radians(lat)), 1e-3)
    y = np.minimum(lat + offset[:, 1], 90.0)
    places = places_of_points(np.round((x + 180.0) % 360.0 - 180.0, 6), np.round(y, 6))
    return places.take(np.append(np.arange(count), generator.integers(0, count, 5)))


def greedy(places: Places, order: np.ndarray, blocked_by: Places | None = None) -> tuple[list[bool], list[bool]]:
    """Kept and blocked, by the definition and all pairs."""
    touches = np.zeros((len(places), len(places)), bool)
    pairs = overlapping_pairs(places)
    touches[pairs[:, 0], pairs[:, 1]] = touches[pairs[:, 1], pairs[:, 0]] = True
    blocked = np.zeros(len(places), bool)
    if blocked_by is not None:
        blocked[overlapping_pairs(places, blocked_by)[:, 0]] = True
    kept = np.zeros(len(places), bool)
    for at in sorted(range(len(places)), key=lambda at: (order[at], places.key[at])):
        kept[at] = not blocked[at] and not (touches[at] & kept).any()
    return kept.tolist(), blocked.tolist()


def one_each(result: Thinned) -> bool:
    return bool((result.kept.astype(int) + result.by_block + result.by_pool == 1).all())


@given(site=SITES, seed=SEEDS, ties=st.booleans())
def test_thinning_is_the_greedy_pass(site: tuple[float, float], seed: int, ties: bool) -> None:
    places = clustered(*site, seed)
    order = draw("test", "thin", places.key) % np.uint64(7 if ties else 2**63)
    result = thin(places, order)
    assert result.kept.tolist() == greedy(places, order)[0]
    assert one_each(result)
    assert not result.by_block.any()


@given(site=SITES, seed=SEEDS)
def test_tiles_that_stay_block_the_next_pool(site: tuple[float, float], seed: int) -> None:
    places, others = clustered(*site, seed), clustered(*site, seed + 1, count=12)
    order = draw("test", "thin", places.key)
    result = thin(places, order, others)
    assert (result.kept.tolist(), result.by_block.tolist()) == greedy(places, order, others)
    assert one_each(result)
    assert not overlaps_any(places.take(result.kept), others).any()


@given(site=SITES, seed=SEEDS, ties=st.booleans())
def test_the_order_of_input_does_not_matter(site: tuple[float, float], seed: int, ties: bool) -> None:
    places, others = clustered(*site, seed), clustered(*site, seed + 1, count=12)
    order = draw("test", "thin", places.key) % np.uint64(3 if ties else 2**63)
    shuffled = np.random.default_rng(seed).permutation(len(places))
    first, again = thin(places, order, others), thin(places.take(shuffled), order[shuffled], others)
    assert sorted(places.key[first.kept]) == sorted(places.key[shuffled][again.kept])
    assert first.by_block[shuffled].tolist() == again.by_block.tolist()


@pytest.mark.parametrize("site", [(6.0, 47.0), (4.0, 56.0), (10.0, 0.0)])
def test_where_rounds_give_way_to_single_steps_does_not_matter(site: tuple[float, float]) -> None:
    tiles = squares(clustered(*site, 3, count=400))
    expected = first_independent(tiles).tolist()
    assert 20 < sum(expected) < 300
    for effort in (0.0, 1.0, 1.7, 2.0):
        assert first_independent(tiles, effort).tolist() == expected


def test_an_order_along_a_row_is_gone_through_to_its_end() -> None:
    """The worst order for rounds: every tile waits for the one before it."""
    lon = 7.5 + np.arange(3000) * 1e-3
    places = places_of_points(lon % 6.0 + 6.0, np.full(3000, 1.0))
    order = np.arange(3000, dtype=np.uint64)
    assert thin(places, order).kept.tolist() == greedy(places, order)[0]


def test_cells_of_the_lattice_all_stay() -> None:
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(300, 360), np.arange(4000, 4060)))
    cells = places_of_cells(np.full(3600, 32633, np.int32), column, row)
    assert thin(cells, np.arange(3600, dtype=np.uint64)).kept.all()


def test_thousands_in_one_place_leave_one() -> None:
    places = places_of_points(np.full(20_000, 7.5), 47.0 + np.arange(20_000) * 1e-7)
    others = places_of_points(np.full(20_000, 7.52), 47.0 + np.arange(20_000) * 1e-7)
    order = draw("test", "thin", np.arange(20_000, dtype=np.uint64))
    result = thin(places, order, others)
    assert np.flatnonzero(result.kept).tolist() == [int(np.argmin(order))]
    assert thin(places, order, places).by_block.all()


def test_pairs_come_in_blocks_that_lose_none() -> None:
    bins = binned(squares(clustered(6.0, 47.0, 9)))
    many = np.argwhere(np.ones((len(bins.codes), len(bins.codes)), bool))
    for block in (1, 50, 10**6):
        found = list(pairs_in_bins(bins, bins, many, block))
        whole = np.concatenate([np.column_stack(pair) for pair in found])
        assert len(np.unique(whole, axis=0)) == len(whole) == len(bins.members) ** 2
        assert max(len(i) for i, _ in found) <= max(block, len(bins.members))


def test_one_number_is_needed_for_each_place() -> None:
    with pytest.raises(ConfigError, match="order has 3 numbers for 155 places"):
        thin(clustered(6.0, 47.0, 1), np.zeros(3, np.uint64))


def test_nothing_is_thinned_to_nothing() -> None:
    some = clustered(6.0, 47.0, 1)
    nothing = some.take(np.zeros(0, np.int64))
    assert len(thin(nothing, nothing.key, some).kept) == 0
    assert thin(some, some.key, nothing).kept.tolist() == thin(some, some.key).kept.tolist()


@pytest.mark.parametrize("kind", ["mmearth", "skyscript"])
def test_made_up_pools_grow_and_lie_on_the_earth(kind: str) -> None:
    lon, lat = made_points(kind, 3000, 1)  # type: ignore[arg-type]
    fewer = made_points(kind, 500, 1)  # type: ignore[arg-type]
    assert (lon[:500].tolist(), lat[:500].tolist()) == (fewer[0].tolist(), fewer[1].tolist())
    assert made_points(kind, 500, 2)[0].tolist() != fewer[0].tolist()  # type: ignore[arg-type]
    assert lon.min() >= -180.0
    assert lon.max() <= 180.0
    assert np.abs(lat).max() < 90.0


def test_the_made_up_mmearth_has_equal_biomes() -> None:
    lon, lat = made_points("mmearth", 14_000, 1)
    row = np.floor((90.0 - lat) / 0.1).astype(int)
    found = biome_raster()[row, np.floor((lon + 180.0) / 0.1).astype(int) % 3600]
    counts = np.bincount(found, minlength=15)
    # Points are rounded to a micro-degree: a few fall into the next pixel.
    assert np.abs(counts[1:] - 1000).max() <= 3


def test_the_made_up_skyscript_is_clustered_as_the_real_one() -> None:
    places = places_of_points(*made_points("skyscript", 300_000, 1))
    kept = thin(places, draw("test", "thin", places.key)).kept.mean()
    assert 0.25 < kept < 0.75
    spread = places_of_points(*made_points("mmearth", 300_000, 1))
    both = concatenate([spread.take(thin(spread, spread.key).kept)])
    assert len(both) > 0.95 * 300_000
    assert len(overlapping_pairs(both)) == 0


@pytest.mark.parametrize("real", [pytest.param(True, marks=needs_real_data), False])
def test_made_up_biomes_have_their_areas(real: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not real:
        monkeypatch.setenv("GEOMELD_TEST_DATA", "no such folder")
    raster = biome_raster()
    row_area = 510_072_000.0 * 0.1 / 360.0 * np.diff(np.sin(np.radians(np.linspace(-90.0, 90.0, 1801)))) / 2.0
    for code, area in BIOME_AREAS_KM2.items():
        found = ((raster == code).sum(axis=1) * row_area).sum()
        assert found == pytest.approx(area, rel=0.05)
