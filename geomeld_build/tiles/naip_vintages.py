"""Which NAIP vintages a source has at a place: the look-up behind the dates of anchors in the United States.

A vintage is a year's photographs. A tile on the border of two quarter quadrangles may have been photographed on two
days of one year; the day that shows more of it is the vintage's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from shapely.geometry import Polygon

from geomeld_build.anchors.naip_dates import VintageLookUp, VintageQuery
from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.grid import Scene, Window
from geomeld_build.modalities import MODALITIES
from geomeld_build.modality_types import AtAnchor
from geomeld_build.sources.base import SceneQuery, Source
from geomeld_build.tiles.select import covered_fraction

__all__ = ["naip_vintages"]

_LIMIT = 500
"""Photographs asked a place: some four quarter quadrangles by some ten years of flights, in two zones."""
_LEAST_COVERED = 0.5
"""Share of a tile that a day's photographs must show to date it."""


def naip_vintages(source: Source) -> VintageLookUp:
    """The look-up of a source: one search for all queries of a call, none for tiles off the product's region.

    Raises:
        ConfigError: the source has no aerial photographs. The look-up itself raises what ``source.find`` raises.
    """
    row = next(row for row in MODALITIES.values() if isinstance(row.when, AtAnchor))
    assert isinstance(row.when, AtAnchor)
    west, south, east, north = row.when.region
    parts = row.origins.get(source.name, ())
    if not parts:
        raise ConfigError(f"source {source.name!r} has no {row.name}: expected one of {', '.join(row.origins)}")

    def asked(query: VintageQuery) -> bool:
        return any(west <= lon <= east and south <= lat <= north for lon, lat in query.ring)

    def look_up(queries: Sequence[VintageQuery]) -> list[list[datetime]]:
        inside = [at for at, query in enumerate(queries) if asked(query)]
        found: list[list[datetime]] = [[] for _ in queries]
        if not inside:
            return found
        for part in parts:
            wanted = [
                SceneQuery(
                    row.name,
                    part.name,
                    region=queries[at].ring,
                    window=Window(queries[at].since, queries[at].until),
                    limit=_LIMIT,
                )
                for at in inside
            ]
            for at, scenes in zip(inside, source.find(wanted), strict=True):
                if len(scenes) >= _LIMIT:
                    raise SourceError(
                        f"{len(scenes)} photographs of {part.collection} at {queries[at].ring[0]}, or "
                        "more: expected fewer; ask for fewer years"
                    )
                found[at].extend(_days(scenes, Polygon(queries[at].ring)))
        return found

    return look_up


def _days(scenes: Iterable[Scene], tile: Polygon) -> list[datetime]:
    """One day of each year: the one whose photographs show most of the tile, the earlier of equals."""
    taken: dict[datetime, list[Scene]] = defaultdict(list)
    for scene in scenes:
        if scene.datetime is not None:
            taken[scene.datetime.replace(hour=0, minute=0, second=0, microsecond=0)].append(scene)
    best: dict[int, tuple[float, datetime]] = {}
    for day in sorted(taken):
        # Outlines are served with some decimetres of error: days that differ by less show the same.
        covered = round(covered_fraction(taken[day], tile), 3)
        if covered >= max(_LEAST_COVERED, best.get(day.year, (0.0, day))[0] + 1e-9):
            best[day.year] = (covered, day)
    return [day for _, day in best.values()]
