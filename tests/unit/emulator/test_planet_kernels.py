"""Compiled loops of the planet against the array formulas that they stand for."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geomeld_build.emulator.worlds import planet
from geomeld_build.emulator.worlds.planet.ground.frames import cells_of, subdivide
from geomeld_build.emulator.worlds.planet.ground.lattice import refine

Array = NDArray[np.float64]


def points(count: int) -> tuple[Array, Array]:
    """Lon/lat degrees, some beyond 180, some on the borders of bands."""
    rng = np.random.default_rng(count)
    lon, lat = rng.uniform(-190, 190, count), rng.uniform(-89.99, 89.99, count)
    lat[::10] = np.rint(lat[::10] / 2) * 2 * 0.99999
    return lon, lat


@pytest.mark.parametrize("size_km", [9.0, 12.0, 0.7])
def test_cells_equal_the_formula(size_km: float) -> None:
    lon, lat = points(3000)
    cells = cells_of(lon.reshape(60, 50), lat.reshape(60, 50), size_km)
    band = np.floor(lat / 2.0)
    circumference = 360.0 * 111.2 * np.maximum(np.cos(np.radians(2.0 * band + 1.0)), 0.01)
    columns, rows = np.maximum(np.rint(circumference / size_km), 3.0), max(1.0, round(2.0 * 111.2 / size_km))
    u, v = (lon + 180.0) % 360.0 / 360.0 * columns, (lat / 2.0 - band) * rows
    for found, expected in (
        (cells.band, band),
        (cells.column, np.floor(u)),
        (cells.row, np.floor(v)),
    ):
        np.testing.assert_array_equal(found.ravel(), expected)
    np.testing.assert_allclose(cells.x.ravel(), (u - np.floor(u) - 0.5) * circumference / columns * 1e3, atol=1e-6)
    np.testing.assert_allclose(cells.y.ravel(), (v - np.floor(v) - 0.5) * 2.0 * 111.2 / rows * 1e3, atol=1e-6)


def test_parts_of_cells_lie_where_the_cells_lie() -> None:
    lon, lat = points(2000)
    cells = cells_of(lon, lat, 12.0)
    parts = subdivide(cells, 4)
    np.testing.assert_array_equal(parts.column // 4, cells.column)
    np.testing.assert_array_equal(parts.row // 4, cells.row)
    np.testing.assert_array_equal(parts.band, cells.band)
    np.testing.assert_allclose((parts.column % 4 + 0.5 - 2.0) * parts.width + parts.x, cells.x, atol=1e-6)
    np.testing.assert_allclose((parts.row % 4 + 0.5 - 2.0) * parts.height + parts.y, cells.y, atol=1e-6)
    assert (np.abs(parts.x) <= parts.width / 2 + 1e-6).all()


@pytest.mark.parametrize(
    ("size", "source", "target"), [(60, 10, 0), (60, 10, 2), (60, 2, 0), (60, 1, 0), (240, 60, 10)]
)
def test_finer_nodes_equal_the_formula(size: int, source: int, target: int) -> None:
    """Catmull-Rom splines as dense matrices; the outermost nodes are padding."""
    pad, halo = 3, 1
    nodes = size // source + 2 * pad + 1
    if target:
        position = (np.arange(size // target + 2 * pad + 1) - pad) * target / source
    else:
        position = (np.arange(size + 2 * halo) - halo + 0.5) / source
    position = np.clip(position + pad, 1.0, nodes - 2.0 - 1e-9)
    left = np.floor(position).astype(int)
    t, rows, matrix = position - left, np.arange(position.size), np.zeros((position.size, nodes))
    matrix[rows, left - 1] = (-t + 2 * t**2 - t**3) / 2
    matrix[rows, left] = (2 - 5 * t**2 + 3 * t**3) / 2
    matrix[rows, left + 1] = (t + 4 * t**2 - 3 * t**3) / 2
    matrix[rows, left + 2] = (t**3 - t**2) / 2
    field = np.random.default_rng(size + source).normal(0, 1, (2, 3, nodes, nodes))
    np.testing.assert_allclose(refine(field, size, source, target), matrix @ field @ matrix.T, atol=1e-12)


def kernel_modules() -> list[Path]:
    """Modules of the planet that define compiled functions."""
    found = [path for path in Path(planet.__path__[0]).rglob("*.py") if "@kernel" in path.read_text(encoding="utf-8")]
    assert len(found) > 3
    return found


def names_in(*nodes: ast.AST) -> set[str]:
    return {name.id for node in nodes for name in ast.walk(node) if isinstance(name, ast.Name)}


@pytest.mark.parametrize("path", kernel_modules(), ids=lambda path: path.stem)
def test_kernels_use_nothing_of_another_module(path: Path) -> None:
    # A cached kernel is compared with its own file only: it would go on with the old value.
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [n for n in tree.body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("geomeld_build")]
    foreign = {alias.asname or alias.name for statement in imports for alias in statement.names}
    for assigned in [n for n in tree.body if isinstance(n, ast.Assign)]:  # constants made from another module's
        if foreign & names_in(assigned.value):
            foreign |= names_in(*assigned.targets)
    for function in [n for n in tree.body if isinstance(n, ast.FunctionDef)]:
        marks = {mark.id for mark in function.decorator_list if isinstance(mark, ast.Name)}
        if marks & {"kernel", "helper"}:
            used = names_in(*function.body)
            assert not used & foreign, f"{path.name}: {function.name} uses {used & foreign}"
