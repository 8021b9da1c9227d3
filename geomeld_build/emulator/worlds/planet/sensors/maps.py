"""Global maps on geographic grids, sampled from the ground's 10 m pixels: land cover, canopy, water, DEM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.cover import (
    BARE,
    BUILT,
    CLASSES,
    CROP,
    GRASS,
    MOSS,
    SHRUB,
    SNOW,
    TREE,
    WATER,
    WETLAND,
)
from geomeld_build.emulator.worlds.planet.ground.lattice import ASTER_LATTICE, Block, LatticeSpec, refine
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, cell_draws, cell_hash, cell_normal, key_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.truth import ASTER_ORIGIN, BLOCK, PIXEL_M, Ground, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.classes_kernel import worldcover
from geomeld_build.emulator.worlds.planet.sensors.confusion import Confusion, Hardness, patch_draws
from geomeld_build.emulator.worlds.planet.sensors.maps_kernel import WATER_BANDS, canopy, gather, surface_water
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["CanopyHeight", "Elevation", "MapGrid", "SingleImageCollection", "SurfaceWater", "WorldCover"]

Picture = Callable[[Ground, int, int], NDArray[Any]]
"""What a block of ground, at a row and a column of blocks, looks like."""


@dataclass(frozen=True, slots=True)
class MapGrid:
    """A geographic grid whose pixels are a whole fraction of a degree; its west edge is at 180 W."""

    per_degree: int
    north: int
    south: int
    side: int
    """Pixels along one side of its blocks, about 300 m; 6 degrees hold a whole number of blocks."""

    def band(self, name: str, dtype: str) -> BandInfo:
        """A band on this grid."""
        step = 1.0 / self.per_degree
        size = (360 * self.per_degree, (self.north - self.south) * self.per_degree)
        return BandInfo(name, dtype, "EPSG:4326", (step, 0.0, -180.0, 0.0, -step, float(self.north)), *size)

    def lonlat(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Pixel corners to degrees."""
        return columns / self.per_degree - 180.0, self.north - rows / self.per_degree

    def zone(self, row: int, column: int) -> int:
        """EPSG code of the UTM zone in which a block lies."""
        # Zones of 6 degrees and the equator are block borders of all our grids.
        west = int((column + 0.5) * self.side / self.per_degree)
        return (32600 if (row + 0.5) * self.side < self.north * self.per_degree else 32700) + west // 6 % 60 + 1

    @lru_cache(maxsize=512)  # noqa: B019 - grids are constants
    def ground_pixels(self, row: int, column: int) -> NDArray[np.int32]:
        """Rows and columns ``(2, y, x)``, on the ground's grid in the block's zone, of the pixels of a block."""
        side, step = self.side, self.side // 2
        lon, lat = Block(self, LatticeSpec(side, side, step, step), self.lonlat, row, column).lonlat(step)
        utm = Utm(self.zone(row, column))
        placed = np.stack(utm.forward(lon, lat))
        x, y = refine(placed, side, step, 0)[:, 1:-1, 1:-1]
        return np.floor(np.stack((utm.false_northing - y, x)) / PIXEL_M).astype(np.int32)


