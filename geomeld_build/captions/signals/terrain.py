"""The shape of the ground from the elevation around a tile at 30 m."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geomeld_build.captions.signals.geomorphons import FORM_NAMES, Form, LineOfSight, geomorphons

__all__ = ["SIGHT", "SMOOTH_CELLS", "TerrainSignal", "terrain_of"]

Floats = NDArray[np.float64]
SMOOTH_CELLS = 2.0
_FLAT_RELIEF_M, _FLAT_SLOPE_DEG = 15.0, 3.0
_LEAST_VALID = 0.9
_GROUPS = (
    (Form.PEAK, Form.RIDGE, Form.SHOULDER),
    (Form.SLOPE, Form.SPUR, Form.HOLLOW, Form.FOOTSLOPE),
    (Form.VALLEY, Form.PIT),
)
SIGHT = LineOfSight(search=20, skip=3, flat_deg=2.0)
"""On cells of 30 m, smoothed: noise of a few metres leaves a plain flat."""


@dataclass(frozen=True, slots=True)
class TerrainSignal:
    """Terrain of one tile."""

    terrain_class: str
    """One of the ten landforms, e.g. ``Flat``."""
    form_fractions: dict[str, float]
    lowest_m: float
    mean_m: float
    highest_m: float
    relief_m: float
    """95th less 5th percentile of the smoothed elevation."""
    slope_mean_deg: float
    slope_p90_deg: float
    aspect_deg: float
    """Direction that the slopes face, degrees clockwise from north."""
    aspect_strength: float
    """Length of the mean direction: 0 = they face everywhere alike, 1 = all face one way."""


def terrain_of(context: NDArray[Any], nodata: int, cell_m: float, tile_m: float) -> TerrainSignal | None:
    """Measure the terrain of a tile.

    Forms are told on the cells of the elevation itself, smoothed, with all the surroundings that are looked at:
    resampled to the tile's pixels first, or cut off at its edges, they come out wrong.

    Args:
        context: ``(y, x)`` elevation in m around the tile's centre.
        nodata: value of cells without an elevation.
        cell_m: side of a cell, m.
        tile_m: side of the tile, m.

    Returns:
        None where less than nine tenths of the cells have an elevation.
    """
    valid = context != nodata
    if valid.mean() < _LEAST_VALID:
        return None
    raw = context.astype(np.float64)
    if not valid.all():
        nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
        raw = raw[tuple(nearest)]
    smooth = ndimage.gaussian_filter(raw, SMOOTH_CELLS, mode="nearest")
    margin = _margin(context.shape[0], cell_m, tile_m)
    inner = slice(margin, context.shape[0] - margin), slice(margin, context.shape[1] - margin)
    forms = geomorphons(smooth, cell_m, SIGHT, margin)
    east, north = _gradient(smooth, cell_m)
    east, north = east[inner], north[inner]
    slope = np.degrees(np.arctan(np.hypot(east, north)))
    relief = float(np.subtract(*np.quantile(smooth[inner], [0.95, 0.05])))
    aspect, strength = _aspect(east, north)
    return TerrainSignal(
        terrain_class=_class_of(forms, relief, float(slope.mean())),
        form_fractions={FORM_NAMES[form]: float((forms == form).mean()) for form in Form},
        lowest_m=float(raw[inner].min()),
        mean_m=float(raw[inner].mean()),
        highest_m=float(raw[inner].max()),
        relief_m=relief,
        slope_mean_deg=float(slope.mean()),
        slope_p90_deg=float(np.quantile(slope, 0.9)),
        aspect_deg=aspect,
        aspect_strength=strength,
    )


def _margin(cells: int, cell_m: float, tile_m: float) -> int:
    """Cells on each side whose middle lies outside the tile."""
    beside = (cells * cell_m - tile_m) / 2.0
    return max(0, int(np.ceil(beside / cell_m - 0.5)))


def _gradient(elevation: Floats, cell_m: float) -> tuple[Floats, Floats]:
    """Rise to the east and to the north, by Horn's method (1981, doi:10.1109/PROC.1981.11918)."""
    weights = np.array([1.0, 2.0, 1.0]) / 4.0
    along = np.array([-0.5, 0.0, 0.5]) / cell_m
    east = ndimage.correlate1d(ndimage.correlate1d(elevation, weights, axis=0), along, axis=1)
    north = -ndimage.correlate1d(ndimage.correlate1d(elevation, weights, axis=1), along, axis=0)
    return east, north


def _aspect(east: Floats, north: Floats) -> tuple[float, float]:
    """Mean direction downhill, each cell counting the same, and the length of that mean."""
    steep = np.hypot(east, north)
    if not (steep > 0).any():
        return 0.0, 0.0
    unit = np.array([-east[steep > 0], -north[steep > 0]]) / steep[steep > 0]
    x, y = unit.sum(axis=1) / steep.size
    return float(np.degrees(np.arctan2(x, y)) % 360.0), float(np.hypot(x, y))


def _class_of(forms: NDArray[np.uint8], relief: float, slope: float) -> str:
    """Flat where there is hardly any relief; else the largest form of the largest group of forms, flat cells apart."""
    counts = np.bincount(forms.ravel(), minlength=len(Form) + 1)
    gentle = relief < _FLAT_RELIEF_M and slope < _FLAT_SLOPE_DEG
    if gentle or counts[Form.FLAT] == forms.size:
        return FORM_NAMES[Form.FLAT]
    group = max(_GROUPS, key=lambda one: int(counts[list(one)].sum()))
    return FORM_NAMES[max(group, key=lambda form: int(counts[form]))]
