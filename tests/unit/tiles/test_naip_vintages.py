"""The look-up of aerial photographs, against the simulated planet's own list of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import shapely

from geomeld_build.anchors.naip_dates import VintageQuery, naip_dates
from geomeld_build.anchors.places import places_of_points
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.base import CollectionAsset, SearchHint
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.grid import Scene, place_anchor
from geomeld_build.sources import open_source
from geomeld_build.sources.base import SceneQuery, Source
from geomeld_build.sources.earthengine import EarthEngineSource
from geomeld_build.tiles.naip_vintages import naip_vintages

NAIP = "USDA/NAIP/DOQQ"
SINCE, UNTIL = datetime(2018, 1, 1, tzinfo=UTC), datetime(2100, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld()


@pytest.fixture(scope="module")
def source(world: PlanetWorld) -> Iterator[EarthEngineSource]:
    with EmulatorServer(world) as server, open_source("earthengine", url=server.url) as opened:
        yield opened


def iowa(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(6)
    return generator.uniform(-93.1, -92.7, count), generator.uniform(41.1, 41.5, count)


def days_that_show_most(world: PlanetWorld, tile: shapely.Polygon) -> set[datetime]:
    """By the world's own list: of each year the day whose photographs show most of the tile."""
    assets = world.find(NAIP)
    assert isinstance(assets, CollectionAsset)
    days: dict[datetime, list[Any]] = {}
    for record in assets.images(SearchHint(region=tile, start_ms=SINCE.timestamp() * 1000)):
        when = datetime.fromtimestamp(record.properties["system:time_start"] / 1000, UTC)
        days.setdefault(when, []).append(record.footprint)
    best: dict[int, tuple[float, datetime]] = {}
    for when, footprints in sorted(days.items()):
        share = round(shapely.union_all(footprints).intersection(tile).area / tile.area, 3)
        if share >= 0.5 and share > best.get(when.year, (0.0, when))[0]:
            best[when.year] = (share, when)
    return {when for _, when in best.values()}


def test_vintages_are_those_of_the_archive(world: PlanetWorld, source: EarthEngineSource) -> None:
    anchors = [place_anchor(float(x), float(y), SINCE, recipe="r") for x, y in zip(*iowa(40), strict=True)]
    rings = [tuple((float(x), float(y)) for x, y in anchor.polygon.exterior.coords) for anchor in anchors]
    with source.tally() as share:
        found = naip_vintages(source)([VintageQuery(ring, SINCE, UNTIL) for ring in rings])
    assert share.snapshot().search_requests == 1
    for anchor, vintages in zip(anchors, found, strict=True):
        assert set(vintages) == days_that_show_most(world, anchor.polygon)
        assert len({when.year for when in vintages}) == len(vintages) >= 2


def test_anchors_are_dated_by_the_archive(world: PlanetWorld, source: EarthEngineSource) -> None:
    lon, lat = iowa(60)
    places = places_of_points(np.append(lon, [10.0, -150.0]), np.append(lat, [50.0, 64.0]))
    with source.tally() as share:
        dated = naip_dates(places, naip_vintages(source), "geomeld-1", batch=31)
    assert share.snapshot().search_requests == 2
    assert dated.fallbacks == 2
    assert dated.rules.tolist() == ["naip"] * 60 + ["external"] * 2
    again = naip_dates(places, naip_vintages(source), "geomeld-1")
    assert (again.dates == dated.dates).all()
    told = dated.to_json()
    assert told["leaf_on_share"] == pytest.approx(sum(told["months"][4:9]) / 60) == 1.0
    assert len(set(dated.dates[:60].astype("datetime64[Y]").tolist())) >= 2


def stand_in(answer: Sequence[Scene], asked: list[SceneQuery] | None = None, name: str = "earthengine") -> Source:
    def find(queries: Sequence[SceneQuery]) -> list[Sequence[Scene]]:
        (asked if asked is not None else []).extend(queries)
        return [answer for _ in queries]

    return cast(Source, SimpleNamespace(name=name, find=find))


def scene(day: datetime, footprint: shapely.Polygon | None) -> Scene:
    return Scene(f"{NAIP}/m_{day:%Y%m%d}", 1, NAIP, day, footprint=footprint)


RING = ((-93.0, 41.0), (-92.0, 41.0), (-92.0, 42.0), (-93.0, 42.0), (-93.0, 41.0))
QUERY = VintageQuery(RING, SINCE, UNTIL)


def test_the_day_that_shows_most_dates_a_year() -> None:
    def strip(west: float, east: float) -> shapely.Polygon:
        return shapely.box(west, 40.9, east, 42.1)

    def day(year: int, month: int) -> datetime:
        return datetime(year, month, 1, tzinfo=UTC)

    scenes = [
        scene(day(2019, 8), strip(-93, -92.4)),
        scene(day(2019, 6), strip(-92.4, -92)),  # earlier, but less of the tile
        scene(day(2018, 7), strip(-93, -92.6)),  # less than half, and nothing else that year
        scene(day(2020, 6), strip(-93, -92.6)),
        scene(day(2020, 6).replace(hour=18), strip(-92.6, -92)),  # the same day: whole together
        scene(day(2020, 5), strip(-93, -92.1)),
        scene(day(2021, 9), strip(-94, -91)),
        scene(day(2021, 6), strip(-94, -91)),
    ]
    (found,) = naip_vintages(stand_in(scenes))([QUERY])
    assert sorted(found) == [day(2019, 8), day(2020, 6), day(2021, 6)]


def test_nothing_is_asked_where_there_is_no_such_product() -> None:
    asked: list[SceneQuery] = []
    abroad = VintageQuery(((10.0, 50.0), (10.1, 50.0), (10.1, 50.1), (10.0, 50.0)), SINCE, UNTIL)
    assert naip_vintages(stand_in([], asked))([abroad, abroad]) == [[], []]
    assert asked == []
    assert naip_vintages(stand_in([], asked))([abroad, QUERY]) == [[], []]
    assert [query.region for query in asked] == [RING]


def test_what_cannot_be_answered_is_said() -> None:
    with pytest.raises(ConfigError, match="source 'stac' has no naip: expected one of earthengine"):
        naip_vintages(stand_in([], name="stac"))
    with pytest.raises(SourceError, match="500 photographs of USDA/NAIP/DOQQ at "):
        naip_vintages(stand_in([scene(SINCE, None)] * 500))([QUERY])
