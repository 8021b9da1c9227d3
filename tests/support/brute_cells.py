"""Every lattice cell of a small area, found the slow way: all positions projected, every corner's zone looked up."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from geomeld_build.anchors.places import Places
from geomeld_build.grid import CELL_M, utm_epsg

__all__ = ["Cell", "brute_cells", "cells_of"]

Cell = tuple[int, int, int]
"""EPSG code, column, row."""


def cells_of(places: Places) -> list[Cell]:
    """Cells of places, in order."""
    columns, rows = places.left / CELL_M, places.top / CELL_M - 1
    assert (columns % 1 == 0).all()
    assert (rows % 1 == 0).all()
    return list(zip(places.epsg.tolist(), columns.astype(int).tolist(), rows.astype(int).tolist(), strict=True))


def brute_cells(geometry: BaseGeometry) -> set[Cell]:
    """Cells whose centre lies in an area and whose corners all lie in the centre's zone, 80 S..84 N."""
    found: set[Cell] = set()
    for part in shapely.get_parts(geometry).tolist():
        west, south, east, north = shapely.bounds(part)
        lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(west, east, 41), np.linspace(south, north, 41)))
        lat = lat.clip(-80.0, 84.0)
        for epsg in {utm_epsg(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)}:
            x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
            columns = np.arange(x.min() // CELL_M - 2, x.max() // CELL_M + 3)
            rows = np.arange(max(y.min() // CELL_M - 2, 0), y.max() // CELL_M + 3)
            found |= _of_zone(part, epsg, columns, rows)
    return found


def _of_zone(part: BaseGeometry, epsg: int, columns: np.ndarray, rows: np.ndarray) -> set[Cell]:
    back = Transformer.from_crs(epsg, 4326, always_xy=True)
    column, row = (axis.ravel() for axis in np.meshgrid(columns, rows))
    lon, lat = back.transform((column + 0.5) * CELL_M, (row + 0.5) * CELL_M)
    inside = shapely.contains_xy(part, np.round(lon, 7), np.round(lat, 7))
    column, row = column[inside], row[inside]
    good = np.ones(len(column), bool)
    for right, up in ((0.5, 0.5), (0, 0), (1, 0), (1, 1), (0, 1)):
        lon, lat = back.transform((column + right) * CELL_M, (row + up) * CELL_M)
        zones = [utm_epsg(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)]
        good &= (np.array(zones) == epsg) & (lat >= -80.0) & (lat <= 84.0)
    return {(epsg, int(i), int(j)) for i, j in zip(column[good], row[good], strict=True)}
