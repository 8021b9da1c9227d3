"""Pairs of tiles that overlap, against shapely on a local plane and against whole numbers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from geomeld_build.anchors.overlap import nearest_distance_m, overlapping_pairs, overlaps_any
from geomeld_build.anchors.overlap_squares import Squares, earth_xyz, overlap
from geomeld_build.anchors.places import Places, concatenate, places_of_cells, places_of_points
from geomeld_build.errors import ConfigError

SITES = {
    "equator": (7.5, 0.0),
    "equator and seam": (6.0, 0.0),
    "greenwich": (0.0, 51.5),
    "california": (-120.0, 37.0),
    "south": (-66.0, -54.0),
    "antimeridian on the equator": (180.0, 0.0),
    "antimeridian, Fiji": (180.0, -17.0),
    "antimeridian, Chukotka": (-180.0, 68.9),
    "Norway, west": (3.0, 60.0),
    "Norway, east": (12.0, 58.0),
    "Norway, foot": (4.5, 56.0),
    "Norway, head": (5.0, 64.0),
    "Norway, corner": (3.0, 56.0),
    "Norway, three zones": (6.0, 64.0),
    "Svalbard 9": (9.0, 79.0),
    "Svalbard 21": (21.0, 78.2),
    "Svalbard 33": (33.0, 81.0),
    "Svalbard, foot": (11.0, 72.0),
    "Svalbard, head": (20.0, 84.0),
    "Svalbard, east": (42.0, 75.0),
    "Greenland": (-30.0, 83.6),
    "beyond 84": (12.0, 84.0),
    "Antarctica": (-60.0, -79.99),
    "beyond -80": (30.0, -80.5),
    "near the pole": (18.0, 88.0),
    "pole": (0.0, 90.0),
    "south pole": (0.0, -90.0),
}
ONE_ZONE = {"equator"}


def scattered(lon: float, lat: float, count: int, spread_m: float, seed: int) -> Places:
    """Tiles scattered around a point, on a plane that touches the Earth there."""
    east, north = np.random.default_rng(seed).normal(scale=spread_m, size=(2, count))
    to_lonlat = Transformer.from_crs(local(lon, lat), 4326, always_xy=True)
    return places_of_points(*to_lonlat.transform(east, north))


def local(lon: float, lat: float) -> str:
    return f"+proj=aeqd +lon_0={lon} +lat_0={lat} +datum=WGS84"


@lru_cache(maxsize=100)
def transformer(source: int, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def outlines(places: Places, lon: float, lat: float) -> np.ndarray:
    """The tiles as polygons on the local plane, with points along their edges, which bend there."""
    along = np.linspace(0.0, 1280.0, 9)[:-1]
    zero, full = np.zeros(8), np.full(8, 1280.0)
    xs, ys = np.concatenate([along, full, 1280 - along, zero]), np.concatenate([zero, along, full, 1280 - along])
    shapes = []
    for epsg, left, top in zip(places.epsg, places.left, places.top, strict=True):
        to_local = transformer(int(epsg), local(lon, lat))
        shapes.append(shapely.Polygon(np.column_stack(to_local.transform(left + xs, top - 1280 + ys))))
    return np.array(shapes)


def pairs_of_shapes(shapes: np.ndarray, shrink_m: float) -> set[tuple[int, int]]:
    """Shapes that still intersect after each is made smaller all round."""
    smaller = shapely.buffer(shapes, -shrink_m, join_style="mitre")
    found = shapely.STRtree(smaller).query(smaller, predicate="intersects").T.tolist()
    return {(i, j) for i, j in found if i < j}


def agrees_with_shapes(places: Places, lon: float, lat: float) -> int:
    """Compare with shapely up to a band around 1 cm; the number of pairs across zones."""
    found = overlapping_pairs(places)
    pairs = {(i, j) for i, j in found.tolist()}
    shapes = outlines(places, lon, lat)
    surely, perhaps = pairs_of_shapes(shapes, 0.01), pairs_of_shapes(shapes, 0.0025)
    assert surely <= pairs <= perhaps
    assert len(perhaps - surely) <= 2
    assert len(pairs) == len(found)
    sheets = places.epsg[found] % 100
    return int((sheets[:, 0] != sheets[:, 1]).sum())


@pytest.mark.parametrize("site", SITES)
def test_pairs_are_those_of_the_shapes(site: str) -> None:
    lon, lat = SITES[site]
    across = agrees_with_shapes(scattered(lon, lat, 120, 2500.0, 1), lon, lat)
    assert (across == 0) if site in ONE_ZONE else across > 15


@given(seam=st.integers(-30, 29), lat=st.floats(-83.0, 83.0), off=st.floats(-2.0, 2.0), seed=st.integers(0, 2**32 - 1))
def test_pairs_are_those_of_the_shapes_along_all_seams(seam: int, lat: float, off: float, seed: int) -> None:
    lon = seam * 6.0 + off * 0.01
    agrees_with_shapes(scattered(lon, lat, 40, 1500.0, seed), lon, lat)


@pytest.mark.parametrize("site", ["greenwich", "equator and seam", "Norway, foot", "pole"])
def test_two_sets_are_compared_as_one(site: str) -> None:
    places = scattered(*SITES[site], 300, 4000.0, 2)
    first, second = places.take(np.arange(130)), places.take(np.arange(130, 300))
    joined = overlapping_pairs(concatenate([first, second]))
    expected = joined[(joined[:, 0] < 130) & (joined[:, 1] >= 130)] - [0, 130]
    assert len(expected) > 50
    assert overlapping_pairs(first, second).tolist() == expected.tolist()
    assert np.flatnonzero(overlaps_any(first, second)).tolist() == np.unique(expected[:, 0]).tolist()
    assert np.flatnonzero(overlaps_any(second, first)).tolist() == np.unique(expected[:, 1]).tolist()


@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([300.0, 1200.0, 6000.0]))
def test_any_is_one_of_the_pairs(seed: int, spread: float) -> None:
    places, others = scattered(7.5, 47.0, 60, spread, seed), scattered(7.5, 47.0, 25, spread, seed + 1)
    dx = np.abs(places.left[:, None] - others.left)
    dy = np.abs(places.top[:, None] - others.top)
    both = (dx < 1280.0) & (dy < 1280.0)
    assert overlaps_any(places, others).tolist() == both.any(axis=1).tolist()
    assert overlapping_pairs(places, others).tolist() == np.argwhere(both).tolist()


def test_cells_of_the_lattice_touch_but_do_not_overlap() -> None:
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(300, 340), np.arange(-20, 20)))
    epsg = np.where(row < 0, 32733, 32633).astype(np.int32)
    cells = places_of_cells(epsg, column, np.where(row < 0, row + 7812, row))
    # 10,000 km are 7812.5 cells: the lattices of north and south meet half a cell apart.
    north = cells.take(epsg == 32633)
    assert len(overlapping_pairs(north)) == 0
    assert len(overlapping_pairs(north, north)) == len(north)
    shapes = shapely.box(*(np.asarray(side) for side in _bounds(cells)))
    assert len(overlapping_pairs(cells)) == len(pairs_of_shapes(shapes, 1.0))


def _bounds(places: Places) -> tuple[np.ndarray, ...]:
    top = np.where(places.epsg > 32700, places.top - 10_000_000, places.top)
    return places.left, top - 1280, places.left + 1280, top


def test_twenty_metres_decide() -> None:
    point = places_of_points(np.full(4, 7.5), np.full(4, 47.0))
    left, top = point.left + np.array([0, 1280, 1260, 0]), point.top + np.array([0, 0, 1260, -1280])
    moved = Places(point.lon, point.lat, point.epsg, left, top, point.key)
    assert overlapping_pairs(moved).tolist() == [[0, 2], [1, 2]]


@pytest.mark.parametrize("turn", [0.0, 30.0, 45.0])
@pytest.mark.parametrize(("shared_m", "expected"), [(-0.02, False), (0.0, False), (0.008, False), (0.012, True)])
@pytest.mark.parametrize("lat", [0.0, 60.0, -84.0])
def test_squares_that_share_less_than_a_centimetre_touch(
    turn: float, shared_m: float, expected: bool, lat: float
) -> None:
    corner = np.array([[-640.0, -640.0], [640.0, -640.0], [640.0, 640.0], [-640.0, 640.0]])
    angle = np.radians(turn)
    turned = corner @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shift = 640.0 + turned[:, 0].max() - shared_m
    flat = np.stack([corner - [shift / 2, 0.0], turned + np.array([shift / 2, 100.0])])
    to_lonlat = Transformer.from_crs(local(6.0, lat), 4326, always_xy=True)
    corners = earth_xyz(*to_lonlat.transform(flat[..., 0], flat[..., 1]))
    zeros = np.zeros(2, np.int32)
    pair = Squares(np.array([31, 32], np.int32), zeros, zeros, np.array([0, 1], np.int32), corners)
    first, second = np.array([0, 1]), np.array([1, 0])
    assert overlap(pair, first, pair, second).tolist() == [expected, expected]


def test_the_surface_of_the_earth_is_that_of_proj() -> None:
    lon, lat = np.random.default_rng(4).uniform([-180, -90], [180, 90], (500, 2)).T
    geocentric = Transformer.from_crs(4979, 4978, always_xy=True)
    expected = np.column_stack(geocentric.transform(lon, lat, np.zeros(500)))
    np.testing.assert_allclose(earth_xyz(lon, lat), expected, atol=1e-6)


def test_nearest_distance_is_the_geodesic() -> None:
    near = scattered(180.0, 66.0, 80, 30_000.0, 5)
    far = scattered(-179.0, 61.0, 70, 30_000.0, 6)
    for others, rtol in ((None, 1e-4), (far, 1e-3)):
        target = near if others is None else others
        i, j = np.meshgrid(np.arange(len(near)), np.arange(len(target)), indexing="ij")
        _, _, metres = Geod(ellps="WGS84").inv(near.lon[i], near.lat[i], target.lon[j], target.lat[j])
        if others is None:
            np.fill_diagonal(metres, np.inf)
        np.testing.assert_allclose(nearest_distance_m(near, others), metres.min(axis=1), rtol=rtol, atol=1e-3)


def test_nearest_of_nothing_is_infinitely_far() -> None:
    one = scattered(7.5, 47.0, 1, 10.0, 7)
    nothing = one.take(np.zeros(1, bool))
    assert nearest_distance_m(one).tolist() == [np.inf]
    assert nearest_distance_m(one, nothing).tolist() == [np.inf]
    assert nearest_distance_m(one, one).tolist() == [0.0]
    assert nearest_distance_m(nothing).shape == (0,)


def test_nothing_overlaps_nothing() -> None:
    one = scattered(6.0, 47.0, 1, 10.0, 7)
    nothing = one.take(np.zeros(1, bool))
    assert overlapping_pairs(nothing).shape == overlapping_pairs(one).shape == (0, 2)
    assert overlapping_pairs(one, nothing).shape == overlapping_pairs(nothing, one).shape == (0, 2)
    assert overlaps_any(one, nothing).tolist() == [False]
    assert overlaps_any(nothing, one).shape == (0,)


def test_an_origin_off_the_grid_is_refused() -> None:
    good = scattered(6.0, 47.0, 3, 10.0, 7)
    shifted = Places(good.lon, good.lat, good.epsg, good.left + np.array([0, 7, 0]), good.top, good.key)
    with pytest.raises(ConfigError, match=r"row 2: origin .* no multiple of 20 m"):
        overlapping_pairs(shifted)
    web = Places(good.lon, good.lat, np.full(3, 3857, np.int32), good.left, good.top, good.key)
    with pytest.raises(ConfigError, match="row 1: EPSG:3857 is no UTM zone"):
        overlaps_any(web, good)
