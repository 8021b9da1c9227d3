"""Pixels of Sentinel-1: backscatter of the ground, its slopes, speckle; and the two collections, dB and linear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.cover import (
    BARE,
    BUILT,
    CLASSES,
    CROP,
    GRASS,
    MANGROVE,
    SNOW,
    TREE,
    WATER,
    WETLAND,
)
from geomeld_build.emulator.worlds.planet.ground.noise import cell_hash, key_of, unit_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.season import Season, lake_ice, season_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, Ground, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.blend_kernel import blend
from geomeld_build.emulator.worlds.planet.sensors.orbits import SENTINEL1
from geomeld_build.emulator.worlds.planet.sensors.outlines import inside
from geomeld_build.emulator.worlds.planet.sensors.radar_kernel import on_slopes, speckled
from geomeld_build.emulator.worlds.planet.sensors.sentinel1_archive import Sentinel1Archive, Slice, SliceScene
from geomeld_build.emulator.worlds.planet.sensors.soils import soils_of
from geomeld_build.emulator.worlds.planet.sensors.sun import year_angle
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["DB_COLLECTION", "FLOAT_COLLECTION", "Sentinel1", "Sentinel1Collection"]

DB_COLLECTION, FLOAT_COLLECTION = "COPERNICUS/S1_GRD", "COPERNICUS/S1_GRD_FLOAT"
LOOKS = 4.4
"""Equivalent number of looks of GRDH."""
_NEAR_DEGREES, _FAR_DEGREES = 30.6, 46.0
_SWATH_M = 250_000.0
_ANGLE_STEP = 20_000.0
_STALKS = 0.4
"""Fields by ``crop_kind``: below, cereals; above, crops with broad leaves."""
_Small = NDArray[np.float32]


def _power(*decibels: float) -> _Small:
    return np.array([10 ** (db / 10) for db in decibels], dtype=np.float32)


# dB at 38 degrees for the classes of cover.CLASSES, like and cross polarised; bare ground (-99) and water come apart.
_LIKE = _power(-9.6, -11.4, -11.8, -10.1, -5.2, -99.0, -11.0, -22.5, -10.4, -9.2, -12.2)
_CROSS = _power(-15.8, -17.8, -18.6, -18.6, -13.6, -99.0, -18.0, -28.5, -17.6, -15.2, -19.6)
assert len(_LIKE) == len(_CROSS) == len(CLASSES)
# The same for bare ground by what it consists of: rock, sand, gravel, laterite, humus, loam.
_BARE_LIKE = _power(-9.5, -18.5, -13.0, -12.0, -12.0, -12.0)
_BARE_CROSS = _power(-18.0, -27.5, -22.0, -20.5, -20.5, -20.5)
_ICE_LIKE, _ICE_CROSS = _power(-14.0, -22.0)
_LAND, _STONY = np.stack((_LIKE, _CROSS)), np.stack((_BARE_LIKE, _BARE_CROSS))

_SPECKLE = (special.gammaincinv(LOOKS, (np.arange(4096) + 0.5) / 4096.0) / LOOKS).astype(np.float32)
"""Quantiles of multi-look speckle: gamma distributed, mean 1."""


def _incidence(part: Slice, x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Incidence angle on level ground, degrees, from the distance to the near edge."""
    share = part.sides[0].distance(x, y) / _SWATH_M
    return _NEAR_DEGREES + (_FAR_DEGREES - _NEAR_DEGREES) * np.clip(share, -0.02, 1.05)


class Sentinel1:
    """The instrument: what datatakes see, block by block, before speckle."""

    def __init__(self, ground: GroundModel) -> None:
        self.ground = ground
        self._power: BlockCache[_Small] = BlockCache(200)

    def power(self, scene: SliceScene, row: int, column: int) -> _Small:
        """Backscatter ``(polarisation, y, x)``, linear, like then cross polarised, of a block of the ground's grid."""
        key = (scene.datatake, scene.at.number, scene.at.epsg, row, column)
        return self._power.get(key, lambda: self._make(scene, row, column))

    def _make(self, scene: SliceScene, row: int, column: int) -> _Small:
        ground = self.ground.block(scene.at.epsg, row, column)
        season = season_of(ground, year_angle(scene.start_ms))
        x = (column * BLOCK + np.arange(BLOCK) + 0.5) * PIXEL_M
        y = Utm(scene.at.epsg).false_northing - (row * BLOCK + np.arange(BLOCK) + 0.5) * PIXEL_M
        damp = self._damp(scene, ground, season.damp)
        like, cross = _land(ground, season, damp)
        near, wind = scene.at.sides[0], 0.75 + 1.9 * unit_of("wind", scene.datatake) ** 2
        level = 3.0 if scene.polarisation[1] == "H" else 1.0
        return on_slopes(
            like.astype(np.float32),
            cross.astype(np.float32),
            (ground.east, ground.north),
            (season.water, ground.sea, lake_ice(ground, season)),
            _incidence(scene.at, x[None, :], y[:, None]),
            (near.a, near.b),
            (wind, float(_LIKE[WATER]) / level, float(_CROSS[WATER])),
            (float(_ICE_LIKE), float(_ICE_CROSS)),
        )

    def _damp(self, scene: SliceScene, ground: Ground, usual: _Small) -> _Small:
        """Dampness of the soil that day, in dB around the usual: it rained or it did not."""
        rained = unit_of("rain", scene.datatake) - 0.5
        result: _Small = (usual - np.float32(0.4)) * 3 + np.float32(2.4 * rained) * np.clip(ground.moisture, 0.05, 1)
        return result


