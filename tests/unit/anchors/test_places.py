"""Places in columns are the anchors that are made one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from geomeld_build.anchors.places import concatenate, places_from_columns, places_of_cells, places_of_points, utm_zones
from geomeld_build.errors import ConfigError
from geomeld_build.grid import cell_anchor, place_anchor, utm_epsg

WHEN = datetime(2020, 1, 15, tzinfo=UTC)
SPECIAL = [
    (3.0, 60.0),
    (11.99, 56.0),
    (9.0, 75.0),
    (41.9, 83.9),
    (42.0, 75.0),
    (180.0, 10.0),
    (-180.0, -10.0),
    (0.0, 0.0),
]


def _points(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    lon = np.concatenate([generator.uniform(-180, 180, count), [x for x, _ in SPECIAL]])
    lat = np.concatenate([np.degrees(np.arcsin(generator.uniform(-0.98, 0.99, count))), [y for _, y in SPECIAL]])
    return lon, lat


def test_zones_are_those_of_single_points() -> None:
    lon, lat = _points(5000)
    assert utm_zones(lon, lat).tolist() == [utm_epsg(x, y) for x, y in zip(lon, lat, strict=True)]


def test_points_are_placed_as_one_by_one() -> None:
    lon, lat = _points(300)
    places = places_of_points(lon, lat)
    ids = places.location_ids()
    for at, (x, y) in enumerate(zip(lon, lat, strict=True)):
        anchor = place_anchor(float(x), float(y), WHEN, recipe="r")
        found = (ids[at], places.lon[at], places.lat[at], places.epsg[at], places.left[at], places.top[at])
        assert found == (anchor.location_id, anchor.lon, anchor.lat, anchor.epsg, anchor.left, anchor.top)


def test_cells_are_placed_as_one_by_one() -> None:
    epsg, column, row = np.array([32601, 32760, 32633]), np.array([300, 412, 99]), np.array([7000, 900, 0])
    places = places_of_cells(epsg, column, row)
    for at, location_id in enumerate(places.location_ids()):
        anchor = cell_anchor(int(epsg[at]), int(column[at]), int(row[at]), WHEN, recipe="r")
        found = (location_id, places.lon[at], places.lat[at], places.left[at], places.top[at])
        assert found == (anchor.location_id, anchor.lon, anchor.lat, anchor.left, anchor.top)


def test_keys_tell_places_apart() -> None:
    lon, lat = _points(2000)
    points = places_of_points(lon[:-8], lat[:-8])
    grid = np.arange(200, 700)
    cells = places_of_cells(np.full(500, 32640), grid, grid)
    both = concatenate([points, cells])
    assert len(np.unique(both.key)) == len(both) == 2500
    assert both.take(both.key < 2**63).location_ids() == cells.location_ids()


def test_places_come_back_from_a_table() -> None:
    lon, lat = _points(500)
    grid = np.arange(200, 700)
    places = concatenate([places_of_points(lon, lat), places_of_cells(np.full(500, 32740), grid, grid)])
    columns = {name: getattr(places, name) for name in ("lon", "lat", "epsg", "left", "top")}
    again = places_from_columns(pa.table({"location_id": places.location_ids(), **columns}))
    assert np.array_equal(again.key, places.key)
    assert np.array_equal(again.left, places.left)
    with pytest.raises(ConfigError, match="location id 'x1': expected one such as"):
        places_from_columns(pa.table({"location_id": ["x1"], **{name: values[:1] for name, values in columns.items()}}))


def test_a_point_off_the_earth_is_named() -> None:
    with pytest.raises(ConfigError, match=r"row 2: lon 200\.0, lat 1\.0 is out of range"):
        places_of_points(np.array([1.0, 200.0]), np.array([1.0, 1.0]))
