"""Global maps on geographic grids, sampled from the ground's 10 m pixels: land cover, canopy, water, DEM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
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
from geomeld_build.emulator.worlds.planet.sensors.confusion import Confusion, Hardness, farmable
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["CanopyHeight", "Elevation", "MapGrid", "SingleImageCollection", "SurfaceWater", "WorldCover"]

Picture = Callable[[Ground, NDArray[np.int64], NDArray[np.int64]], NDArray[Any]]


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

    @lru_cache(maxsize=512)  # noqa: B019 - grids are constants
    def ground_pixels(self, row: int, column: int) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """For the pixels of a block: the UTM zone, and rows and columns of its 10 m pixels."""
        side, step = self.side, self.side // 2
        lon, lat = Block(self, LatticeSpec(side, side, step, step), self.lonlat, row, column).lonlat(step)
        middle_lon, middle_lat = self.lonlat(np.array((column + 0.5) * side), np.array((row + 0.5) * side))
        # Zones of 6 degrees and the equator are block borders of all our grids.
        zone = int((float(middle_lon) + 180.0) // 6.0) % 60 + 1
        epsg = (32600 if middle_lat >= 0.0 else 32700) + zone
        utm = Utm(epsg)
        placed = np.stack(utm.forward(lon, lat))
        x, y = refine(placed, side, step, 0)[:, 1:-1, 1:-1]
        return (
            epsg,
            np.floor((utm.false_northing - y) / PIXEL_M).astype(np.int64),
            np.floor(x / PIXEL_M).astype(np.int64),
        )


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
        side, found = self.grid.side, np.zeros((2, row1 - row0, col1 - col0), dtype=np.int16)
        for i in range(row0 // side, (row1 - 1) // side + 1):
            for j in range(col0 // side, (col1 - 1) // side + 1):
                rows = slice(max(row0, i * side), min(row1, (i + 1) * side))
                columns = slice(max(col0, j * side), min(col1, (j + 1) * side))
                inner = (
                    slice(rows.start - i * side, rows.stop - i * side),
                    slice(columns.start - j * side, columns.stop - j * side),
                )
                target = (slice(rows.start - row0, rows.stop - row0), slice(columns.start - col0, columns.stop - col0))
                found[(slice(None), *target)] = self._gather(band, i, j, inner)
        return found

    def _gather(self, band: str, row: int, column: int, inner: tuple[slice, slice]) -> NDArray[Any]:
        """The part of one block of the grid inside a window."""
        epsg, all_rows, all_columns = self.grid.ground_pixels(row, column)
        rows, columns = all_rows[inner], all_columns[inner]
        picture = self.picture(band)

        def make(i: int, j: int) -> NDArray[Any]:
            steps = np.arange(BLOCK)
            return picture(self.ground.block(epsg, i, j), (i * BLOCK + steps)[:, None], (j * BLOCK + steps)[None, :])

        def block(i: int, j: int) -> NDArray[Any]:
            return self._pictures.get((band, epsg, i, j), lambda: make(i, j))

        top, left = int(rows.min()), int(columns.min())
        wide = assemble(block, top, int(rows.max()) + 1, left, int(columns.max()) + 1)
        return wide[..., rows - top, columns - left]


def _with_mask(values: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    return np.stack((values.astype(np.int16), mask.astype(np.int16)))


_WORLDCOVER_CONFUSION = Confusion(
    # tree, shrub, grass, crop, built, bare, snow, water, wetland, mangrove, moss
    limits=(0.75, 0.3, 0.4, 0.6, 0.6, 0.7, 1.1, float("inf"), 0.2, 0.7, 0.5),
    instead=(
        (SHRUB, GRASS),
        (GRASS, TREE),
        (SHRUB, CROP),
        (GRASS, SHRUB),
        (BARE, GRASS),
        (GRASS, SHRUB),
        (BARE, MOSS),
        (WATER, WATER),
        (GRASS, TREE),
        (TREE, WETLAND),
        (GRASS, BARE),
    ),
    crops=CROP,
)


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

        def make(ground: Ground, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
            shares = ground.cover.astype(np.float64)
            shares[SHRUB] *= 1.0 - self._missed_shrub
            shares[BUILT] *= 1.0 + 0.15 * self._error
            kinds = np.arange(len(CLASSES))[:, None, None]
            coarse = cell_hash(self._key, kinds, rows[::3] // 3, columns[:, ::3] // 3)
            shares += self._rough * np.repeat(np.repeat(coarse, 3, axis=1), 3, axis=2)
            shares[:4] += 0.08 * self._error * cell_draws(self._key + 1, rows, columns)
            label = np.array(CLASSES)[self._mistaken(shares.argmax(axis=0), ground, rows, columns)]
            shore = ground.wet + 7.0 * self._error * cell_normal(self._key + 2, rows // 2, columns // 2)
            label = np.where(shore > 0.0, 80, label)
            # Tiles of the open sea do not exist.
            return _with_mask(label, (ground.sea < 0.5) | (ground.wet < 12_000.0))

        return make

    def _mistaken(
        self, label: NDArray[np.int64], ground: Ground, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        if self._error == 0.0:
            return label
        hardness = np.float32(self._error) * self._hard.at(rows, columns)
        places = (self._key + 4, rows, columns)
        wrong, other = _WORLDCOVER_CONFUSION.of(label, hardness, farmable(ground), places)
        return np.where(wrong, other, label)


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

        def make(ground: Ground, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
            truth = ground.height.astype(np.float64)
            deviation = np.where(truth > 0.0, 2.2 + 0.13 * truth + 0.6 * ground.texture, 0.9)
            error = cell_normal(self._key, rows // 2, columns // 2) * 0.5 * deviation * self._error
            height = np.where(truth > 0.0, np.clip(truth - 0.006 * self._error * truth**2 + error, 1.0, 60.0), 0.0)
            value = deviation if self._deviation else height
            nothing = (ground.wet > 5.0) | (ground.cover[BUILT] > 0.6) | (ground.cover[SNOW] > 0.6)
            return _with_mask(np.where(nothing, 255, np.rint(np.clip(value, 0, 60))), np.ones_like(nothing))

        return make


class SurfaceWater(_GroundMap):
    """JRC Global Surface Water: how often water stood there; masked where it never did."""

    id = "JRC/GSW1_4/GlobalSurfaceWater"
    grid = MapGrid(4_000, 78, -60, side=20)
    bands = (
        ("occurrence", "uint8"),
        ("seasonality", "uint8"),
        ("recurrence", "uint8"),
        ("transition", "uint8"),
        ("max_extent", "uint8"),
    )
    version = 1_661_000_000_000_000
    properties: Mapping[str, Any] = {"system:time_start": 448_000_000_000, "system:time_end": 1_640_995_200_000}

    def picture(self, band: str) -> Picture:
        """One of the bands, from the distance to the shore and how far the shore moves."""

        def make(ground: Ground, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[Any]:
            often = np.clip(0.5 + ground.wet / (2.0 * ground.margin), 0.0, 1.0)
            often = np.where(ground.sea > 0.5, 1.0, often)
            noise = 0.04 * self._error * (cell_hash(key_of(self.ground.seed, "jrc"), rows // 2, columns // 2) - 0.5)
            often = np.clip(often + noise * (often > 0.01) * (often < 0.99), 0.0, 1.0)
            ever = often >= 0.01
            values = {
                "occurrence": np.rint(100 * often),
                "seasonality": np.clip(np.rint(12 * often * 1.05), 0, 12),
                "recurrence": np.rint(100 * np.clip(often * 1.4, 0, 1)),
                "transition": np.where(often > 0.75, 1, np.where(often > 0.25, 4, 9)),
                "max_extent": ever,
            }
            mask = np.ones_like(ever) if band == "max_extent" else ever
            return _with_mask(values[band], mask)

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
        rows, columns = (row * self.grid.side + steps)[:, None], (column * self.grid.side + steps)[None, :]
        error = 1.6 * cell_normal(key, rows, columns) + 1.9 * cell_normal(key + 1, rows // 4, columns // 4)
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
