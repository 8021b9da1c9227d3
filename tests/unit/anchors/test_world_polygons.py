"""Which polygon a point lies in: against shapely's own answer, one polygon after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

from geomeld_build.anchors.world import polygon_area, raster_area
from geomeld_build.anchors.world.areas import LayerArea
from geomeld_build.anchors.world.coarse import COLUMNS, ROWS, boxes_of
from geomeld_build.anchors.world.polygons import PolygonLocator, locate_in_polygons, sphere_areas_m2
from geomeld_build.errors import ConfigError

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def wiggly_map(seed: int) -> NDArray[Any]:
    """60 neighbouring regions with ragged edges, holes and islands, over a third of the Earth and its edges."""
    rng = np.random.default_rng(seed)
    places = shapely.multipoints(np.column_stack([rng.uniform(-180, 180, 60), rng.uniform(-90, 90, 60)]))
    world = shapely.box(-180, -90, 180, 90)
    cells = shapely.get_parts(shapely.voronoi_polygons(places, extend_to=world))
    cells = shapely.intersection(cells, world)
    lakes = shapely.union_all(shapely.buffer(shapely.points(rng.uniform(-80, 80, (40, 2))), 3.0))
    cells = shapely.segmentize(shapely.difference(cells, lakes), 0.2)

    def bend(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        # Nothing moves at the edges of the map, so that regions reach the antimeridian and the poles.
        calm = np.minimum(180 - np.abs(x), 2 * (90 - np.abs(y))).clip(0, 1)
        shift = np.column_stack([np.sin(9 * y) + np.sin(31 * x), np.sin(8 * x) + np.sin(29 * y)])
        moved: NDArray[np.float64] = points + 0.01 * calm[:, None] * shift
        return moved

    shapes = shapely.transform(cells[::2], bend)
    assert shapely.is_valid(shapes).all()
    return np.asarray(shapes)


def brute_force(geometries: NDArray[Any], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
    found = np.full(len(lon), -1, np.int32)
    for row in range(len(geometries) - 1, -1, -1):
        found[shapely.intersects_xy(geometries[row], lon, lat)] = row
    return found


def points_everywhere(geometries: NDArray[Any], rng: np.random.Generator) -> Points:
    """Uniform points; vertices and points of edges; points a hair from them; corners of boxes and edges of the map."""
    vertices = shapely.get_coordinates(geometries)
    chosen = vertices[rng.integers(0, len(vertices) - 1, 3000)]
    middles = (vertices[:-1] + vertices[1:])[rng.integers(0, len(vertices) - 1, 3000)] / 2
    near = chosen + rng.normal(0, 1, chosen.shape) * 10.0 ** rng.uniform(-15, -2, (len(chosen), 1))
    corners = np.column_stack([rng.integers(-1800, 1801, 3000) / 10, rng.integers(-900, 901, 3000) / 10])
    spread = np.column_stack([rng.uniform(-180, 180, 20_000), rng.uniform(-90, 90, 20_000)])
    points = np.vstack([spread, chosen, middles, near, corners, [[-180, -90], [180, 90], [180, 0], [0, 90]]])
    return points[:, 0].clip(-180, 180), points[:, 1].clip(-90, 90)


@pytest.fixture(scope="module")
def shapes() -> NDArray[Any]:
    return wiggly_map(1)


@pytest.fixture(scope="module")
def locator(shapes: NDArray[Any]) -> PolygonLocator:
    return locate_in_polygons(shapes)


def test_every_point_as_shapely_says(shapes: NDArray[Any], locator: PolygonLocator) -> None:
    lon, lat = points_everywhere(shapes, np.random.default_rng(2))
    expected = brute_force(shapes, lon, lat)
    assert 0.3 < (expected >= 0).mean() < 0.9
    np.testing.assert_array_equal(locator.locate(lon, lat), expected)


def test_the_first_of_overlapping_rows_holds() -> None:
    rng = np.random.default_rng(5)
    centres = rng.uniform([-170, -80], [170, 80], (40, 2))
    discs = shapely.buffer(shapely.points(centres), rng.uniform(0.02, 40, 40), quad_segs=32)
    discs = shapely.intersection(discs, shapely.box(-180, -90, 180, 90))
    lon, lat = points_everywhere(discs, rng)
    np.testing.assert_array_equal(locate_in_polygons(discs).locate(lon, lat), brute_force(discs, lon, lat))


@given(
    st.lists(st.tuples(st.integers(-1800, 1790), st.integers(-900, 890), st.integers(1, 40)), min_size=1, max_size=6)
)
def test_edges_on_the_lines_of_the_grid(squares: list[tuple[int, int, int]]) -> None:
    boxes = np.array(
        [shapely.box(x / 10, y / 10, min(180, (x + n) / 10), min(90, (y + n) / 10)) for x, y, n in squares]
    )
    edges = shapely.get_coordinates(boxes)
    points = np.vstack([edges, edges + 0.05, edges - 0.05, np.nextafter(edges, 999), np.nextafter(edges, -999)])
    lon, lat = points[:, 0].clip(-180, 180), points[:, 1].clip(-90, 90)
    np.testing.assert_array_equal(locate_in_polygons(boxes).locate(lon, lat), brute_force(boxes, lon, lat))


def check_boxes(area: LayerArea, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> None:
    """Every point of the area is in a box, every point of a whole box in the area, and neighbours are there too."""
    cells = area.coarse_cells()
    numbers = boxes_of(cells.west + cells.size_deg / 2, cells.south + cells.size_deg / 2)
    assert (np.diff(numbers) > 0).all(), "in order, none twice"
    box, inside = boxes_of(lon, lat), area.contains(lon, lat)
    assert np.isin(box[inside], numbers).all()
    whole = np.isin(box, numbers[cells.inside_fully])
    assert whole.sum() > 100
    assert inside[whole].all()
    row, column = np.divmod(box[inside], COLUMNS)
    for down, across in ((0, 1), (0, -1), (1, 1), (-1, 0)):
        beside = (row + down).clip(0, ROWS - 1) * COLUMNS + (column + across) % COLUMNS
        assert np.isin(beside, numbers).all(), "a margin of one box, over the antimeridian too"


def test_boxes_of_some_rows(shapes: NDArray[Any], locator: PolygonLocator) -> None:
    lon, lat = points_everywhere(shapes, np.random.default_rng(3))
    member = np.arange(len(shapes)) % 3 == 0
    area = LayerArea("third", locator, member)
    expected = np.isin(brute_force(shapes, lon, lat), np.flatnonzero(member))
    np.testing.assert_array_equal(area.contains(lon, lat), expected)
    check_boxes(area, lon, lat)


@pytest.mark.parametrize("step", [0.1, 0.25, 0.07])
def test_boxes_of_a_mask(step: float) -> None:
    rng = np.random.default_rng(4)
    height, width = round(60 / step), round(80 / step)
    coarse = rng.random((20, 20)) < 0.6
    mask = coarse[(np.arange(height) * 20 // height)[:, None], (np.arange(width) * 20 // width)[None, :]]
    area = raster_area("mask", mask, 20.0, 40.0, step, step)
    lon, lat = rng.uniform(15, 105, 40_000), rng.uniform(-25, 45, 40_000)
    row, column = ((40.0 - lat) // step).astype(int), ((lon - 20.0) // step).astype(int)
    there = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    expected = np.zeros(len(lon), bool)
    expected[there] = mask[row[there], column[there]]
    np.testing.assert_array_equal(area.contains(lon, lat), expected)
    check_boxes(area, lon, lat)


def test_areas_on_the_sphere() -> None:
    shapes = np.array(
        [
            shapely.box(-180, -90, 180, 90),
            shapely.box(-180, 0, 180, 30),
            shapely.difference(shapely.box(0, 0, 10, 10), shapely.box(2, 2, 3, 3)),
            shapely.multipolygons([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)]),
        ]
    )
    sphere = 4 * np.pi * 6_371_007.2**2
    areas = sphere_areas_m2(shapes)
    assert areas[:2] == pytest.approx([sphere, sphere / 4])
    # The authalic sphere has the ellipsoid's area, but not in every band: within 0.7 % anywhere.
    geod = Geod(ellps="WGS84")
    for shape, area in zip(shapely.segmentize(shapes[2:], 0.1), areas[2:], strict=True):
        pieces = [shapely.geometry.polygon.orient(piece) for piece in shapely.get_parts(shape)]
        assert area == pytest.approx(sum(geod.geometry_area_perimeter(piece)[0] for piece in pieces), rel=7e-3)


def test_edges_that_slope_are_measured_exactly() -> None:
    triangle = shapely.Polygon([(0, 0), (90, 60), (0, 60)])
    fine = shapely.segmentize(triangle, 0.001)
    assert sphere_areas_m2(np.array([triangle]))[0] == pytest.approx(sphere_areas_m2(np.array([fine]))[0], rel=1e-9)
    lat = np.radians((np.arange(600_000) + 0.5) / 10_000)
    strips = np.cos(lat) * np.radians(90) * lat / np.radians(60) * np.radians(1e-4)
    assert sphere_areas_m2(np.array([triangle]))[0] == pytest.approx(strips.sum() * 6_371_007.2**2, rel=1e-6)


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        (shapely.Point(0, 0), "expected a polygon"),
        (shapely.Polygon(), "expected a polygon"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "broken"),
        (shapely.box(170, 0, 190, 10), "lon -180..180"),
    ],
)
def test_a_wrong_polygon_is_refused(geometry: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        polygon_area("mine", geometry)
