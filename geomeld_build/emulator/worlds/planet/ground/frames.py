"""Local frames: the planet's surface divided into cells of a few kilometres with metric coordinates inside.

Latitude bands of 2 degrees each hold a whole number of cells around the globe. The border between two bands or cells
follows the same warped lines as everything drawn in a cell, so that it looks like any border between two estates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.compiled import kernel
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats, Ints

__all__ = ["Cells", "cells_of", "centre_lonlat", "subdivide"]

_BAND_DEGREES = 2.0


@dataclass(frozen=True, slots=True)
class Cells:
    """For every point the cell it lies in and where in it. Arrays of one shape."""

    band: Ints
    column: Ints
    row: Ints
    x: Floats
    """Metres east of the cell's centre."""
    y: Floats
    """Metres north of the cell's centre."""
    width: Floats
    """Metres from the west to the east edge."""
    height: Floats
    """Metres from the south to the north edge."""


def cells_of(lon: Floats, lat: Floats, size_km: float) -> Cells:
    """The cells of about this size that lon/lat degrees (already warped) lie in."""
    whole, metres = _locate(np.ravel(lon), np.ravel(lat), size_km, KM_PER_DEGREE)
    return _cells(whole, metres, lon.shape)


def subdivide(cells: Cells, parts: int) -> Cells:
    """The cells cut into ``parts`` x ``parts`` each."""
    given = (np.ravel(cells.x), np.ravel(cells.y), np.ravel(cells.width), np.ravel(cells.height))
    whole, metres = _cut(np.ravel(cells.column), np.ravel(cells.row), *given, parts)
    return _cells((np.ravel(cells.band), whole[0], whole[1]), metres, cells.band.shape)


def _cells(whole: Iterable[Ints], metres: Iterable[Floats], shape: tuple[int, ...]) -> Cells:
    band, column, row = (part.reshape(shape) for part in whole)
    x, y, width, height = (part.reshape(shape) for part in metres)
    return Cells(band, column, row, x, y, width, height)


@kernel
def _locate(lon: Floats, lat: Floats, size_km: float, degree_km: float) -> tuple[Ints, Floats]:
    """Band, column and row ``(3, n)``; x, y, width and height ``(4, n)`` of the cells of points ``(n,)``."""
    whole, metres = np.empty((3, lon.size), dtype=np.int64), np.empty((4, lon.size))
    rows = max(1.0, np.rint(_BAND_DEGREES * degree_km / size_km))
    height = _BAND_DEGREES * degree_km / rows * 1000.0
    last, columns, width = -1000.0, 0.0, 0.0
    for i in range(lon.size):
        band = np.floor(lat[i] / _BAND_DEGREES)
        if band != last:
            middle = np.radians((band + 0.5) * _BAND_DEGREES)
            circumference = 360.0 * degree_km * max(np.cos(middle), 0.01)
            columns = max(np.rint(circumference / size_km), 3.0)
            width, last = circumference / columns * 1000.0, band
        turn = lon[i] + 180.0
        u = (turn - 360.0 * np.floor(turn / 360.0)) / 360.0 * columns
        v = (lat[i] / _BAND_DEGREES - band) * rows
        column, row = np.floor(u), np.floor(v)
        whole[0, i], whole[1, i], whole[2, i] = np.int64(band), np.int64(column), np.int64(row)
        metres[0, i], metres[1, i] = (u - column - 0.5) * width, (v - row - 0.5) * height
        metres[2, i], metres[3, i] = width, height
    return whole, metres


@kernel
def _cut(
    column: Ints, row: Ints, x: Floats, y: Floats, width: Floats, height: Floats, parts: int
) -> tuple[Ints, Floats]:
    """Column and row ``(2, n)``; x, y, width and height ``(4, n)`` of the parts of cells that points lie in."""
    whole, metres = np.empty((2, x.size), dtype=np.int64), np.empty((4, x.size))
    for k in range(x.size):
        u, v = (x[k] / width[k] + 0.5) * parts, (y[k] / height[k] + 0.5) * parts
        i, j = min(max(np.floor(u), 0.0), parts - 1.0), min(max(np.floor(v), 0.0), parts - 1.0)
        wide, high = width[k] / parts, height[k] / parts
        whole[0, k], whole[1, k] = column[k] * parts + np.int64(i), row[k] * parts + np.int64(j)
        metres[0, k], metres[1, k] = (u - i - 0.5) * wide, (v - j - 0.5) * high
        metres[2, k], metres[3, k] = wide, high
    return whole, metres


def centre_lonlat(cells: Cells, size_km: float, dx: Floats, dy: Floats) -> tuple[Floats, Floats]:
    """Lon/lat (warped frame) of points ``dx``, ``dy`` metres from the centres of cells made with ``size_km``."""
    rows = max(1.0, round(_BAND_DEGREES * KM_PER_DEGREE / size_km))
    middle = np.radians((cells.band + 0.5) * _BAND_DEGREES)
    columns = np.maximum(np.round(360.0 * KM_PER_DEGREE * np.clip(np.cos(middle), 0.01, None) / size_km), 3.0)
    lon = (cells.column + 0.5 + dx / cells.width) / columns * 360.0 - 180.0
    lat = (cells.band + (cells.row + 0.5 + dy / cells.height) / rows) * _BAND_DEGREES
    return lon, lat
