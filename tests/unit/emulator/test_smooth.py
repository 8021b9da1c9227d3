"""Coordinates from a small lattice are those of PROJ, or there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomeld_build.emulator.raster.coords import transform_points
from geomeld_build.emulator.raster.grid import Grid
from geomeld_build.emulator.raster.smooth import smooth_coordinates


def largest_gap(crs: str, grid: Grid) -> float:
    """Largest distance from PROJ's coordinates, in pixels; NaN where there is no answer."""
    smooth = smooth_coordinates(crs, grid)
    if smooth is None:
        return float("nan")
    x, y = np.broadcast_arrays(*grid.centres())
    exact = transform_points(grid.crs, crs, x.ravel(), y.ravel())
    steps = [np.abs(np.diff(axis, axis=n)).max() for axis, n in zip(smooth, (1, 0), strict=True)]
    gaps = [np.abs(a.ravel() - b).max() / step for a, b, step in zip(smooth, exact, steps, strict=True)]
    return float(max(gaps))


@given(
    zone=st.integers(1, 60),
    south=st.booleans(),
    left=st.floats(200_000, 800_000),
    northing=st.floats(20_000, 9_000_000),
    step=st.sampled_from((1.0, 10.0, 30.0)),
    size=st.sampled_from((33, 128, 200)),
)
@settings(max_examples=60)
def test_utm_tiles_are_transformed_to_the_last_digits(
    zone: int, south: bool, left: float, northing: float, step: float, size: int
) -> None:
    code = (32700 if south else 32600) + zone
    top = 10_000_000.0 - northing if south else northing
    grid = Grid(f"EPSG:{code}", (step, 0.0, left, 0.0, -step, top), size, size)
    gap = largest_gap("EPSG:4326", grid)
    # Only where the zone reaches past 180 degrees may there be no answer.
    assert gap < 1e-8 or (np.isnan(gap) and zone in (1, 60))


def test_turned_grids_and_other_sizes_too() -> None:
    grid = Grid("EPSG:32633", (8.0, 6.0, 400_000.0, 6.0, -8.0, 5_000_000.0), 64, 40)
    assert largest_gap("EPSG:4326", grid) < 1e-8


@pytest.mark.parametrize(
    ("why", "crs", "grid"),
    [
        ("a seam", "EPSG:4326", Grid("EPSG:32601", (100.0, 0.0, 326_000.0, 0.0, -100.0, 6_650_000.0), 128, 128)),
        ("a pole", "EPSG:4326", Grid("EPSG:3413", (100.0, 0.0, -6_400.0, 0.0, -100.0, 6_400.0), 128, 128)),
        ("the world", "EPSG:32633", Grid("EPSG:4326", (2.0, 0.0, -180.0, 0.0, -1.0, 80.0), 180, 160)),
        ("too few pixels", "EPSG:4326", Grid("EPSG:32633", (10.0, 0.0, 400_000.0, 0.0, -10.0, 5_000_000.0), 31, 128)),
    ],
)
def test_there_is_no_answer_across(why: str, crs: str, grid: Grid) -> None:
    assert smooth_coordinates(crs, grid) is None, why
