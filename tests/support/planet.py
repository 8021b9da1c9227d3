"""Where to look on the simulated planet, and how to cut a tile out of its native bands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import BandInfo, CollectionAsset, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of

Fits = Callable[[dict[str, NDArray[np.float32]]], bool]
S2 = "COPERNICUS/S2_SR_HARMONIZED"


def ms(text: str) -> float:
    """Milliseconds of a UTC day."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


def search(world: PlanetWorld, box: tuple[float, float, float, float], fits: Fits, reach: float) -> tuple[float, float]:
    """The first of many places in a lon/lat box whose surroundings (``reach`` degrees) satisfy ``fits``."""
    rng = np.random.default_rng(11)
    west, south, east, north = box
    for lon, lat in zip(rng.uniform(west, east, 600), rng.uniform(south, north, 600), strict=True):
        if world.biomes(np.array([lon]), np.array([lat]))[0] in (0, 15):
            continue
        if not fits(world.truth(lon, lat)):
            continue
        near = world.truth(*np.meshgrid(lon + np.linspace(-reach, reach, 4), lat + np.linspace(-reach, reach, 4)))
        if fits(near):
            return float(lon), float(lat)
    raise AssertionError(f"no such place in {box}")


def record_of(world: PlanetWorld, asset_id: str) -> ImageRecord:
    """An image asset by id."""
    found = world.find(asset_id)
    assert isinstance(found, ImageRecord)
    return found


def outline(lon: float, lat: float, size: float = 1280.0) -> tuple[int, float, float, shapely.Polygon]:
    """Zone, corner and lon/lat outline of the tile at a place."""
    epsg = epsg_of(lon, lat)
    utm = Utm(epsg)
    x, y = utm.forward(np.array(lon), np.array(lat))
    left, top = round((float(x) - size / 2) / 20) * 20.0, round((float(y) + size / 2) / 20) * 20.0
    a, b = utm.inverse(np.array([left, left + size, left + size, left]), np.array([top, top, top - size, top - size]))
    return epsg, left, top, shapely.polygons(np.column_stack((a, b)))


def scenes(world: PlanetWorld, asset_id: str, place: tuple[float, float], start: str, end: str) -> list[ImageRecord]:
    """Scenes in the place's own zone that cover a tile there."""
    epsg, _, _, region = outline(*place)
    assets = world.find(asset_id)
    assert isinstance(assets, CollectionAsset)
    return [
        record
        for record in assets.images(SearchHint(ms(start), ms(end), region))
        if record.bands[0].crs == f"EPSG:{epsg}" and record.footprint is not None and record.footprint.contains(region)
    ]


def clearest(world: PlanetWorld, place: tuple[float, float], start: str, end: str) -> ImageRecord:
    """The scene with the least cloud."""
    return min(scenes(world, S2, place, start, end), key=lambda one: one.properties["CLOUDY_PIXEL_PERCENTAGE"])


def band_of(record: ImageRecord, name: str) -> BandInfo:
    """A band by name."""
    return next(band for band in record.bands if band.name == name)


def window_of(record: ImageRecord, name: str, place: tuple[float, float], size: float = 1280.0) -> tuple[int, ...]:
    """Rows and columns of a band over a tile."""
    band = band_of(record, name)
    step = band.transform[0]
    if band.crs == "EPSG:4326":
        west, south, east, north = outline(*place, size)[3].bounds
        rows = (band.transform[5] - north) / step, (band.transform[5] - south) / step
        columns = (west - band.transform[2]) / step, (east - band.transform[2]) / step
        return int(rows[0]), int(rows[1]) + 1, int(columns[0]), int(columns[1]) + 1
    _, left, top, _ = outline(*place, size)
    row, column, count = (
        round((band.transform[5] - top) / step),
        round((left - band.transform[2]) / step),
        int(size / step),
    )
    return row, row + count, column, column + count


def tile(record: ImageRecord, name: str, place: tuple[float, float], size: float = 1280.0) -> NDArray[Any]:
    """A band over a tile; every pixel of it is valid."""
    values, mask = record.read(name, *window_of(record, name, place, size))
    assert mask.all()
    return values
