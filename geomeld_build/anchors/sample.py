"""Draws anchors in a region: cells of the 1,280 m UTM lattice, without replacement, the same on every machine.

A cell belongs to the zone of its centre and must lie in that zone with all corners, so cells of neighbouring
zones never overlap. Small regions are enumerated; large ones are drawn point by point, which never builds a global
grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import shapely
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from geomeld_build.anchors.region import Region
from geomeld_build.draws import seed_of
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M, Anchor, cell_anchor, to_lonlat, to_utm, utm_epsg

__all__ = ["sample_anchors", "sample_date"]

_ENUMERATE_CELLS = 200_000
"""Regions of up to this many cells are enumerated."""
_MIN_LAT, _MAX_LAT = -80.0, 84.0
"""UTM's own range."""

Cell = tuple[int, int, int]
"""EPSG code, column, row."""


def sample_anchors(region: Region, n: int, *, recipe: str, years: tuple[int, int] = (2018, 2021)) -> list[Anchor]:
    """Draw ``n`` cells of the lattice in a region, each with a date.

    Args:
        region: where.
        n: how many.
        recipe: names the rules; keys every draw.
        years: first and last year of the dates; day 15 of a uniform month.

    Raises:
        ConfigError: the region has fewer than ``n`` whole cells, lies beyond UTM, or the years are out of order.
    """
    if n < 1:
        raise ConfigError(f"cannot sample {n} anchors: expected at least 1")
    if years[0] > years[1] or years[0] < 2015:
        raise ConfigError(f"years {years[0]}-{years[1]}: expected first <= last, from 2015 (Sentinel-2's first) on")
    cells = _draw_cells(_within_utm(region), n, recipe)
    return [_dated(cell, recipe, years) for cell in cells]


def _within_utm(region: Region) -> Region:
    """The part between 80 S and 84 N: only there are cells, and only its area says how many."""
    part = shapely.intersection(region.geometry, shapely.box(-180.0, _MIN_LAT, 180.0, _MAX_LAT))
    if shapely.area(part) == 0.0:
        raise ConfigError(
            f"the region {region.text} lies beyond UTM: expected a part of it in {_MIN_LAT:g}..{_MAX_LAT:g} N"
        )
    return Region(part, region.text)


def sample_date(location_id: str, recipe: str, years: tuple[int, int]) -> datetime:
    """Year and month uniform, day 15, keyed by place."""
    generator = Generator(Philox(key=seed_of(recipe, "date", location_id)))
    year = int(generator.integers(years[0], years[1] + 1))
    month = int(generator.integers(1, 13))
    return datetime(year, month, 15, tzinfo=UTC)


def _dated(cell: Cell, recipe: str, years: tuple[int, int]) -> Anchor:
    epsg, column, row = cell
    undated = cell_anchor(epsg, column, row, datetime(years[0], 1, 15, tzinfo=UTC), recipe=recipe)
    when = sample_date(undated.location_id, recipe, years)
    return cell_anchor(epsg, column, row, when, recipe=recipe)


def _draw_cells(region: Region, n: int, recipe: str) -> list[Cell]:
    expected = region.area_m2 / CELL_M**2
    if expected <= _ENUMERATE_CELLS or n > expected / 5:
        cells = sorted(set(_enumerate(region)), key=lambda cell: (seed_of(recipe, "cell", f"{cell}"), cell))
        if len(cells) < n:
            raise ConfigError(f"the region {region.text} has {len(cells)} whole cells of 1,280 m, fewer than {n}")
        return cells[:n]
    return _reject(region, n, recipe)


