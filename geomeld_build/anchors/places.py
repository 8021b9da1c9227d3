"""Tiles in columns: millions of places with their grids and identities, without an object each.

The same rules as ``grid.place_anchor`` and ``grid.cell_anchor``, an array at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M, SNAP_M, to_lonlat, to_utm

__all__ = [
    "Places",
    "concatenate",
    "keys_of",
    "places_from_columns",
    "places_of_cells",
    "places_of_points",
    "project",
    "utm_zones",
]

_POINT = np.uint64(1 << 63)
_NORTH, _SOUTH = 32600, 32700


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where tiles are. All columns have one length."""

    lon: NDArray[np.float64]
    """Centre of the tile, degrees east in -180..180, rounded to 1e-7."""
    lat: NDArray[np.float64]
    """Centre of the tile, degrees north, rounded to 1e-7."""
    epsg: NDArray[np.int32]
    """UTM zone of the centre."""
    left: NDArray[np.float64]
    """Western edge in metres of that zone, a multiple of 20."""
    top: NDArray[np.float64]
    """Northern edge in metres, a multiple of 20."""
    key: NDArray[np.uint64]
    """Identity: a lattice cell, or (highest bit set) an imported centre in micro-degrees. Keys every draw."""

    def __len__(self) -> int:
        return len(self.key)

    def take(self, index: NDArray[Any]) -> Places:
        """Some of the places, by position or by a mask."""
        return Places(*(getattr(self, field.name)[index] for field in fields(self)))

    def location_ids(self) -> list[str]:
        """Identities in words, as ``Anchor.location_id``: ``u32643c00341r02616`` or ``p+073305600+30464200``."""
        key = self.key
        point = key >= _POINT
        code, column, row = key >> np.uint64(40), (key >> np.uint64(20)) & _mask(20), key & _mask(20)
        lon = ((key & ~_POINT) >> np.uint64(28)).astype(np.int64) - 180_000_000
        lat = (key & _mask(28)).astype(np.int64) - 90_000_000
        columns = (array.tolist() for array in (point, code, column, row, lon, lat))
        return [
            f"p{x:+010d}{y:+09d}" if is_point else f"u{_NORTH + c}c{i:05d}r{j:05d}"
            for is_point, c, i, j, x, y in zip(*columns, strict=True)
        ]


def concatenate(parts: Sequence[Places]) -> Places:
    """One after another."""
    return Places(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Places)))


def utm_zones(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int32]:
    """EPSG codes as ``grid.utm_epsg`` gives them, the exceptions of Norway and Svalbard included. Any shape."""
    x = (np.asarray(lon, np.float64) + 180.0) % 360.0 - 180.0
    y = np.asarray(lat, np.float64)
    zone = np.minimum((x + 180.0) // 6.0 + 1, 60).astype(np.int32)
    zone = np.where((y >= 56.0) & (y < 64.0) & (x >= 3.0) & (x < 12.0), 32, zone)
    svalbard = np.where(x < 9.0, 31, np.where(x < 21.0, 33, np.where(x < 33.0, 35, 37)))
    zone = np.where((y >= 72.0) & (y < 84.0) & (x >= 0.0) & (x < 42.0), svalbard, zone)
    return (np.where(y >= 0.0, _NORTH, _SOUTH) + zone).astype(np.int32)


def project(epsg: NDArray[np.int32], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres of points, each in its own zone: ``(point, 2)`` east and north."""
    return _by_zone(epsg, lon, lat, to_utm)


def places_of_cells(epsg: NDArray[np.int32], column: NDArray[np.int64], row: NDArray[np.int64]) -> Places:
    """Cells of the 1,280 m lattice."""
    left, top = column.astype(np.float64) * CELL_M, (row + 1).astype(np.float64) * CELL_M
    lonlat = _by_zone(epsg, left + CELL_M / 2, top - CELL_M / 2, to_lonlat)
    code = (epsg - _NORTH).astype(np.uint64)
    key: NDArray[np.uint64] = np.bitwise_or(code << np.uint64(40), column.astype(np.uint64) << np.uint64(20))
    key = np.bitwise_or(key, row.astype(np.uint64))
    return Places(*_rounded(lonlat), epsg.astype(np.int32), left, top, key)


def places_of_points(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Places:
    """Imported centres: each keeps its place up to the 20 m snap.

    Raises:
        ConfigError: a point is off the Earth; the message has its position.
    """
    off = np.flatnonzero(~((np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)))
    if len(off):
        at = int(off[0])
        raise ConfigError(
            f"row {at + 1}: lon {lon[at]}, lat {lat[at]} is out of range: lon -180..180 and lat -90..90 (swapped?)"
        )
    epsg = utm_zones(lon, lat)
    x, y = project(epsg, lon, lat).T
    half = CELL_M / 2
    left, top = np.rint((x - half) / SNAP_M) * SNAP_M, np.rint((y + half) / SNAP_M) * SNAP_M
    lonlat = _by_zone(epsg, left + half, top - half, to_lonlat)
    micro_lon, micro_lat = (np.rint(axis * 1e6).astype(np.int64) for axis in (lon, lat))
    key: NDArray[np.uint64] = np.bitwise_or(_POINT, (micro_lon + 180_000_000).astype(np.uint64) << np.uint64(28))
    key = np.bitwise_or(key, (micro_lat + 90_000_000).astype(np.uint64))
    return Places(*_rounded(lonlat), epsg, left, top, key)


def places_from_columns(table: pa.Table) -> Places:
    """Places of a table with the columns of an anchors file: the keys are those of the location ids.

    Raises:
        ConfigError: a location id is none of ours.
    """
    lon, lat, epsg, left, top = (table.column(name).to_numpy() for name in ("lon", "lat", "epsg", "left", "top"))
    return Places(lon, lat, epsg, left, top, keys_of(table.column("location_id").to_pylist()))


def keys_of(location_ids: Sequence[str]) -> NDArray[np.uint64]:
    """Keys of places from their location ids.

    Raises:
        ConfigError: an id is none of ours.
    """
    return np.array([_key_of(name) for name in location_ids], np.uint64)


_CELL_ID = re.compile(r"u(\d{5})c(\d{5})r(\d{5})")
_POINT_ID = re.compile(r"p([+-]\d{9})([+-]\d{8})")


def _key_of(location_id: str) -> int:
    if found := _CELL_ID.fullmatch(location_id):
        epsg, column, row = map(int, found.groups())
        return (epsg - _NORTH) << 40 | column << 20 | row
    if found := _POINT_ID.fullmatch(location_id):
        lon, lat = map(int, found.groups())
        return 1 << 63 | (lon + 180_000_000) << 28 | (lat + 90_000_000)
    raise ConfigError(f"location id {location_id!r}: expected one such as u32643c00341r02616 or p+073305600+30464200")


def _rounded(lonlat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.round(lonlat[:, 0], 7), np.round(lonlat[:, 1], 7)


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _by_zone(
    epsg: NDArray[np.int32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    transform: Callable[[int, Any, Any], tuple[Any, Any]],
) -> NDArray[np.float64]:
    """Transform points zone by zone; ``(point, 2)``."""
    result = np.empty((len(epsg), 2))
    order = np.argsort(epsg, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(epsg[order])) + 1):
        if len(mine):
            a, b = transform(int(epsg[mine[0]]), x[mine], y[mine])
            result[mine, 0], result[mine, 1] = a, b
    return result
