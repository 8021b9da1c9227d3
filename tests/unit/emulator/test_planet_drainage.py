"""Rivers and lakes of the simulated planet: they run downhill, widen, join, and lie below their banks."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds.planet.ground.drainage.cells import cell_grid
from geomeld_build.emulator.worlds.planet.ground.drainage.channels import Pieces, pieces_of, width_of
from geomeld_build.emulator.worlds.planet.ground.drainage.coarse import Rivers, rivers_of, runoff
from geomeld_build.emulator.worlds.planet.ground.drainage.flow import Flow, Graph, flood, gather, levels
from geomeld_build.emulator.worlds.planet.ground.drainage.local import Tree, tree_of
from geomeld_build.emulator.worlds.planet.ground.macro import MacroModel
from geomeld_build.emulator.worlds.planet.ground.projection import Utm, epsg_of
from geomeld_build.emulator.worlds.planet.ground.truth import BLOCK, PIXEL_M, GroundModel


@pytest.fixture(scope="module")
def macro() -> MacroModel:
    return MacroModel(0)


@pytest.fixture(scope="module")
def rivers() -> Rivers:
    return rivers_of(0)


@pytest.fixture(scope="module")
def model() -> GroundModel:
    return GroundModel(0)


@dataclass(frozen=True, slots=True)
class Region:
    """Ground of several blocks put together; arrays ``(y, x)``."""

    elevation: NDArray[np.float32]
    wet: NDArray[np.float32]
    sea: NDArray[np.float32]


def region(model: GroundModel, lon: float, lat: float, blocks: int) -> Region:
    epsg = epsg_of(lon, lat)
    utm = Utm(epsg)
    x, y = utm.forward(np.array(lon), np.array(lat))
    row, column = int((utm.false_northing - float(y)) // (PIXEL_M * BLOCK)), int(float(x) // (PIXEL_M * BLOCK))
    half = blocks // 2
    grid = [[model.block(epsg, row + i, column + j) for j in range(-half, half + 1)] for i in range(-half, half + 1)]
    joined = {name: np.block([[getattr(block, name) for block in line] for line in grid]) for name in Region.__slots__}
    return Region(**joined)


def some_cells(rivers: Rivers, count: int, least: float = 0.0) -> list[int]:
    inland = np.flatnonzero((rivers.downstream >= 0) & (rivers.discharge > least))
    return [int(cell) for cell in np.random.default_rng(3).choice(inland, count, replace=False)]


def reference_flood(graph: Graph, heights: NDArray[np.float64], outlets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Lowest possible height of the highest link on the way to an outlet, by Dijkstra's algorithm."""
    best = np.full(graph.starts.size - 1, np.inf)
    queue = [(-np.inf, int(node)) for node in outlets]
    while queue:
        level, node = heapq.heappop(queue)
        if level >= best[node]:
            continue
        best[node] = level
        for at in range(graph.starts[node], graph.starts[node + 1]):
            heapq.heappush(queue, (max(level, heights[graph.links[at]]), int(graph.others[at])))
    return best


def test_water_leaves_over_the_lowest_sill() -> None:
    rng = np.random.default_rng(8)
    nodes = 300
    first, second = rng.integers(0, nodes, (2, 900))
    keep = first != second
    first, second = first[keep], second[keep]
    heights = rng.normal(size=first.size)
    graph, outlets = Graph.of(nodes, first, second), np.array([5, 17])
    flow = flood(graph, heights, outlets)
    expected = reference_flood(graph, heights, outlets)
    assert set(flow.order.tolist()) == set(np.flatnonzero(expected < np.inf).tolist())
    for node in flow.order:
        highest, at = -np.inf, int(node)
        while flow.parent[at] >= 0:
            assert {at, int(flow.parent[at])} == {int(first[flow.link[at]]), int(second[flow.link[at]])}
            highest, at = max(highest, heights[flow.link[at]]), int(flow.parent[at])
        assert highest == expected[node]
        assert at in outlets


