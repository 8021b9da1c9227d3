"""Tiles as squares on the metric grid of their UTM zone, and the exact test whether two of them overlap.

Two tiles of one zone overlap when their whole numbers of 20 m say so. North and south of the equator a zone has one
grid up to the false northing of 10,000 km, so a zone is one *sheet* from pole to pole. Tiles of two sheets are
turned against each other; only those near a seam of the zones can meet, and a separating axis decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.places import Places
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M, SNAP_M, to_lonlat

__all__ = ["REACH_M", "SIDE", "TOUCH_M", "Squares", "earth_xyz", "overlap", "sheet_lonlat", "squares"]

SIDE = CELL_M // SNAP_M
"""Side of a tile in units of 20 m."""
TOUCH_M = 0.01
"""Squares of two zones that share less than this across are said to touch. An edge straight in one zone bends by at
most 4 mm in the next, so the corners decide to within this."""
REACH_M = 1815.0
"""No two tiles with centres farther apart overlap: two half diagonals, at the smallest scale of UTM (0.9996)."""
_SURE_M = 1270.0
"""Tiles with centres nearer than this overlap however they are turned (UTM stretches by less than 0.25 % in a zone)."""
_SEAM_M = 2000.0
_DEGREE_M = 110_500.0
"""No degree of latitude, and of longitude at the equator, is shorter."""
_SOUTHERN_M = 10_000_000
_SEMI_MAJOR_M, _ECCENTRICITY2 = 6_378_137.0, 0.0066943799901413165
_BLOCK = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """Tiles on their sheets. The first four columns have one length, in the order of the places."""

    sheet: NDArray[np.int32]
    """Number of the UTM zone, 1..60, for both hemispheres."""
    x: NDArray[np.int32]
    """Western edge, units of 20 m."""
    y: NDArray[np.int32]
    """Northern edge, units of 20 m; negative south of the equator."""
    slot: NDArray[np.int32]
    """Row in ``corners`` of a tile near a seam, else -1."""
    corners: NDArray[np.float64]
    """``(slot, 4, 3)``, geocentric metres, counter-clockwise."""

    def take(self, index: NDArray[np.int64]) -> Squares:
        """Some of the tiles, in the order of ``index``."""
        return Squares(self.sheet[index], self.x[index], self.y[index], self.slot[index], self.corners)


def squares(places: Places) -> Squares:
    """The squares of places, whose zones are those of their centres.

    Raises:
        ConfigError: an origin is not on the 20 m grid, or a code is not that of a UTM zone; the message has the row.
    """
    south = places.epsg > 32700
    sheet = (places.epsg - np.where(south, 32700, 32600)).astype(np.int32)
    off = np.flatnonzero((sheet < 1) | (sheet > 60))
    if len(off):
        raise ConfigError(f"row {off[0] + 1}: EPSG:{places.epsg[off[0]]} is no UTM zone, expected 32601..32760")
    x, y = places.left / SNAP_M, np.where(south, places.top - _SOUTHERN_M, places.top) / SNAP_M
    off = np.flatnonzero(~((x % 1.0 == 0.0) & (y % 1.0 == 0.0) & (np.abs(x) < 1e5) & (np.abs(y) < 1e6)))
    if len(off):
        at = int(off[0])
        raise ConfigError(
            f"row {at + 1}: origin {places.left[at]}, {places.top[at]} of EPSG:{places.epsg[at]} is no multiple of "
            f"{SNAP_M} m on the Earth: snap it"
        )
    columns = x.astype(np.int32), y.astype(np.int32)
    near = np.flatnonzero(_near_seam(places.lon, places.lat))
    slot = np.full(len(places), -1, np.int32)
    slot[near] = np.arange(len(near))
    return Squares(sheet, *columns, slot, _corners(sheet[near], columns[0][near], columns[1][near]))


def overlap(a: Squares, i: NDArray[np.int64], b: Squares, j: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether tile ``i`` of ``a`` and tile ``j`` of ``b`` share more than an edge, pair by pair."""
    same = a.sheet[i] == b.sheet[j]
    result: NDArray[np.bool_] = same & (np.abs(a.x[i] - b.x[j]) < SIDE) & (np.abs(a.y[i] - b.y[j]) < SIDE)
    across = np.flatnonzero(~same)
    p, q = a.slot[i[across]], b.slot[j[across]]
    at_seam = (p >= 0) & (q >= 0)
    across, p, q = across[at_seam], p[at_seam], q[at_seam]
    for first in range(0, len(across), _BLOCK):
        part = slice(first, first + _BLOCK)
        result[across[part]] = _overlap_turned(a.corners[p[part]], b.corners[q[part]])
    return result


