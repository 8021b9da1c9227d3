"""Pixel requests: grid parsing, limits, rendering in blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.raster.context import RenderContext
from geomeld_build.emulator.raster.coords import check_crs
from geomeld_build.emulator.raster.grid import Grid, compose
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import Transform

__all__ = ["Rendered", "check_limits", "parse_grid", "render_bands", "requested_bands"]

_BLOCK_BYTES = 128 * 2**20
_NODES_PER_BAND = 10


class Rendered:
    """Rendered bands.

    Attributes:
        grid: where they lie.
        names: band names.
        values: per band, ``(h, w)`` in the band's own dtype, masked pixels 0.
        valid: per band, ``(h, w)`` bool.
    """

    def __init__(self, grid: Grid, bands: Sequence[Band]) -> None:
        self.grid = grid
        self.names = [band.name for band in bands]
        shape = (grid.height, grid.width)
        self.values: list[NDArray[Any]] = [np.zeros(shape, dtype=band.type.numpy()) for band in bands]
        self.valid: list[NDArray[np.bool_]] = [np.zeros(shape, dtype=bool) for _ in bands]


def requested_bands(image: Image, names: Sequence[str] | None) -> list[Band]:
    """The bands of ``bandIds``, or all.

    Raises:
        ServiceError: a band does not exist, or there is none.
    """
    try:
        bands = [image.band(name) for name in names] if names else list(image.bands)
    except EvalError as exc:
        raise ServiceError(f"Image.select: {exc}") from exc
    if not bands:
        raise ServiceError("Image has no bands.")
    return bands


def parse_grid(body: Mapping[str, Any] | None, bands: Sequence[Band]) -> Grid:
    """The grid of a request body; parts left out come from the first band.

    Raises:
        ServiceError: it is incomplete or malformed.
    """
    body = body or {}
    first = bands[0]
    crs = str(body.get("crsCode") or body.get("crsWkt") or first.lattice.crs)
    try:
        check_crs(crs)
    except EvalError as exc:
        raise ServiceError(str(exc)) from exc
    affine = body.get("affineTransform")
    transform = _affine(affine) if affine else first.lattice.transform
    size = body.get("dimensions")
    if size is None:
        if first.size is None or affine:
            raise ServiceError("Invalid argument: the request's grid has no dimensions, and the image is unbounded.")
        width, height = first.size
    else:
        width, height = int(size.get("width", 0)), int(size.get("height", 0))
    if width <= 0 or height <= 0:
        raise ServiceError(f"Invalid argument: grid dimensions must be positive, found {width}x{height}.")
    return Grid(crs, transform, width, height)


def _affine(body: Mapping[str, Any]) -> Transform:
    keys = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    a, b, c, d, e, f = (float(body.get(key, 0.0)) for key in keys)
    if a * e - b * d == 0:
        raise ServiceError(f"Invalid argument: affineTransform {dict(body)} is degenerate.")
    return a, b, c, d, e, f


def check_limits(grid: Grid, bands: Sequence[Band], limits: LimitSettings) -> None:
    """Refuse what the service refuses.

    Raises:
        ServiceError: too many pixels, bands or bytes.
    """
    if max(grid.width, grid.height) > limits.side:
        raise ServiceError(
            f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal to {limits.side}."
        )
    if len(bands) > limits.bands:
        raise ServiceError(f"Number of bands ({len(bands)}) must be less than or equal to {limits.bands}.")
    size = grid.width * grid.height * sum(np.dtype(band.type.numpy()).itemsize for band in bands)
    if size > limits.pixel_bytes:
        raise ServiceError(
            f"Total request size ({size} bytes) must be less than or equal to {limits.pixel_bytes} bytes."
        )


def render_bands(ctx: RenderContext, bands: Sequence[Band], grid: Grid) -> Rendered:
    """All bands on a grid, in blocks that keep intermediate arrays small."""
    out = Rendered(grid, bands)
    pixels = max(4096, _BLOCK_BYTES // (8 * _NODES_PER_BAND * len(bands)))
    side = max(64, int(pixels**0.5))
    if grid.width * grid.height <= pixels:
        _render_block(ctx, bands, grid, out, 0, 0)
        return out
    for row in range(0, grid.height, side):
        for column in range(0, grid.width, side):
            rows, columns = min(row + side, grid.height), min(column + side, grid.width)
            _render_block(ctx, bands, grid.window(row, rows, column, columns), out, row, column)
            ctx.forget()
    return out


def _render_block(ctx: RenderContext, bands: Sequence[Band], grid: Grid, out: Rendered, row: int, column: int) -> None:
    place = np.s_[row : row + grid.height, column : column + grid.width]
    for band, target, valid in zip(bands, out.values, out.valid, strict=True):
        values, mask = ctx.render(band.node, grid)
        if target.dtype.kind in "iu" and values.dtype.kind == "f":
            limits = np.iinfo(target.dtype)
            values = np.clip(np.trunc(np.nan_to_num(values)), float(limits.min), float(limits.max))
        if mask is None:
            target[place] = values
            valid[place] = True
        else:
            there = mask > 0
            target[place] = np.where(there, values, 0)
            valid[place] = there


def scaled_grid(grid: Grid, width: int, height: int) -> Grid:
    """The same extent with another number of pixels."""
    stretch = (grid.width / width, 0.0, 0.0, 0.0, grid.height / height, 0.0)
    return replace(grid, transform=compose(grid.transform, stretch), width=width, height=height)
