"""Mapped features of a tile at three levels: at its middle, in it, and what it lies in.

The first two are SkyScript's (arXiv 2312.12856), and the tags that GeoMeld releases are those of the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geomeld_build.captions.context.extract import MappedFeature
from geomeld_build.captions.signals.footprint import Footprint

__all__ = ["Levels", "NearFeature", "levels_of"]

_NEAR_M = 30.0
_SMALL_M2 = 200_000.0
"""20 ha: what holds the middle and is smaller is at the middle; what is larger is what the tile lies in."""
_SIDE_BY_SIDE_M = 30.0
"""Lines of equal tags that are nearer to each other are one."""
_AREA_KEYS = ("landuse", "place", "boundary", "natural", "leisure", "military")
_OCTANTS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


@dataclass(frozen=True, slots=True)
class NearFeature:
    """Features of equal tags in a tile."""

    tags: Mapping[str, str]
    count: int
    """Of lines: those that are apart. Ways are cut at every crossing, and tracks and carriageways lie side by side."""
    length_m: float
    """Of lines, within the tile."""
    area_m2: float
    """Of surfaces, within the tile."""
    bearing: str | None
    """Octant of the nearest one from the middle; None where it is there."""
    dist_m: float
    """To the nearest one from the middle."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is mapped."""

    centre: tuple[Mapping[str, str], ...] = ()
    surrounding: tuple[NearFeature, ...] = ()
    area: tuple[Mapping[str, str], ...] = ()
    names: tuple[str, ...] = ()


def levels_of(tile: Footprint, features: Sequence[MappedFeature]) -> Levels:
    """Sort features by level.

    Args:
        tile: the square.
        features: those that reach into it.

    Returns:
        Equal tags together, those nearest to the middle first; names in alphabetical order.
    """
    if not features:
        return Levels()
    whole = _mended(tile.to_metres([one.shape for one in features]))
    within = shapely.intersection(whole, tile.square)
    inside = ~shapely.is_empty(within)
    middle = shapely.Point(tile.centre)
    distance = shapely.distance(within, middle)
    names = {name for one, near in zip(features, inside, strict=True) if near for name in one.names}
    return Levels(
        centre=_centre(features, whole, middle, distance),
        surrounding=_surrounding(features, within, inside, distance, tile),
        area=_area(features, whole, within, middle, tile.size**2),
        names=tuple(sorted(names)),
    )


def _mended(shapes: Any) -> Any:
    """Rings that cross themselves, in the file or after the projection, cannot be measured as they are."""
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        shapes = shapes.copy()
        shapes[broken] = shapely.make_valid(shapes[broken])
    return shapes


def _centre(features: Sequence[MappedFeature], whole: Any, middle: Any, distance: Any) -> tuple[Mapping[str, str], ...]:
    """What lies within 30 m of the middle, else the smallest small surface that holds it."""
    holds, size = shapely.contains(whole, middle), shapely.area(whole)
    near = [
        number
        for number, one in enumerate(features)
        if one.tags and distance[number] <= _NEAR_M and size[number] <= _SMALL_M2
    ]
    near.sort(key=lambda number: (distance[number], size[number]))
    if not near:
        holding = [n for n, one in enumerate(features) if one.tags and holds[n] and size[n] <= _SMALL_M2]
        near = sorted(holding, key=lambda number: size[number])[:1]
    found: list[Mapping[str, str]] = []
    for number in near:
        if features[number].tags not in found:
            found.append(features[number].tags)
    return tuple(found)


def _surrounding(
    features: Sequence[MappedFeature], within: Any, inside: Any, distance: Any, tile: Footprint
) -> tuple[NearFeature, ...]:
    groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for number, one in enumerate(features):
        if inside[number]:
            for tags in _apart(one.tags):
                groups.setdefault(tuple(tags.items()), []).append(number)
    found = [_group(dict(tags), within[members], distance[members], tile) for tags, members in groups.items() if tags]
    return tuple(sorted(found, key=lambda one: (one.dist_m, sorted(one.tags.items()))))


def _apart(tags: Mapping[str, str]) -> list[Mapping[str, str]]:
    """A road on a bridge is a road and a bridge."""
    if "bridge" not in tags or len(tags) == 1:
        return [tags]
    return [{key: value for key, value in tags.items() if key != "bridge"}, {"bridge": "yes"}]


def _group(tags: Mapping[str, str], shapes: Any, distance: Any, tile: Footprint) -> NearFeature:
    lines = shapes[shapely.get_dimensions(shapes) == 1]
    pieces = shapely.get_num_geometries(shapely.union_all(shapely.buffer(lines, _SIDE_BY_SIDE_M / 2)))
    nearest = int(np.argmin(distance))
    return NearFeature(
        tags,
        int(pieces) + len(shapes) - len(lines),
        round(float(shapely.length(lines).sum()), 1),
        round(float(shapely.area(shapes).sum()), 1),
        _bearing(shapes[nearest], tile),
        round(float(distance[nearest]), 1),
    )


def _bearing(shape: Any, tile: Footprint) -> str | None:
    """Octant of the nearest point of a shape from the middle."""
    x, y = tile.centre
    line = shapely.get_coordinates(shapely.shortest_line(shapely.Point(x, y), shape))
    east, north = line[-1] - np.array((x, y))
    if math.hypot(east, north) < 1.0:
        return None
    return _OCTANTS[round(math.degrees(math.atan2(east, north)) / 45.0) % 8]


def _area(
    features: Sequence[MappedFeature], whole: Any, within: Any, middle: Any, tile_m2: float
) -> tuple[Mapping[str, str], ...]:
    """Surfaces that hold half of the tile, or its middle and are larger than 20 ha; the smallest first."""
    size, share = shapely.area(whole), shapely.area(within) / tile_m2
    holds = shapely.contains(whole, middle)
    chosen = [
        number
        for number, one in enumerate(features)
        if any(key in one.tags for key in _AREA_KEYS)
        and (share[number] >= 0.5 or (holds[number] and size[number] > _SMALL_M2))
    ]
    found: list[Mapping[str, str]] = []
    for number in sorted(chosen, key=lambda number: size[number]):
        if features[number].tags not in found:
            found.append(features[number].tags)
    return tuple(found)
