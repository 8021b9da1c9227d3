"""Pixels of Sentinel-1: backscatter of the ground, its slopes, speckle; and the two collections, dB and linear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.cover import CLASSES, CROP, TREE
from geomeld_build.emulator.worlds.planet.ground.noise import cell_hash, key_of, unit_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.season import season_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, Ground, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.orbits import SENTINEL1
from geomeld_build.emulator.worlds.planet.sensors.outlines import inside
from geomeld_build.emulator.worlds.planet.sensors.radar_kernel import on_slopes, speckled
from geomeld_build.emulator.worlds.planet.sensors.sentinel1_archive import Sentinel1Archive, Slice, SliceScene
from geomeld_build.emulator.worlds.planet.sensors.sun import year_angle
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["DB_COLLECTION", "FLOAT_COLLECTION", "Sentinel1", "Sentinel1Collection"]

DB_COLLECTION, FLOAT_COLLECTION = "COPERNICUS/S1_GRD", "COPERNICUS/S1_GRD_FLOAT"
LOOKS = 4.4
"""Equivalent number of looks of GRDH."""
_NEAR_DEGREES, _FAR_DEGREES = 30.6, 46.0
_SWATH_M = 250_000.0
_ANGLE_STEP = 20_000.0
_Small = NDArray[np.float32]

# dB at 38 degrees for the classes of cover.CLASSES, like and cross polarised; water is dealt with by itself.
_LIKE_DB = (-8.6, -11.2, -12.6, -12.0, -4.2, -15.5, -13.0, -23.0, -11.0, -9.0, -13.0)
_CROSS_DB = (-13.8, -17.6, -20.0, -19.6, -12.0, -24.5, -20.5, -30.0, -17.5, -14.8, -20.5)
_LIKE = np.array([10 ** (db / 10) for db in _LIKE_DB], dtype=np.float32)
_CROSS = np.array([10 ** (db / 10) for db in _CROSS_DB], dtype=np.float32)
assert len(_LIKE) == len(CLASSES)

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
        like, cross = _land(ground, season.crop_green, season.snow * (season.warmth > -3), damp)
        near, calm = scene.at.sides[0], 0.75 + 1.9 * unit_of("wind", scene.datatake) ** 2
        level = 3.0 if scene.polarisation[1] == "H" else 1.0
        return on_slopes(
            like,
            cross,
            (ground.east, ground.north),
            (season.water, ground.sea),
            _incidence(scene.at, x[None, :], y[:, None]),
            (near.a, near.b),
            (calm * float(_LIKE[7]) / level, calm * float(_CROSS[7])),
        )

    def _damp(self, scene: SliceScene, ground: Ground, usual: _Small) -> _Small:
        """Dampness of the soil that day, in dB around the usual: it rained or it did not."""
        rained = unit_of("rain", scene.datatake) - 0.5
        result: _Small = (usual - np.float32(0.4)) * 2 + np.float32(1.2 * rained) * np.clip(ground.moisture, 0.05, 1)
        return result


def _land(ground: Ground, crop_green: _Small, wet_snow: _Small, damp: _Small) -> tuple[_Small, _Small]:
    cover = ground.cover
    flat = cover.reshape(len(CLASSES), -1)
    both = np.matmul(np.stack((_LIKE, _CROSS)), flat).reshape(2, *ground.wet.shape)
    like, cross = both[0], both[1]
    crop = cover[CROP]
    # A grown crop scatters back more across, and hides the soil.
    cross = cross + crop * crop_green * _CROSS[CROP] * np.float32(1.6)
    like = like + crop * (crop_green - np.float32(0.4)) * _LIKE[CROP] * np.float32(0.35)
    rough = np.exp(np.float32(0.11) * ground.grain * (1 + 2.2 * cover[4]) + np.float32(0.05) * ground.texture)
    soil = 1 - cover[TREE]
    gain = np.exp(np.float32(0.23) * damp * soil - np.float32(1.0) * wet_snow * soil)
    arid = np.exp(-np.float32(0.6) * np.clip(0.25 - ground.moisture, 0, 0.25) * 4 * soil)
    return like * rough * gain * arid, cross * rough * gain * arid


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
