"""Pixels of Sentinel-2: surface, sun, snow, clouds and their shadows, scene classification; and its collection."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.lattice import UTM_LATTICE, Block, refine
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, cell_bits, key_of, unit_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.season import Season, season_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, Ground, GroundModel, utm_place
from geomeld_build.emulator.worlds.planet.sensors.clouds import CloudSky, opacity
from geomeld_build.emulator.worlds.planet.sensors.look_kernel import FACTORS, measure
from geomeld_build.emulator.worlds.planet.sensors.mgrs import GRANULE_PIXELS, Granule
from geomeld_build.emulator.worlds.planet.sensors.orbits import SENTINEL2
from geomeld_build.emulator.worlds.planet.sensors.outlines import inside
from geomeld_build.emulator.worlds.planet.sensors.sentinel2_archive import Scene, Sentinel2Archive, stamp
from geomeld_build.emulator.worlds.planet.sensors.spectra import BANDS, CLOUD, surface_reflectance
from geomeld_build.emulator.worlds.planet.sensors.sun import Sun, sun_at, year_angle
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["COLLECTION", "Look", "Sentinel2", "Sentinel2Collection", "granule_window", "swath_mask"]

COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
FIRST_MS = 1_490_659_200_000
"""2017-03-28, the first L2A products."""
_GLOBAL_MS = 1_544_659_200_000
"""2018-12-13: before, only half of the scenes outside Europe were processed to L2A."""

_FACTORS = {**dict(zip(BANDS, FACTORS, strict=True)), "SCL": 2}
_NAMES = (*BANDS, "SCL")
_Small = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Look:
    """What a datatake sees of one block. Arrays ``(y, x)`` of 10 m pixels."""

    bands: Mapping[str, NDArray[Any]]
    """Bands at their own resolution: uint16 reflectance * 1e4, SCL uint8."""
    cloud: _Small
    """Opacity of the cloud, 0..1."""
    shadow: _Small
    """Depth of the cloud's shadow, 0..1."""
    season: Season


def swath_mask(scene: Scene, factor: int, row0: int, row1: int, column0: int, column1: int) -> NDArray[np.bool_]:
    """Which pixels of a window of a granule lie inside the swath; pixels are ``factor`` x 10 m."""
    granule, side = scene.at.granule, factor * PIXEL_M
    x = granule.left + (np.arange(column0, column1) + 0.5) * side
    y = granule.top - (np.arange(row0, row1) + 0.5) * side
    return inside(scene.at.edges, x[None, :], y[:, None])


def granule_window(granule: Granule, factor: int) -> tuple[int, int]:
    """Row and column, on the ground's own grid of ``factor`` x 10 m pixels, of the granule's first pixel."""
    side = factor * PIXEL_M
    return round((Utm(granule.epsg).false_northing - granule.top) / side), round(granule.left / side)


@lru_cache(maxsize=4096)
def bands_of(granule: Granule) -> tuple[BandInfo, ...]:
    """The bands of a granule's scenes."""
    crs = f"EPSG:{granule.epsg}"
    found = []
    for name in _NAMES:
        factor = _FACTORS[name]
        side, count = PIXEL_M * factor, GRANULE_PIXELS // factor
        dtype = "uint8" if name == "SCL" else "uint16"
        found.append(BandInfo(name, dtype, crs, (side, 0.0, granule.left, 0.0, -side, granule.top), count, count))
    return tuple(found)


