"""One ground truth for all sensors, evaluated in blocks of UTM pixels and remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.cover import CLASSES
from geomeld_build.emulator.worlds.planet.ground.cover_kernel import LAYERS, cover_block
from geomeld_build.emulator.worlds.planet.ground.lattice import ASTER_LATTICE, HALO, UTM_LATTICE, Block
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_normal, key_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.settlement import frames, parcels, settlement
from geomeld_build.emulator.worlds.planet.ground.terrain import TerrainModel

__all__ = ["ASTER_ORIGIN", "BLOCK", "PIXEL_M", "Ground", "GroundModel", "utm_place"]

PIXEL_M = 10.0
BLOCK = UTM_LATTICE.size
"""Pixels along one side of a ground block."""
ASTER_ORIGIN = (-180.0, 83.0)
"""Upper left corner of the 1 arc-second grid, degrees."""

_Small = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ground:
    """The truth of one block; arrays ``(y, x)`` of 60 x 60 pixels of 10 m, north up, float32 unless stated."""

    lat: float
    """Latitude of the middle of the block, degrees."""
    lon: float
    elevation: _Small
    """m above the sea."""
    east: _Small
    north: _Small
    """Rise of the ground per metre towards the east and the north."""
    cover: _Small
    """``(11, y, x)`` fractions of the dry ground in the order of ``cover.CLASSES``; they add up to 1."""
    wet: _Small
    """Signed distance from the mean shore, m; positive in water."""
    margin: _Small
    """Metres on either side of the mean shore within which water comes and goes."""
    sea: _Small
    mean: _Small
    swing: _Small
    """Annual mean temperature and half its range, degrees C."""
    moisture: _Small
    rain: _Small
    winter_rain: _Small
    dry_season: _Small
    needles: _Small
    """Share of conifers among trees, 0..1."""
    height: _Small
    """Canopy height, m."""
    crop_kind: _Small
    crop_phase: _Small
    soil: _Small
    """Brightness of the soil, about standard normal."""
    texture: _Small
    """Noise of 100 m to 7 km, about standard normal."""
    grain: _Small
    """Noise from pixel to pixel, standard normal."""

    @property
    def water(self) -> _Small:
        """Fraction of the pixel under water at the mean water level."""
        result: _Small = np.clip(self.wet / np.float32(PIXEL_M) + np.float32(0.5), 0, 1)
        return result

    @property
    def classes(self) -> NDArray[np.uint8]:
        """The class with the largest fraction, as an index into ``cover.CLASSES``, water included."""
        largest = self.cover.argmax(axis=0).astype(np.uint8)
        return np.where(self.water > 0.5, np.uint8(7), largest).astype(np.uint8)


def _inner(array: NDArray[Any]) -> NDArray[Any]:
    return array[..., HALO:-HALO, HALO:-HALO]


@lru_cache(maxsize=256)
def utm_place(epsg: int) -> Callable[[Floats, Floats], tuple[Floats, Floats]]:
    """Pixel corners of the 10 m grid of a zone to lon/lat degrees."""
    utm = Utm(epsg)

    def place(columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        return utm.inverse(columns * PIXEL_M, utm.false_northing - rows * PIXEL_M)

    return place


def _aster_place(columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
    return ASTER_ORIGIN[0] + columns / 3600.0, ASTER_ORIGIN[1] - rows / 3600.0


class GroundModel:
    """The ground of one planet.

    Blocks are addressed by the UTM zone (EPSG code) and by block indices: the pixel in row r and column c covers
    10 r to 10 (r + 1) metres south of the equator and eastings 10 c to 10 (c + 1). Counting from the equator, and not
    from the false northing, is what makes the 60 m pixels of real southern granules nest in blocks.
    """

    def __init__(self, seed: int, remembered: int = 400) -> None:
        self.seed = seed
        self.terrain = TerrainModel(seed)
        self._blocks: BlockCache[Ground] = BlockCache(remembered)
        self._heights: BlockCache[NDArray[np.float32]] = BlockCache(remembered)

    def block(self, epsg: int, row: int, column: int) -> Ground:
        """The ground of one block of a UTM zone."""
        return self._blocks.get((epsg, row, column), lambda: self._make(epsg, row, column))

    def heights(self, row: int, column: int) -> NDArray[np.float32]:
        """Elevation in m, and 1 where water is, ``(2, y, x)``, of a block of the 1 arc-second grid."""

        def make() -> NDArray[np.float32]:
            terrain = self.terrain.of(Block("aster", ASTER_LATTICE, _aster_place, row, column), heights_only=True)
            both = np.stack((terrain.elevation, (terrain.wet > 0.0).astype(np.float64)))
            return _inner(both).astype(np.float32)

        return self._heights.get((row, column), make)

    def _make(self, epsg: int, row: int, column: int) -> Ground:
        block = Block(epsg, UTM_LATTICE, utm_place(epsg), row, column)
        whole = self.terrain.of(block)
        macro, lat, lon = whole.macro, _inner(whole.lat), _inner(whole.lon)
        people = _inner(macro.people)
        # Cells are the same for towns and fields.
        cells = frames(_inner(whole.frame_lon), _inner(whole.frame_lat))
        towns = settlement(self.seed, cells, people, _inner(whole.patch1))
        plots = parcels(self.seed, cells, lat, people)
        steps = np.arange(BLOCK)
        grain = cell_normal(key_of(self.seed, "grain", epsg), (row * BLOCK + steps)[:, None], column * BLOCK + steps)
        found = cover_block(
            _dense(whole.elevation, whole.wet, whole.patch1, whole.patch2, whole.region),
            _dense(macro.sea_warmth, macro.swing, macro.rain, macro.people, macro.marsh, macro.coast, macro.conifer),
            _dense(plots.rank, plots.edge, plots.habit),
            _dense(towns.built, towns.road, towns.density),
            grain,
        )
        given = {
            "elevation": _inner(whole.elevation),
            "wet": _inner(whole.wet),
            "margin": _inner(whole.margin),
            "sea": _inner(whole.sea),
            "swing": _inner(macro.swing),
            "rain": _inner(macro.rain),
            "winter_rain": _inner(macro.winter_rain),
            "dry_season": _inner(macro.dry_season),
            "crop_kind": plots.kind,
            "crop_phase": plots.phase,
            "soil": _inner(macro.soil),
            "texture": _inner(whole.patch1),
            "grain": grain,
        }
        arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in given.items()}
        arrays |= {"cover": found[: len(CLASSES)], **dict(zip(LAYERS, found[len(CLASSES) :], strict=True))}
        middle = BLOCK // 2
        return Ground(lat=float(lat[middle, middle]), lon=float(lon[middle, middle]), **arrays)


def _dense(*arrays: Floats) -> tuple[Floats, ...]:
    """Contiguous arrays, as compiled loops want them."""
    return tuple(np.ascontiguousarray(array) for array in arrays)
