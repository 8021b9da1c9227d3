"""What rivers do at pixels: how far the water is, how high it stands and how much of a valley there is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.compiled import kernel
from geomeld_build.emulator.worlds.planet.ground.drainage.channels import Pieces
from geomeld_build.emulator.worlds.planet.ground.noise import KM_PER_DEGREE, Floats, Ints

__all__ = ["FAR", "WIDEST_REACH_M", "RiverField", "river_field"]

FAR = -1e4
"""Stands for a shore that is not near, m."""
WIDEST_REACH_M = 2500.0
_M_PER_DEGREE = 1000.0 * KM_PER_DEGREE


@dataclass(frozen=True, slots=True)
class RiverField:
    """Arrays of one shape."""

    inside: Floats
    """Signed distance from the shore in m: positive in water; ``FAR`` where no river is near."""
    half: Floats
    """Half the width of that river, m."""
    level: Floats
    """Height of the water, m: the lowest of the rivers that a point lies in, a blend on land, 0 where none is near."""
    bank: Floats
    """Height below which no land may lie, m: of the highest river within 40 m; ``FAR`` elsewhere."""
    valley: Floats
    """0 = no valley, 1 = on its floor."""


def river_field(pieces: Pieces, lon: Floats, lat: Floats) -> RiverField:
    """The rivers at points.

    Args:
        pieces: of all rivers that may matter.
        lon: degrees in the bent frame, near those of the pieces (no wrap at 180).
        lat: degrees.
    """
    near = pieces.part(_near(pieces, lon, lat))
    found = np.zeros((5, lon.size))
    found[[0, 3]] = FAR
    if near.lon.size:
        stacked = np.ascontiguousarray(np.stack([getattr(near, name) for name in Pieces.__slots__]))
        _field(stacked, np.ravel(lon), np.ravel(lat), _M_PER_DEGREE, found)
    return RiverField(*found.reshape(5, *lon.shape))


def _near(pieces: Pieces, lon: Floats, lat: Floats) -> Ints:
    """Pieces whose valley may reach the box around the points."""
    reach = reach_of(pieces.half, pieces.cut).max(axis=0) + pieces.half.max(axis=0)
    up = 1.02 * reach / _M_PER_DEGREE
    across = up / max(0.01, math.cos(math.radians(float(np.abs(lat).max()))))
    inside = (pieces.lon.max(axis=0) > lon.min() - across) & (pieces.lon.min(axis=0) < lon.max() + across)
    inside &= (pieces.lat.max(axis=0) > lat.min() - up) & (pieces.lat.min(axis=0) < lat.max() + up)
    return np.flatnonzero(inside)


def reach_of(half: Floats, cut: Floats) -> Floats:
    """How far beyond the water a valley reaches, m: twice its depth, so that its sides stay below 37 degrees."""
    result: Floats = np.minimum(np.maximum(250.0 + 6.0 * half, 2.0 * cut), WIDEST_REACH_M)
    return result


@kernel
def _field(pieces: Floats, lon: Floats, lat: Floats, degree_m: float, out: Floats) -> None:
    count = pieces.shape[2]
    for at in range(lon.size):
        across = math.cos(math.radians(lat[at])) * degree_m
        best, weights, levels, lowest = -1e4, 0.0, 0.0, 1e9
        for i in range(count):
            x0, y0 = (pieces[0, 0, i] - lon[at]) * across, (pieces[1, 0, i] - lat[at]) * degree_m
            dx, dy = (pieces[0, 1, i] - pieces[0, 0, i]) * across, (pieces[1, 1, i] - pieces[1, 0, i]) * degree_m
            long = dx * dx + dy * dy
            t = 0.0 if long <= 0.0 else min(1.0, max(0.0, -(x0 * dx + y0 * dy) / long))
            away = math.sqrt((x0 + t * dx) ** 2 + (y0 + t * dy) ** 2)
            half = pieces[3, 0, i] + t * (pieces[3, 1, i] - pieces[3, 0, i])
            cut = pieces[4, 0, i] + t * (pieces[4, 1, i] - pieces[4, 0, i])
            reach = min(max(250.0 + 6.0 * half, 2.0 * cut), WIDEST_REACH_M)
            dry = max(0.0, away - half)
            if dry >= reach:
                continue
            if half - away > best:
                best = half - away
                out[0, at] = best
                out[1, at] = half
            # The valley floor is as wide as a few rivers; its sides rise to where the valley ends.
            floor = min(4.0 * half, 0.4 * reach)
            s = min(1.0, max(0.0, (dry - floor) / (reach - floor)))
            valley = 1.0 - s * s * (3.0 - 2.0 * s)
            out[4, at] = max(out[4, at], valley)
            fall = pieces[2, 0, i] - pieces[2, 1, i]
            level = pieces[2, 0, i] - t * fall
            if away <= half:
                lowest = min(lowest, level)
            if dry < 40.0:
                # As high as the water is a pixel and a half upstream.
                out[3, at] = max(out[3, at], level + fall * min(1.0, 15.0 / math.sqrt(long + 1e-9)))
            # Near a river its own level counts; halfway to another the two blend, so that no step is seen.
            weight = (valley / (dry + 2.0)) ** 2
            weights += weight
            levels += weight * level
        if lowest < 1e9:
            out[2, at] = lowest
        elif weights > 0.0:
            out[2, at] = levels / weights
