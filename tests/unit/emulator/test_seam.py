"""Shapes and rasters across 180 degrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from geomeld_build.emulator.geometry import area_m2, buffer_m, centroid, lonlat
from geomeld_build.emulator.raster.context import RenderContext
from geomeld_build.emulator.raster.grid import Grid
from geomeld_build.emulator.raster.nodes import LatticeNode, SourceNode
from geomeld_build.emulator.seam import cut_at_seam, sides_of, unwrapped
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import Geometry, Projection
from geomeld_build.emulator.worlds.base import BandInfo


def test_the_shorter_way_round_is_taken_and_cut() -> None:
    jump = shapely.Polygon([(179.0, 10.0), (-179.0, 10.0), (-179.0, 12.0), (179.0, 12.0)])
    found = cut_at_seam(unwrapped(jump))
    assert found.equals(shapely.union_all([shapely.box(179, 10, 180, 12), shapely.box(-180, 10, -179, 12)]))
    past = shapely.box(179.0, 10.0, 181.0, 12.0)
    assert cut_at_seam(past).equals(found)
    assert cut_at_seam(shapely.box(-181.0, 10.0, -179.0, 12.0)).equals(found)
    assert sorted(sides_of(found)) == [(-180.0, 10.0, -179.0, 12.0), (179.0, 10.0, 180.0, 12.0)]


def test_what_does_not_cross_stays() -> None:
    for shape in (shapely.box(-180, -90, 180, 90), shapely.box(170, 0, 180, 5), shapely.Point(180, 1)):
        assert cut_at_seam(unwrapped(shape)).equals(shape)
    # One box around both parts where what lies between them is no more than half of the world.
    two = shapely.union_all([shapely.box(-100, 0, -90, 5), shapely.box(60, 2, 70, 9)])
    assert sides_of(two) == [(-100.0, 0.0, 70.0, 9.0)]


def test_holes_and_lines_cross_too() -> None:
    shell = [(178.0, 0.0), (-178.0, 0.0), (-178.0, 4.0), (178.0, 4.0)]
    hole = [(-179.5, 1.0), (-179.0, 1.0), (-179.0, 2.0), (-179.5, 2.0)]
    found = cut_at_seam(unwrapped(shapely.Polygon(shell, [hole])))
    assert found.area == pytest.approx(4 * 4 - 0.5)
    line = cut_at_seam(unwrapped(shapely.LineString([(179.0, 0.0), (-179.0, 0.0)])))
    assert line.length == pytest.approx(2.0)
    assert line.bounds == (-180.0, 0.0, 180.0, 0.0)


def test_geometries_of_the_service_cross() -> None:
    jump = Geometry(shapely.Polygon([(179.9, 10.0), (-179.9, 10.0), (-179.9, 10.2), (179.9, 10.2)]))
    assert lonlat(jump).area == pytest.approx(0.04)
    assert area_m2(jump) == pytest.approx(area_m2(Geometry(shapely.box(9.9, 10.0, 10.1, 10.2))), rel=1e-6)
    assert abs(centroid(jump).shape.x) == pytest.approx(180.0, abs=1e-6)
    assert lonlat(buffer_m(jump, 1000.0)).area == pytest.approx(0.04 + 0.8 / 110, rel=0.1)
    # A planar rectangle goes the way its numbers say.
    flat = Geometry(shapely.box(-179.9, 10.0, 179.9, 10.2), geodesic=False)
    assert lonlat(flat).equals(flat.shape)
    utm = Geometry(shapely.box(350_000, 7_400_000, 380_000, 7_420_000), crs="EPSG:32601")
    assert lonlat(utm).area < 1.0


STEP = 0.01
WIDTH = 36_000


def _by_longitude(name: str, row0: int, row1: int, col0: int, col1: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    assert 0 <= col0 < col1 <= WIDTH
    columns = np.broadcast_to(np.arange(col0, col1, dtype=np.float64), (row1 - row0, col1 - col0))
    # A wave that goes around the world without a step.
    return np.cos(2 * np.pi * (columns + 0.5) / WIDTH * 50), np.ones(columns.shape, dtype=bool)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_a_grid_across_the_seam_reads_both_ends_of_a_raster(mode: str) -> None:
    band = BandInfo("wave", "float64", "EPSG:4326", (STEP, 0.0, -180.0, 0.0, -STEP, 90.0), WIDTH, 18_000)
    source = SourceNode(_by_longitude, band)
    grid = Grid("EPSG:32601", (50.0, 0.0, 357_000.0, 0.0, -50.0, 7_400_000.0), 400, 60)
    node = source if mode == "nearest" else LatticeNode(source, Projection(band.crs, band.transform), mode)
    context = RenderContext(LimitSettings())
    found = context.render(node, grid)
    assert found.mask is None or np.all(found.mask == 1.0)
    x, y = np.meshgrid(357_025.0 + 50.0 * np.arange(400), 7_399_975.0 - 50.0 * np.arange(60))
    lon, _ = Transformer.from_crs(32601, 4326, always_xy=True).transform(x, y)
    assert lon.min() < -179.8
    assert lon.max() > 179.8
    expected = np.cos(np.radians(lon + 180.0) * 50)
    np.testing.assert_allclose(found.values, expected, atol=5e-3 if mode == "nearest" else 1e-4)
    # The window is a strip at each end of the raster, not the parallels between them.
    assert context.native_pixels < 20_000
