"""Footprints of the folder world, and the masks that follow from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.transform import from_origin
from shapely.geometry import Point, box

from tests.support.realworld_small import UTM, everything, image, ramp, raster, world


def test_footprint_of_a_projected_raster_follows_its_edges(tmp_path: Path) -> None:
    raster(tmp_path / "a.tif", ramp(100, 100), transform=from_origin(300_000, 3_400_020, 1098, 1098))
    footprint = image(world(tmp_path, {"type": "image", "id": "a", "files": "a.tif"}), "a").footprint
    assert footprint is not None
    to_lonlat = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    middle_of_the_top_edge = Point(to_lonlat.transform(354_900, 3_400_020))
    corners = Point(to_lonlat.transform(300_000, 3_400_020)), Point(to_lonlat.transform(409_800, 3_290_220))
    degree_m = 111_000
    assert footprint.exterior.distance(middle_of_the_top_edge) * degree_m < 1.0
    assert all(footprint.exterior.distance(corner) * degree_m < 0.01 for corner in corners)


def test_footprint_across_the_antimeridian_is_cut(tmp_path: Path) -> None:
    raster(
        tmp_path / "a.tif", ramp(10, 10), crs="EPSG:32601", transform=from_origin(345_000, 8_000_000, 10_000, 10_000)
    )
    footprint = image(world(tmp_path, {"type": "image", "id": "a", "files": "a.tif"}), "a").footprint
    assert footprint is not None
    to_lonlat = Transformer.from_crs("EPSG:32601", "EPSG:4326", always_xy=True)
    ends = [to_lonlat.transform(x, 7_950_000) for x in (355_000, 435_000)]
    assert ends[0][0] > 178 > -178 > ends[1][0]
    assert all(footprint.covers(Point(end)) for end in ends)
    assert not footprint.covers(Point(0, ends[0][1]))
    assert footprint.area < 20


def test_common_valid_global_and_stated_footprints(tmp_path: Path) -> None:
    raster(tmp_path / "a.tif", ramp(10, 10), transform=from_origin(70, 31, 0.1, 0.1), crs="EPSG:4326")
    raster(tmp_path / "b.tif", ramp(10, 10), transform=from_origin(70.25, 31, 0.1, 0.1), crs="EPSG:4326")
    holed = np.zeros((10, 10), "uint8")
    holed[2:5, 3:7] = 1
    raster(tmp_path / "h.tif", holed, transform=from_origin(70, 31, 0.1, 0.1), nodata=0, crs="EPSG:4326")
    stated = {
        "type": "Polygon",
        "coordinates": [[[70.2, 30.2], [70.5, 30.2], [70.5, 30.5], [70.2, 30.5], [70.2, 30.2]]],
    }
    both = {"type": "image", "files": ["a.tif", "b.tif"]}
    served = world(
        tmp_path,
        {**both, "id": "bounds"},
        {**both, "id": "common", "footprint": "common"},
        {**both, "id": "global", "footprint": "global"},
        {**both, "id": "stated", "footprint": stated},
        {"type": "image", "id": "valid", "files": "h.tif", "footprint": "valid"},
    )
    prints = {i: image(served, i).footprint for i in served.children("")}
    assert prints["global"] is None
    assert prints["bounds"] is not None
    assert prints["bounds"].equals(box(70, 30, 71.25, 31))
    assert prints["common"] is not None
    assert prints["common"].bounds == pytest.approx((70.25, 30, 71, 31))
    assert prints["valid"] is not None
    assert prints["valid"].bounds == pytest.approx((70.3, 30.5, 70.7, 30.8))
    # What lies outside a footprint that is smaller than the file is masked: pixel centres decide.
    _, valid = everything(image(served, "common"), "a")
    assert valid[:, 3:].all()
    assert not valid[:, :2].any()
    _, valid = everything(image(served, "stated"), "a")
    assert valid.sum() == 9
    assert valid[5:8, 2:5].all()
    _, inner = image(served, "stated").read("a", 4, 9, 4, 10)
    assert np.array_equal(inner, valid[4:9, 4:10])


def test_a_stated_footprint_cuts_projected_pixels_too(tmp_path: Path) -> None:
    raster(tmp_path / "a.tif", ramp(50, 40))
    to_lonlat = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    rows, cols = np.mgrid[0:50, 0:40]
    lon, _ = to_lonlat.transform(336_005 + 10 * cols, 3_371_995 - 10 * rows)
    west, east = lon[0, 12], lon[0, 30]
    cut = {"type": "Polygon", "coordinates": [[[west, 30], [east, 30], [east, 31], [west, 31], [west, 30]]]}
    record = image(world(tmp_path, {"type": "image", "id": "a", "files": "a.tif", "footprint": cut}), "a")
    _, valid = everything(record, "b1")
    expected = (lon > west) & (lon < east)
    clear = np.abs(lon - west) + np.abs(lon - east) - (east - west) > 1e-7
    clear |= expected & (np.minimum(lon - west, east - lon) > 1e-7)
    assert np.array_equal(valid[clear], expected[clear])
