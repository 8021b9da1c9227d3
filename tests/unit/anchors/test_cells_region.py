"""Regions as areas to draw from: which coarse boxes cover them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors import parse_region
from geomeld_build.anchors.region import Region


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """Triangles of any size, and boxes at the edges of the world."""
    if draw(st.booleans()):
        return parse_region(draw(st.sampled_from(["170,-90,-170,-60", "-180,80,180,90", "179.99,10,180,10.01"])))
    lon, lat = round(draw(st.floats(-179, 179)), 6), round(draw(st.floats(-89, 89)), 6)
    width, height = round(draw(st.floats(0.001, 200)), 6), round(draw(st.floats(0.001, 100)), 6)
    corners = [(lon, lat), (max(lon - width, -180), lat), (lon, max(lat - height, -90))]
    return Region(shapely.Polygon(corners), "triangle")


@given(regions(), st.integers(0, 2**32 - 1))
def test_every_point_lies_in_a_box_with_all_its_neighbours(region: Region, seed: int) -> None:
    boxes = region.coarse_cells()
    size = boxes.size_deg
    assert len(boxes) <= 3 * 4096
    width, height = round(360 / size), round(180 / size)
    column, row = (boxes.west + 180) / size, (boxes.south + 90) / size
    assert ((column % 1 == 0) & (column >= 0) & (column < width) & (row % 1 == 0) & (row >= 0) & (row < height)).all()
    number = row * width + column
    assert (np.diff(number) > 0).all()
    parts = shapely.get_parts(region.geometry)
    points = np.concatenate([_points(part, seed) for part in parts])
    x, y = (np.floor((axis + half) / size).astype(int) for axis, half in zip(points.T, (180, 90), strict=True))
    for right in (-1, 0, 1):
        for up in (-1, 0, 1):
            there = (y + up).clip(0, height - 1) * width + (x + right) % width
            assert np.isin(there, number).all()


@given(regions(), st.integers(0, 2**32 - 1))
def test_boxes_known_to_be_inside_are(region: Region, seed: int) -> None:
    boxes = region.coarse_cells()
    west, south = boxes.west[boxes.inside_fully], boxes.south[boxes.inside_fully]
    step = np.random.default_rng(seed).uniform(0, boxes.size_deg, (2, 20, 1))
    assert region.contains((west + step[0]).ravel(), (south + step[1]).ravel()).all()


def _points(part: shapely.Geometry, seed: int) -> np.ndarray:
    """Points of a part: its corners (not those on the last meridian and parallel) and some inside."""
    west, south, east, north = shapely.bounds(part)
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(west, east, 200), rng.uniform(south, north, 200)])
    points = np.concatenate([points[shapely.contains_xy(part, *points.T)], shapely.get_coordinates(part)])
    return points[(points[:, 0] < 180) & (points[:, 1] < 90)]


@pytest.mark.parametrize(("text", "most"), [("0,0,60,40", 0.9), ("10,10,10.5,10.5", 0.9), ("5,5,5.02,5.02", 2.0)])
def test_boxes_fit_the_region(text: str, most: float) -> None:
    """A large region is mostly known to be inside; a small one lies in little that is not its own."""
    region = parse_region(text)
    boxes = region.coarse_cells()
    inside = boxes.inside_fully.mean()
    assert 1 - inside < most
    assert boxes.size_deg <= 5.0
    assert region.name == text
