"""Medians of the planet's land cover classes as its satellites see them, tile by tile.

A tile is one block of the ground, 600 m, so that each pixel's truth is known: which class covers it, whether it is
level, frozen or under snow. The optical scene is the clearest within 15 days of the date, cloudy pixels are left out;
the radar scene is the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.cover import SNOW, WATER
from geomeld_build.emulator.worlds.planet.ground.noise import key_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.ground.season import season_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, Ground, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.sun import year_angle
from tests.support.planet import S2, band_of
from tests.support.ranges import CLASS_NAMES

__all__ = ["Medians", "Tile", "class_medians", "land_tiles", "water_tiles"]

DAY_MS = 86_400_000
_FIRST_MS, _DAYS, _REACH = 1_577_836_800_000, 731, 15
_PURE, _LEVEL, _LEAST = 0.9, 0.15, 10
"""Share of a class in a pure pixel, slope of level ground, and how many pixels a median needs."""
Medians = dict[str, dict[str, list[float]]]
"""Class, quantity: one median a tile."""


@dataclass(frozen=True)
class Tile:
    """A block of the ground and a date."""

    epsg: int
    row: int
    column: int
    date_ms: float

    @classmethod
    def at(cls, lon: float, lat: float, date_ms: float) -> Tile:
        """The block that a place lies in."""
        epsg = epsg_of(lon, lat)
        utm = Utm(epsg)
        x, y = utm.forward(np.array(lon), np.array(lat))
        side = BLOCK * PIXEL_M
        return cls(epsg, int((utm.false_northing - float(y)) // side), int(float(x) // side), date_ms)

    @property
    def corner(self) -> tuple[float, float]:
        """Easting and northing of the upper left corner, m."""
        side = BLOCK * PIXEL_M
        return self.column * side, Utm(self.epsg).false_northing - self.row * side


def _dates(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return _FIRST_MS + DAY_MS * rng.integers(_DAYS, size=count).astype(np.float64)


def land_tiles(world: PlanetWorld, count: int, each: int) -> list[Tile]:
    """Random tiles on land and random dates, the same for a seed.

    Args:
        world: the planet.
        count: tiles spread evenly over the land.
        each: tiles of each of the 14 biomes and of rock and ice besides, so that small ones are seen.
    """
    rng = np.random.default_rng(key_of(world.seed, "tiles on land") % 2**63)
    lon, lat = rng.uniform(-180, 180, 60_000), np.degrees(np.arcsin(rng.uniform(-0.83, 0.992, 60_000)))
    biomes = world.biomes(lon, lat)
    chosen = np.concatenate(
        [np.flatnonzero(biomes > 0)[:count], *(np.flatnonzero(biomes == number)[-each:] for number in range(1, 16))]
    )
    dates = _dates(rng, chosen.size)
    return [Tile.at(float(lon[at]), float(lat[at]), float(date)) for at, date in zip(chosen, dates, strict=True)]


def water_tiles(world: PlanetWorld, model: GroundModel, count: int) -> Iterator[Tile]:
    """Tiles near rivers, lakes and coasts of warm and temperate land: half of their pixels are water."""
    rng = np.random.default_rng(key_of(world.seed, "tiles of water") % 2**63)
    found = 0
    while found < count:
        lon, lat = float(rng.uniform(-180, 180)), float(np.degrees(np.arcsin(rng.uniform(-0.7, 0.8))))
        date = float(_dates(rng, 1)[0])
        near = np.linspace(-0.3, 0.3, 5)
        around = world.biomes(*np.meshgrid(lon + near, np.clip(lat + near, -60, 80)))
        if not (around > 0).any():
            continue
        for step in rng.uniform(-0.3, 0.3, (12, 2)):
            tile = Tile.at(lon + float(step[0]), lat + float(step[1]), date)
            if model.block(tile.epsg, tile.row, tile.column).water.mean() > 0.5:
                found += 1
                yield tile
                break


def class_medians(world: PlanetWorld, model: GroundModel, tiles: Iterable[Tile]) -> Medians:
    """What both instruments see of pure classes.

    Args:
        world: serves the scenes.
        model: ground of the same seed.
        tiles: where and when.
    """
    found: Medians = {name: defaultdict(list) for name in CLASS_NAMES}
    for tile in tiles:
        ground = model.block(tile.epsg, tile.row, tile.column)
        for values, seen, time_ms in (*_optical(world, tile), *_radar(world, tile)):
            for kind, pure in _pure(ground, time_ms):
                inside = pure & seen
                if inside.sum() < _LEAST:
                    continue
                for quantity, pixels in values.items():
                    found[CLASS_NAMES[kind]][quantity].append(float(np.median(pixels[inside])))
    return found


def _pure(ground: Ground, time_ms: float) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Pixels of one class that are level, dry and neither frozen nor under snow that day."""
    season = season_of(ground, year_angle(time_ms))
    level = np.hypot(ground.east, ground.north) < _LEVEL
    bare = (season.snow < 0.03) & (season.warmth > 2.0)
    yield WATER, (ground.wet > 25.0) & (ground.wet > 1.2 * ground.margin) & (season.warmth > 2.0)
    for kind in range(len(CLASS_NAMES)):
        if kind == WATER:
            continue
        pure = (ground.cover[kind] > _PURE) & (ground.wet < -15.0) & (season.water == 0.0)
        yield kind, pure if kind == SNOW else pure & level & bare


