"""Facts measured on the ground itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.planet.facts.model import (
    Canopy,
    Climate,
    Geography,
    Shares,
    Terrain,
    TileFacts,
    Water,
)
from geomeld_build.emulator.worlds.planet.facts.places import Box, rivers_in, roads_in, towns_in
from geomeld_build.emulator.worlds.planet.ground.biomes import BIOME_NAMES, biome_of
from geomeld_build.emulator.worlds.planet.ground.cover import CLASSES, WATER
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.season import season_of
from geomeld_build.emulator.worlds.planet.ground.truth import PIXEL_M, Ground, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.countries import Countries
from geomeld_build.emulator.worlds.planet.sensors.ecoregions import Ecoregions
from geomeld_build.emulator.worlds.planet.sensors.sun import year_angle
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["Atlas", "Extent", "distance_m", "facts_of"]

_Array = NDArray[np.float64]
_SEASONS = ("winter", "spring", "summer", "autumn")
_TREE_M = 2.0
"""Lower than this it is no tree."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A square of whole 10 m pixels in a UTM zone."""

    epsg: int
    left: float
    top: float
    size: float

    def __post_init__(self) -> None:
        for name in ("left", "top", "size"):
            if getattr(self, name) % PIXEL_M:
                raise ValueError(f"{name} {getattr(self, name)}: expected a multiple of {PIXEL_M:g} m")

    def corners(self) -> tuple[_Array, _Array]:
        """Lon/lat of its outline, a point every tenth of a side; longitudes may pass 180."""
        share = np.linspace(0.0, self.size, 11)
        x = np.concatenate((share, np.full(11, self.size), share[::-1], np.zeros(11)))
        y = np.concatenate((np.zeros(11), share, np.full(11, self.size), share[::-1]))
        return Utm(self.epsg).inverse(self.left + x, self.top - y)

    def box(self) -> Box:
        """The lon/lat box around it."""
        lon, lat = self.corners()
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def outline(self) -> shapely.Polygon:
        """Its lon/lat outline."""
        return shapely.Polygon(np.column_stack(self.corners()))

    def window(self) -> tuple[int, int, int, int]:
        """Rows and columns of the ground's own grid."""
        row, column = round((Utm(self.epsg).false_northing - self.top) / PIXEL_M), round(self.left / PIXEL_M)
        count = round(self.size / PIXEL_M)
        return row, row + count, column, column + count


@dataclass(frozen=True, slots=True)
class Atlas:
    """The tables that tell where a place lies."""

    ecoregions: Ecoregions
    countries: Countries


def facts_of(ground: GroundModel, atlas: Atlas, extent: Extent, time_ms: float) -> TileFacts:
    """The facts about a tile.

    Args:
        ground: the truth.
        atlas: tables of places.
        extent: which tile.
        time_ms: when, in milliseconds since 1970.
    """
    year = year_angle(time_ms)

    def over(of: Callable[[Ground], NDArray[Any]]) -> _Array:
        window = assemble(lambda i, j: of(ground.block(extent.epsg, i, j)), *extent.window())
        return window.astype(np.float64)

    shape = [over(attrgetter(name)) for name in ("elevation", "east", "north")]

    now = over(lambda block: season_of(block, year).water)
    dry = over(attrgetter("cover"))
    cover = dry * (1.0 - now)
    cover[WATER] += now
    box, outline = extent.box(), extent.outline()
    reach = extent.size / (1000.0 * KM_PER_DEGREE)
    return TileFacts(
        cover=_shares(cover),
        classes=_of_most(cover),
        layout=_layout(cover),
        terrain=_terrain(*shape),
        climate=_climate(over, year),
        water=_water(ground, extent, over, float(now.mean())),
        canopy=_canopy(over(attrgetter("height"))),
        geography=_geography(ground, atlas, box, time_ms),
        roads=tuple(road for road in roads_in(ground, box) if road.line.intersects(outline)),
        towns=tuple(
            town
            for town in towns_in(ground, (box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach))
            if distance_m(outline, town.lon, town.lat) < town.radius_m
        ),
        rivers=tuple(river for river in rivers_in(ground, box) if river.line.intersects(outline)),
    )


def _shares(cover: _Array) -> Shares:
    return {code: float(part) for code, part in zip(CLASSES, cover.reshape(len(CLASSES), -1).mean(axis=1), strict=True)}


def _of_most(cover: _Array) -> Shares:
    counts = np.bincount(cover.argmax(axis=0).ravel(), minlength=len(CLASSES))
    return {code: int(count) / cover[0].size for code, count in zip(CLASSES, counts, strict=True)}


def _layout(cover: _Array) -> tuple[tuple[Shares, ...], ...]:
    rows = np.array_split(cover, 3, axis=1)
    return tuple(tuple(_shares(part) for part in np.array_split(row, 3, axis=2)) for row in rows)


