"""Blocks: of about equal area, without gaps, and seen to the last one by a box."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors.blocks import BLOCK_KM, block_grid, block_names, block_of
from geomeld_build.errors import ConfigError


def uniform_points(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.uniform(-180, 180, count), np.degrees(np.arcsin(generator.uniform(-1, 1, count)))


def all_blocks(block_km: float) -> np.ndarray:
    columns = block_grid(block_km).columns
    row = np.repeat(np.arange(len(columns)), columns)
    column = np.concatenate([np.arange(count) for count in columns])
    return (row.astype(np.uint64) << np.uint64(20)) | column.astype(np.uint64)


@pytest.mark.parametrize("block_km", [10.0, 100.0, 250.0, 1000.0])
def test_blocks_have_about_the_area_they_are_named_for(block_km: float) -> None:
    """Areas by pyproj on the authalic sphere, of blocks at every tenth row."""
    grid, geod = block_grid(block_km), pyproj.Geod(a=6371007.2, b=6371007.2)
    rows = np.arange(0, len(grid.columns), max(1, len(grid.columns) // 10))
    for west, south, east, north in grid.bounds(rows.astype(np.uint64) << np.uint64(20)):
        # A parallel is no great circle: follow it in small steps.
        x = np.linspace(west, east, 400)
        area, _ = geod.polygon_area_perimeter(
            np.concatenate([x, x[::-1]]), np.concatenate([np.full(400, south), np.full(400, north)])
        )
        assert abs(area) / 1e6 == pytest.approx(block_km**2, rel=0.06)
    assert grid.columns.sum() * block_km**2 == pytest.approx(4 * np.pi * 6371.0072**2, rel=0.02)


def test_the_default_is_200_rows_that_no_rounding_can_shift() -> None:
    grid = block_grid(BLOCK_KM)
    assert len(grid.columns) == 200
    assert grid.height == pytest.approx(0.9)
    assert (grid.columns == grid.columns[::-1]).all()
    assert grid.columns[[0, 99, 100, 199]].tolist() == [3, 400, 400, 3]
    edges = np.sin(np.radians(np.linspace(-90, 90, 201)))
    share = np.diff(edges) * 2 * 200**2 / np.pi
    assert np.abs(share % 1 - 0.5).min() > 1e-4, "another library's sine gives the same columns"


@pytest.mark.parametrize("block_km", [30.0, 100.0, 5000.0])
def test_a_point_lies_in_its_block(block_km: float) -> None:
    lon, lat = uniform_points(20_000)
    west, south, east, north = block_grid(block_km).bounds(block_of(lon, lat, block_km)).T
    assert ((west <= lon + 1e-9) & (lon < east + 1e-9) & (south <= lat + 1e-9) & (lat < north + 1e-9)).all()


def test_uniform_points_fill_all_blocks_alike() -> None:
    lon, lat = uniform_points(500_000)
    blocks, counts = np.unique(block_of(lon, lat, 1000.0), return_counts=True)
    assert set(blocks.tolist()) == set(all_blocks(1000.0).tolist())
    assert counts.min() > 0.85 * counts.mean()
    assert counts.max() < 1.15 * counts.mean()


def test_poles_and_the_antimeridian() -> None:
    assert block_of(180.0, 10.0) == block_of(-180.0, 10.0) == block_of(540.0, 10.0)
    assert block_of(179.9999, 10.0) != block_of(-179.9999, 10.0)
    assert block_of(np.array([190.0]), np.array([0.0])) == block_of(np.array([-170.0]), np.array([0.0]))
    assert set(block_names(block_of(np.array([-180.0, 0.0, 179.0]), np.full(3, 90.0)))) == {
        "b0199c0000", "b0199c0001", "b0199c0002"
    }  # fmt: skip
    assert block_names(block_of(np.array([-180.0]), np.array([-90.0]))) == ["b0000c0000"]


def test_names_tell_blocks_apart_and_stay() -> None:
    blocks = all_blocks(BLOCK_KM)
    names = block_names(blocks)
    assert len(set(names)) == len(blocks) == len(set(blocks.tolist()))
    lon, lat = np.array([-92.9, 13.4, 151.2]), np.array([41.3, 52.5, -33.9])
    assert block_names(block_of(lon, lat)) == ["b0145c0073", "b0158c0130", "b0062c0306"]


def test_what_is_no_place_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"row 2: lon 1.0, lat 91.0"):
        block_of(np.array([0.0, 1.0]), np.array([0.0, 91.0]))
    with pytest.raises(ConfigError, match=r"lat nan"):
        block_of(0.0, np.nan)
    with pytest.raises(ConfigError, match=r"blocks of 0.5 km: expected 1..5000"):
        block_of(0.0, 0.0, 0.5)


@given(
    st.sampled_from([100.0, 700.0]),
    st.floats(-180, 180),
    st.floats(-92, 90),
    st.floats(0, 6) | st.floats(0, 360),
    st.floats(0, 6),
)
def test_a_box_sees_every_block_that_shapely_finds(
    block_km: float, west: float, south: float, width: float, height: float
) -> None:
    grid, north = block_grid(block_km), max(south + height, -90.0)
    seen = grid.touching(*(np.array([value]) for value in (west, south, west + width, north)))
    blocks = all_blocks(block_km)
    bounds = grid.bounds(blocks)
    # Whole blocks in the open, and again a turn to the east; the box shrinks by what rounding may do.
    box = shapely.box(west + 1e-9, min(south + 1e-9, north), west + max(width - 1e-9, 1e-9), north - 1e-9)
    for turn in (0.0, 360.0):
        inside = shapely.intersects(
            box, shapely.box(bounds[:, 0] + turn, bounds[:, 1], bounds[:, 2] + turn, bounds[:, 3])
        )
        if width > 1e-6 and height > 1e-6:
            assert set(blocks[inside].tolist()) <= set(seen[0].tolist())
    x, y = np.meshgrid(np.linspace(west, west + width, 30), np.linspace(max(south, -90), min(north, 90), 30))
    assert set(grid.of(x, y).ravel().tolist()) <= set(seen[0].tolist())
    near = shapely.box(west - 1e-9, south - 1e-9, west + width + 1e-9, north + 1e-9)
    touched = {
        block
        for turn in (0.0, 360.0)
        for block in blocks[
            shapely.intersects(near, shapely.box(bounds[:, 0] + turn, bounds[:, 1], bounds[:, 2] + turn, bounds[:, 3]))
        ].tolist()
    }
    if south >= -90.0:
        assert set(seen[0].tolist()) <= touched
