"""Sentinel-2 of the planet reaches as far north as the real one, on the grid of latitude band X, and not by night."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from geomeld_build.emulator.worlds.base import ImageRecord
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.projection import Utm
from geomeld_build.emulator.worlds.planet.sensors.mgrs import granule_named, granules_touching
from geomeld_build.emulator.worlds.planet.sensors.outlines import inside
from geomeld_build.emulator.worlds.planet.sensors.sentinel2_archive import _straight, _turning, passes_over
from tests.support.planet import S2, scenes, tile

NORTH_GREENLAND, ELLESMERE, SVALBARD = (-35.0, 82.3), (-75.0, 81.3), (15.7, 78.3)
REACH = 82.7
"""Latitude of the northernmost pixels: the track turns at 81.4 N and the swath reaches 145 km beyond."""


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


def test_band_x_has_the_zones_of_svalbard() -> None:
    names = {granule.name for granule in granules_touching(-180.0, 72.0, 180.0, 84.0)}
    zones = {name[:2] for name in names if name[2] == "X"}
    assert zones == {f"{zone:02d}" for zone in range(1, 61)} - {"32", "34", "36"}
    longyearbyen = [granule.name for granule in granules_touching(15.64, 78.22, 15.65, 78.23)]
    assert longyearbyen == ["33XWG"]
    for zone, west, east in ((31, 0.0, 9.0), (33, 9.0, 21.0), (35, 21.0, 33.0), (37, 33.0, 42.0)):
        for lon in (west + 0.1, east - 0.1):
            assert any(granule.epsg == 32600 + zone for granule in granules_touching(lon, 79.0, lon, 79.01))


@pytest.mark.parametrize("place", [NORTH_GREENLAND, ELLESMERE, SVALBARD])
def test_scenes_of_the_far_north(world: PlanetWorld, place: tuple[float, float]) -> None:
    found = scenes(world, S2, place, "2020-06-10", "2020-06-20")
    assert len(found) > 8
    for record in found:
        properties = record.properties
        assert properties["MGRS_TILE"][2] == "X"
        assert properties["MEAN_SOLAR_ZENITH_ANGLE"] < 75
        start = datetime.strptime(properties["system:index"][:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        # A granule is seen within its datatake, and datatakes last less than half an hour.
        assert 0 < properties["system:time_start"] - start.timestamp() * 1000 < 1_800_000
    clear = min(found, key=lambda one: one.properties["CLOUDY_PIXEL_PERCENTAGE"])
    values = tile(clear, "B4", place)
    assert values.shape == (128, 128)
    assert values.min() > 0


def test_nothing_is_seen_beyond_the_turn_of_the_track(world: PlanetWorld) -> None:
    north = 0.0
    for lon in range(-80, -20, 6):
        for granule in granules_touching(lon, 82.4, lon + 5.9, 83.6):
            x, y = np.meshgrid(
                np.linspace(granule.left, granule.right, 80), np.linspace(granule.bottom, granule.top, 80)
            )
            lat = Utm(granule.epsg).inverse(x, y)[1]
            for at in passes_over(granule):
                north = max(north, float(lat[inside(at.edges, x, y)].max()))
    assert REACH - 0.1 < north < REACH + 0.1
    assert scenes(world, S2, (-35.0, 83.2), "2020-06-01", "2020-07-01") == []


def test_no_scene_in_the_polar_night(world: PlanetWorld) -> None:
    for place, season in ((NORTH_GREENLAND, "2020-11-01"), ((25.0, 69.5), "2020-12-10")):
        assert scenes(world, S2, place, season, season[:8] + "30") == []
    spring = scenes(world, S2, (25.0, 69.5), "2020-02-20", "2020-03-20")
    assert spring
    assert max(record.properties["MEAN_SOLAR_ZENITH_ANGLE"] for record in spring) < 84.0


@pytest.mark.parametrize("lat", [60.0, 70.0, 76.0, 78.4])
def test_both_ways_to_find_the_swath_agree(lat: float) -> None:
    """South of the turn, lines between two latitudes and the orbit's plane give the same pixels and times."""
    for granule in granules_touching(-40.0, lat, -39.0, lat + 0.01):
        utm = Utm(granule.epsg)
        x, y = np.meshgrid(np.linspace(granule.left, granule.right, 40), np.linspace(granule.bottom, granule.top, 40))
        lon, north = utm.inverse(x, y)
        box = (float(lon.min()), float(lon.max()), float(north.min()), float(north.max()))
        lines = {relative: (offset, edges) for relative, offset, edges in _straight(granule, utm, box)}
        planes = {relative: (offset, edges) for relative, offset, edges in _turning(granule, utm)}
        assert set(lines) & set(planes)
        for relative in set(lines) | set(planes):
            seen = [
                inside(way[relative][1], x, y) if relative in way else np.zeros(x.shape, dtype=bool)
                for way in (lines, planes)
            ]
            assert (seen[0] != seen[1]).mean() < 0.005
            if seen[0].mean() > 0.1:
                assert abs(lines[relative][0] - planes[relative][0]) < 20_000


def test_searches_by_index_find_the_far_north(world: PlanetWorld) -> None:
    for record in scenes(world, S2, NORTH_GREENLAND, "2020-06-10", "2020-06-13"):
        again = world.find(record.id)
        assert isinstance(again, ImageRecord)
        assert again.properties == record.properties
    assert granule_named("32XMF") is None
