"""Maps of the whole Earth in the Equal Earth projection (Savric, Patterson and Jenny 2018): equal areas look equal.

Points are counted in squares of the projected plane, which all have the same area on the ground.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from pyproj import Transformer

from geomeld_build.pictures.frames.style import GRID, INK, LAND, PALETTE, SPLIT_COLOURS, new_figure, short_number

__all__ = ["bin_km", "coastlines", "count_bins", "density_map", "project_equal_earth", "split_map"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_PROJECTION = "+proj=eqearth +datum=WGS84"
_HALF_WIDTH_M, _HALF_HEIGHT_M = 17_300_000.0, 8_450_000.0
"""A little more than the projected Earth: 17,243,959 by 8,392,928 m."""
_COARSE_KM, _FINE_KM, _MANY = 100.0, 50.0, 500_000
_FEW = 500
"""Points that are drawn one by one."""
_STEP_DEG = 1.0
_INSET_DEG = (10.0, 9.0)


@lru_cache(maxsize=1)
def _transformer() -> Transformer:
    return Transformer.from_crs("EPSG:4326", _PROJECTION, always_xy=True)


def project_equal_earth(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Metres east and north of points in degrees; any shape."""
    x, y = _transformer().transform(lon, lat)
    return np.asarray(x), np.asarray(y)


def bin_km(points: int) -> float:
    """Side of the squares in which so many points are counted: about a degree, half of it for large frames."""
    return _FINE_KM if points >= _MANY else _COARSE_KM


def count_bins(x: Floats, y: Floats, side_km: float) -> Counts:
    """Points in each square, ``(row, column)`` from the south-west corner.

    Args:
        x: projected metres, ``(point,)``.
        y: the same shape.
        side_km: of a square.
    """
    columns, rows = (int(np.ceil(2 * half / (side_km * 1000))) for half in (_HALF_WIDTH_M, _HALF_HEIGHT_M))
    column = ((x + _HALF_WIDTH_M) // (side_km * 1000)).astype(np.int64)
    row = ((y + _HALF_HEIGHT_M) // (side_km * 1000)).astype(np.int64)
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)


def coastlines(path: Path | None) -> list[Floats]:
    """Rings of a GeoParquet file of countries in lon/lat, each ``(vertex, 2)``; none without a file."""
    if path is None or not path.is_file():
        return []
    metadata = pq.read_schema(path).metadata or {}
    column = json.loads(metadata.get(b"geo", b"{}")).get("primary_column", "geometry")
    shapes = shapely.from_wkb(pq.read_table(path, columns=[column]).column(column).to_pylist())
    parts = shapely.get_parts(shapely.get_parts(shapes))
    rings = shapely.get_rings(parts)
    # Straight edges in degrees are curves on the map, long ones visibly so.
    return [shapely.get_coordinates(ring) for ring in shapely.segmentize(rings, _STEP_DEG)]


def density_map(
    lon: Floats, lat: Floats, title: str, countries: Path | None = None, *, what: str = "anchors"
) -> Figure:
    """Points per square on a logarithmic colour scale; a few hundred points, which squares would hide, as dots.

    Args:
        lon: degrees, ``(point,)``, at least one.
        lat: the same shape.
        title: of the picture.
        countries: GeoParquet of polygons whose outlines are drawn; None draws none.
        what: the points are.
    """
    side = bin_km(len(lon))
    x, y = project_equal_earth(lon, lat)
    counts = count_bins(x, y, side)
    figure = new_figure(11.0, 5.9)
    axes = _world_axes(figure.add_subplot(), title, countries)
    if len(lon) <= _FEW:
        axes.scatter(x, y, s=26, color=PALETTE[5], edgecolor="white", linewidth=0.6, zorder=3)
        return figure
    most = int(counts.max())
    norm = LogNorm(1, max(most, 10))
    image = axes.imshow(
        np.ma.masked_equal(counts, 0), origin="lower", extent=_extent(counts.shape, side), norm=norm, zorder=2,
        cmap="viridis_r", interpolation="nearest",
    )  # fmt: skip
    bar = figure.colorbar(image, ax=axes, orientation="horizontal", fraction=0.045, pad=0.02, aspect=45)
    bar.set_label(f"{what} in {side:g} × {side:g} km (most: {most:,})", fontsize=10, color=INK)
    bar.ax.tick_params(labelsize=9)
    bar.ax.xaxis.set_major_formatter(lambda value, _: short_number(value))
    return figure


def split_map(lon: Floats, lat: Floats, split: NDArray[Any], countries: Path | None = None) -> Figure:
    """The split that most anchors of each square have, and the densest area tile by tile.

    Args:
        lon: degrees, ``(point,)``, at least one.
        lat: the same shape.
        split: names, the same shape.
        countries: as in ``density_map``.
    """
    side = bin_km(len(lon)) / 2
    names = [name for name in SPLIT_COLOURS if (split == name).any()]
    x, y = project_equal_earth(lon, lat)
    stack = np.stack([count_bins(x[split == name], y[split == name], side) for name in names])
    winner = np.ma.masked_where(stack.sum(axis=0) == 0, stack.argmax(axis=0))
    figure = new_figure(13.0, 5.2)
    world, near = figure.subplots(1, 2, width_ratios=(2.35, 1))
    _world_axes(world, "Splits", countries)
    if len(lon) <= _FEW:
        colours = [SPLIT_COLOURS[str(name)] for name in split]
        world.scatter(x, y, s=26, color=colours, edgecolor="white", linewidth=0.6, zorder=3)
    else:
        world.imshow(
            winner, origin="lower", extent=_extent(winner.shape, side), zorder=2, interpolation="nearest",
            cmap=ListedColormap([SPLIT_COLOURS[name] for name in names]), vmin=-0.5, vmax=len(names) - 0.5,
        )  # fmt: skip
    patches = [Patch(color=SPLIT_COLOURS[name], label=f"{name} {np.mean(split == name):.1%}") for name in names]
    world.legend(
        handles=patches, ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, 0.01), frameon=False, fontsize=10
    )
    box = _densest(lon, lat)
    _draw_near(near, lon, lat, split, box)
    world.add_collection(LineCollection([_frame(*box)], colors="black", linewidths=1.4, zorder=4))
    return figure