def test_everything_gathers_at_the_outlets_and_levels_fall() -> None:
    #  4 -> 2 -> 0 (outlet),  3 -> 2,  5 -> 1 (outlet)
    flow = Flow(np.array([-1, -1, 0, 2, 2, 1]), np.full(6, -1), np.array([0, 1, 2, 5, 3, 4]))
    np.testing.assert_array_equal(gather(flow, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])), [13, 8, 12, 4, 5, 6])
    wanted = np.array([0.0, 0.0, 50.0, 20.0, 60.0, -7.0])
    free = np.full(6, np.inf)
    found = levels(flow, wanted, np.ones(6), 0.5, np.array([1.0, 2.0, 0, 0, 0, 0]), free)
    # Node 2 lies higher than 3 above it: the river cut through. Node 5 lies below its outlet: it is filled.
    np.testing.assert_allclose(found, [1.0, 2.0, 19.5, 20.0, 60.0, 2.5])
    capped = free.copy()
    capped[4] = 12.0
    np.testing.assert_allclose(
        levels(flow, wanted, np.ones(6), 0.5, np.array([1.0, 2.0, 0, 0, 0, 0]), capped)[[4, 2]], [12.0, 11.5]
    )


def test_every_cell_of_land_drains_to_the_sea(rivers: Rivers) -> None:
    inland = np.flatnonzero(rivers.downstream >= 0)
    assert inland.size > 30_000
    assert np.all(rivers.coastal[inland] == 0)
    after = rivers.downstream[inland]
    further = rivers.downstream[after] >= 0
    assert np.all(rivers.level[inland][further] > rivers.level[after][further])
    assert np.all(rivers.level[inland] > 0.0)
    assert np.all(rivers.discharge[after] >= rivers.discharge[inland])
    at = inland
    for _ in range(2000):
        at = np.where(rivers.downstream[at] >= 0, rivers.downstream[at], at)
    assert np.all(rivers.coastal[at] == 1)


def test_the_largest_rivers_are_as_large_as_real_ones(rivers: Rivers) -> None:
    # Amazon about 170,000 to 210,000 m3/s; all land together 1.2 million m3/s, 38,000 km3 a year
    # (Dai and Trenberth 2002, doi:10.1175/1525-7541(2002)003<0660:EOFDFC>2.0.CO;2).
    assert 3e4 < np.nanmax(rivers.discharge) < 3e5
    coast = rivers.coastal == 1
    assert 0.5e6 < rivers.discharge[coast].sum() < 2.5e6
    dry = runoff(np.array([100.0, 1000.0, 3000.0]), np.array([25.0, 10.0, 25.0]))
    assert dry[0] < 1.0
    assert 250.0 < dry[1] < 550.0
    assert 1500.0 < dry[2] < 2200.0
    assert np.all(runoff(np.array([500.0]), np.array([-20.0])) == 0.0)


def test_rivers_of_a_cell_run_down_and_keep_their_water(macro: MacroModel, rivers: Rivers) -> None:
    for cell in some_cells(rivers, 25):
        tree = tree_of(macro, rivers, cell)
        assert tree.flow.order.size == tree.lon.size
        down = tree.flow.parent
        moving = down >= 0
        assert np.all(tree.level[moving] > tree.level[down[moving]])
        assert np.all(tree.discharge[down[moving]] >= tree.discharge[moving])
        way_out = rivers.exit(cell)
        assert way_out is not None
        gone = np.flatnonzero(~moving)
        assert gone.size == 1
        assert tree.level[gone[0]] == way_out.level
        assert tree.discharge[gone[0]] == pytest.approx(way_out.discharge, rel=1e-9, abs=1e-9)


