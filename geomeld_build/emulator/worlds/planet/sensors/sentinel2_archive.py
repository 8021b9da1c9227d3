"""Which Sentinel-2 scenes exist: granules, passes over them, dates, clouds. No pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.base import SearchHint, UnboundedSearch
from geomeld_build.emulator.worlds.planet.ground.cache import BlockCache
from geomeld_build.emulator.worlds.planet.ground.macro import Macro
from geomeld_build.emulator.worlds.planet.ground.noise import unit_of, unit_xyz
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.ground.truth import GroundModel
from geomeld_build.emulator.worlds.planet.sensors.clouds import CloudPoints, cover_percentages
from geomeld_build.emulator.worlds.planet.sensors.mgrs import Granule, granule_named, granules_touching
from geomeld_build.emulator.worlds.planet.sensors.orbits import SENTINEL2, Mission, Satellite, track
from geomeld_build.emulator.worlds.planet.sensors.outlines import HalfPlane, footprint_of, half_plane, inside

__all__ = ["GranulePass", "Scene", "Sentinel2Archive", "stamp"]

_HALF_SWATH_KM = 145.0
_DATATAKE_BEFORE_NODE_MS = 1_350_000
_INDEX = re.compile(r"(\d{8}T\d{6})_(\d{8}T\d{6})_T(\w{5})")
_LEAST_COVERED = 0.004
_DUPLICATES = 0.03
_LOST_DATATAKES, _LOST_GRANULES = 0.03, 0.015


@lru_cache(maxsize=65_536)
def stamp(time_ms: float) -> str:
    """A moment as ``20200604T054639``."""
    return datetime.fromtimestamp(int(time_ms // 1000), tz=UTC).strftime("%Y%m%dT%H%M%S")


def stamp_ms(text: str) -> int:
    """The inverse of ``stamp``.

    Raises:
        ValueError: not a date.
    """
    return int(datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class GranulePass:
    """One relative orbit over one granule."""

    granule: Granule
    relative: int
    offset_ms: float
    """When the granule's middle is seen, after the node."""
    edges: tuple[HalfPlane, ...]
    """The sides of the swath in the granule's UTM zone."""
    footprint: BaseGeometry
    covered: float
    """Share of the granule inside the swath."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: a granule of a datatake, in one processing."""

    at: GranulePass
    satellite: Satellite
    orbit: int
    """Absolute orbit number."""
    node_ms: float
    copy: int
    """0, or 1 for the reprocessed twin."""
    cloud: float
    """CLOUDY_PIXEL_PERCENTAGE."""
    datatake: str
    """Name shared by the granules of one datatake."""
    datatake_ms: int
    """Start of the datatake, a whole second."""
    sensing_ms: int
    """When the granule was seen."""
    index: str
    """``system:index``."""


def _scene(at: GranulePass, satellite: Satellite, orbit: int, node_ms: float, copy: int, cloud: float) -> Scene:
    start = _datatake_ms(satellite, node_ms, orbit)
    strip = start + 1000 * int(40 + 150 * unit_of("strip", satellite.letter, orbit))
    return Scene(
        at=at,
        satellite=satellite,
        orbit=orbit,
        node_ms=node_ms,
        copy=copy,
        cloud=cloud,
        datatake=f"S2{satellite.letter}{orbit:06d}",
        datatake_ms=start,
        sensing_ms=int(node_ms + at.offset_ms) + 40 * copy,
        index=f"{stamp(start)}_{stamp(strip + 9000 * copy)}_T{at.granule.name}",
    )


