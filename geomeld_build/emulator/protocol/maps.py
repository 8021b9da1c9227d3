"""Web map tiles: the pixels of one tile of the usual pyramid."""

from __future__ import annotations

import math

from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.raster.grid import Grid

__all__ = ["tile_grid"]

_CRS = "EPSG:3857"
_HALF = 6_378_137.0 * math.pi
"""Half the side of the square world of web maps, in its metres."""
_SIDE = 256
_DEEPEST = 24


def tile_grid(path: str) -> Grid:
    """The grid of a tile: 256 x 256 pixels of web Mercator, rows from the north.

    Args:
        path: ``{zoom}/{x}/{y}``.

    Raises:
        ServiceError: there is no such tile.
    """
    try:
        zoom, x, y = (int(part) for part in path.split("/"))
    except ValueError as exc:
        raise ServiceError(f"Invalid argument: a tile is ZOOM/X/Y, found '{path}'.") from exc
    if not 0 <= zoom <= _DEEPEST or not (0 <= x < 2**zoom and 0 <= y < 2**zoom):
        raise ServiceError(f"Invalid argument: there is no tile '{path}'.")
    step = 2 * _HALF / 2**zoom
    pixel = step / _SIDE
    return Grid(_CRS, (pixel, 0.0, x * step - _HALF, 0.0, -pixel, _HALF - y * step), _SIDE, _SIDE)