def _reject(region: Region, n: int, recipe: str) -> list[Cell]:
    """Uniform points on the sphere, kept when inside; their cells, each once, in drawn order."""
    generator = Generator(Philox(key=seed_of(recipe, "region", region.text)))
    west, south, east, north = shapely.bounds(region.geometry)
    low, high = np.sin(np.radians([max(south, _MIN_LAT), min(north, _MAX_LAT)]))
    chosen: dict[Cell, None] = {}
    while len(chosen) < n:
        lon = generator.uniform(west, east, 4096)
        lat = np.degrees(np.arcsin(generator.uniform(low, high, 4096)))
        inside = region.contains(lon, lat)
        for cell in _cells_of(lon[inside], lat[inside]):
            if _belongs(cell, region):
                chosen.setdefault(cell)
            if len(chosen) == n:
                break
    return list(chosen)


def _cells_of(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[Cell]:
    cells = []
    for x, y in zip(lon.tolist(), lat.tolist(), strict=True):
        epsg = utm_epsg(x, y)
        easting, northing = to_utm(epsg, x, y)
        cells.append((epsg, int(easting // CELL_M), int(northing // CELL_M)))
    return cells


def _belongs(cell: Cell, region: Region) -> bool:
    """Whether a cell's centre lies in the region and all its corners in its own zone."""
    epsg, column, row = cell
    xs = np.array([0.5, 0, 1, 1, 0]) * CELL_M + column * CELL_M
    ys = np.array([0.5, 0, 0, 1, 1]) * CELL_M + row * CELL_M
    lon, lat = to_lonlat(epsg, xs, ys)
    if not region.contains(lon[:1], lat[:1])[0]:
        return False
    return all(utm_epsg(x, y) == epsg for x, y in zip(lon.tolist(), lat.tolist(), strict=True))


def _enumerate(region: Region) -> Iterator[Cell]:
    """Every whole cell whose centre is in the region, polygon by polygon and zone by zone."""
    for polygon in shapely.get_parts(region.geometry).tolist():
        yield from _enumerate_polygon(Region(polygon, region.text))


def _enumerate_polygon(region: Region) -> Iterator[Cell]:
    west, south, east, north = shapely.bounds(region.geometry)
    south, north = max(south, _MIN_LAT), min(north, _MAX_LAT)
    longitudes = np.arange(west, east + 0.5, 0.5).clip(west, east)
    latitudes = np.arange(south, north + 0.5, 0.5).clip(south, north)
    grid_lon, grid_lat = (axis.ravel() for axis in np.meshgrid(longitudes, latitudes))
    zones = np.array([utm_epsg(x, y) for x, y in zip(grid_lon.tolist(), grid_lat.tolist(), strict=True)])
    for epsg in np.unique(zones).tolist():
        here = zones == epsg
        # Half a degree of margin, because the samples of a zone stop up to one step before its edge.
        yield from _enumerate_zone(
            region,
            epsg,
            (grid_lon[here].min() - 0.5, grid_lon[here].max() + 0.5),
            (max(grid_lat[here].min() - 0.5, _MIN_LAT), min(grid_lat[here].max() + 0.5, _MAX_LAT)),
        )


def _enumerate_zone(region: Region, epsg: int, lons: tuple[float, float], lats: tuple[float, float]) -> Iterator[Cell]:
    edge_lon, edge_lat = (axis.ravel() for axis in np.meshgrid(np.linspace(*lons, 21), np.linspace(*lats, 21)))
    x, y = to_utm(epsg, edge_lon, edge_lat)
    columns = np.arange(int(x.min() // CELL_M), int(x.max() // CELL_M) + 1)
    rows = np.arange(int(y.min() // CELL_M), int(y.max() // CELL_M) + 1)
    for chunk in np.array_split(rows, max(1, len(rows) * len(columns) // 100_000)):
        column, row = (axis.ravel() for axis in np.meshgrid(columns, chunk))
        lon, lat = to_lonlat(epsg, (column + 0.5) * CELL_M, (row + 0.5) * CELL_M)
        inside = np.flatnonzero(region.contains(np.asarray(lon), np.asarray(lat)))
        for index in inside.tolist():
            cell = (epsg, int(column[index]), int(row[index]))
            if _belongs(cell, region):
                yield cell
