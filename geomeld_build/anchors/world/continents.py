"""Which boxes and how much of each row of a biome layer belong to which continent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.world.biomes import BiomeLayer
from geomeld_build.anchors.world.classes import locate_both
from geomeld_build.anchors.world.coarse import BOX_DEG, EARTH_RADIUS_M, corners_of
from geomeld_build.anchors.world.countries import CONTINENTS, NEAREST_M, Countries

__all__ = ["ContinentBoxes", "areas_by_continent"]

_SIDE = 4
"""Points along each side of a box that is not wholly in one row and one country."""
_AT_ONCE = 50_000
_BOX_REACH_M = EARTH_RADIUS_M * np.radians(BOX_DEG) * np.sqrt(0.5)
"""From the centre of a box to a corner, at most (at the equator)."""
_OUTLINE_SLACK_M = 1_200.0
"""Distances to outlines are to their samples, which are up to this far from each other."""


@dataclass(frozen=True, slots=True, eq=False)
class ContinentBoxes:
    """Of every box that the biomes of a layer touch, by continent."""

    touched: tuple[NDArray[np.bool_], ...]
    """Whether a place of a biome in the box may be on the continent."""
    inside: tuple[NDArray[np.bool_], ...]
    """Whether the whole box is in countries of the continent."""

    @classmethod
    def of(cls, biomes: BiomeLayer, countries: Countries) -> ContinentBoxes:
        """Work it out: from the countries' own boxes, and from distances where the box reaches beyond all countries.

        A box may belong to a continent by distance when the distance from its centre is, by the box's own reach, as
        small as that of the nearest continent: no point of the box can be nearer to another than that.
        """
        land, _ = biomes.locator.boxes(np.ones(len(biomes.biome), bool))
        of_country = countries.continent
        _, covered = countries.locator.boxes(np.ones(len(of_country), bool))
        open_boxes = np.flatnonzero(land & ~covered)
        west, south = corners_of(open_boxes)
        slack = _BOX_REACH_M + _OUTLINE_SLACK_M
        distance = countries.continent_distances(west + BOX_DEG / 2, south + BOX_DEG / 2, NEAREST_M + slack)
        near = np.isfinite(distance) & (distance <= distance.min(axis=1, keepdims=True) + 2 * slack)
        touched, inside = [], []
        for continent in range(len(CONTINENTS)):
            possible, whole = countries.locator.boxes(of_country == continent)
            possible[open_boxes] |= near[:, continent]
            touched.append(possible)
            inside.append(whole)
        return cls(tuple(touched), tuple(inside))


def areas_by_continent(biomes: BiomeLayer, countries: Countries) -> NDArray[np.float64]:
    """Square metres of each row of a layer on each continent: ``(row, continent)``.

    Each row's own area is exact. Where it lies on several continents, it is split as a grid of points in its boxes
    says: 16 in each box that is not plain, 2.8 km apart or less.
    """
    rows, kinds = len(biomes.biome), len(CONTINENTS) + 1
    land, whole = biomes.locator.boxes(np.ones(rows, bool))
    plain = whole & countries.locator.boxes(np.ones(len(countries.continent), bool))[1]
    weights = np.zeros((rows + 1) * kinds)
    for boxes, side in ((np.flatnonzero(land & plain), 1), (np.flatnonzero(land & ~plain), _SIDE)):
        for at in range(0, len(boxes), _AT_ONCE):
            lon, lat, weight = _points(boxes[at : at + _AT_ONCE], side)
            row, country = locate_both(biomes, countries, lon, lat)
            continent = np.append(countries.continent, np.int8(kinds - 1))[country].astype(np.int64)
            slot = np.where(row < 0, rows, row).astype(np.int64) * kinds + continent
            weights += np.bincount(slot, weights=weight, minlength=len(weights))
    share = weights.reshape(rows + 1, kinds)[:rows]
    total = share.sum(axis=1, keepdims=True)
    # A row that no point hit is smaller than a few square kilometres: it is on no continent.
    split: NDArray[np.float64] = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    return split[:, :-1] * biomes.locator.areas_m2[:, None]


def _points(
    boxes: NDArray[np.int64], side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Longitude, latitude and weight of ``side`` squared points in each box."""
    west, south = corners_of(boxes)
    steps = (np.arange(side) + 0.5) / side * BOX_DEG
    dx, dy = (axis.ravel() for axis in np.meshgrid(steps, steps))
    lon = (west[:, None] + dx).ravel()
    lat = (south[:, None] + dy).ravel()
    return lon, lat, np.cos(np.radians(lat)) / side**2
