"""Local frames: the planet's surface divided into cells of a few kilometres with metric coordinates inside.

Latitude bands of 2 degrees each hold a whole number of cells around the globe. The border between two bands or cells
follows the same warped lines as everything drawn in a cell, so that it looks like any border between two estates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Ints

__all__ = ["Cells", "cells_of", "centre_lonlat", "subdivide"]

_BAND_DEGREES = 2.0
_KM_PER_DEGREE = 111.2


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
    band = np.floor(lat / _BAND_DEGREES)
    middle = np.radians((band + 0.5) * _BAND_DEGREES)
    circumference = 360.0 * _KM_PER_DEGREE * np.clip(np.cos(middle), 0.01, None)
    columns = np.maximum(np.round(circumference / size_km), 3.0)
    rows = max(1.0, round(_BAND_DEGREES * _KM_PER_DEGREE / size_km))
    u = ((lon + 180.0) % 360.0) / 360.0 * columns
    v = (lat / _BAND_DEGREES - band) * rows
    column, row = np.floor(u), np.floor(v)
    width = circumference / columns * 1000.0
    height = np.full_like(width, _BAND_DEGREES * _KM_PER_DEGREE / rows * 1000.0)
    return Cells(
        band=band.astype(np.int64),
        column=column.astype(np.int64),
        row=row.astype(np.int64),
        x=(u - column - 0.5) * width,
        y=(v - row - 0.5) * height,
        width=width,
        height=height,
    )


def subdivide(cells: Cells, parts: int) -> Cells:
    """The cells cut into ``parts`` x ``parts`` each."""
    u = (cells.x / cells.width + 0.5) * parts
    v = (cells.y / cells.height + 0.5) * parts
    i, j = np.clip(np.floor(u), 0, parts - 1), np.clip(np.floor(v), 0, parts - 1)
    width, height = cells.width / parts, cells.height / parts
    return Cells(
        band=cells.band,
        column=cells.column * parts + i.astype(np.int64),
        row=cells.row * parts + j.astype(np.int64),
        x=(u - i - 0.5) * width,
        y=(v - j - 0.5) * height,
        width=width,
        height=height,
    )


def centre_lonlat(cells: Cells, size_km: float, dx: Floats, dy: Floats) -> tuple[Floats, Floats]:
    """Lon/lat (warped frame) of points ``dx``, ``dy`` metres from the centres of cells made with ``size_km``."""
    rows = max(1.0, round(_BAND_DEGREES * _KM_PER_DEGREE / size_km))
    middle = np.radians((cells.band + 0.5) * _BAND_DEGREES)
    columns = np.maximum(np.round(360.0 * _KM_PER_DEGREE * np.clip(np.cos(middle), 0.01, None) / size_km), 3.0)
    lon = (cells.column + 0.5 + dx / cells.width) / columns * 360.0 - 180.0
    lat = (cells.band + (cells.row + 0.5 + dy / cells.height) / rows) * _BAND_DEGREES
    return lon, lat