def _terrain(elevation: _Array, east: _Array, north: _Array) -> Terrain:
    slope = np.degrees(np.arctan(np.hypot(east, north)))
    # Slopes face the way down; each counts by its steepness.
    facing = -np.array([east.mean(), north.mean()])
    steepness = float(np.hypot(east, north).mean())
    return Terrain(
        lowest_m=float(elevation.min()),
        mean_m=float(elevation.mean()),
        highest_m=float(elevation.max()),
        relief_m=float(np.diff(np.quantile(elevation, [0.05, 0.95]))[0]),
        slope_mean_deg=float(slope.mean()),
        slope_p90_deg=float(np.quantile(slope, 0.9)),
        aspect_deg=float(np.degrees(np.arctan2(facing[0], facing[1])) % 360.0),
        aspect_strength=float(np.hypot(*facing) / steepness) if steepness > 0.0 else 0.0,
    )


_Over = Callable[[Callable[[Ground], NDArray[Any]]], _Array]


def _climate(over: _Over, year: float) -> Climate:
    mean, swing = float(over(attrgetter("mean")).mean()), float(over(attrgetter("swing")).mean())

    def at_the_time(name: str) -> float:
        return float(over(lambda block: getattr(season_of(block, year), name)).mean())

    warmth, snow, leaves, green = (at_the_time(name) for name in ("warmth", "snow", "leaves", "green"))
    rain = float(over(attrgetter("rain")).mean())
    return Climate(mean, mean + swing, mean - swing, rain, warmth, snow, leaves, green)


def _water(ground: GroundModel, extent: Extent, over: _Over, now: float) -> Water:
    mean, sea = over(attrgetter("water")), over(attrgetter("sea")) > 0.5
    level = _lake_levels(ground, extent)
    elevation = over(attrgetter("elevation"))
    lake = (mean > 0.5) & ~sea & np.isfinite(level) & (np.abs(elevation - level) < 1e-2)
    parts = [float((mean * kind).mean()) for kind in (sea, lake & ~sea, ~lake & ~sea)]
    return Water(now, float(mean.mean()), *parts)


def _lake_levels(ground: GroundModel, extent: Extent) -> _Array:
    """Level of the lake that each pixel lies in or close to, m; NaN where none is."""
    row0, row1, column0, column1 = extent.window()
    columns, rows = np.meshgrid(np.arange(column0, column1) + 0.5, np.arange(row0, row1) + 0.5)
    utm = Utm(extent.epsg)
    lon, lat = utm.inverse(columns * PIXEL_M, utm.false_northing - rows * PIXEL_M)
    _, lakes = ground.terrain.drainage.field(*ground.terrain.bent(lon, lat, rivers=True))
    return np.where(lakes.distance < 1.5, lakes.level, np.nan)


def _canopy(height: _Array) -> Canopy:
    trees = height[height >= _TREE_M]
    if not trees.size:
        return Canopy(0.0, 0.0, 0.0)
    return Canopy(trees.size / height.size, float(trees.mean()), float(np.quantile(trees, 0.95)))


def _geography(ground: GroundModel, atlas: Atlas, box: Box, time_ms: float) -> Geography:
    lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    lon = (lon + 180.0) % 360.0 - 180.0
    place = np.array([lon]), np.array([lat])
    biome = int(biome_of(ground.terrain.macro.at(*place), place[1])[0])
    region = next((row.properties for row in atlas.ecoregions.features() if _holds(row.geometry, lon, lat)), {})
    country = atlas.countries.at(lon, lat)
    return Geography(
        lon=lon,
        lat=lat,
        biome_num=biome,
        biome=BIOME_NAMES.get(biome),
        ecoregion=region.get("ECO_NAME"),
        realm=region.get("REALM"),
        country=None if country is None else country.name,
        continent=None if country is None else country.continent,
        season=_season(lat, time_ms),
    )


def _holds(shape: BaseGeometry | None, lon: float, lat: float) -> bool:
    return shape is not None and bool(shapely.contains_xy(shape, lon, lat))


def _season(lat: float, time_ms: float) -> str:
    if abs(lat) < 10.0:
        return "tropical"
    month = datetime.fromtimestamp(time_ms / 1000.0, UTC).month
    return _SEASONS[(month % 12 // 3 + (2 if lat < 0.0 else 0)) % 4]


def distance_m(outline: shapely.Polygon, lon: float, lat: float) -> float:
    """Metres from a place to an outline, to a few percent."""
    west, south, east, north = outline.bounds
    lon = lon - 360.0 * np.round((lon - (west + east) / 2) / 360.0)
    scale = 1000.0 * KM_PER_DEGREE * np.array([np.cos(np.radians((south + north) / 2)), 1.0])
    flat = shapely.transform(outline, lambda points: points * scale)
    return float(flat.distance(shapely.Point(lon * scale[0], lat * scale[1])))
