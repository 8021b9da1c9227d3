"""Draws anchors in a region: cells of the 1,280 m UTM lattice, without replacement, the same on every machine."""

from __future__ import annotations

from datetime import UTC

import shapely

from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.cells_lattice import MAX_LAT, MIN_LAT
from geomeld_build.anchors.dates import OWN_YEARS, Dates, own_dates
from geomeld_build.anchors.places import Places
from geomeld_build.anchors.region import Region
from geomeld_build.errors import ConfigError
from geomeld_build.grid import Anchor, make_tile_id

__all__ = ["sample_anchors"]


def sample_anchors(region: Region, n: int, *, recipe: str, years: tuple[int, int] = OWN_YEARS) -> list[Anchor]:
    """Draw ``n`` cells of the lattice in a region, each with a date.

    Args:
        region: where.
        n: how many.
        recipe: names the rules; keys every draw.
        years: first and last year of the dates; day 15 of a uniform month.

    Raises:
        ConfigError: the region has fewer than ``n`` whole cells, lies beyond UTM, or the years are out of order.
    """
    if n < 1:
        raise ConfigError(f"cannot sample {n} anchors: expected at least 1")
    if shapely.area(shapely.intersection(region.geometry, shapely.box(-180.0, MIN_LAT, 180.0, MAX_LAT))) == 0.0:
        raise ConfigError(
            f"the region {region.text} lies beyond UTM: expected a part of it in {MIN_LAT:g}..{MAX_LAT:g} N"
        )
    places = CellStream(region, recipe=recipe).take(n)
    if len(places) < n:
        raise ConfigError(f"the region {region.text} has {len(places)} whole cells of 1,280 m, fewer than {n}")
    return _anchors(places, own_dates(places.key, recipe, years), recipe)


def _anchors(places: Places, dates: Dates, recipe: str) -> list[Anchor]:
    columns = (places.lon, places.lat, places.epsg, places.left, places.top, dates)
    anchors = []
    for location_id, *values in zip(places.location_ids(), *(column.tolist() for column in columns), strict=True):
        lon, lat, epsg, left, top, day = values
        when = day.replace(tzinfo=UTC)
        tile_id = make_tile_id(location_id, when, recipe)
        anchors.append(Anchor(location_id, tile_id, lon, lat, epsg, left, top, when))
    return anchors
