"""Cells of areas against a slow search of all lattice positions: poles, antimeridian, seams, Norway, Svalbard."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate

from geomeld_build.anchors import parse_region
from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.region import Region
from geomeld_build.anchors.world.areas import polygon_area, raster_area
from geomeld_build.anchors.world.coarse import CoarseCells
from geomeld_build.draws import draw
from tests.support.brute_cells import brute_cells, cells_of
from tests.support.realdata import data_dir, needs_real_data

EVERYTHING = 10**7


@pytest.mark.parametrize(
    "text",
    [
        "73,30,73.4,30.3",
        "5.9,10,6.1,10.2",  # a seam
        "11.9,-0.1,12.1,0.1",  # a seam and the equator
        "2.9,59.9,3.2,60.1",  # Norway: 31V is narrow
        "5.9,63.9,6.2,64.1",  # 32V ends, 31W and 32W begin
        "2.9,55.9,3.1,56.1",  # 32V begins
        "8.8,77.9,9.2,78.1",  # Svalbard: 31X and 33X
        "20.8,72.4,21.2,72.6",
        "41.7,79,42.3,79.1",
        "5.7,71.9,6.3,72.1",  # 31W and 32W end, 31X begins
        "10,83.9,12,84.5",
        "-58,83.95,-55,84.2",
        "-170,-80.2,-168,-79.9",
        "-60.3,-80.1,-59.7,-79.9",
        "179.8,-17,-179.8,-16.8",
        "179.7,71.1,-179.7,71.2",  # Wrangel Island
    ],
)
def test_all_cells_of_a_box_are_those_of_a_search(text: str) -> None:
    region = parse_region(text)
    cells = cells_of(CellStream(region, recipe="test").take(EVERYTHING))
    assert len(cells) == len(set(cells))
    expected = brute_cells(region.geometry)
    assert len(expected) > 20
    assert set(cells) == expected


_EDGES = st.sampled_from([-180.0, -177.0, -3.0, 0.0, 3.0, 6.0, 9.0, 12.0, 21.0, 33.0, 42.0, 120.0, 179.9])
_PARALLELS = st.sampled_from([-80.0, -33.0, 0.0, 55.9, 56.0, 64.0, 72.0, 80.0, 83.9])


@given(_EDGES, _PARALLELS, st.lists(st.tuples(st.floats(0.02, 0.2), st.floats(0.0, 360.0)), min_size=3, max_size=6))
def test_all_cells_of_a_polygon_are_those_of_a_search(lon: float, lat: float, spokes: list) -> None:
    corners = [(lon + radius * np.cos(angle), lat + radius * np.sin(angle)) for radius, angle in spokes]
    hull = shapely.MultiPoint([(lon, lat), *corners]).convex_hull.buffer(0.01)
    area = shapely.intersection(hull, shapely.box(-180, -90, 180, 90))
    cells = cells_of(CellStream(Region(area, "hull"), recipe="test").take(EVERYTHING))
    assert len(cells) == len(set(cells))
    assert set(cells) == brute_cells(area)


class Boxed:
    """A region that is covered by boxes of another size, none of them known to be inside."""

    def __init__(self, region: Region, size_deg: float) -> None:
        self.name, self.area_m2, self.contains = region.name, region.area_m2, region.contains
        self._region, self._size = region, size_deg

    def coarse_cells(self) -> CoarseCells:
        size = self._size
        west, south = (
            axis.ravel() for axis in np.meshgrid(np.arange(-180, 180, size), np.arange(-90, 90, size), indexing="xy")
        )
        boxes = shapely.box(west - size, south - size, west + 2 * size, south + 2 * size)
        near = shapely.intersects(boxes, self._region.geometry)
        if self._region.geometry.bounds[0] == -180.0:  # the margin wraps
            near |= shapely.intersects(boxes, translate(self._region.geometry, 360.0))
            near |= shapely.intersects(boxes, translate(self._region.geometry, -360.0))
        return CoarseCells(west[near], south[near], size, np.zeros(near.sum(), bool))


@pytest.mark.parametrize("text", ["5.5,55.5,6.5,56.5", "179.5,-16.5,-179.5,-16", "-1,-1,1,1"])
def test_the_order_is_that_of_the_keyed_draws_whatever_the_boxes_are(text: str) -> None:
    region = parse_region(text)
    drawn = CellStream(region, recipe="test").take(EVERYTHING)
    assert (np.diff(draw("test", "cell", drawn.key)) > 0).all()
    for size in (0.5, 5.0):
        other = CellStream(Boxed(region, size), recipe="test").take(EVERYTHING)
        assert (other.key == drawn.key).all()
    polygon = polygon_area("other name", region.geometry)
    assert (CellStream(polygon, recipe="test").take(EVERYTHING).key == drawn.key).all()


def test_a_part_of_an_area_has_its_cells_in_the_order_of_the_area() -> None:
    area, part = parse_region("-62,-11,-58,-8"), parse_region("-61,-10,-60,-9")
    whole = CellStream(area, recipe="test").take(EVERYTHING)
    inside = part.contains(whole.lon, whole.lat)
    assert 0 < inside.sum() < len(whole)
    assert (CellStream(part, recipe="test").take(EVERYTHING).key == whole.key[inside]).all()


def test_an_area_without_a_cell_is_exhausted_at_once() -> None:
    nothing = raster_area("nothing", np.zeros((18, 36), bool), -180.0, 90.0, 10.0, 10.0)
    for area in (nothing, parse_region("0,-90,180,-81"), parse_region("10.0,10.0,10.001,10.001")):
        stream = CellStream(area, recipe="test")
        assert stream.exhausted
        assert len(stream.take(5)) == 0


@needs_real_data
def test_a_hundred_thousand_cells_of_the_real_mangroves() -> None:
    import rasterio

    with rasterio.open(data_dir() / "regions" / "biomes_dinerstein2017_0p1deg.tif") as file:
        biomes, bounds, (dx, dy) = file.read(1), file.bounds, file.res
    area = raster_area("mangroves", biomes == 14, bounds.left, bounds.top, dx, dy)
    places = CellStream(area, recipe="test").take(100_000)
    assert len(np.unique(places.key)) == len(places) == 100_000
    x, y = (places.lon - bounds.left) / dx, (bounds.top - places.lat) / dy
    sure = (np.abs(x - np.rint(x)) > 1e-6) & (np.abs(y - np.rint(y)) > 1e-6)
    assert (biomes[y[sure].astype(int), x[sure].astype(int)] == 14).all()
    # Uniform cells cover the mangroves evenly: as many in the east as there is mangrove in the east.
    cosine = np.cos(np.radians(bounds.top - dy * (np.arange(biomes.shape[0]) + 0.5)))[:, None] * (biomes == 14)
    share = cosine[:, biomes.shape[1] // 2 :].sum() / cosine.sum()
    assert abs((places.lon > 0).mean() - share) < 0.005
