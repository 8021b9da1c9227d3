"""Which Sentinel-1 scenes exist: slices of 25 s, their outlines, passes, dates and polarisations. No pixels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.seam import Bounds, sides_of
from geomeld_build.emulator.worlds.base import SearchHint, UnboundedSearch
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.noise import unit_of
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.ground.truth import GroundModel
from geomeld_build.emulator.worlds.planet.sensors.orbits import SENTINEL1, Mission, Pass, Satellite, track
from geomeld_build.emulator.worlds.planet.sensors.outlines import HalfPlane, footprint_of, half_plane
from geomeld_build.emulator.worlds.planet.sensors.sentinel2_archive import stamp, stamp_ms

__all__ = ["NEAR_KM", "Sentinel1Archive", "Slice", "SliceScene"]

NEAR_KM, _FAR_KM = 380.0, 630.0
"""Ground distance of the swath's edges to the right of the track."""
_SLICE_MS = 25_000.0
_OVERLAP_MS = 12.0
"""Adjacent slices share about 80 m."""
_PATTERN = re.compile(
    r"S1([A-Z])_IW_GRDH_1S(SV|DV|SH|DH)_(\d{8}T\d{6})_(\d{8}T\d{6})_(\d{6})_([0-9A-F]{6})_([0-9A-F]{4})"
)


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of a relative orbit; the same ground in every cycle."""

    ascending: bool
    relative: int
    number: int
    """Counts 25 s from the node."""
    start_ms: float
    """Start after the node."""
    epsg: int
    left: float
    top: float
    """Upper left corner of its pixel grid; not a multiple of the pixel size."""
    width: int
    height: int
    sides: tuple[HalfPlane, ...]
    """Near and far edge of the swath, then start and end of the slice, in its UTM zone."""
    footprint: BaseGeometry
    lon: float
    lat: float
    """Centre."""

    @property
    def direction(self) -> str:
        """``ASCENDING`` or ``DESCENDING``."""
        return "ASCENDING" if self.ascending else "DESCENDING"


@dataclass(frozen=True, slots=True)
class SliceScene:
    """One acquisition of a slice."""

    at: Slice
    satellite: Satellite
    orbit: int
    start_ms: int
    polarisation: str
    """Such as ``DV``: S or D for single or dual, V or H for what was sent."""

    index: str
    """``system:index``."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Polarisations such as ``("VV", "VH")``."""
        sent = self.polarisation[1]
        other = "H" if sent == "V" else "V"
        return (sent * 2, sent + other) if self.polarisation[0] == "D" else (sent * 2,)

    @property
    def datatake(self) -> str:
        """Name shared by the slices of one datatake."""
        return f"S1{self.satellite.letter}{self.orbit:06d}{self.at.direction[0]}"

    @property
    def datatake_id(self) -> int:
        """A number that grows with the orbit."""
        return _datatake_id(self.orbit, self.at.ascending)


def _datatake_id(orbit: int, ascending: bool) -> int:
    return orbit * 7 + (3 if ascending else 1) + 0x6000


def _index(part: Slice, satellite: Satellite, orbit: int, start_ms: int, polarisation: str) -> str:
    check = int(65536 * unit_of("check", satellite.letter, orbit, int(part.ascending), part.number))
    return (
        f"S1{satellite.letter}_IW_GRDH_1S{polarisation}_{stamp(start_ms)}_{stamp(start_ms + 25_000)}"
        f"_{orbit:06d}_{_datatake_id(orbit, part.ascending):06X}_{check:04X}"
    )


def swath(ascending: bool) -> Pass:
    """The swath table of one direction of flight."""
    return track(SENTINEL1, ascending, NEAR_KM, _FAR_KM)