def _gain(decibels: _Small) -> _Small:
    result: _Small = np.exp(np.float32(np.log(10) / 10) * decibels)
    return result


def _land(ground: Ground, season: Season, damp: _Small) -> tuple[_Small, _Small]:
    """Backscatter of dry land, like and cross polarised, linear."""
    cover, tree, crop = ground.cover, ground.cover[TREE], ground.cover[CROP]
    like, cross = blend(_LAND, cover)
    soils = soils_of(ground)
    stony = blend(_STONY, np.stack([getattr(soils, item.name) for item in fields(soils)]))
    like, cross = like + cover[BARE] * stony[0], cross + cover[BARE] * stony[1]
    # Tall crowns scatter more, most of all across; bare twigs less.
    tall: _Small = np.clip(ground.height / np.float32(25), 0, 1) - np.float32(0.4)
    bare_twigs = (1 - season.leaves) * (1 - ground.needles)
    like = like + tree * _LIKE[TREE] * (_gain(1.6 * tall) - 1)
    cross = cross + tree * _CROSS[TREE] * (_gain(3.0 * tall - 0.8 * bare_twigs) - 1)
    # A grown crop scatters back more across; broad leaves also along, while stalks hide the soil.
    broad = np.where(ground.crop_kind < _STALKS, np.float32(-1.8), np.float32(1.5)).astype(np.float32)
    like = like + crop * _LIKE[CROP] * (_gain(broad * season.crop_green) - 1)
    cross = cross + crop * _CROSS[CROP] * (_gain(3.6 * season.crop_green) - 1)
    cross = cross + cover[GRASS] * _CROSS[GRASS] * (_gain(2.6 * (season.green - np.float32(0.7))) - 1)
    # Stems that stand in water send the wave back by two bounces.
    like = like + cover[WETLAND] * _LIKE[WETLAND] * (_gain(2.5 * season.damp) - 1)
    soil = 1 - tree - cover[MANGROVE]
    both = damp * soil + ground.soil * soil * np.float32(0.9) - 4.3 * season.snow * (season.warmth > -3) * soil
    # Frozen wood and soil hold no water that scatters.
    frozen = np.clip(-season.warmth / 8, 0, 1) * (1 - cover[SNOW]) * (1 - cover[BUILT])
    dry = np.clip(0.25 - ground.moisture, 0, 0.25) * soil * (1 - cover[BARE])
    gain = _gain(both - 2.2 * frozen - 6.0 * dry)
    rough = np.exp(np.float32(0.11) * ground.grain * (1 + 2.2 * cover[BUILT]) + np.float32(0.05) * ground.texture)
    return like * rough * gain, cross * rough * gain