def _datatake_ms(satellite: Satellite, node_ms: float, orbit: int) -> int:
    early = _DATATAKE_BEFORE_NODE_MS + int(50_000 * unit_of("datatake", satellite.letter, orbit))
    return int((node_ms - early) // 1000) * 1000


@lru_cache(maxsize=4096)
def passes_over(granule: Granule) -> tuple[GranulePass, ...]:
    """The relative orbits that see a granule."""
    swath = track(SENTINEL2, False, -_HALF_SWATH_KM, _HALF_SWATH_KM)
    utm = Utm(granule.epsg)
    x = np.linspace(granule.left, granule.right, 15)
    y = np.linspace(granule.bottom, granule.top, 15)
    mesh_x, mesh_y = np.meshgrid(x, y)
    lon, lat = utm.inverse(mesh_x, mesh_y)
    south, north = float(lat.min()), float(lat.max())
    rectangle = shapely.box(granule.left, granule.bottom, granule.right, granule.top)
    centre = ((granule.left + granule.right) / 2, (granule.bottom + granule.top) / 2)
    found = []
    for relative in swath.relatives_over(float(lon.min()), float(lon.max()), south, north):
        node = float(swath.node_lon[relative - 1])
        lats = np.array([south, north])
        west, east = swath.edges(lats)
        # Bring the edges to the turn of the Earth on which the granule lies.
        turn = 360.0 * np.round((granule.lon - node - (west + east) / 2) / 360.0)
        lines = []
        for edge, other in ((west, east), (east, west)):
            ex, ey = utm.forward(node + edge + turn, lats)
            ox, oy = utm.forward(node + other + turn, lats)
            inner = (float(ox.mean()), float(oy.mean()))
            lines.append(half_plane((float(ex[0]), float(ey[0])), (float(ex[1]), float(ey[1])), inner))
        edges = tuple(lines)
        covered = float(inside(edges, mesh_x, mesh_y).mean())
        if covered < _LEAST_COVERED:
            continue
        outline = _clip(rectangle, edges, centre)
        offset = swath.offset_ms(granule.lon - node - float(turn[0]), granule.lat)
        found.append(GranulePass(granule, relative, offset, edges, footprint_of(outline, granule.epsg), covered))
    return tuple(found)


def _clip(rectangle: shapely.Polygon, edges: tuple[HalfPlane, ...], centre: tuple[float, float]) -> shapely.Polygon:
    """The part of a granule on the inner side of the swath's edges."""
    reach = 400_000.0
    for edge in edges:
        gap = edge.distance(np.array(centre[0]), np.array(centre[1]))
        foot_x, foot_y = centre[0] - edge.a * float(gap), centre[1] - edge.b * float(gap)
        along = (-edge.b * reach, edge.a * reach)
        deep = (edge.a * reach, edge.b * reach)
        start, end = (foot_x + along[0], foot_y + along[1]), (foot_x - along[0], foot_y - along[1])
        side = ((end[0] + deep[0], end[1] + deep[1]), (start[0] + deep[0], start[1] + deep[1]))
        rectangle = shapely.intersection(rectangle, shapely.Polygon((start, end, *side)))
    return rectangle


class Sentinel2Archive:
    """The scenes of one planet."""

    mission: Mission = SENTINEL2

    def __init__(self, ground: GroundModel) -> None:
        self.seed = ground.seed
        self._macro = ground.terrain.macro
        self._points: BlockCache[CloudPoints | None] = BlockCache(4096)
        self._clouds: BlockCache[float] = BlockCache(200_000)

    def search(self, hint: SearchHint, first_ms: float) -> list[Scene]:
        """Scenes that may satisfy a hint, by ``system:index``.

        Args:
            hint: what is asked for.
            first_ms: start of the collection.

        Raises:
            UnboundedSearch: neither indices, nor a period and a region.
        """
        if hint.indices is not None:
            named = (self.scene(index) for index in sorted(hint.indices))
            return [scene for scene in named if scene is not None and scene.sensing_ms >= first_ms]
        if hint.start_ms is None or hint.end_ms is None or hint.region is None:
            raise UnboundedSearch(
                "a search of Sentinel-2 scenes needs a start, an end and a region (or indices): "
                f"got start {hint.start_ms}, end {hint.end_ms}, region {'given' if hint.region else 'missing'}"
            )
        if hint.region.is_empty:
            return []
        found: list[Scene] = []
        for granule in granules_touching(*hint.region.bounds):
            if self._sky(granule) is None:
                continue
            for at in passes_over(granule):
                if at.footprint.intersects(hint.region):
                    found.extend(self._dates(at, max(hint.start_ms, first_ms), hint.end_ms))
        return sorted(found, key=lambda scene: scene.index)

    def scene(self, index: str) -> Scene | None:
        """The scene of this ``system:index``, or None."""
        parts = _INDEX.fullmatch(index)
        granule = None if parts is None else granule_named(parts[3])
        if parts is None or granule is None or self._sky(granule) is None:
            return None
        try:
            taken = stamp_ms(parts[1])
        except ValueError:
            return None
        low, high = taken - 60_000 - 3_000_000, taken + 7_000_000
        for at in passes_over(granule):
            for scene in self._dates(at, low, high):
                if scene.index == index:
                    return scene
        return None

    def _dates(self, at: GranulePass, start_ms: float, end_ms: float) -> list[Scene]:
        bare: list[tuple[Satellite, int, float]] = []
        for satellite in self.mission.satellites:
            first, last = start_ms - at.offset_ms - 100, end_ms - at.offset_ms
            for orbit in self.mission.orbits_between(satellite, at.relative, first, last):
                if self._taken(satellite, orbit, at.granule):
                    bare.append((satellite, orbit, self.mission.node_time(satellite, orbit)))
        clouds = self._cloud_covers(at.granule, bare)
        scenes = []
        for (satellite, orbit, node), cloud in zip(bare, clouds, strict=True):
            copies = 2 if unit_of(self.seed, "twin", satellite.letter, orbit, at.granule.name) < _DUPLICATES else 1
            for copy in range(copies):
                scene = _scene(at, satellite, orbit, node, copy, cloud)
                if start_ms <= scene.sensing_ms < end_ms:
                    scenes.append(scene)
        return scenes

    def _taken(self, satellite: Satellite, orbit: int, granule: Granule) -> bool:
        if unit_of(self.seed, "lost", satellite.letter, orbit) < _LOST_DATATAKES:
            return False
        return unit_of(self.seed, "lost", satellite.letter, orbit, granule.name) >= _LOST_GRANULES

    def _sky(self, granule: Granule) -> CloudPoints | None:
        """Points at which the granule's clouds are counted, None where there is no land to look at."""
        return self._points.get(granule.name, lambda: self._look(granule))

    def _look(self, granule: Granule) -> CloudPoints | None:
        x, y = np.meshgrid(
            np.linspace(granule.left + 9e3, granule.right - 9e3, 5),
            np.linspace(granule.bottom + 9e3, granule.top - 9e3, 5),
        )
        lon, lat = Utm(granule.epsg).inverse(x, y)
        macro: Macro = self._macro.at(lon, lat)
        if macro.coast.max() < -0.05:
            return None
        flat = (macro.rain.ravel(), macro.dry_season.ravel(), macro.winter_rain.ravel())
        return CloudPoints(unit_xyz(lon, lat).reshape(3, -1), *flat, granule.lat)

    def _cloud_covers(self, granule: Granule, taken: list[tuple[Satellite, int, float]]) -> list[float]:
        points = self._sky(granule)
        if points is None:
            return []
        names = [f"S2{satellite.letter}{orbit:06d}" for satellite, orbit, _ in taken]
        keys = [(granule.name, name) for name in names]
        known = [self._clouds.peek(key) for key in keys]
        missing = [(name, node) for name, (_, _, node), cover in zip(names, taken, known, strict=True) if cover is None]
        fresh = dict(zip((name for name, _ in missing), cover_percentages(self.seed, points, missing), strict=True))
        found = []
        for name, cover in zip(names, known, strict=True):
            if cover is None:
                # Scene classification is wrong here and there: the percentage is never exactly the pixels'.
                wrong = 0.93 + 0.14 * unit_of(self.seed, "percentage", granule.name, name)
                cover = round(min(100.0, fresh[name] * wrong), 6)
                self._clouds.put((granule.name, name), cover)
            found.append(cover)
        return found