def _edge_points(table: Pass, time_ms: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lon (from the node) and lat of the western and eastern edge at a time after the node."""
    found = []
    for times, lons in ((table.west_ms, table.west), (table.east_ms, table.east)):
        order = slice(None) if times[-1] > times[0] else slice(None, None, -1)
        found.append(
            (
                float(np.interp(time_ms, times[order], lons[order])),
                float(np.interp(time_ms, times[order], table.lat[order])),
            )
        )
    return found[0], found[1]


def _slice_shift(ascending: bool, relative: int) -> float:
    """Start of slice 0 after the node, ms."""
    return _SLICE_MS * unit_of("slices", relative, int(ascending))


@lru_cache(maxsize=8192)
def slice_of(ascending: bool, relative: int, number: int) -> Slice | None:
    """A slice of a relative orbit, None beyond the latitudes that the swath tables cover."""
    table = swath(ascending)
    start = number * _SLICE_MS + _slice_shift(ascending, relative)
    low = max(table.west_ms.min(), table.east_ms.min())
    high = min(table.west_ms.max(), table.east_ms.max())
    if start < low or start + _SLICE_MS > high:
        return None
    node = float(table.node_lon[relative - 1])
    corners = [
        (node + lon, lat)
        for time in (start - _OVERLAP_MS, start + _SLICE_MS + _OVERLAP_MS)
        for lon, lat in _edge_points(table, time)
    ]
    lons, lats = np.array([c[0] for c in corners]), np.array([c[1] for c in corners])
    middle = (float(lons.mean() + 180.0) % 360.0 - 180.0, float(lats.mean()))
    epsg = epsg_of(*middle)
    x, y = Utm(epsg).forward(lons, lats)
    points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    first_west, first_east, last_west, last_east = points
    centre = (float(x.mean()), float(y.mean()))
    west, east = half_plane(first_west, last_west, centre), half_plane(first_east, last_east, centre)
    # Looking to the right: flying north the near edge is the western one.
    near, far = (west, east) if ascending else (east, west)
    ends = (half_plane(first_west, first_east, centre), half_plane(last_west, last_east, centre))
    outline = shapely.Polygon((first_west, first_east, last_east, last_west))
    left = float(np.floor(x.min() / 10) * 10) - 10.0 * unit_of("grid x", relative, number)
    top = float(np.ceil(y.max() / 10) * 10) + 10.0 * unit_of("grid y", relative, number)
    return Slice(
        ascending=ascending,
        relative=relative,
        number=number,
        start_ms=start,
        epsg=epsg,
        left=left,
        top=top,
        width=int(np.ceil((x.max() - left) / 10.0)),
        height=int(np.ceil((top - y.min()) / 10.0)),
        sides=(near, far, *ends),
        footprint=footprint_of(outline, epsg),
        lon=middle[0],
        lat=middle[1],
    )


def _numbers(table: Pass, ascending: bool, relative: int, box: tuple[float, float, float, float]) -> range:
    """Slices of a relative orbit that may touch a lon/lat box."""
    west, south, east, north = box
    node = float(table.node_lon[relative - 1])
    times = []
    for lat in np.linspace(south, north, 5):
        left, right = (float(edge) for edge in table.edges(lat))
        for lon in (west, (west + east) / 2, east):
            turn = 360.0 * round((lon - node - (left + right) / 2) / 360.0)
            times.append(table.offset_ms(lon - node - turn, float(lat)))
    shift, slack = _slice_shift(ascending, relative), 1_500.0
    return range(
        int(np.floor((min(times) - shift - slack) / _SLICE_MS)), int((max(times) - shift + slack) // _SLICE_MS) + 1
    )


class Sentinel1Archive:
    """The scenes of one planet."""

    mission: Mission = SENTINEL1

    def __init__(self, ground: GroundModel) -> None:
        self.seed = ground.seed
        self._macro = ground.terrain.macro
        self._land: BlockCache[bool] = BlockCache(16_384)

    def search(self, hint: SearchHint) -> list[SliceScene]:
        """Scenes that may satisfy a hint, by ``system:index``.

        Raises:
            UnboundedSearch: neither indices, nor a period and a region.
        """
        if hint.indices is not None:
            named = (self.scene(index) for index in sorted(hint.indices))
            return [scene for scene in named if scene is not None]
        if hint.start_ms is None or hint.end_ms is None or hint.region is None:
            raise UnboundedSearch(
                "a search of Sentinel-1 scenes needs a start, an end and a region (or indices): "
                f"got start {hint.start_ms}, end {hint.end_ms}, region {'given' if hint.region else 'missing'}"
            )
        if hint.region.is_empty:
            return []
        found: list[SliceScene] = []
        for part in self._slices(hint.region):
            found.extend(self._dates(part, hint.start_ms, hint.end_ms))
        return sorted(found, key=lambda scene: scene.index)

    def scene(self, index: str) -> SliceScene | None:
        """The scene of this ``system:index``, or None."""
        parts = _PATTERN.fullmatch(index)
        satellite = None if parts is None else next((s for s in self.mission.satellites if s.letter == parts[1]), None)
        if parts is None or satellite is None:
            return None
        try:
            start, orbit = stamp_ms(parts[3]), int(parts[5])
        except ValueError:
            return None
        after = start - self.mission.node_time(satellite, orbit)
        relative = self.mission.relative(satellite, orbit)
        for ascending in (True, False):
            first = int(np.floor(after / _SLICE_MS)) - 2
            for number in range(first, first + 4):
                part = slice_of(ascending, relative, number)
                if part is None:
                    continue
                for scene in self._dates(part, start - 5_000, start + 6_000):
                    if scene.index == index:
                        return scene if self._on_land(part) else None
        return None

    def _slices(self, region: BaseGeometry) -> Iterator[Slice]:
        seen: set[tuple[bool, int, int]] = set()
        for box in sides_of(region):
            for part in self._slices_over(box, region):
                key = (part.ascending, part.relative, part.number)
                if key not in seen:
                    seen.add(key)
                    yield part

    def _slices_over(self, box: Bounds, region: BaseGeometry) -> Iterator[Slice]:
        west, south, east, north = box
        for ascending in (True, False):
            table = swath(ascending)
            low, high = max(south, float(table.lat[0])), min(north, float(table.lat[-1]))
            if high < low:
                continue
            for relative in table.relatives_over(west, east, low, high):
                for number in _numbers(table, ascending, relative, (west, low, east, high)):
                    part = slice_of(ascending, relative, number)
                    if part is not None and part.footprint.intersects(region) and self._on_land(part):
                        yield part

    def _on_land(self, part: Slice) -> bool:
        return self._land.get((part.ascending, part.relative, part.number), lambda: self._look(part))

    def _look(self, part: Slice) -> bool:
        x = part.left + 10.0 * part.width * (np.arange(6) + 0.5) / 6
        y = part.top - 10.0 * part.height * (np.arange(5) + 0.5) / 5
        lon, lat = Utm(part.epsg).inverse(*np.meshgrid(x, y))
        return bool(self._macro.at(lon, lat).coast.max() > -0.03)

    def _dates(self, part: Slice, start_ms: float, end_ms: float) -> Iterator[SliceScene]:
        for satellite in self.mission.satellites:
            low, high = start_ms - part.start_ms - 10, end_ms - part.start_ms
            for orbit in self.mission.orbits_between(satellite, part.relative, low, high):
                scene_ms = int(self.mission.node_time(satellite, orbit) + part.start_ms)
                if start_ms <= scene_ms < end_ms and self._planned(part, satellite, orbit):
                    sent = self._polarisation(part, scene_ms)
                    index = _index(part, satellite, orbit, scene_ms, sent)
                    yield SliceScene(part, satellite, orbit, scene_ms, sent, index)

    def _planned(self, part: Slice, satellite: Satellite, orbit: int) -> bool:
        """Whether the observation plan holds this acquisition.

        Europe is seen on every pass. Elsewhere regions of about 12 degrees have both passes or one of them; B (and C)
        fly over half of the regions only; some acquisitions are lost.
        """
        if unit_of(self.seed, "s1 lost", satellite.letter, orbit, part.number // 8) < 0.07:
            return False
        if -14.0 < part.lon < 42.0 and 34.0 < part.lat < 72.0:
            return True
        region = (int((part.lon + 180.0) // 14.0), int((part.lat + 90.0) // 11.0))
        plan = unit_of(self.seed, "s1 plan", *region)
        wanted = plan < 0.5 or (plan < 0.73) == part.ascending
        if satellite.letter != "A" and unit_of(self.seed, "s1 second", *region) > 0.55:
            return False
        return wanted

    def _polarisation(self, part: Slice, time_ms: int) -> str:
        polar = part.lat > 66.5 or part.lat < -58.0
        sent = "H" if polar and unit_of(self.seed, "s1 polar", int((part.lon + 180.0) // 20.0)) < 0.75 else "V"
        early = time_ms < 1_475_280_000_000
        single = unit_of(self.seed, "s1 single", part.relative, part.number // 8, time_ms // 10**10) < (
            0.3 if early else 0.0
        )
        return ("S" if single else "D") + sent
