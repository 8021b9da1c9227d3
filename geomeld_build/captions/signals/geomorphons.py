"""Landforms of an elevation grid by the line of sight: geomorphons.

Jasiewicz and Stepinski (2013), Geomorphons - a pattern recognition approach to classification and mapping of landforms,
Geomorphology 182, doi:10.1016/j.geomorph.2012.11.005. From each cell one looks into eight directions; per direction the
largest and the smallest elevation angle on the way decide whether the surroundings are higher, lower or level; how many
directions are higher and lower names one of ten forms.

Four rules for a direction are offered. ``paper`` is the published one. The others are those of GRASS GIS, whose
``r.geomorphon`` departs from it: they are tested for equality with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORM_NAMES", "Form", "LineOfSight", "geomorphons"]

Floats = NDArray[np.float64]
Mode = Literal["paper", "anglev1", "anglev2", "anglev2_distance"]


class Form(IntEnum):
    """Landforms with the codes of GRASS."""

    FLAT = 1
    PEAK = 2
    RIDGE = 3
    SHOULDER = 4
    SPUR = 5
    SLOPE = 6
    HOLLOW = 7
    FOOTSLOPE = 8
    VALLEY = 9
    PIT = 10


FORM_NAMES = {form: form.name.title() for form in Form}
"""Names as in the released GeoMeld metadata, e.g. ``Flat``."""

_STEPS = ((-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1))
"""(row, column) of the eight directions."""

_FL, _PK, _RI, _SH, _SP, _SL, _HL, _FS, _VL, _PT = (int(form) for form in Form)
# Rows: how many directions are lower; columns: how many are higher. 0 cannot occur.
_FORMS = np.array(
    [
        [_FL, _FL, _FL, _FS, _FS, _VL, _VL, _VL, _PT],
        [_FL, _FL, _FS, _FS, _FS, _VL, _VL, _VL, 0],
        [_FL, _SH, _SL, _SL, _HL, _HL, _VL, 0, 0],
        [_SH, _SH, _SL, _SL, _SL, _HL, 0, 0, 0],
        [_SH, _SH, _SP, _SL, _SL, 0, 0, 0, 0],
        [_RI, _RI, _SP, _SP, 0, 0, 0, 0, 0],
        [_RI, _RI, _RI, 0, 0, 0, 0, 0, 0],
        [_RI, _RI, 0, 0, 0, 0, 0, 0, 0],
        [_PK, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
    dtype=np.uint8,
)


@dataclass(frozen=True, slots=True)
class LineOfSight:
    """How far and how sharply one looks. Distances in cells."""

    search: float = 20
    """Cells nearer than this are seen."""
    skip: int = 3
    """So many cells around the place are overlooked."""
    flat_deg: float = 2.0
    """Angles up to this are level."""
    flat_distance: float = 0
    """Beyond this distance the threshold shrinks, so that it stands for one height; 0 = it never does."""
    mode: Mode = "paper"
    """Which rule decides a direction."""


def geomorphons(elevation: Floats, cell_m: float, sight: LineOfSight, margin: int) -> NDArray[np.uint8]:
    """The form of every cell but those of the margin.

    Args:
        elevation: ``(y, x)`` m, finite.
        cell_m: side of a cell, m.
        sight: how to look.
        margin: cells on each side that are looked at but not classified. A margin of less than ``sight.search`` makes
            forms next to it depend on where the grid was cut.

    Returns:
        ``(y - 2 margin, x - 2 margin)`` codes of :class:`Form`.

    Raises:
        ValueError: the grid is no larger than its margins, or holds values that are not finite.
    """
    height, width = elevation.shape[0] - 2 * margin, elevation.shape[1] - 2 * margin
    if height <= 0 or width <= 0:
        raise ValueError(f"elevation {elevation.shape} has no cell inside margins of {margin}: expected a larger grid")
    if not np.isfinite(elevation).all():
        raise ValueError("elevation holds values that are not finite: fill them before classifying")
    lower, higher = np.zeros((2, height, width), dtype=np.intp)
    for step in _STEPS:
        sign = _direction(_views(elevation, cell_m, sight, margin, step), sight)
        higher += sign > 0
        lower += sign < 0
    forms: NDArray[np.uint8] = _FORMS[lower, higher]
    return forms


@dataclass(frozen=True, slots=True)
class _Views:
    """The steepest views up and down in one direction: tangents, and the distances at which they were met, m."""

    up: Floats
    up_at: Floats
    down: Floats
    down_at: Floats
    flat_m: float
    """Distance beyond which the threshold shrinks, m; infinite when it never does."""


def _views(elevation: Floats, cell_m: float, sight: LineOfSight, margin: int, step: tuple[int, int]) -> _Views:
    rows, columns = elevation.shape
    centre = elevation[margin : rows - margin, margin : columns - margin]
    up, down = np.full(centre.shape, -np.inf), np.full(centre.shape, np.inf)
    up_at, down_at = np.zeros(centre.shape), np.zeros(centre.shape)
    unit = float(np.hypot(*step)) * cell_m
    # The threshold of most rules does not depend on where the extreme was met.
    where = sight.flat_distance > 0 or sight.mode == "anglev2_distance"
    cells = sight.skip + 1
    while cells * unit < sight.search * cell_m:
        shift = margin + cells * step[0], margin + cells * step[1]
        seen = _shifted(elevation, shift, centre.shape)
        tangent = (seen - centre) / (cells * unit)
        if where:
            up_at = np.where(tangent > up, cells * unit, up_at)
            down_at = np.where(tangent < down, cells * unit, down_at)
        # NaN = beyond the grid: neither maximum nor minimum.
        np.fmax(up, tangent, out=up)
        np.fmin(down, tangent, out=down)
        cells += 1
    flat_m = sight.flat_distance * cell_m if sight.flat_distance > 0 else np.inf
    return _Views(up, up_at, down, down_at, flat_m)


def _shifted(elevation: Floats, start: tuple[int, int], shape: tuple[int, ...]) -> Floats:
    """A window of the grid that may reach beyond it; NaN there."""
    rows, columns = elevation.shape
    top, left = start
    if top >= 0 and left >= 0 and top + shape[0] <= rows and left + shape[1] <= columns:
        return elevation[top : top + shape[0], left : left + shape[1]]
    window = np.full(shape, np.nan)
    row0, row1, column0, column1 = max(top, 0), min(top + shape[0], rows), max(left, 0), min(left + shape[1], columns)
    if row0 < row1 and column0 < column1:
        window[row0 - top : row1 - top, column0 - left : column1 - left] = elevation[row0:row1, column0:column1]
    return window


def _direction(views: _Views, sight: LineOfSight) -> NDArray[np.int8]:
    """+1 where the surroundings are higher, -1 where they are lower, 0 where they are level or beyond the grid."""
    return (_sign(views, sight) * np.isfinite(views.up)).astype(np.int8)


def _sign(views: _Views, sight: LineOfSight) -> NDArray[np.int8]:
    threshold = float(np.radians(sight.flat_deg))
    up, down = np.arctan(views.up), np.arctan(views.down)
    if sight.mode == "paper":
        return _three(up + down > threshold, up + down < -threshold)
    up_limit, down_limit = _limit(threshold, views.up_at, views.flat_m), _limit(threshold, views.down_at, views.flat_m)
    rises, falls = np.abs(up) > up_limit, np.abs(down) > down_limit
    more, less = np.abs(up) > np.abs(down), np.abs(up) < np.abs(down)
    if sight.mode == "anglev1":
        return _three((rises | falls) & more, (rises | falls) & less)
    # Where both count the larger one decides, then, in the third rule, the farther one; else it is up.
    upward = ~less if sight.mode == "anglev2" else more | (~less & (views.up_at >= views.down_at))
    return _three(rises & (~falls | upward), falls & (~rises | ~upward))


def _three(plus: NDArray[np.bool_], minus: NDArray[np.bool_]) -> NDArray[np.int8]:
    return plus.astype(np.int8) - minus.astype(np.int8)


def _limit(threshold: float, at_m: Floats, flat_m: float) -> Floats:
    """The threshold at a distance, radians."""
    shrunk = np.arctan(flat_m * np.tan(threshold) / np.maximum(at_m, 1e-9)) if np.isfinite(flat_m) else threshold
    return np.where(at_m > flat_m, shrunk, threshold)