def _densest(lon: Floats, lat: Floats) -> tuple[float, float, float, float]:
    """West, south, east, north of the box of some degrees that has most points."""
    wide, high = _INSET_DEG
    column, row = np.floor((lon + 180) / wide), np.floor((lat + 90) / high)
    boxes, counts = np.unique(row * 1000 + column, return_counts=True)
    row_found, column_found = divmod(float(boxes[counts.argmax()]), 1000.0)
    west, south = column_found * wide - 180, row_found * high - 90
    return west, south, west + wide, south + high


def _draw_near(axes: Axes, lon: Floats, lat: Floats, split: NDArray[Any], box: tuple[float, ...]) -> None:
    west, south, east, north = box
    inside = (lon >= west) & (lon < east) & (lat >= south) & (lat < north)
    size = float(np.clip(4000 / max(int(inside.sum()), 1), 0.3, 5.0))
    for name, colour in SPLIT_COLOURS.items():
        mine = inside & (split == name)
        axes.scatter(lon[mine], lat[mine], s=size, color=colour, linewidths=0, zorder=3 if name == "guard" else 2)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(1 / np.cos(np.radians((south + north) / 2)))
    axes.set_title("Framed area: one dot an anchor", loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.tick_params(labelsize=9)
    axes.set_xlabel("longitude", fontsize=9)
    axes.set_ylabel("latitude", fontsize=9)


def _world_axes(axes: Axes, title: str, countries: Path | None) -> Axes:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlim(-_HALF_WIDTH_M, _HALF_WIDTH_M)
    axes.set_ylim(-_HALF_HEIGHT_M, _HALF_HEIGHT_M)
    axes.set_aspect("equal")
    axes.set_axis_off()
    rings = [np.column_stack(project_equal_earth(ring[:, 0], ring[:, 1])) for ring in coastlines(countries)]
    axes.add_collection(PolyCollection(rings, facecolors=LAND, edgecolors="none", zorder=0))
    axes.add_collection(LineCollection(list(_graticule()), colors=GRID, linewidths=0.6, zorder=1))
    axes.add_collection(LineCollection(rings, colors="#8a8a8a", linewidths=0.35, zorder=3))
    axes.add_collection(
        LineCollection([_frame(-180.0, -90.0, 180.0, 90.0)], colors="#8a8a8a", linewidths=0.9, zorder=3)
    )
    for lat in (-60, -30, 0, 30, 60):
        x, y = project_equal_earth(np.array([-180.0]), np.array([float(lat)]))
        text = "0°" if lat == 0 else f"{abs(lat)}°{'N' if lat > 0 else 'S'}"
        axes.text(float(x[0]) - 150_000, float(y[0]), text, size=8, ha="right", va="center", color="#666666")
    return axes


def _graticule() -> Iterator[Floats]:
    along = np.arange(-90.0, 90.5, _STEP_DEG)
    for lon in range(-150, 180, 30):
        yield np.column_stack(project_equal_earth(np.full_like(along, lon), along))
    around = np.arange(-180.0, 180.5, _STEP_DEG)
    for lat in range(-60, 90, 30):
        yield np.column_stack(project_equal_earth(around, np.full_like(around, lat)))


def _frame(west: float, south: float, east: float, north: float) -> Floats:
    """Outline of a box in degrees on the map, ``(vertex, 2)``, closed."""
    up, right = (np.arange(low, high + _STEP_DEG / 2, _STEP_DEG) for low, high in ((south, north), (west, east)))
    lon = np.concatenate([np.full_like(up, east), right[::-1], np.full_like(up, west), right])
    lat = np.concatenate([up, np.full_like(right, north), up[::-1], np.full_like(right, south)])
    return np.column_stack(project_equal_earth(lon, lat))


def _extent(shape: tuple[int, ...], side_km: float) -> tuple[float, float, float, float]:
    height, width = (count * side_km * 1000 for count in shape)
    return -_HALF_WIDTH_M, width - _HALF_WIDTH_M, -_HALF_HEIGHT_M, height - _HALF_HEIGHT_M