class _Map(ABC):
    """One image on a geographic grid."""

    id: str
    grid: MapGrid
    bands: tuple[tuple[str, str], ...]
    version: int
    properties: Mapping[str, Any]

    def __init__(self, ground: GroundModel, map_error: float = 1.0) -> None:
        """Args:
        ground: the truth.
        map_error: factor on the map's own errors; 0 = the truth as far as pixels and codes can say it.
        """
        self.ground = ground
        self._error = map_error

    @abstractmethod
    def window(self, band: str, row0: int, row1: int, col0: int, col1: int) -> NDArray[Any]:
        """Values and mask ``(2, y, x)`` of a window of the grid."""

    def read(self, band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """A window of a band and its mask."""
        both = self.window(band, row0, row1, col0, col1)
        mask = both[1] > 0
        values = both[0].astype(dict(self.bands)[band])
        values[~mask] = 0
        return values, mask

    def record(self) -> ImageRecord:
        """The asset."""
        outline = shapely.box(-180.0, float(self.grid.south), 180.0, float(self.grid.north))
        return ImageRecord(
            id=self.id,
            version=self.version,
            bands=tuple(self.grid.band(name, dtype) for name, dtype in self.bands),
            read=self.read,
            footprint=outline,
            properties={"system:index": self.id.rsplit("/", 1)[-1], **self.properties},
        )


class _GroundMap(_Map):
    """A map drawn from the 10 m ground."""

    def __init__(self, ground: GroundModel, map_error: float = 1.0) -> None:
        super().__init__(ground, map_error)
        self._pictures: BlockCache[NDArray[Any]] = BlockCache(128)

    @abstractmethod
    def picture(self, band: str) -> Picture:
        """What a block of ground looks like: ``(2, y, x)``, values and mask."""

    def window(self, band: str, row0: int, row1: int, col0: int, col1: int) -> NDArray[Any]:
        """Values and mask ``(2, y, x)`` of a window of the grid: those of the 10 m pixels at its pixel centres."""
        side, parts = self.grid.side, []
        # Zones begin at columns of blocks, hemispheres at rows: a window rarely spans two.
        for top, bottom in _runs(lambda i: self.grid.zone(i, col0 // side), row0, row1, side):
            strip = [
                self._gather(band, top, bottom, left, right)
                for left, right in _runs(lambda j: self.grid.zone(row0 // side, j), col0, col1, side)
            ]
            parts.append(strip[0] if len(strip) == 1 else np.concatenate(strip, axis=2))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _gather(self, band: str, row0: int, row1: int, col0: int, col1: int) -> NDArray[Any]:
        """A window within one zone."""
        side, picture = self.grid.side, self.picture(band)
        epsg = self.grid.zone(row0 // side, col0 // side)
        places = assemble(self.grid.ground_pixels, row0, row1, col0, col1, size=side)
        (top, left), (bottom, right) = places.min(axis=(1, 2)).tolist(), (places.max(axis=(1, 2)) + 1).tolist()

        def block(i: int, j: int) -> NDArray[Any]:
            return self._pictures.get((band, epsg, i, j), lambda: picture(self.ground.block(epsg, i, j), i, j))

        return gather(assemble(block, top, bottom, left, right), places, top, left)


def _runs(kind: Callable[[int], int], start: int, stop: int, side: int) -> list[tuple[int, int]]:
    """``start..stop`` cut where the kind of blocks of ``side`` changes."""
    cuts = [start]
    cuts += [i * side for i in range(start // side + 1, (stop - 1) // side + 1) if kind(i) != kind(i - 1)]
    return list(pairwise((*cuts, stop)))


def _with_mask(values: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    return np.stack((values.astype(np.int16), mask.astype(np.int16)))


def _pairs(row: int, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows ``(y, 1)`` and columns ``(x,)`` of the 2 x 2 pixels of a block."""
    steps = np.arange(BLOCK // 2)
    return (row * (BLOCK // 2) + steps)[:, None], column * (BLOCK // 2) + steps


_WORLDCOVER_CONFUSION = Confusion.of(
    (
        (0.75, SHRUB, GRASS),  # tree
        (0.3, GRASS, TREE),  # shrub
        (0.4, SHRUB, CROP),  # grass
        (0.6, GRASS, SHRUB),  # crop
        (0.6, BARE, GRASS),  # built
        (0.7, GRASS, SHRUB),  # bare
        (1.1, BARE, MOSS),  # snow
        (float("inf"), WATER, WATER),
        (0.2, GRASS, TREE),  # wetland
        (0.7, TREE, WETLAND),  # mangrove
        (0.5, GRASS, BARE),  # moss
    )
)
_CODES = np.array(CLASSES, dtype=np.int64)


class WorldCover(_GroundMap):
    """ESA WorldCover: two versions by different algorithms, so that they differ where nothing changed."""

    grid = MapGrid(12_000, 83, -60, side=60)
    bands = (("Map", "uint8"),)

    def __init__(self, ground: GroundModel, year: int, map_error: float = 1.0) -> None:
        """Args:
        ground: the truth.
        year: 2020 for v100, 2021 for v200.
        map_error: factor on the map's own errors.
        """
        super().__init__(ground, map_error)
        release = {2020: "v100", 2021: "v200"}[year]
        self.id = f"ESA/WorldCover/{release}/{year}"
        self.version = 1_634_000_000_000_000 + (year - 2020) * 31_000_000_000_000
        start = 1_577_836_800_000 if year == 2020 else 1_609_459_200_000
        end = 1_609_459_200_000 if year == 2020 else 1_640_995_200_000
        self.properties = {"system:time_start": start, "system:time_end": end, "map_version": release}
        self._key = key_of(ground.seed, "worldcover", year)
        self._rough = map_error * (0.26 if year == 2020 else 0.20)
        self._missed_shrub = map_error * (0.15 if year == 2020 else 0.05)
        # The two versions share most of their mistakes, and some with every other map.
        self._hard = Hardness(
            (
                (key_of(ground.seed, "hard to classify"), 0.8),
                (key_of(ground.seed, "worldcover"), 0.5),
                (self._key + 3, 0.35),
            )
        )

    def picture(self, band: str) -> Picture:  # noqa: ARG002 - one band only
        """The largest class, with errors in patches of about 30 m where classes mix."""

        def make(ground: Ground, row: int, column: int) -> NDArray[Any]:
            steps = np.arange(BLOCK)
            pixels = (row * BLOCK + steps)[:, None], column * BLOCK + steps
            coarse = patch_draws(self._key, row, column, 3, len(CLASSES))
            return worldcover(
                (ground.cover, ground.wet, ground.sea, ground.mean, ground.swing, ground.moisture),
                (coarse, cell_draws(self._key + 1, *pixels), cell_normal(self._key + 2, *_pairs(row, column))),
                self._hard.at(row, column, self._error),
                patch_draws(self._key + 4, row, column, 12),
                (self._rough, self._missed_shrub, self._error),
                _WORLDCOVER_CONFUSION.limits,
                _WORLDCOVER_CONFUSION.instead,
                _CODES,
            )

        return make


class CanopyHeight(_GroundMap):
    """ETH canopy height 2020, or its standard deviation; 255 where there is no estimate."""

    grid = MapGrid(12_000, 83, -60, side=60)
    bands = (("b1", "uint8"),)
    version = 1_650_000_000_000_000

    def __init__(self, ground: GroundModel, deviation: bool, map_error: float = 1.0) -> None:
        """Args:
        ground: the truth.
        deviation: serve the standard deviation instead of the height.
        map_error: factor on the map's own errors.
        """
        super().__init__(ground, map_error)
        name = "ETH_GlobalCanopyHeightSD_2020_10m_v1" if deviation else "ETH_GlobalCanopyHeight_2020_10m_v1"
        self.id = f"users/nlang/{name}"
        self.properties = {"system:time_start": 1_577_836_800_000}
        self._deviation = deviation
        self._key = key_of(ground.seed, "canopy")

    def picture(self, band: str) -> Picture:  # noqa: ARG002 - one band only
        """Height of trees with an error of about two metres; tall forests come out too low."""

        def make(ground: Ground, row: int, column: int) -> NDArray[Any]:
            noise = cell_normal(self._key, *_pairs(row, column))
            built, snow = ground.cover[BUILT], ground.cover[SNOW]
            given = (ground.height, ground.texture, ground.wet, built, snow, noise)
            return canopy(*given, self._error, self._deviation)

        return make


class SurfaceWater(_GroundMap):
    """JRC Global Surface Water: how often water stood there; masked where it never did."""

    id = "JRC/GSW1_4/GlobalSurfaceWater"
    grid = MapGrid(4_000, 78, -60, side=20)
    bands = tuple((name, "uint8") for name in WATER_BANDS)
    version = 1_661_000_000_000_000
    properties: Mapping[str, Any] = {"system:time_start": 448_000_000_000, "system:time_end": 1_640_995_200_000}

    def picture(self, band: str) -> Picture:
        """One of the bands, from the distance to the shore and how far the shore moves."""

        def make(ground: Ground, row: int, column: int) -> NDArray[Any]:
            noise = cell_hash(key_of(self.ground.seed, "jrc"), *_pairs(row, column))
            return surface_water(ground.wet, ground.margin, ground.sea, noise, self._error, WATER_BANDS.index(band))

        return make


class Elevation(_Map):
    """ASTER GDEM at 1 arc-second: the ground with an error of a few metres; water is level."""

    id = "projects/sat-io/open-datasets/ASTER/GDEM"
    grid = MapGrid(3_600, int(ASTER_ORIGIN[1]), -83, side=ASTER_LATTICE.size)
    bands = (("b1", "int16"),)
    version = 1_600_000_000_000_000
    properties: Mapping[str, Any] = {}

    def __init__(self, ground: GroundModel, map_error: float = 1.0) -> None:
        super().__init__(ground, map_error)
        self._blocks: BlockCache[NDArray[Any]] = BlockCache(256)

    def window(self, band: str, row0: int, row1: int, col0: int, col1: int) -> NDArray[Any]:  # noqa: ARG002
        """Values and mask ``(2, y, x)`` of a window of the grid."""

        def block(row: int, column: int) -> NDArray[Any]:
            return self._blocks.get((row, column), lambda: self._make(row, column))

        return assemble(block, row0, row1, col0, col1, size=self.grid.side)

    def _make(self, row: int, column: int) -> NDArray[Any]:
        truth, water = self.ground.heights(row, column).astype(np.float64)
        key = key_of(self.ground.seed, "gdem")
        steps = np.arange(self.grid.side)
        rows, columns = (row * self.grid.side + steps)[:, None], column * self.grid.side + steps
        coarse = cell_normal(key + 1, rows[::4] // 4, columns[::4] // 4)
        error = 1.6 * cell_normal(key, rows, columns) + 1.9 * coarse.repeat(4, axis=0).repeat(4, axis=1)
        value = np.where(water > 0.5, truth, truth + self._error * error)
        return _with_mask(np.rint(np.clip(value, -200, 9000)), np.ones_like(truth))


class SingleImageCollection:
    """A collection of one global image, as WorldCover is served."""

    def __init__(self, asset_id: str, only: _Map) -> None:
        """Args:
        asset_id: id of the collection.
        only: its member.
        """
        self.id = asset_id
        self.properties: Mapping[str, Any] = {"type": "ImageCollection"}
        self._only = only

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """The member, when the hint does not rule it out."""
        record = self._only.record()
        start = record.properties.get("system:time_start")
        late = hint.end_ms is not None and start is not None and start >= hint.end_ms
        early = hint.start_ms is not None and start is not None and start < hint.start_ms
        other = hint.indices is not None and record.properties["system:index"] not in hint.indices
        if not (late or early or other):
            yield record

    def image(self, index: str) -> ImageRecord | None:
        """The member when it has this index."""
        record = self._only.record()
        return record if record.properties["system:index"] == index else None