def test_no_two_rivers_of_a_cell_cross(macro: MacroModel, rivers: Rivers) -> None:
    import shapely

    for cell in some_cells(rivers, 4, least=50.0):
        tree = tree_of(macro, rivers, cell)
        inner = np.flatnonzero(tree.flow.parent[: 63 * 63] >= 0)
        inner = inner[tree.flow.parent[inner] < 63 * 63]
        down = tree.flow.parent[inner]
        ends = np.stack((tree.lon[inner], tree.lat[inner], tree.lon[down], tree.lat[down]), axis=-1)
        lines = shapely.linestrings(ends.reshape(-1, 2, 2))
        a, b = shapely.STRtree(lines).query(lines, predicate="crosses")
        assert a.size == 0, (cell, ends[a[:1]], ends[b[:1]])


def ends_at(pieces: Pieces, lon: float, lat: float, end: int) -> NDArray[np.int64]:
    near = np.hypot((pieces.lon[end] - lon + 180) % 360 - 180, pieces.lat[end] - lat)
    return np.flatnonzero(near < 1e-9)


def test_cells_agree_on_the_rivers_between_them(macro: MacroModel, rivers: Rivers) -> None:
    found = 0
    for cell in some_cells(rivers, 12, least=2.0):
        way_out, after = rivers.exit(cell), int(rivers.downstream[cell])
        assert way_out is not None
        above = pieces_of(tree_of(macro, rivers, cell))
        below = pieces_of(tree_of(macro, rivers, after))
        last, first = (
            ends_at(above, way_out.lon, way_out.lat, 1),
            ends_at(below, way_out.lon, way_out.lat, 0),
        )
        assert last.size == first.size == 1
        assert above.level[1, last[0]] == pytest.approx(below.level[0, first[0]], abs=1e-9)
        assert above.half[1, last[0]] == pytest.approx(below.half[0, first[0]], rel=0.05)
        assert below.half[0, first[0]] == pytest.approx(width_of(np.array(way_out.discharge)) / 2)
        found += 1
    assert found == 12


def test_a_river_widens_on_its_way_to_the_sea(rivers: Rivers) -> None:
    at = int(np.argmax(np.where(rivers.downstream >= 0, rivers.discharge, 0.0)))
    widths = []
    while True:
        up = rivers.upstream[rivers.starts[at] : rivers.starts[at + 1]]
        if not up.size:
            break
        widths.append(float(width_of(rivers.discharge[[at]])[0]))
        at = int(up[np.argmax(rivers.discharge[up])])
    assert len(widths) > 20
    assert np.all(np.diff(widths) <= 0.0)
    assert widths[0] > 1500.0