def earth_xyz(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geocentric metres of points on the ellipsoid of WGS 84: ``(point, 3)``."""
    along, up = np.radians(lon), np.radians(lat)
    normal = _SEMI_MAJOR_M / np.sqrt(1.0 - _ECCENTRICITY2 * np.sin(up) ** 2)
    level = normal * np.cos(up)
    z = normal * (1.0 - _ECCENTRICITY2) * np.sin(up)
    return np.stack([level * np.cos(along), level * np.sin(along), z], axis=-1)


def sheet_lonlat(
    sheet: NDArray[np.int32], x: NDArray[np.int32], y: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees of points on sheets, in units of 20 m."""
    lon, lat = np.empty(len(sheet)), np.empty(len(sheet))
    order = np.argsort(sheet, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(sheet[order])) + 1):
        if len(mine):
            # The northern zone goes on south of the equator with negative northings.
            epsg = 32600 + int(sheet[mine[0]])
            lon[mine], lat[mine] = to_lonlat(epsg, x[mine] * float(SNAP_M), y[mine] * float(SNAP_M))
    return lon, lat


def _near_seam(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a tile is so near a border of zones that it may overlap one of the next zone.

    Borders lie on meridians of multiples of 3 degrees (6, and those of Norway and Svalbard) and on four parallels.
    """
    across = np.abs(lon - 3.0 * np.round(lon / 3.0)) * np.cos(np.radians(lat)) * _DEGREE_M < _SEAM_M
    for parallel in (56.0, 64.0, 72.0, 84.0):
        across |= np.abs(lat - parallel) * _DEGREE_M < _SEAM_M
    return across


def _corners(sheet: NDArray[np.int32], x: NDArray[np.int32], y: NDArray[np.int32]) -> NDArray[np.float64]:
    xs = np.stack([x, x + SIDE, x + SIDE, x], axis=1).ravel()
    ys = np.stack([y - SIDE, y - SIDE, y, y], axis=1).ravel()
    return earth_xyz(*sheet_lonlat(np.repeat(sheet, 4), xs, ys)).reshape(-1, 4, 3)


def _overlap_turned(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs of quadrilaterals ``(pair, 4, 3)`` that are turned against each other: centres first, then axes."""
    centre_a, centre_b = a.mean(axis=1), b.mean(axis=1)
    distance = np.linalg.norm(centre_a - centre_b, axis=1)
    result: NDArray[np.bool_] = distance < _SURE_M
    open_ = np.flatnonzero((distance >= _SURE_M) & (distance < REACH_M))
    if len(open_):
        middle = (centre_a[open_] + centre_b[open_]) / 2.0
        result[open_] = _shared_width(*_flat(a[open_], b[open_], middle)) > TOUCH_M
    return result


def _flat(
    a: NDArray[np.float64], b: NDArray[np.float64], middle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners on the plane that touches the Earth between the tiles: ``(pair, 4, 2)`` each.

    Within 2 km the orthographic projection keeps lengths to 0.1 mm.
    """
    up = middle * np.array([1.0, 1.0, 1.0 / (1.0 - _ECCENTRICITY2)])
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    # The axis of the Earth that lies flattest here gives the first direction.
    flattest = np.eye(3)[np.argmin(np.abs(up), axis=1)]
    first = np.cross(flattest, up)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    frame = np.stack([first, np.cross(up, first)], axis=-1)
    return (a - middle[:, None]) @ frame, (b - middle[:, None]) @ frame


def _shared_width(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """How deep convex quadrilaterals ``(pair, 4, 2)`` lie in each other, metres; negative when an axis parts them.

    Separating axis theorem: convex shapes are apart exactly when they are along the normal of an edge of one.
    """
    edges = np.concatenate([np.roll(shape, -1, axis=1) - shape for shape in (a, b)], axis=1)
    normals = np.stack([edges[..., 1], -edges[..., 0]], axis=1) / np.linalg.norm(edges, axis=2)[:, None]
    along_a, along_b = a @ normals, b @ normals
    inner = np.minimum(along_a.max(axis=1), along_b.max(axis=1)) - np.maximum(along_a.min(axis=1), along_b.min(axis=1))
    width: NDArray[np.float64] = inner.min(axis=1)
    return width