class Sentinel2:
    """The instrument: what datatakes see, block by block."""

    def __init__(self, ground: GroundModel) -> None:
        self.ground = ground
        self._looks: BlockCache[Look] = BlockCache(200)
        self._skies: BlockCache[CloudSky] = BlockCache(256)
        self._derived: BlockCache[_Small] = BlockCache(100)

    def look(self, scene: Scene, row: int, column: int) -> Look:
        """What a scene sees of a block of its zone."""
        epsg = scene.at.granule.epsg
        key = (scene.datatake, scene.copy, epsg, row, column)
        return self._looks.get(key, lambda: self._make(scene, epsg, row, column))

    def derived(self, key: Hashable, make: Callable[[], _Small]) -> _Small:
        """A block worked out from a look by another product, remembered under its key."""
        return self._derived.get(key, make)

    def _make(self, scene: Scene, epsg: int, row: int, column: int) -> Look:
        ground = self.ground.block(epsg, row, column)
        # The block's own moment, not the granule's: granules of one datatake must agree where they overlap.
        moment = scene.node_ms - ground.lat / 360.0 * SENTINEL2.period_ms
        sun = sun_at(moment, ground.lon, ground.lat)
        season = season_of(ground, year_angle(scene.node_ms))
        cloud, shadow = self._clouds(scene, ground, sun, epsg, row, column)
        flat = surface_reflectance(ground, season)
        key = key_of(self.ground.seed, "s2", scene.datatake, scene.copy, epsg)
        steps = np.arange(BLOCK)
        drawn = cell_bits((key, key + 1, key + 2), (row * BLOCK + steps)[:, None], column * BLOCK + steps)
        *sizes, classes = measure(
            flat, (ground.east, ground.north), (cloud, shadow), season.water, _towards(sun), CLOUD, drawn
        )
        bands: dict[str, NDArray[Any]] = {"SCL": classes}
        for factor, arrays in zip((1, 2, 6), sizes, strict=True):
            names = (name for name, side in zip(BANDS, FACTORS, strict=True) if side == factor)
            bands.update(zip(names, arrays, strict=True))
        return Look(bands, cloud, shadow, season)

    def _clouds(
        self, scene: Scene, ground: Ground, sun: Sun, epsg: int, row: int, column: int
    ) -> tuple[_Small, _Small]:
        sky = self._skies.get(scene.datatake, lambda: CloudSky(self.ground.seed, scene.datatake, scene.node_ms))
        middle, blank = BLOCK // 2, np.zeros((BLOCK, BLOCK), dtype=np.float32)
        rain, dry_season, winter_rain = (
            np.array(array[middle, middle], dtype=np.float64)
            for array in (ground.rain, ground.dry_season, ground.winter_rain)
        )
        climate = (rain, dry_season, winter_rain)
        if sky.clear(ground.lon, ground.lat, climate):
            return blank, blank
        block = Block(epsg, UTM_LATTICE, utm_place(epsg), row, column)
        lon, lat = block.lonlat(UTM_LATTICE.meso)
        east, north = sky.shadow_offset_km(sun)
        cosine = max(0.02, float(np.cos(np.radians(ground.lat))))
        found = []
        for dx, dy in ((0.0, 0.0), (east, north)):
            field = sky.field(lon + dx / (KM_PER_DEGREE * cosine), lat + dy / KM_PER_DEGREE, *climate)
            if field is None:
                found.append(blank)
                continue
            pixels = refine(field, BLOCK, UTM_LATTICE.meso, 0)[1:-1, 1:-1]
            found.append(opacity(pixels))
        cloud, above = found
        return cloud, above * (1 - cloud)


def _towards(sun: Sun) -> tuple[float, float, float]:
    """Direction towards the sun: up, east, north."""
    zenith, azimuth = math.radians(min(sun.zenith, 80.0)), math.radians(sun.azimuth)
    along = math.sin(zenith)
    return math.cos(zenith), along * math.sin(azimuth), along * math.cos(azimuth)


