"""Repeat orbits and swaths of Sentinel-1 and Sentinel-2.

All relative orbits of a satellite share one ground track, turned around the Earth. A table of that track gives, for a
latitude, between which longitudes (counted from the node) a pass sees the ground, and when. Phases are set by one real
acquisition of each mission, so that times of day, tracks and orbit numbers come out as in the archives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.noise import EARTH_RADIUS_KM, Floats

__all__ = [
    "ARCHIVE_END_MS",
    "DAY_MS",
    "SENTINEL1",
    "SENTINEL2",
    "Mission",
    "Pass",
    "Satellite",
    "Turn",
    "track",
    "turns_over",
]

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Satellite:
    """One satellite of a mission."""

    letter: str
    node_ms: int
    """Time of one passage of the reference node, ms since the epoch."""
    node_orbit: int
    """Absolute orbit number of that passage."""
    relative_offset: int
    """Relative orbit = (absolute orbit - offset) modulo the orbits of a cycle + 1."""
    start_ms: int
    """First and last moment of its archive."""
    end_ms: int


@dataclass(frozen=True, slots=True)
class Mission:
    """A repeat orbit."""

    cycle_days: int
    orbits: int
    inclination: float
    """Degrees."""
    node_hours: float
    """Mean local solar time at the reference node."""
    descending_node: bool
    """Whether orbits are counted from the descending node (else from the ascending one)."""
    satellites: tuple[Satellite, ...]

    @property
    def period_ms(self) -> float:
        """Time of one revolution."""
        return self.cycle_days * DAY_MS / self.orbits

    def node_time(self, satellite: Satellite, orbit: int) -> float:
        """When a satellite passes the node at the start of an absolute orbit, ms."""
        return satellite.node_ms + (orbit - satellite.node_orbit) * self.period_ms

    def relative(self, satellite: Satellite, orbit: int) -> int:
        """Relative orbit number, from 1."""
        return (orbit - satellite.relative_offset) % self.orbits + 1

    def node_longitude(self, node_ms: float) -> float:
        """Degrees east of the node passed at this time: local solar time fixes it."""
        hours = node_ms / 3_600_000 % 24.0
        return (15.0 * (self.node_hours - hours) + 180.0) % 360.0 - 180.0

    def longitude_of(self, relative: int) -> float:
        """Degrees east of the node of a relative orbit."""
        first = self.satellites[0]
        orbit = first.node_orbit + (relative - self.relative(first, first.node_orbit))
        return self.node_longitude(self.node_time(first, orbit))

    def orbits_between(self, satellite: Satellite, relative: int, start_ms: float, end_ms: float) -> range:
        """Absolute orbits of one relative orbit whose node lies between two times, bounded by the archive."""
        low, high = max(start_ms, satellite.start_ms), min(end_ms, satellite.end_ms)
        if high <= low:
            return range(0)
        first = satellite.node_orbit + int(np.ceil((low - satellite.node_ms) / self.period_ms))
        last = satellite.node_orbit + int(np.ceil((high - satellite.node_ms) / self.period_ms))
        first += (relative - self.relative(satellite, first)) % self.orbits
        return range(first, last, self.orbits)


@dataclass(frozen=True, slots=True)
class Pass:
    """The part of every revolution in which a satellite flies north or south, and what it sees then.

    Longitudes are degrees from the node; a point at latitude ``lat`` is seen when its longitude lies between those of
    the western and eastern edge of the swath at that latitude.
    """

    lat: Floats
    """Increasing latitudes, degrees."""
    west: Floats
    east: Floats
    """Longitude of the swath's edges at these latitudes."""
    west_ms: Floats
    east_ms: Floats
    """Time after the node at which the edges are seen at these latitudes, ms."""
    node_lon: Floats
    """Longitudes of the nodes by relative orbit - 1."""

    def edges(self, lat: Floats) -> tuple[Floats, Floats]:
        """Longitudes of the swath's edges, counted from the node."""
        return np.interp(lat, self.lat, self.west), np.interp(lat, self.lat, self.east)

    def relatives_over(self, west: float, east: float, south: float, north: float) -> list[int]:
        """Relative orbits whose swath may touch a lon/lat box."""
        lats = np.linspace(south, north, 9)
        left, right = self.edges(np.clip(lats, self.lat[0], self.lat[-1]))
        middle, half = (west + east) / 2, (east - west) / 2
        centre, width = (left.min() + right.max()) / 2, (right.max() - left.min()) / 2
        away = np.abs((middle - self.node_lon - centre + 180.0) % 360.0 - 180.0)
        return [int(index) + 1 for index in np.flatnonzero(away <= half + width + 0.05)]

    def offset_ms(self, lon_from_node: float, lat: float) -> float:
        """When a point is seen, ms after the node."""
        west, east = (float(edge) for edge in self.edges(np.array(lat)))
        share = 0.0 if east <= west else min(1.0, max(0.0, (lon_from_node - west) / (east - west)))
        early, late = (float(np.interp(lat, self.lat, times)) for times in (self.west_ms, self.east_ms))
        return early + (late - early) * share


