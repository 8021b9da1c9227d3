"""Grids, windows and identities."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from geomeld_build.errors import ConfigError
from geomeld_build.grid import (
    Window,
    cell_anchor,
    grid_geobox,
    location_id_of_point,
    make_tile_id,
    place_anchor,
    utm_epsg,
)
from geomeld_build.modalities import MODALITIES

NOON = datetime(2020, 6, 4, 12, tzinfo=UTC)


@given(st.floats(-180, 180), st.floats(-79.9, 83.9))
def test_any_place_has_a_tile_of_128_pixels_of_10_m_snapped_to_20_m(lon: float, lat: float) -> None:
    anchor = place_anchor(lon, lat, NOON, recipe="test")
    box = anchor.geobox
    assert box.shape == (128, 128)
    assert (box.affine.a, box.affine.b, box.affine.d, box.affine.e) == (10.0, 0.0, 0.0, -10.0)
    assert box.affine.c % 20 == box.affine.f % 20 == 0
    distance = CRS(box.crs.to_wkt()).get_geod().inv(lon, lat, anchor.lon, anchor.lat)[2]
    assert distance < 15.0


@given(st.floats(-179.99, 179.99), st.floats(-79.9, 55.9))
def test_zones_agree_with_proj(lon: float, lat: float) -> None:
    area = CRS.from_epsg(utm_epsg(lon, lat)).area_of_use
    assert area.south - 1e-6 <= lat <= area.north + 1e-6
    assert area.west - 1e-6 <= lon <= area.east + 1e-6


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (5.0, 60.0, 32632),
        (2.9, 60.0, 32631),
        (8.0, 75.0, 32631),
        (10.0, 75.0, 32633),
        (25.0, 78.0, 32635),
        (40.0, 78.0, 32637),
        (180.0, 10.0, 32601),
        (-180.0, -10.0, 32701),
        (73.3056, 30.4642, 32643),
    ],
)
def test_zones_with_exceptions(lon: float, lat: float, epsg: int) -> None:
    assert utm_epsg(lon, lat) == epsg


def test_the_outline_is_the_geobox_in_lonlat() -> None:
    anchor = place_anchor(73.3056, 30.4642, NOON, recipe="test")
    x, y = Transformer.from_crs(4326, anchor.epsg, always_xy=True).transform(*np.array(anchor.polygon.exterior.xy))
    assert np.allclose(sorted({round(v) for v in x}), [anchor.left, anchor.left + 1280])
    assert np.allclose(sorted({round(v) for v in y}), [anchor.top - 1280, anchor.top])


def test_rows_on_other_grids_share_the_centre() -> None:
    anchor = place_anchor(73.3056, 30.4642, NOON, recipe="test")
    centres = set()
    for row in MODALITIES.values():
        box = grid_geobox(anchor, row.grid)
        centres.add(tuple(box.affine * (row.grid.size / 2, row.grid.size / 2)))
    assert centres == {(anchor.left + 640, anchor.top - 640)}


def test_a_cell_is_its_place_on_the_lattice() -> None:
    anchor = cell_anchor(32643, 266, 2632, NOON, recipe="test")
    assert (anchor.left, anchor.top) == (266 * 1280.0, 2633 * 1280.0)
    assert anchor.location_id == "u32643c00266r02632"


def test_identity_is_place_time_and_recipe() -> None:
    same = make_tile_id("x", NOON, "r")
    assert make_tile_id("x", NOON.astimezone(timezone(timedelta(hours=5))), "r") == same
    others = {
        make_tile_id("y", NOON, "r"),
        make_tile_id("x", NOON + timedelta(days=30), "r"),
        make_tile_id("x", NOON, "s"),
    }
    assert same not in others
    assert len(others) == 3
    assert len(same) == 16


def test_identities_are_frozen() -> None:
    assert make_tile_id("u32643c00266r02632", NOON, "geomeld-1") == "8d682915a06dfa61"
    assert location_id_of_point(-73.3056, 30.4642) == "p-073305600+30464200"


@pytest.mark.parametrize(("lon", "lat"), [(200, 0), (0, 91), (float("nan"), 0), (30.4642, 173.3056)])
def test_points_off_the_earth_are_refused(lon: float, lat: float) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        place_anchor(lon, lat, NOON, recipe="test")


def test_windows_are_closed_and_utc() -> None:
    window = Window.around(NOON, 15)
    assert window.contains(NOON + timedelta(days=15))
    assert not window.contains(NOON + timedelta(days=15, microseconds=1))
    with pytest.raises(ConfigError, match="tz-aware"):
        Window(datetime(2020, 1, 1), NOON)  # noqa: DTZ001 - the point of the test
    with pytest.raises(ConfigError, match="end before"):
        Window(NOON, NOON - timedelta(days=1))


def test_anchors_cross_processes() -> None:
    anchor = place_anchor(73.3056, 30.4642, NOON, recipe="test")
    assert pickle.loads(pickle.dumps(anchor)) == anchor
    assert replace(anchor, pool="other") != anchor