_Seen = tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_], float]


def _scenes(world: PlanetWorld, asset: str, tile: Tile, start_ms: float, days: int) -> list[ImageRecord]:
    import shapely

    left, top = tile.corner
    side = BLOCK * PIXEL_M
    x, y = np.array([left, left + side, left + side, left]), np.array([top, top, top - side, top - side])
    region = shapely.polygons(np.column_stack(Utm(tile.epsg).inverse(x, y)))
    assets = world.find(asset)
    assert isinstance(assets, CollectionAsset)
    hint = SearchHint(start_ms, start_ms + days * DAY_MS, region)
    return [
        one
        for one in assets.images(hint)
        if one.bands[0].crs == f"EPSG:{tile.epsg}" and one.footprint is not None and one.footprint.contains(region)
    ]


def _optical(world: PlanetWorld, tile: Tile) -> Iterator[_Seen]:
    records = _scenes(world, S2, tile, tile.date_ms - _REACH * DAY_MS, 2 * _REACH)
    for record in sorted(records, key=lambda one: (one.properties["CLOUDY_PIXEL_PERCENTAGE"], one.id)):
        score = world.find(f"GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED/{record.properties['system:index']}")
        if not isinstance(score, ImageRecord):
            continue
        left, top = tile.corner
        band = band_of(record, "B4")
        row, column = round((band.transform[5] - top) / PIXEL_M), round((left - band.transform[2]) / PIXEL_M)
        window = (row, row + BLOCK, column, column + BLOCK)
        green, red, near = (record.read(name, *window)[0].astype(np.float64) for name in ("B3", "B4", "B8"))
        clear = score.read("cs_cdf", *window)[0] > 0.8
        yield (
            {"ndvi": (near - red) / (near + red), "ndwi": (green - near) / (green + near)},
            clear,
            record.properties["system:time_start"],
        )
        return


def _radar(world: PlanetWorld, tile: Tile) -> Iterator[_Seen]:
    for record in _scenes(world, "COPERNICUS/S1_GRD", tile, tile.date_ms, 2 * _REACH):
        if record.bands[0].name != "VV":
            continue
        left, top = tile.corner
        band = band_of(record, "VV")
        # The pixels whose centres lie next to those of the block, which the radar's grid misses by a part of a pixel.
        row, column = round((band.transform[5] - top) / PIXEL_M), round((left - band.transform[2]) / PIXEL_M)
        like, cross = (record.read(name, row, row + BLOCK, column, column + BLOCK)[0] for name in ("VV", "VH"))
        seen = np.ones(like.shape, dtype=np.bool_)
        seen[[0, -1]] = seen[:, [0, -1]] = False
        yield {"vv": like, "vh": cross, "vv_vh": like - cross}, seen, record.properties["system:time_start"]
        return