def _ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


ARCHIVE_END_MS = _ms("2026-07-01")
"""The planet's today: nothing was acquired later, whatever the clock says."""

SENTINEL2 = Mission(
    cycle_days=10,
    orbits=143,
    inclination=98.62,
    node_hours=10.5,
    descending_node=True,
    satellites=(
        Satellite("A", _ms("2020-08-18T06:09:10"), 26929, 26882, _ms("2015-06-27"), _ms("2025-01-21")),
        Satellite("B", _ms("2020-08-13T06:09:10"), 17949, 17902, _ms("2017-07-01"), ARCHIVE_END_MS),
        Satellite("C", _ms("2025-01-24T06:09:10"), 2045, 1998, _ms("2025-01-21"), ARCHIVE_END_MS),
    ),
)
"""A and, after it, C fly five days apart from B."""

SENTINEL1 = Mission(
    cycle_days=12,
    orbits=175,
    inclination=98.18,
    node_hours=18.0,
    descending_node=False,
    satellites=(
        Satellite("A", _ms("2020-06-07T00:27:16.263"), 32904, 73, _ms("2014-10-03"), ARCHIVE_END_MS),
        Satellite("B", _ms("2020-06-13T00:27:16.263"), 22008, 27, _ms("2016-09-26"), _ms("2021-12-23")),
        Satellite("C", _ms("2025-05-18T00:27:16.263"), 2381, 0, _ms("2025-03-26"), ARCHIVE_END_MS),
    ),
)
"""A alone between the end of B and the start of C: half the acquisitions."""


@lru_cache(maxsize=8)
def track(mission: Mission, ascending: bool, near_km: float, far_km: float) -> Pass:
    """The swath table of one direction of flight.

    Args:
        mission: the orbit.
        ascending: flying north.
        near_km: distance of one edge of the swath to the right of the ground track; negative = to its left.
        far_km: distance of the other edge.
    """
    inclination = np.radians(mission.inclination)
    # Angle from the ascending node; the reference node lies at 0 or, when counting from the descending one, at pi.
    start = -np.pi / 2 if ascending else np.pi / 2
    angle = np.linspace(start + 0.01, start + np.pi - 0.01, 2001)
    reference = np.pi if mission.descending_node else 0.0
    time = (angle - reference) / (2 * np.pi) * mission.period_ms
    orbit = np.stack((np.cos(angle), np.cos(inclination) * np.sin(angle), np.sin(inclination) * np.sin(angle)))
    normal = _normal(mission)[:, None]
    edges = []
    for distance in (near_km, far_km):
        tilt = distance / EARTH_RADIUS_KM
        point = orbit * np.cos(tilt) - normal * np.sin(tilt)
        lat = np.degrees(np.arcsin(point[2]))
        lon = np.degrees(np.unwrap(np.arctan2(point[1], point[0]))) - 360.0 * time / DAY_MS
        node = 180.0 if mission.descending_node else 0.0
        edges.append((lat, lon - node))
    near_lat, far_lat = edges[0][0], edges[1][0]
    low = max(near_lat.min(), far_lat.min()) + 0.3
    high = min(near_lat.max(), far_lat.max()) - 0.3
    grid = np.linspace(low, high, 3000)
    table = []
    for lat, lon in edges:
        order = np.argsort(lat)
        keep = order[np.concatenate(([True], np.diff(lat[order]) > 1e-9))]
        table.append((np.interp(grid, lat[keep], lon[keep]), np.interp(grid, lat[keep], time[keep])))
    (lon_a, time_a), (lon_b, time_b) = table
    # The two edges may be a turn apart after unwrapping; bring them next to each other.
    lon_b = lon_b - 360.0 * np.round((lon_b - lon_a) / 360.0)
    flip = bool(np.median(lon_a - lon_b) > 0)
    west, east = (lon_b, lon_a) if flip else (lon_a, lon_b)
    west_ms, east_ms = (time_b, time_a) if flip else (time_a, time_b)
    nodes = np.array([mission.longitude_of(relative) for relative in range(1, mission.orbits + 1)])
    return Pass(grid, west, east, west_ms, east_ms, nodes)


