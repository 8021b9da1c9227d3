"""Where things lie in a tile: quadrants, objects and how broken up a class is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["PLACES", "LayoutObject", "objects_of", "parts_of", "patchiness_of"]

PLACES = (("NW", "N", "NE"), ("W", "centre", "E"), ("SW", "S", "SE"))
_SMALLEST_PIXELS = 40
"""0.4 ha."""
_LINEAR_ELONGATION, _LINEAR_WIDTH_M, _LINEAR_EDGES = 3.5, 260.0, 2
_EIGHT = np.ones((3, 3), dtype=bool)
_EDGES = ("N", "E", "S", "W")


@dataclass(frozen=True, slots=True)
class LayoutObject:
    """A connected patch of one class."""

    name: str
    """The class."""
    frac: float
    """Share of the tile."""
    shape: str
    """``linear`` or ``patch``."""
    where: str
    """One of the nine places that its middle lies in."""
    orientation_deg: float
    """Direction of its longer axis, degrees clockwise from north, 0..180."""
    elongation: float
    """Ratio of the axes."""
    width_m: float
    """Area over length."""
    edges: tuple[str, ...]
    """Edges of the tile that it reaches."""


def parts_of(label: NDArray[Any], names: dict[int, str]) -> dict[str, dict[str, float]]:
    """Shares of the classes in the quadrants ``NW`` to ``SE`` and the middle ninth, ``centre``.

    Args:
        label: ``(y, x)`` class codes, north up.
        names: code to class; other codes are not counted.
    """
    half_y, half_x = label.shape[0] // 2, label.shape[1] // 2
    third_y, third_x = label.shape[0] // 3, label.shape[1] // 3
    cuts = {
        "NW": label[:half_y, :half_x],
        "NE": label[:half_y, half_x:],
        "SW": label[half_y:, :half_x],
        "SE": label[half_y:, half_x:],
        "centre": label[third_y : 2 * third_y + 1, third_x : 2 * third_x + 1],
    }
    return {place: _shares(part, names) for place, part in cuts.items()}


def _shares(label: NDArray[Any], names: dict[int, str]) -> dict[str, float]:
    counts = {name: int((label == code).sum()) for code, name in names.items()}
    total = max(1, sum(counts.values()))
    return {name: count / total for name, count in counts.items() if count}


def objects_of(label: NDArray[Any], names: dict[int, str], gsd_m: float) -> list[LayoutObject]:
    """Connected patches of at least 0.4 ha, the largest first."""
    found = []
    for code, name in names.items():
        patches, count = ndimage.label(label == code, structure=_EIGHT)
        if not count:
            continue
        sizes = np.bincount(patches.ravel())
        for number in np.flatnonzero(sizes >= _SMALLEST_PIXELS):
            if number:
                found.append(_object(name, patches == number, gsd_m))
    return sorted(found, key=lambda one: -one.frac)


def _object(name: str, patch: NDArray[np.bool_], gsd_m: float) -> LayoutObject:
    rows, columns = np.nonzero(patch)
    height, width = patch.shape
    place = PLACES[min(2, int(3 * rows.mean() / height))][min(2, int(3 * columns.mean() / width))]
    # The moments of pixels, not of their middles: a single row of pixels has a width.
    covariance = np.cov(np.stack((columns, -rows))) + np.eye(2) / 12.0
    values, vectors = np.linalg.eigh(covariance)
    longer = vectors[:, 1]
    direction = float(np.degrees(np.arctan2(longer[0], longer[1])) % 180.0)
    elongation = float(np.sqrt(values[1] / values[0]))
    # An even bar of length l has a variance of l^2 / 12 along itself.
    length = float(np.sqrt(12.0 * values[1]))
    width_m = rows.size / length * gsd_m
    sides = (rows.min() == 0, columns.max() == width - 1, rows.max() == height - 1, columns.min() == 0)
    edges = tuple(edge for edge, reached in zip(_EDGES, sides, strict=True) if reached)
    linear = elongation > _LINEAR_ELONGATION and width_m < _LINEAR_WIDTH_M and len(edges) >= _LINEAR_EDGES
    return LayoutObject(
        name=name,
        frac=rows.size / patch.size,
        shape="linear" if linear else "patch",
        where=place,
        orientation_deg=direction,
        elongation=elongation,
        width_m=width_m,
        edges=edges,
    )


def patchiness_of(label: NDArray[Any], code: int, gsd_m: float) -> tuple[float, float]:
    """Patches of a class per km2 of the tile, and the share of the largest patch in the class; 0, 0 without any."""
    patches, count = ndimage.label(label == code, structure=_EIGHT)
    if not count:
        return 0.0, 0.0
    sizes = np.bincount(patches.ravel())[1:]
    return count / (label.size * (gsd_m / 1000.0) ** 2), float(sizes.max() / sizes.sum())
