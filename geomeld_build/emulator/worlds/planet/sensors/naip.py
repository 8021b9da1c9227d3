"""Aerial photographs like those of NAIP: quarter quadrangles at 1 m over one region, every second or third summer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import BandInfo, ImageRecord, SearchHint, UnboundedSearch
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.cover import BUILT, TREE
from geomeld_build.emulator.worlds.planet.ground.noise import cell_hash, key_of, unit_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, zone_of
from geomeld_build.emulator.worlds.planet.ground.season import season_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, GroundModel
from geomeld_build.emulator.worlds.planet.sensors.outlines import footprint_of
from geomeld_build.emulator.worlds.planet.sensors.spectra import BANDS, surface_reflectance
from geomeld_build.emulator.worlds.planet.sensors.sun import year_angle
from geomeld_build.emulator.worlds.planet.sensors.windows import assemble

__all__ = ["REGION", "NaipCollection"]

REGION = (-110, 30, -90, 45)
"""West, south, east, north: the states that this planet's programme covers."""
_QUARTER = 0.0625
_YEARS = range(2010, 2025)
_MARGIN_M = 300.0
_INDEX = re.compile(r"m_(\d{2})(\d{3})(\d{2})_(nw|ne|sw|se)_(\d{2})_1_(\d{8})")
_QUARTERS = {(0, 0): "nw", (0, 1): "ne", (1, 0): "sw", (1, 1): "se"}
_GAIN = np.array([900.0, 950.0, 1000.0, 420.0], dtype=np.float32)
_OFFSET = np.array([22.0, 26.0, 30.0, 12.0], dtype=np.float32)
_PICKED = [BANDS.index(name) for name in ("B4", "B3", "B2", "B8")]
_NAMES = ("R", "G", "B", "N")


@dataclass(frozen=True, slots=True)
class Quarter:
    """A quarter quadrangle: 3.75 minutes on a side."""

    column: int
    """Counts quarters east from 180 W."""
    row: int
    """Counts quarters south from 90 N."""
    name: str
    """``m_4709963_se_14_1``."""
    epsg: int
    left: int
    top: int
    width: int
    height: int
    footprint: BaseGeometry


@lru_cache(maxsize=2048)
def quarter_at(column: int, row: int) -> Quarter:
    """The quarter quadrangle at a place of the quarter grid."""
    west, north = column * _QUARTER - 180.0, 90.0 - row * _QUARTER
    east, south = west + _QUARTER, north - _QUARTER
    degree_lat, degree_lon = math.floor(south), -math.floor(west)
    quad = (7 - math.floor((south - degree_lat) * 8)) * 8 + math.floor((west + degree_lon) * 8) + 1
    zone = zone_of((west + east) / 2, south)
    which = _QUARTERS[row % 2, column % 2]
    x, y = Utm(32600 + zone).forward(np.array([west, east, west, east]), np.array([north, north, south, south]))
    left, right = math.floor(x.min() - _MARGIN_M), math.ceil(x.max() + _MARGIN_M)
    bottom, top = math.floor(y.min() - _MARGIN_M), math.ceil(y.max() + _MARGIN_M)
    return Quarter(
        column=column,
        row=row,
        name=f"m_{degree_lat:02d}{degree_lon - 1:03d}{quad:02d}_{which}_{zone:02d}_1",
        epsg=32600 + zone,
        left=left,
        top=top,
        width=right - left,
        height=top - bottom,
        footprint=footprint_of(shapely.box(left, bottom, right, top), 32600 + zone),
    )