@dataclass(frozen=True, slots=True)
class Turn:
    """One relative orbit close to a point of the far north, where the ground track turns from north to south."""

    relative: int
    offset_ms: float
    """When the satellite is abeam of the point, after the node."""
    edges: tuple[tuple[Floats, Floats], ...]
    """Lon/lat degrees of a few points along each edge of the swath, at least 80 km either way of the point."""


def _normal(mission: Mission) -> Floats:
    inclination = np.radians(mission.inclination)
    return np.array([0.0, -np.sin(inclination), np.cos(inclination)])


def turns_over(mission: Mission, half_km: float, lon: float, lat: float, reach_km: float) -> list[Turn]:
    """Relative orbits that pass a point of the far north on the southbound half of the revolution.

    The table of ``track`` is by latitude and ends where one edge of the swath turns back south; here the orbit's plane
    is asked instead, whatever the track's direction.

    Args:
        mission: an orbit whose swath lies to both sides of the track, counted from the descending node.
        half_km: half the width of the swath.
        lon: degrees.
        lat: degrees.
        reach_km: how far from the swath the point may lie.
    """
    inclination, normal = np.radians(mission.inclination), _normal(mission)
    ahead = np.array([0.0, np.cos(inclination), np.sin(inclination)])
    nodes = np.array([mission.longitude_of(relative) for relative in range(1, mission.orbits + 1)])
    angle = np.full(nodes.shape, np.pi / 2)
    point = np.empty((3, nodes.size))
    for _ in range(6):
        # The Earth turns below the plane: where the point is depends on when the satellite is abeam of it.
        time = (angle - np.pi) / (2 * np.pi) * mission.period_ms
        turned = np.radians(lon - nodes + 180.0 + 360.0 * time / DAY_MS)
        point = np.stack((np.cos(turned), np.sin(turned), np.full(nodes.shape, np.tan(np.radians(lat)))))
        point *= np.cos(np.radians(lat))
        angle = np.arctan2(ahead @ point, point[0])
    away = EARTH_RADIUS_KM * np.abs(np.arcsin(normal @ point))
    near = np.flatnonzero((away <= half_km + reach_km) & (angle >= np.pi / 2))
    steps = np.linspace(-90.0, 90.0, 7) / EARTH_RADIUS_KM
    return [
        Turn(
            relative=int(at) + 1,
            offset_ms=float((angle[at] - np.pi) / (2 * np.pi) * mission.period_ms),
            edges=tuple(_edge(mission, float(nodes[at]), angle[at] + steps, side) for side in (-half_km, half_km)),
        )
        for at in near
    ]


def _edge(mission: Mission, node: float, angle: Floats, side_km: float) -> tuple[Floats, Floats]:
    """Points beside the ground track, ``side_km`` to its right, at angles from the ascending node."""
    inclination = np.radians(mission.inclination)
    orbit = np.stack((np.cos(angle), np.cos(inclination) * np.sin(angle), np.sin(inclination) * np.sin(angle)))
    tilt = side_km / EARTH_RADIUS_KM
    point = orbit * np.cos(tilt) - _normal(mission)[:, None] * np.sin(tilt)
    time = (angle - np.pi) / (2 * np.pi) * mission.period_ms
    lon = np.degrees(np.unwrap(np.arctan2(point[1], point[0]))) - 360.0 * time / DAY_MS - 180.0 + node
    return lon, np.degrees(np.arcsin(point[2]))
