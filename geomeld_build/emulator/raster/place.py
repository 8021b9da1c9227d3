"""Bands that tell where a pixel lies and how large it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from geomeld_build.emulator.raster.context import RenderContext
from geomeld_build.emulator.raster.grid import Grid, compose
from geomeld_build.emulator.raster.resample import Pixels, grid_coordinates
from geomeld_build.emulator.values import WGS84

__all__ = ["LonLatNode", "PixelAreaNode"]

Array = NDArray[Any]
_ELLIPSOID = Geod(ellps="WGS84")


def _lonlat(grid: Grid, columns: float = 0.0, rows: float = 0.0) -> tuple[Array, Array]:
    """Longitude and latitude ``(h, w)`` of pixel centres, moved by a part of a pixel."""
    moved = replace(grid, transform=compose(grid.transform, (1.0, 0.0, columns, 0.0, 1.0, rows)))
    lon, lat = np.broadcast_arrays(*grid_coordinates(WGS84, moved))
    return lon, lat


def _valid(values: Array) -> Pixels:
    there = np.isfinite(values)
    return Pixels(np.where(there, values, 0.0), None if there.all() else there)


@dataclass(frozen=True, eq=False, slots=True)
class LonLatNode:
    """Longitude (axis 0) or latitude (axis 1) of pixel centres, in degrees."""

    axis: int

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:  # noqa: ARG002
        """Degrees; masked where the projection has no coordinates."""
        return _valid(_lonlat(grid)[self.axis])


@dataclass(frozen=True, eq=False, slots=True)
class PixelAreaNode:
    """Area of pixels on the WGS84 ellipsoid, in square metres."""

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:  # noqa: ARG002
        """Area of the parallelogram between the middles of a pixel's edges, measured on the ellipsoid."""
        lon_e, lat_e = _lonlat(grid, columns=0.5)
        lon_w, lat_w = _lonlat(grid, columns=-0.5)
        lon_s, lat_s = _lonlat(grid, rows=0.5)
        lon_n, lat_n = _lonlat(grid, rows=-0.5)
        with np.errstate(invalid="ignore"):
            right = _wrapped(lon_e - lon_w), lat_e - lat_w
            down = _wrapped(lon_s - lon_n), lat_s - lat_n
            degrees = np.abs(right[0] * down[1] - right[1] * down[0])
            return _valid(degrees * _square_degree(_lonlat(grid)[1]))


def _wrapped(degrees: Array) -> Array:
    return (degrees + 180.0) % 360.0 - 180.0


def _square_degree(lat: Array) -> Array:
    """Square metres of one square degree at a latitude: product of both radii of curvature."""
    sine, cosine = np.sin(np.radians(lat)), np.cos(np.radians(lat))
    root = 1.0 - _ELLIPSOID.es * sine**2
    radii = _ELLIPSOID.a**2 * (1.0 - _ELLIPSOID.es) / root**2
    return np.asarray(radii * np.maximum(cosine, 0.0) * np.radians(1.0) ** 2)