class _Reader:
    def __init__(self, instrument: Sentinel1, scene: SliceScene, decibel: bool) -> None:
        self._instrument = instrument
        self._scene = scene
        self._decibel = decibel

    def __call__(self, band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        if band == "angle":
            return self._angle(row0, row1, col0, col1)
        scene, part = self._scene, self._scene.at
        x = part.left + (np.arange(col0, col1) + 0.5) * PIXEL_M
        y = part.top - (np.arange(row0, row1) + 0.5) * PIXEL_M
        mask = inside(part.sides, x[None, :], y[:, None])
        layer = scene.bands.index(band)
        column, row = part.left / PIXEL_M, (Utm(part.epsg).false_northing - part.top) / PIXEL_M
        j, i = int(np.floor(column)), int(np.floor(row))

        def block(block_row: int, block_column: int) -> NDArray[Any]:
            power: _Small = self._instrument.power(scene, block_row, block_column)[layer]
            return power

        key = key_of(self._instrument.ground.seed, "speckle", scene.datatake, part.number, band)
        values: NDArray[Any] = speckled(
            assemble(block, row0 + i, row1 + i + 1, col0 + j, col1 + j + 1),
            (row - i, column - j),
            cell_hash(key, np.arange(row0, row1)[:, None], np.arange(col0, col1)),
            _SPECKLE,
            3e-4 if layer == 0 else 2e-4,
            self._decibel,
        )
        values[~mask] = 0.0
        return values, mask

    def _angle(self, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        part = self._scene.at
        x = part.left + (np.arange(col0, col1) + 0.5) * _ANGLE_STEP
        y = part.top - (np.arange(row0, row1) + 0.5) * _ANGLE_STEP
        angle = _incidence(part, x[None, :], y[:, None]).astype(np.float32)
        # The angle grid is coarse: its pixels count when any part of them lies in the scene.
        mask = np.ones(angle.shape, dtype=np.bool_)
        for side in part.sides:
            mask &= side.distance(x[None, :], y[:, None]) >= -0.75 * _ANGLE_STEP
        angle[~mask] = 0.0
        return angle, mask


class Sentinel1Collection:
    """``COPERNICUS/S1_GRD`` (dB) or ``COPERNICUS/S1_GRD_FLOAT`` (linear power): the same scenes."""

    def __init__(self, archive: Sentinel1Archive, instrument: Sentinel1, decibel: bool) -> None:
        """Args:
        archive: which scenes exist.
        instrument: their pixels.
        decibel: serve dB instead of linear power.
        """
        self.id = DB_COLLECTION if decibel else FLOAT_COLLECTION
        self.properties: Mapping[str, Any] = {"title": "Sentinel-1 GRD, simulated", "type": "ImageCollection"}
        self._archive, self._instrument, self._decibel = archive, instrument, decibel

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """Scenes that may satisfy the hint, by ``system:index``.

        Raises:
            UnboundedSearch: the hint has neither indices, nor a period and a region.
        """
        for scene in self._archive.search(hint):
            yield self._record(scene)

    def image(self, index: str) -> ImageRecord | None:
        """The scene with this ``system:index``, or None."""
        scene = self._archive.scene(index)
        return None if scene is None else self._record(scene)

    def _record(self, scene: SliceScene) -> ImageRecord:
        part, crs = scene.at, f"EPSG:{scene.at.epsg}"
        fine = (PIXEL_M, 0.0, part.left, 0.0, -PIXEL_M, part.top)
        coarse = (_ANGLE_STEP, 0.0, part.left, 0.0, -_ANGLE_STEP, part.top)
        factor = _ANGLE_STEP / PIXEL_M
        bands = tuple(BandInfo(name, "float64", crs, fine, part.width, part.height) for name in scene.bands)
        angle = BandInfo(
            "angle", "float32", crs, coarse, int(np.ceil(part.width / factor)), int(np.ceil(part.height / factor))
        )
        return ImageRecord(
            id=f"{self.id}/{scene.index}",
            version=scene.start_ms * 1000 + 120_000_000_000 + int(1e6 * unit_of("s1 version", scene.index)),
            bands=(*bands, angle),
            read=_Reader(self._instrument, scene, self._decibel),
            footprint=part.footprint,
            properties=_properties(scene),
        )


def _properties(scene: SliceScene) -> dict[str, Any]:
    node = SENTINEL1.node_time(scene.satellite, scene.orbit)
    return {
        "system:index": scene.index,
        "system:time_start": scene.start_ms,
        "system:time_end": scene.start_ms + 25_000,
        "system:asset_size": 1_900_000_000 * len(scene.bands),
        "familyName": "SENTINEL-1",
        "instrument": "Synthetic Aperture Radar",
        "instrumentMode": "IW",
        "instrumentSwath": "IW",
        "missionDataTakeID": scene.datatake_id,
        "orbitNumber_start": scene.orbit,
        "orbitNumber_stop": scene.orbit,
        "orbitProperties_ascendingNodeTime": int(node),
        "orbitProperties_pass": scene.at.direction,
        "platform_number": scene.satellite.letter,
        "productClass": "S",
        "productComposition": "Slice",
        "productType": "GRD",
        "relativeOrbitNumber_start": scene.at.relative,
        "relativeOrbitNumber_stop": scene.at.relative,
        "resolution": "H",
        "resolution_meters": 10,
        "sliceNumber": scene.at.number % 60 + 1,
        "sliceProductFlag": "true",
        "startTimeANX": int(scene.at.start_ms % SENTINEL1.period_ms),
        "stopTimeANX": int(scene.at.start_ms % SENTINEL1.period_ms) + 25_000,
        "totalSlices": 60,
        "transmitterReceiverPolarisation": list(scene.bands),
    }
