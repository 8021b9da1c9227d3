"""A small in-memory world around one tile in Punjab, for the emulator: every trap of a request in a few arrays.

Pixels are seeded noise on smooth ground, so that a shift of half a pixel or another resampling shows at once. Native
grids are not those of the tile: 10/20/60 m in two UTM zones, degrees elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import FeatureRecord, ImageRecord
from geomeld_build.emulator.worlds.memory import MemoryCollection, MemoryTable, MemoryWorld, memory_image
from geomeld_build.grid import Anchor, place_anchor

Array = NDArray[Any]
REFERENCE = datetime(2020, 6, 4, 5, 46, 39, tzinfo=UTC)
S2 = "COPERNICUS/S2_SR_HARMONIZED"
S1 = "COPERNICUS/S1_GRD_FLOAT"
DW = "GOOGLE/DYNAMICWORLD/V1"
SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
COVER = "ESA/WorldCover/v200"
DEM = "projects/sat-io/open-datasets/ASTER/GDEM"
CANOPY = "users/nlang/ETH_GlobalCanopyHeight_2020_10m_v1"
CANOPY_SD = "users/nlang/ETH_GlobalCanopyHeightSD_2020_10m_v1"
NAIP = "USDA/NAIP/DOQQ"
VERSION = 1_600_000_000_123_456


def the_anchor() -> Anchor:
    return place_anchor(73.3056, 30.4642, REFERENCE, recipe="test")


@dataclass(frozen=True)
class Raster:
    """A native band: values, mask (True = valid) and grid."""

    values: Array
    crs: str
    transform: tuple[float, float, float, float, float, float]
    mask: Array

    def coordinates(self, epsg: int, x: Array, y: Array) -> tuple[Array, Array]:
        """(row, column) of points, in units of pixels whose centres are whole numbers."""
        u, v = Transformer.from_crs(epsg, self.crs, always_xy=True).transform(x, y)
        a, _, c, _, e, f = self.transform
        return (v - f) / e - 0.5, (u - c) / a - 0.5


def raster(
    seed: int, crs: str, left: float, top: float, step: float, size: int, dtype: str, low: float, high: float
) -> Raster:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    smooth = 0.5 + 0.3 * np.sin(6 * x + seed) * np.cos(5 * y)
    values = low + (high - low) * np.clip(smooth + 0.2 * rng.random((size, size)) - 0.1, 0, 1)
    return Raster(values.astype(dtype), crs, (step, 0.0, left, 0.0, -step, top), np.ones((size, size), dtype=bool))


class TileWorld(MemoryWorld):
    """A memory world whose images can be added one by one, with their rasters kept for comparison."""

    def __init__(self, collections: Sequence[str]) -> None:
        super().__init__([MemoryCollection(name, []) for name in collections])
        self.rasters: dict[tuple[str, str], Raster] = {}
        self._members: dict[str, dict[str, ImageRecord]] = {name: {} for name in collections}

    def put(
        self, asset_id: str, bands: Mapping[str, Raster], outline: BaseGeometry | None = None, **properties: Any
    ) -> None:
        """Adds an image; one below a known collection becomes its member."""
        self.rasters.update({(asset_id, name): band for name, band in bands.items()})
        record = memory_image(
            asset_id,
            {name: (band.values, band.crs, band.transform) for name, band in bands.items()},
            version=VERSION,
            masks={name: band.mask for name, band in bands.items()},
            properties=properties,
            footprint=outline,
        )
        self._keep(record) if self._owner(asset_id) in self._members else self.add(record)

    def touch(self, asset_id: str) -> None:
        """Gives an image another version, as a reprocessed one has."""
        record = self._members[self._owner(asset_id)][asset_id]
        self._keep(replace(record, version=record.version + 1))

    def drop(self, asset_id: str) -> None:
        """Removes a member of a collection."""
        owner = self._owner(asset_id)
        del self._members[owner][asset_id]
        self.add(MemoryCollection(owner, list(self._members[owner].values())))

    def _keep(self, record: ImageRecord) -> None:
        owner = self._owner(record.id)
        self._members[owner][record.id] = record
        self.add(MemoryCollection(owner, list(self._members[owner].values())))

    @staticmethod
    def _owner(asset_id: str) -> str:
        return asset_id.rpartition("/")[0]


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def _outline(native: Raster) -> Polygon:
    height, width = native.values.shape
    a, _, c, _, e, f = native.transform
    to = Transformer.from_crs(native.crs, 4326, always_xy=True)
    xs, ys = np.array([c, c + a * width, c + a * width, c]), np.array([f, f, f + e * height, f + e * height])
    return Polygon(np.column_stack(to.transform(xs, ys)))


def put_s2(world: TileWorld, when: datetime, cloud: float, *, grid: str = "43RCP", seed: int = 1) -> str:
    """A Sentinel-2 scene with its Dynamic World and Cloud Score+ companions; returns its index."""
    place = the_anchor()
    left, top = (place.left - 1500) // 60 * 60, (place.top + 1500) // 60 * 60
    steps = dict.fromkeys(("B2", "B3", "B4", "B8"), 10) | dict.fromkeys(("B1", "B9"), 60)
    bands = {}
    for n, name in enumerate(("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")):
        step = steps.get(name, 20)
        bands[name] = raster(seed * 100 + n, "EPSG:32643", left, top, step, 4200 // step, "uint16", 0, 4000)
    ten = bands["B4"]
    ten.mask[150:160, 150:170] = False
    classes = raster(seed * 100 + 50, "EPSG:32643", left, top, 20, 210, "uint8", 1, 11)
    index = f"{when:%Y%m%dT%H%M%S}_{when + timedelta(minutes=2):%Y%m%dT%H%M%S}_T{grid}"
    common = {"system:time_start": _ms(when)}
    world.put(
        f"{S2}/{index}",
        {**bands, "SCL": classes},
        _outline(ten),
        **common,
        CLOUDY_PIXEL_PERCENTAGE=cloud,
        SPACECRAFT_NAME="Sentinel-2B",
        SENSING_ORBIT_NUMBER=5,
        SENSING_ORBIT_DIRECTION="DESCENDING",
        MGRS_TILE=grid,
        PROCESSING_BASELINE="02.14",
        MEAN_SOLAR_ZENITH_ANGLE=17.5,
        DATATAKE_IDENTIFIER=f"GS2B_{when:%Y%m%dT%H%M%S}_016945_N02.14",
    )
    label = raster(seed * 100 + 60, "EPSG:32643", left, top, 10, 420, "uint8", 0, 9)
    label.mask[100:130, 200:260] = False
    world.put(f"{DW}/{index}", {"label": label}, _outline(label), **common)
    score = raster(seed * 100 + 61, "EPSG:32643", left, top, 10, 420, "float32", 0, 1)
    world.put(f"{SCORE}/{index}", {"cs_cdf": score}, _outline(score), **common)
    return index


def put_s1(world: TileWorld, when: datetime, *, slice_: int, direction: str = "DESCENDING", pol: str = "VV") -> str:
    """One slice of a radar datatake: slice 0 covers the north of the tile, slice 1 the south, with some overlap."""
    place = the_anchor()
    left, top = place.left - 1503.7, place.top + (3702.3 if slice_ == 0 else -598.1)
    other = {"VV": "VH", "HH": "HV"}[pol]
    seed = 500 + slice_ * 10 + (direction == "ASCENDING") * 100
    bands = {}
    for n, name in enumerate((pol, other)):
        power = raster(seed + n, "EPSG:32643", left, top, 10, 440, "float32", -22, -6)
        bands[name] = replace(power, values=(10 ** (power.values / 10)).astype("float32"))
    wide = replace(bands[pol], values=np.full_like(bands[pol].values, 38.25 + slice_))
    mode = "1SDV" if pol == "VV" else "1SDH"
    stop = when + timedelta(seconds=25)
    take = f"{when:%y%m%d}_{when:0%m%d}{int(direction == 'ASCENDING')}"  # orbit and datatake, one a day and pass
    index = f"S1A_IW_GRDH_{mode}_{when:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_{take}_{slice_:04X}"
    width = Raster(bands[pol].values[:, :], "EPSG:32643", (10.0, 0.0, left, 0.0, -10.0, top), bands[pol].mask)
    world.put(
        f"{S1}/{index}",
        {**bands, "angle": wide},
        _outline(width),
        **{"system:time_start": _ms(when)},
        instrumentMode="IW",
        resolution_meters=10,
        orbitProperties_pass=direction,
        transmitterReceiverPolarisation=[pol, other],
        relativeOrbitNumber_start=107,
        platform_number="A",
    )
    return index


def the_world() -> TileWorld:
    """The usual assets; Dynamic World and radar within days of the reference, canopy deviation missing on purpose."""
    world = TileWorld((S2, S1, DW, SCORE, COVER, NAIP))
    place = the_anchor()
    degree = 1 / 3600
    west, north = place.lon - 0.05, place.lat + 0.05
    height = raster(31, "EPSG:4326", west, north, degree, 360, "int16", 150, 400)
    world.put(DEM, {"b1": height})
    cover = raster(32, "EPSG:4326", west, north, degree / 3, 1080, "uint8", 1, 10)
    world.put(f"{COVER}/2021", {"Map": replace(cover, values=(cover.values * 10).astype("uint8"))})
    canopy = raster(33, "EPSG:4326", west, north, degree / 3, 1080, "uint8", 0, 40)
    canopy.values[500:520, 500:560] = 255
    world.put(CANOPY, {"b1": canopy})
    water = raster(34, "EPSG:4326", west, north, degree, 360, "uint8", 0, 100)
    water.mask[:, 170:] = False
    world.put("JRC/GSW1_4/GlobalSurfaceWater", {"occurrence": water})
    regions = [
        FeatureRecord(f"{n:05d}", box(70 + n, 30, 71 + n, 31), {"ECO_ID": n, "ECO_NAME": f"region {n}"})
        for n in range(2500)
    ]
    world.add(MemoryTable("RESOLVE/ECOREGIONS/2017", regions))
    return world
