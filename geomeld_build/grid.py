"""Places, times and pixel grids: Anchor, Window, Scene, the plan of a tile, and the tile itself.

The grid of a tile is fixed with its anchor, before any scene is known: the UTM zone of the centre, the origin
snapped to 20 m so that 10 m bands are copied and 20 m bands nest 2 x 2, exactly 128 x 128 pixels of 10 m.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo import wh_
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from geomeld_build.errors import ConfigError, SkipKind
from geomeld_build.modalities import TILE_GRID, Grid

__all__ = [
    "CELL_M",
    "SNAP_M",
    "Anchor",
    "PartPlan",
    "Scene",
    "Tile",
    "TilePlan",
    "Window",
    "cell_anchor",
    "cell_origin",
    "continuous",
    "grid_geobox",
    "location_id_of_point",
    "make_tile_id",
    "place_anchor",
    "tile_origin",
    "to_lonlat",
    "to_utm",
    "utm_epsg",
]

CELL_M = 1280
"""Side of a tile, and of a cell of the sampling lattice, in metres."""
SNAP_M = 20
"""Tile origins are multiples of this many metres."""


@dataclass(frozen=True, slots=True)
class Window:
    """A closed interval in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ConfigError(f"a window needs tz-aware times, got {self.start!r} and {self.end!r}")
        if self.end < self.start:
            raise ConfigError(f"a window must not end before it starts: {self.start} .. {self.end}")

    @classmethod
    def around(cls, centre: datetime, days: float) -> Window:
        """The window of ``days`` on either side of ``centre``."""
        return cls(centre - timedelta(days=days), centre + timedelta(days=days))

    def contains(self, instant: datetime) -> bool:
        """Whether the instant lies in the closed interval."""
        return self.start <= instant <= self.end


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place and a date: where a tile is and what time it shall show."""

    location_id: str
    """Lattice cell or micro-degree centre: the key of splits, overlap and reserves."""
    tile_id: str
    """Hash of location, reference time and recipe."""
    lon: float
    """Centre of the tile, degrees east."""
    lat: float
    """Centre of the tile, degrees north."""
    epsg: int
    """UTM zone of the centre, 32601..32660 or 32701..32760."""
    left: float
    """Western edge of the tile in metres, a multiple of 20."""
    top: float
    """Northern edge of the tile in metres, a multiple of 20."""
    datetime: datetime
    """Temporal reference, UTC."""
    pool: str = "own"
    stratum: str = ""

    @property
    def geobox(self) -> GeoBox:
        """The 128 x 128 grid of 10 m in the anchor's UTM zone."""
        return grid_geobox(self, TILE_GRID)

    @property
    def polygon(self) -> Polygon:
        """Outline of the tile in lon/lat, corners only (the edges deviate from straight by < 0.2 m below 80 degrees).

        Across the antimeridian longitudes go on above 180.
        """
        side = float(CELL_M)
        xs = np.array([self.left, self.left + side, self.left + side, self.left])
        ys = np.array([self.top, self.top, self.top - side, self.top - side])
        lon, lat = to_lonlat(self.epsg, xs, ys)
        return Polygon(np.column_stack([continuous(np.asarray(lon)), lat]))


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition, or one static asset, as a source found it."""

    id: str
    version: int
    """The source's version of the asset; pinned, so that a changed asset is noticed."""
    collection: str
    datetime: datetime | None = None
    """Start of the acquisition, UTC; None for static assets."""
    cloud_cover: float | None = None
    """Percent of the whole scene."""
    footprint: BaseGeometry | None = None
    """Lon/lat; at least the part of the scene's outline that lies in the asked region. None = everywhere."""
    missing_bands: tuple[str, ...] = ()
    """Bands of the table that this scene lacks."""
    platform: str = ""
    orbit_pass: Literal["ascending", "descending", ""] = ""
    relative_orbit: int | None = None
    datatake: str = ""
    """What was taken in one go: slices and granules of one datatake belong together."""
    polarisations: tuple[str, ...] = ()
    grid_code: str = ""
    """MGRS tile, e.g. 43RCP."""
    baseline: str = ""
    """Processing baseline, e.g. 02.14."""
    sun_zenith: float | None = None
    """Degrees."""

    @property
    def index(self) -> str:
        """Last component of the id."""
        return self.id.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What one part of one row will be read from, or why it will not."""

    row: str
    part: str
    scenes: tuple[Scene, ...] = ()
    composite: Literal["mosaic", "mode"] = "mosaic"
    """How several scenes become one image; a mosaic shows the last valid pixel on top, in the given order."""
    offset_days: float | None = None
    """Signed days from the reference time (from the anchor's date, for rows dated by it) to the nearest scene."""
    skip: SkipKind | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TilePlan:
    """An anchor with the scenes pinned for every row of the table: a pure input of fetching."""

    anchor: Anchor
    rank: int
    """0 for the best reference scene, then the next candidates."""
    reference: Scene | None
    tier_days: int | None
    """Window tier, in days around the anchor's date, in which the reference was found."""
    parts: tuple[PartPlan, ...]
    cross_zone: bool = False
    """The reference granule lies in another UTM zone than the tile."""

    @property
    def reference_offset_days(self) -> float | None:
        """Signed days from the anchor's date to the reference scene."""
        if self.reference is None or self.reference.datetime is None:
            return None
        return (self.reference.datetime - self.anchor.datetime) / timedelta(days=1)

    def of(self, row: str) -> tuple[PartPlan, ...]:
        """The parts of one row."""
        return tuple(part for part in self.parts if part.row == row)


@dataclass(frozen=True, slots=True)
class Tile:
    """An anchor's pixels."""

    plan: TilePlan
    arrays: Mapping[str, NDArray[Any]]
    """Row name to ``(band, y, x)`` in the row's stored dtype, nodata where invalid."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Scalars read along with the pixels, e.g. ``sentinel1.asc_vv.incidence_deg``."""


def utm_epsg(lon: float, lat: float) -> int:
    """EPSG code of the UTM zone, with the exceptions of Norway (32V) and Svalbard (31X, 33X, 35X, 37X).

    Zones: DMA TM 8358.1. Beyond 84 N and 80 S the zone of the longitude is continued, which still gives metres.
    """
    lon = (lon + 180.0) % 360.0 - 180.0
    zone = min(int((lon + 180.0) // 6.0) + 1, 60)
    if 56.0 <= lat < 64.0 and 3.0 <= lon < 12.0:
        zone = 32
    elif 72.0 <= lat < 84.0 and 0.0 <= lon < 42.0:
        zone = 31 if lon < 9.0 else 33 if lon < 21.0 else 35 if lon < 33.0 else 37
    return (32600 if lat >= 0.0 else 32700) + zone


@lru_cache(maxsize=256)
def _transformer(src: int, dst: int) -> Transformer:
    return Transformer.from_crs(src, dst, always_xy=True)


def to_utm(epsg: int, lon: Any, lat: Any) -> tuple[Any, Any]:
    """Lon/lat degrees to metres in a UTM zone; scalars or arrays."""
    return _transformer(4326, epsg).transform(lon, lat)


def to_lonlat(epsg: int, x: Any, y: Any) -> tuple[Any, Any]:
    """Metres in a UTM zone to lon/lat degrees; scalars or arrays."""
    return _transformer(epsg, 4326).transform(x, y)


def continuous(lon: NDArray[Any]) -> NDArray[Any]:
    """Longitudes of one small shape without a jump: above 180 where it crosses the antimeridian."""
    return np.where(lon < 0.0, lon + 360.0, lon) if np.ptp(lon) > 180.0 else lon


def tile_origin(epsg: int, lon: float, lat: float) -> tuple[float, float]:
    """Upper left corner (left, top) of the tile whose centre is nearest to a point, snapped to 20 m."""
    x, y = to_utm(epsg, lon, lat)
    half = CELL_M / 2
    return round((x - half) / SNAP_M) * float(SNAP_M), round((y + half) / SNAP_M) * float(SNAP_M)


def cell_origin(column: int, row: int) -> tuple[float, float]:
    """Upper left corner (left, top) of a cell of the 1,280 m UTM lattice."""
    return float(column * CELL_M), float((row + 1) * CELL_M)


def grid_geobox(anchor: Anchor, grid: Grid) -> GeoBox:
    """The pixel grid of a row around the anchor's centre, in the anchor's UTM zone."""
    half = grid.size * grid.gsd_m / 2
    x0 = anchor.left + CELL_M / 2 - half
    y0 = anchor.top - CELL_M / 2 + half
    affine = Affine(grid.gsd_m, 0.0, x0, 0.0, -grid.gsd_m, y0)
    return GeoBox(wh_(grid.size, grid.size), affine, f"EPSG:{anchor.epsg}")


def make_tile_id(location_id: str, when: datetime, recipe: str) -> str:
    """Identity of a tile: 16 hex digits of a hash of place, reference time and recipe."""
    stamp = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return hashlib.blake2b(f"{location_id}|{stamp}|{recipe}".encode(), digest_size=8).hexdigest()


def location_id_of_point(lon: float, lat: float) -> str:
    """Identity of an imported centre, in micro-degrees."""
    return f"p{round(lon * 1e6):+010d}{round(lat * 1e6):+09d}"


def place_anchor(lon: float, lat: float, when: datetime, *, recipe: str, pool: str = "own") -> Anchor:
    """An anchor at an imported point: it keeps its centre up to the 20 m snap.

    Raises:
        ConfigError: the point is not on Earth, or the time has no zone.
    """
    if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
        raise ConfigError(f"lon {lon}, lat {lat} is out of range: lon -180..180 and lat -90..90 (swapped?)")
    if when.tzinfo is None:
        raise ConfigError(f"an anchor's date needs a time zone, got {when!r}: use UTC")
    epsg = utm_epsg(lon, lat)
    left, top = tile_origin(epsg, lon, lat)
    return _anchor(location_id_of_point(lon, lat), epsg, left, top, when, recipe, pool)


def cell_anchor(epsg: int, column: int, row: int, when: datetime, *, recipe: str, pool: str = "own") -> Anchor:
    """The anchor of a cell of the 1,280 m UTM lattice."""
    left, top = cell_origin(column, row)
    return _anchor(f"u{epsg}c{column:05d}r{row:05d}", epsg, left, top, when, recipe, pool)


def _anchor(location_id: str, epsg: int, left: float, top: float, when: datetime, recipe: str, pool: str) -> Anchor:
    lon, lat = to_lonlat(epsg, left + CELL_M / 2, top - CELL_M / 2)
    return Anchor(
        location_id=location_id,
        tile_id=make_tile_id(location_id, when, recipe),
        lon=float(np.round(lon, 7)),
        lat=float(np.round(lat, 7)),
        epsg=epsg,
        left=left,
        top=top,
        datetime=when.astimezone(UTC),
        pool=pool,
    )
