"""Statistics of the pixels in a region.

Weighted reducers count a pixel by the share of it that the region covers times its mask; unweighted reducers take the
pixels whose centre lies inside, with any mask. A point takes the pixel that contains it.
"""

# ruff: noqa: ARG001 - argument lists are those of the service's signatures
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.coerce import as_geometry
from geomeld_build.emulator.functions.images import with_scale
from geomeld_build.emulator.functions.reducers import Reducer, apply_reducer
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.raster.grid import Grid, invert
from geomeld_build.emulator.session import Session
from geomeld_build.emulator.values import Feature, Geometry, Projection, Transform

__all__: list[str] = []

Array = NDArray[Any]
_LEAST_SHARE = 0.005
"""Pixels covered by less than this do not count, as documented by the service."""


def _pixel_shape(shape: BaseGeometry, transform: Transform) -> BaseGeometry:
    """A shape in pixel coordinates of a lattice."""
    a, b, c, d, e, f = invert(transform)

    def move(points: Array) -> Array:
        x, y = points[:, 0], points[:, 1]
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])

    return shapely.transform(shape, move)


def _window(lattice: Projection, shape: BaseGeometry, most: float, best_effort: bool) -> tuple[Projection, Grid]:
    """The lattice, coarsened when allowed and needed, and the part of it that the shape touches."""
    while True:
        west, north, east, south = _pixel_shape(shape, lattice.transform).bounds
        col0, row0 = math.floor(west), math.floor(north)
        width, height = max(1, math.ceil(east) - col0), max(1, math.ceil(south) - row0)
        if width * height <= most:
            grid = Grid(lattice.crs, lattice.transform, 1, 1)
            return lattice, grid.window(row0, row0 + height, col0, col0 + width)
        if not best_effort:
            raise EvalError(
                f"Too many pixels in the region. Found {width * height}, but maxPixels allows only {int(most)}.\n"
                "Ensure that you are not aggregating at a higher resolution than you intended; that is the most "
                "frequent cause of this error. If not, then you may set the 'maxPixels' argument to a limit suitable "
                "for your computation; set 'bestEffort' to true to aggregate at whatever scale results in 'maxPixels' "
                "total pixels; or both."
            )
        a, b, c, d, e, f = lattice.transform
        factor = max(1.01, math.sqrt(width * height / most))
        lattice = Projection(lattice.crs, (a * factor, b * factor, c, d * factor, e * factor, f))


def _shares(shape: BaseGeometry, grid: Grid) -> tuple[Array, Array]:
    """Covered share of each pixel ``(h, w)``, and whether its centre is inside."""
    pixels = _pixel_shape(shape, grid.transform)
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width]
    if pixels.area == 0:
        boxes = shapely.box(columns, rows, columns + 1, rows + 1)
        touched = shapely.intersects(boxes, pixels)
        if touched.any() and pixels.geom_type == "Point":
            first = np.zeros_like(touched)
            column, row = math.floor(pixels.x), math.floor(pixels.y)
            first[min(max(row, 0), grid.height - 1), min(max(column, 0), grid.width - 1)] = True
            touched = first
        return touched.astype(np.float64), touched
    shapely.prepare(pixels)
    centre = shapely.intersects_xy(pixels, columns + 0.5, rows + 0.5)
    boxes = shapely.box(columns, rows, columns + 1, rows + 1)
    share = np.where(shapely.covers(pixels, boxes), 1.0, 0.0)
    edge = (share == 0) & shapely.intersects(pixels, boxes)
    share[edge] = shapely.area(shapely.intersection(boxes[edge], pixels))
    return np.where(share >= _LEAST_SHARE, share, 0.0), centre


def _reduce(
    session: Session, image: Image, reducer: Reducer, region: Geometry, lattice: Projection, most: float, best: bool
) -> dict[str, Any]:
    shape = geo.in_crs(region, lattice.crs)
    if shape.is_empty:
        return {name: None for band in image.bands for name in _names(band.name, {"": None})}
    _, grid = _window(lattice, shape, most, best)
    share, centre = _shares(shape, grid)
    out: dict[str, Any] = {}
    for band in image.bands:
        values, weights = _weighted(session, band, grid, share if reducer.weighted else centre.astype(np.float64))
        out.update(_names(band.name, apply_reducer(reducer, values, weights)))
    return out


def _weighted(session: Session, band: Band, grid: Grid, share: Array) -> tuple[Array, Array]:
    values, mask = session.render.render(band.node, grid)
    weights = share if mask is None else share * np.broadcast_to(mask, share.shape)
    chosen = weights > 0
    return np.broadcast_to(values, share.shape)[chosen], weights[chosen]


def _names(band: str, found: dict[str, Any]) -> dict[str, Any]:
    """Outputs under the name of the band, with a suffix when there are several."""
    if set(found) == {""}:
        return {band: found[""]}
    return {f"{band}_{suffix}": value for suffix, value in found.items()}


def _lattice(image: Image, scale: float | None, crs: Projection | None, transform: list[float] | None) -> Projection:
    if not image.bands:
        raise EvalError("Image has no bands.")
    base = crs or image.bands[0].lattice
    if transform is None and scale is None:
        return base
    return with_scale(base, transform, scale)


@function("Image.reduceRegion", session=True)
def reduce_region(
    session: Session,
    image: Image,
    reducer: Reducer,
    region: Geometry | None,
    scale: float | None,
    crs: Projection | None,
    transform: list[float] | None,
    best_effort: bool,
    most: int,
    tile_scale: float,
) -> dict[str, Any]:
    """One statistic per band."""
    found = region or image.geometry
    if found is None:
        raise EvalError("Provide 'geometry' parameter when aggregating over an unbounded image.")
    return _reduce(session, image, reducer, found, _lattice(image, scale, crs, transform), most, best_effort)


@function("Image.reduceRegions", session=True)
def reduce_regions(
    session: Session,
    image: Image,
    collection: Collection,
    reducer: Reducer,
    scale: float | None,
    crs: Projection | None,
    transform: list[float] | None,
    tile_scale: float,
    most: int | None,
) -> Collection:
    """Every feature with the statistics of its region; an image of one band names them by the reducer."""
    lattice = _lattice(image, scale, crs, transform)
    single = len(image.bands) == 1

    def reduced(feature: Feature) -> Feature:
        found = _reduce(session, image, reducer, as_geometry(feature), lattice, most or 1e12, False)
        if single:
            prefix = image.bands[0].name
            found = {_single(key, prefix, reducer): value for key, value in found.items()}
        kept = {key: value for key, value in found.items() if value is not None}
        return replace(feature, properties={**feature.properties, **kept})

    return Collection(
        lambda _: (reduced(item) for item in collection.iterate() if isinstance(item, Feature)), images=False
    )


def _single(key: str, prefix: str, reducer: Reducer) -> str:
    return reducer.output if key == prefix else key.removeprefix(f"{prefix}_")