class _Reader:
    """Reads windows of one scene."""

    def __init__(self, instrument: Sentinel2, scene: Scene) -> None:
        self._instrument = instrument
        self._scene = scene

    def __call__(self, band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        scene, factor = self._scene, _FACTORS[band]
        top, left = granule_window(scene.at.granule, factor)

        def block(row: int, column: int) -> NDArray[Any]:
            return self._instrument.look(scene, row, column).bands[band]

        rows, columns = (row0 + top, row1 + top), (col0 + left, col1 + left)
        values = assemble(block, *rows, *columns, size=BLOCK // factor)
        mask = swath_mask(scene, factor, row0, row1, col0, col1)
        values[~mask] = 0
        return values, mask


_BASELINES = (
    (1_494_460_800_000, "02.05"),
    (1_507_852_800_000, "02.06"),
    (1_541_462_400_000, "02.09"),
    (1_557_705_600_000, "02.12"),
    (1_562_544_000_000, "02.13"),
    (1_580_774_400_000, "02.14"),
    (1_617_062_400_000, "03.00"),
    (1_625_616_000_000, "03.01"),
    (1_643_068_800_000, "04.00"),
    (1_670_284_800_000, "05.09"),
    (1_702_425_600_000, "05.10"),
    (1_721_692_800_000, "05.11"),
)


def _baseline(scene: Scene) -> str:
    if scene.copy:
        return "05.00" if scene.sensing_ms < 1_670_284_800_000 else "05.12"
    found = "02.04"
    for start, name in _BASELINES:
        if scene.sensing_ms >= start:
            found = name
    return found


def _properties(scene: Scene) -> dict[str, Any]:
    granule, baseline = scene.at.granule, _baseline(scene)
    letter = scene.satellite.letter
    taken, number = stamp(scene.datatake_ms), baseline.replace(".", "")
    sun = sun_at(scene.sensing_ms, granule.lon, granule.lat)
    made = scene.sensing_ms + 9_000_000 + int(2e7 * unit_of("made", scene.index))
    passed = unit_of("quality", scene.index) > 0.01
    return {
        "system:index": scene.index,
        "system:time_start": scene.sensing_ms,
        "system:time_end": scene.sensing_ms,
        "system:asset_size": int(7e8 + 9e8 * scene.at.covered * (0.9 + 0.2 * unit_of("size", scene.index))),
        "CLOUDY_PIXEL_PERCENTAGE": scene.cloud,
        "CLOUD_COVERAGE_ASSESSMENT": scene.cloud,
        "NODATA_PIXEL_PERCENTAGE": round(100.0 * (1.0 - scene.at.covered), 6),
        "MGRS_TILE": granule.name,
        "PROCESSING_BASELINE": baseline,
        "SENSING_ORBIT_NUMBER": scene.at.relative,
        "SENSING_ORBIT_DIRECTION": "DESCENDING",
        "SPACECRAFT_NAME": f"Sentinel-2{letter}",
        "PRODUCT_ID": f"S2{letter}_MSIL2A_{taken}_N{number}_R{scene.at.relative:03d}_T{granule.name}_{stamp(made)}",
        "GRANULE_ID": f"L2A_T{granule.name}_A{scene.orbit:06d}_{stamp(scene.sensing_ms)}",
        "DATATAKE_IDENTIFIER": f"GS2{letter}_{taken}_{scene.orbit:06d}_N{baseline}",
        "DATATAKE_TYPE": "INS-NOBS",
        "GENERATION_TIME": made,
        "MEAN_SOLAR_ZENITH_ANGLE": sun.zenith,
        "MEAN_SOLAR_AZIMUTH_ANGLE": sun.azimuth,
        "GENERAL_QUALITY": "PASSED" if passed else "FAILED",
        "GEOMETRIC_QUALITY": "PASSED",
        "RADIOMETRIC_QUALITY": "PASSED",
        "SENSOR_QUALITY": "PASSED",
        "FORMAT_CORRECTNESS": "PASSED",
    }


class Sentinel2Collection:
    """``COPERNICUS/S2_SR_HARMONIZED``."""

    id = COLLECTION

    def __init__(self, archive: Sentinel2Archive, instrument: Sentinel2) -> None:
        self.properties: Mapping[str, Any] = {"title": "Sentinel-2 MSI Level-2A, simulated", "type": "ImageCollection"}
        self._archive = archive
        self._instrument = instrument

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """Scenes that may satisfy the hint, by ``system:index``.

        Raises:
            UnboundedSearch: the hint has neither indices, nor a period and a region.
        """
        for scene in self._archive.search(hint, FIRST_MS):
            if self._processed(scene):
                yield self._record(scene)

    def image(self, index: str) -> ImageRecord | None:
        """The scene with this ``system:index``, or None."""
        scene = self._archive.scene(index)
        return self._record(scene) if scene is not None and self._processed(scene) else None

    def _processed(self, scene: Scene) -> bool:
        if scene.sensing_ms >= _GLOBAL_MS:
            return True
        granule = scene.at.granule
        europe = -25.0 < granule.lon < 45.0 and 34.0 < granule.lat < 72.0
        share = 1.0 if europe else 0.5
        return scene.sensing_ms >= FIRST_MS and unit_of("early", granule.name, scene.orbit // 2000) < share

    def _record(self, scene: Scene) -> ImageRecord:
        return ImageRecord(
            id=f"{COLLECTION}/{scene.index}",
            version=scene.sensing_ms * 1000 + 90_000_000_000 + int(1e6 * unit_of("version", scene.index)),
            bands=bands_of(scene.at.granule),
            read=_Reader(self._instrument, scene),
            footprint=scene.at.footprint,
            properties=_properties(scene),
        )
