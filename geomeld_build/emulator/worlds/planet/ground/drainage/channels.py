"""Courses of rivers: smooth curves through the nodes of a cell's tree, cut into straight pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomeld_build.emulator.worlds.planet.ground.drainage.local import Tree
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Ints

__all__ = ["Pieces", "pieces_of"]

_NARROWEST_M = 3.0
"""Narrower brooks are not drawn."""
_STEPS = np.linspace(0.0, 1.0, 5)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Straight pieces of rivers, each from its upper to its lower end. Arrays ``(2, piece)``: the two ends."""

    lon: Floats
    lat: Floats
    """Degrees in the bent frame."""
    level: Floats
    """Height of the water, m; never rises on the way."""
    half: Floats
    """Half the width of the water, m."""
    cut: Floats
    """How deep the valley lies below the ground around it, m."""

    def part(self, chosen: Ints) -> Pieces:
        """Some of the pieces."""
        return Pieces(*(getattr(self, name)[:, chosen] for name in Pieces.__slots__))

    @classmethod
    def joined(cls, parts: list[Pieces]) -> Pieces:
        """All pieces of several cells."""
        return cls(*(np.concatenate([getattr(one, name) for one in parts], axis=1) for name in cls.__slots__))


def width_of(discharge: Floats) -> Floats:
    """Width of a river in m by its mean flow in m3/s (Moody and Troutman 2002, doi:10.1002/esp.403)."""
    result: Floats = 7.2 * np.sqrt(discharge)
    return result


def pieces_of(tree: Tree) -> Pieces:
    """The courses of a cell's rivers.

    Every river runs from the middle of one link to the middle of the next, along a parabola drawn to the node between
    (a quadratic B-spline): tributaries meet their river at a sharp angle, pointing downstream, as real ones do.
    """
    values = np.stack((tree.lon, tree.lat, tree.level, 0.5 * width_of(tree.discharge), tree.ground - tree.level))
    parent = tree.flow.parent
    drawn = np.flatnonzero((width_of(tree.discharge) >= _NARROWEST_M) & (parent >= 0) & (tree.sea < 0.5))
    if not drawn.size:
        return Pieces(*np.zeros((5, 2, 0)))
    is_drawn = np.zeros(parent.size, dtype=bool)
    is_drawn[drawn] = True
    largest = _largest_branch(tree, drawn)
    down = parent[drawn]
    start, middle = values[:, drawn], (values[:, drawn] + values[:, down]) / 2
    middle[3] = values[3, drawn]
    fed = np.zeros(parent.size, dtype=bool)
    fed[down] = True
    springs = ~fed[drawn]
    curves = [_line(start[:, springs], middle[:, springs])]
    ends = ~is_drawn[down]
    curves.append(_line(middle[:, ends], _as_wide(values[:, down[ends]], middle[:, ends])))
    through = np.flatnonzero(~ends)
    bend, after = values[:, down[through]], (values[:, down[through]] + values[:, parent[down[through]]]) / 2
    # Only the main branch grows to the size of the river: side branches keep theirs to the confluence.
    grown = np.where(largest[drawn[through]], values[3, down[through]], middle[3, through])
    after[3] = grown
    curves.append(_parabola(middle[:, through], bend, after))
    return Pieces(*np.concatenate(curves, axis=2))


def _largest_branch(tree: Tree, drawn: Ints) -> Floats:
    """For every node whether it is the largest of those that flow into the same one."""
    order = drawn[np.argsort(tree.discharge[drawn], kind="stable")]
    main = np.full(tree.lon.size, -1)
    main[tree.flow.parent[order]] = order
    found = np.zeros(tree.lon.size, dtype=bool)
    found[main[main >= 0]] = True
    return found


def _as_wide(values: Floats, other: Floats) -> Floats:
    return np.concatenate((values[:3], other[3:4], values[4:]))


def _line(start: Floats, end: Floats) -> Floats:
    """Pieces ``(value, 2, piece)`` of straight lines."""
    return _cut(start[..., None] + (end - start)[..., None] * _STEPS[::2])


def _parabola(start: Floats, bend: Floats, end: Floats) -> Floats:
    """Pieces ``(value, 2, piece)`` of parabolas; all but the place change evenly from start to end."""
    t = _STEPS
    curve = start[..., None] * (1 - t) ** 2 + bend[..., None] * (2 * t * (1 - t)) + end[..., None] * t**2
    curve[2:] = (start[..., None] * (1 - t) + end[..., None] * t)[2:]
    return _cut(curve)


def _cut(curves: Floats) -> Floats:
    ends = np.stack((curves[..., :-1], curves[..., 1:]), axis=1)
    return ends.reshape(5, 2, -1)