class NaipCollection:
    """``USDA/NAIP/DOQQ``."""

    id = "USDA/NAIP/DOQQ"

    def __init__(self, ground: GroundModel) -> None:
        self.properties: Mapping[str, Any] = {"title": "NAIP, simulated", "type": "ImageCollection"}
        self._ground = ground
        self._blocks: BlockCache[NDArray[np.uint8]] = BlockCache(128)
        self._land: BlockCache[bool] = BlockCache(4096)

    def images(self, hint: SearchHint) -> Iterator[ImageRecord]:
        """Photographs that may satisfy the hint, by ``system:index``.

        Raises:
            UnboundedSearch: the hint has neither indices nor a region.
        """
        if hint.indices is not None:
            named = [self.image(index) for index in sorted(hint.indices)]
            yield from (record for record in named if record is not None)
            return
        if hint.region is None:
            raise UnboundedSearch("a search of NAIP photographs needs a region (or indices), got neither")
        found = []
        for quarter in self._quarters(hint.region):
            for day in self._days(quarter):
                time = int(day.timestamp() * 1000)
                late = hint.end_ms is not None and time >= hint.end_ms
                if not late and (hint.start_ms is None or time >= hint.start_ms):
                    found.append((f"{quarter.name}_{day:%Y%m%d}", quarter, day))
        for _, quarter, day in sorted(found, key=lambda item: item[0]):
            yield self._record(quarter, day)

    def image(self, index: str) -> ImageRecord | None:
        """The photograph with this ``system:index``, or None."""
        parts = _INDEX.fullmatch(index)
        if parts is None:
            return None
        lat, lon, quad = int(parts[1]), -int(parts[2]) - 1, int(parts[3]) - 1
        down, right = next(place for place, name in _QUARTERS.items() if name == parts[4])
        row = (89 - lat) * 16 + (quad // 8) * 2 + down
        column = (lon + 180) * 16 + (quad % 8) * 2 + right
        if not 0 <= quad < 64 or not self._covered(column, row):
            return None
        quarter = quarter_at(column, row)
        for day in self._days(quarter):
            if f"{quarter.name}_{day:%Y%m%d}" == index:
                return self._record(quarter, day)
        return None

    def _covered(self, column: int, row: int) -> bool:
        west, north = column * _QUARTER - 180.0, 90.0 - row * _QUARTER
        inside = REGION[0] <= west < REGION[2] and REGION[1] < north <= REGION[3]
        return inside and self._land.get((column, row), lambda: self._look(west, north))

    def _look(self, west: float, north: float) -> bool:
        lon, lat = np.meshgrid(west + np.linspace(0, _QUARTER, 3), north - np.linspace(0, _QUARTER, 3))
        return bool(self._ground.terrain.macro.at(lon, lat).coast.max() > 0.0)

    def _quarters(self, region: BaseGeometry) -> Iterator[Quarter]:
        if region.is_empty:
            return
        west, south, east, north = region.bounds
        west, east = max(west, REGION[0] - 0.1), min(east, REGION[2] + 0.1)
        south, north = max(south, REGION[1] - 0.1), min(north, REGION[3] + 0.1)
        # Photographs reach beyond their quarter by the margin and by the turn of the grid.
        for row in range(math.floor((90.0 - north) / _QUARTER) - 1, math.floor((90.0 - south) / _QUARTER) + 2):
            for column in range(math.floor((west + 180.0) / _QUARTER) - 1, math.floor((east + 180.0) / _QUARTER) + 2):
                if self._covered(column, row) and quarter_at(column, row).footprint.intersects(region):
                    yield quarter_at(column, row)

    def _days(self, quarter: Quarter) -> list[datetime]:
        """Days of flight: every second or third year by state, some day of the summer."""
        state = (quarter.column // 80, quarter.row // 64)
        every = 2 if unit_of(self._ground.seed, "naip", *state) < 0.7 else 3
        first = int(unit_of(self._ground.seed, "naip phase", *state) * every)
        flights = (quarter.column // 4, quarter.row // 16)
        days = []
        for year in _YEARS:
            if year % every == first:
                # A day's flight takes in a block of quarters.
                day = 150 + int(110 * unit_of(self._ground.seed, "flight", year, *flights))
                days.append(datetime.fromtimestamp(datetime(year, 1, 1, tzinfo=UTC).timestamp() + day * 86_400, UTC))
        return days

    def _record(self, quarter: Quarter, day: datetime) -> ImageRecord:
        transform = (1.0, 0.0, float(quarter.left), 0.0, -1.0, float(quarter.top))
        # NAD 83, as the programme uses; the difference from WGS 84 is below a pixel and not modelled.
        crs = f"EPSG:{quarter.epsg - 32600 + 26900}"
        index, time = f"{quarter.name}_{day:%Y%m%d}", int(day.timestamp() * 1000)

        def read(band: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
            layer = _NAMES.index(band)
            top, left = -quarter.top, quarter.left

            def block(row: int, column: int) -> NDArray[Any]:
                picture: NDArray[Any] = self._block(quarter.epsg, index, time, row, column)[layer]
                return picture

            values = assemble(block, row0 + top, row1 + top, col0 + left, col1 + left, size=BLOCK * 10)
            return values, np.ones(values.shape, dtype=np.bool_)

        return ImageRecord(
            id=f"{self.id}/{index}",
            version=time * 1000 + 30_000_000_000_000,
            bands=tuple(BandInfo(name, "uint8", crs, transform, quarter.width, quarter.height) for name in _NAMES),
            read=read,
            footprint=quarter.footprint,
            properties={"system:index": index, "system:time_start": time, "system:time_end": time + 86_400_000},
        )

    def _block(self, epsg: int, index: str, time: int, row: int, column: int) -> NDArray[Any]:
        """600 x 600 m at 1 m, ``(band, y, x)`` uint8."""
        key = (epsg, index[-8:], row, column)
        return self._blocks.get(key, lambda: self._make(epsg, index[-8:], time, row, column))

    def _make(self, epsg: int, day: str, time: int, row: int, column: int) -> NDArray[np.uint8]:
        whole = np.empty((len(_NAMES) + 1, BLOCK + 2, BLOCK + 2), dtype=np.float32)
        around = assemble(
            lambda i, j: self._flat(epsg, time, i, j),
            row * BLOCK - 1,
            (row + 1) * BLOCK + 1,
            column * BLOCK - 1,
            (column + 1) * BLOCK + 1,
        )
        whole[...] = around
        fine = _upsample(whole)
        steps = np.arange(BLOCK * 10)
        rows, columns = (row * BLOCK * 10 + steps)[:, None], (column * BLOCK * 10 + steps)[None, :]
        grain = key_of(self._ground.seed, "naip grain", epsg)
        crowns = cell_hash(grain, rows // 4, columns // 4).astype(np.float32) - np.float32(0.5)
        pixels = cell_hash(key_of(grain, day), rows, columns).astype(np.float32) - np.float32(0.5)
        rough = fine[-1]
        tone = 1 + rough * crowns + (np.float32(0.08) + np.float32(0.3) * rough) * pixels
        numbers = (fine[:-1] * tone) * _GAIN[:, None, None] + _OFFSET[:, None, None]
        picture: NDArray[np.uint8] = np.clip(np.rint(numbers), 1, 255).astype(np.uint8)
        return picture

    def _flat(self, epsg: int, time: int, row: int, column: int) -> NDArray[np.float32]:
        """Reflectance of four bands and roughness, ``(5, y, x)`` at 10 m."""
        ground = self._ground.block(epsg, row, column)
        season = season_of(ground, year_angle(time))
        bands = surface_reflectance(ground, season)[_PICKED]
        dry = 1 - season.water
        rough = (np.float32(0.9) * ground.cover[TREE] + np.float32(0.5) * ground.cover[BUILT] + np.float32(0.06)) * dry
        return np.concatenate((bands, rough[None])).astype(np.float32)


def _upsample(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear by ten of ``(band, y + 2, x + 2)``; the outermost pixels are only neighbours."""
    size = array.shape[-1] - 2
    position = (np.arange(size * 10) + 0.5) / 10 + 0.5
    low = np.floor(position).astype(int)
    part = (position - low).astype(np.float32)
    wide = array[:, low] * (1 - part)[:, None] + array[:, low + 1] * part[:, None]
    result: NDArray[np.float32] = wide[:, :, low] * (1 - part) + wide[:, :, low + 1] * part
    return result