def test_catchments_are_spread_as_on_earth(macro: MacroModel, rivers: Rivers) -> None:
    """Sizes of catchments follow a power law, P(A > a) ~ a^-0.43 (Rodriguez-Iturbe et al. 1992, doi:10.1029/91WR03033).

    The lattice ends at 3,000 km2, which steepens the tail, so that the range allowed is wider than theirs (+-0.03).
    """
    sizes = []
    for cell in some_cells(rivers, 20):
        tree = tree_of(macro, rivers, cell)
        own = np.zeros(tree.lon.size)
        own[: 63 * 63] = 1.0
        sizes.append(gather(tree.flow, own)[: 63 * 63])
    size = np.concatenate(sizes)
    steps = np.array([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
    exceed = np.array([(size >= step).mean() for step in steps])
    slope = np.polyfit(np.log(steps), np.log(exceed), 1)[0]
    assert -0.65 < slope < -0.35


def river_places(rivers: Rivers, count: int, least: float) -> list[tuple[float, float]]:
    cells = [cell for cell in some_cells(rivers, 6 * count, least) if abs(rivers.lat[cell]) < 75.0]
    return [(float(rivers.lon[cell]), float(rivers.lat[cell])) for cell in cells[:count]]


def test_water_lies_below_its_banks(model: GroundModel, rivers: Rivers) -> None:
    shores = 0
    for lon, lat in river_places(rivers, 12, least=5.0):
        found = region(model, lon, lat, blocks=5)
        water, sea = (found.wet > 0.0) & (found.sea < 0.5), found.sea > 0.5
        for axis in (0, 1):
            for step in (1, -1):
                beside = np.roll(found.elevation, step, axis)
                shore = water & ~np.roll(water | sea, step, axis)
                edge = [slice(None)] * 2
                edge[axis] = slice(1, None) if step == 1 else slice(None, -1)
                inside = np.zeros_like(shore)
                inside[tuple(edge)] = True
                shore &= inside
                assert np.all(beside[shore] >= found.elevation[shore]), (lon, lat)
                shores += int(shore.sum())
    assert shores > 3_000


def test_pixels_of_a_river_fall_along_its_course(model: GroundModel, macro: MacroModel, rivers: Rivers) -> None:
    """Followed from pixel to pixel by its own course, the water never rises."""
    walked = 0
    for cell in some_cells(rivers, 8, least=400.0):
        pieces = model.terrain.drainage.cell(cell).rivers
        wide = np.flatnonzero(pieces.half[0] > 60.0)
        assert wide.size
        assert np.all(pieces.level[0, wide] >= pieces.level[1, wide] - 1e-9)
        field, _ = model.terrain.drainage.field(pieces.lon[:, wide], pieces.lat[:, wide])
        assert np.all(field.inside > 50.0)
        np.testing.assert_array_less(field.level, pieces.level[:, wide] + 1e-6)
        walked += wide.size
    assert walked > 100


def test_lakes_are_level_and_let_water_through(model: GroundModel, rivers: Rivers) -> None:
    passed = seen = 0
    for cell in some_cells(rivers, 60, least=20.0):
        water = model.terrain.drainage.cell(cell)
        assert np.all(water.rivers.level[0] >= water.rivers.level[1] - 1e-9)
        for lake in water.lakes:
            seen += 1
            inside = lake.distance(water.rivers.lon, water.rivers.lat) < 1.3
            assert np.all(water.rivers.level[inside] == lake.level)
            passed += bool(inside.any())
            assert lake.level > 0.5
    assert seen > 50
    assert passed >= 5


def test_places_do_not_depend_on_which_cell_was_looked_at_first(rivers: Rivers) -> None:
    lon, lat = river_places(rivers, 1, least=100.0)[0]
    lons, lats = np.meshgrid(np.linspace(lon - 0.02, lon + 0.02, 40), np.linspace(lat - 0.02, lat + 0.02, 40))
    one, other = GroundModel(0).terrain.drainage, GroundModel(0).terrain.drainage
    other.field(lons + 0.6, lats + 0.3)
    whole, _ = one.field(lons, lats)
    part, _ = other.field(lons[10:25, 5:30], lats[10:25, 5:30])
    for name in ("inside", "half", "level", "bank", "valley"):
        np.testing.assert_array_equal(getattr(whole, name)[10:25, 5:30], getattr(part, name))


def test_cells_cover_the_globe() -> None:
    grid = cell_grid()
    lon, lat = grid.centre()
    np.testing.assert_array_equal(grid.number(lon, lat), np.arange(grid.count))
    assert grid.area_km2(np.arange(grid.count)).sum() == pytest.approx(5.1e8, rel=0.01)
    edges = grid.edges()
    west, south, width = grid.corner(edges.first)
    middle_lon, middle_lat = (edges.west + edges.east) / 2, (edges.south + edges.north) / 2
    assert np.all(((middle_lon - west) % 360.0 <= width + 1e-9) & (middle_lat >= south) & (middle_lat <= south + 0.5))
    assert grid.number(np.array([179.999, -180.0]), np.array([0.1, 0.1])).tolist() == [
        grid.number(np.array([179.999]), np.array([0.1]))[0],
        grid.number(np.array([-180.0]), np.array([0.1]))[0],
    ]


def test_a_tree_names_its_cell(macro: MacroModel, rivers: Rivers) -> None:
    cell = some_cells(rivers, 1)[0]
    tree = tree_of(macro, rivers, cell)
    assert isinstance(tree, Tree)
    assert tree.cell == cell
    assert tree.lift().shape == (65, 65)
    assert np.all(tree.lift()[[0, -1]] == 0.0)
