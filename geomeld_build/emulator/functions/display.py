"""Pictures: visualize, and the pixel grid of thumbnails and downloads."""

# ruff: noqa: ARG001 - argument lists are those of the service's signatures
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.functions.images import select_bands, with_scale
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.raster.grid import Grid, invert
from geomeld_build.emulator.raster.nodes import MapNode
from geomeld_build.emulator.values import Geometry, PixelType, Projection, Transform

__all__ = ["default_grid", "visualize_options"]

Array = NDArray[Any]
_BYTE = PixelType("int", 0, 255)
_NAMES = ("vis-red", "vis-green", "vis-blue")


def _numbers(value: Any, count: int, default: float) -> list[float]:
    if value is None:
        return [default] * count
    if isinstance(value, str):
        value = [float(part) for part in value.split(",")]
    items = [float(item) for item in value] if isinstance(value, list) else [float(value)]
    if len(items) == 1:
        return items * count
    if len(items) != count:
        raise EvalError(f"Expected 1 or {count} values, found {len(items)}.")
    return items


def _stretch(low: float, high: float, gamma: float) -> Any:
    span = high - low if high != low else 1.0

    def apply(values: Array) -> Array:
        share = np.clip((values.astype(np.float64) - low) / span, 0.0, 1.0)
        return np.floor(share ** (1.0 / gamma) * 255.0 + 0.5)

    return apply


def _ramp(colours: Array, low: float, high: float, channel: int) -> Any:
    def apply(values: Array) -> Array:
        span = high - low if high != low else 1.0
        share = np.clip((values.astype(np.float64) - low) / span, 0.0, 1.0)
        return np.floor(np.interp(share, np.linspace(0.0, 1.0, len(colours)), colours[:, channel]) + 0.5)

    return apply


def _palette(value: Any) -> Array:
    names = value.split(",") if isinstance(value, str) else list(value)
    try:
        from PIL import ImageColor

        hexes = [n if not _is_hex(n) else "#" + n.lstrip("#") for n in (str(name).strip() for name in names)]
        colours = [ImageColor.getrgb(name)[:3] for name in hexes]
    except ValueError as exc:
        raise EvalError(f"Palette {names} has a colour that is not understood: {exc}.") from exc
    return np.asarray(colours * 2 if len(colours) == 1 else colours, dtype=np.float64)


def _is_hex(text: str) -> bool:
    body = text.lstrip("#")
    return len(body) in (3, 6) and all(character in "0123456789abcdefABCDEF" for character in body)


@function("Image.visualize")
def visualize(
    image: Image,
    bands: Any,
    gain: Any,
    bias: Any,
    low: Any,
    high: Any,
    gamma: Any,
    opacity: float | None,
    palette: Any,
    force_rgb: bool,
) -> Image:
    """Red, green and blue bytes from one or three bands."""
    if opacity not in (None, 1, 1.0):
        raise EvalError("Argument 'opacity' is not emulated.")
    names = bands.split(",") if isinstance(bands, str) else bands
    chosen = select_bands(image, list(names)) if names else list(image.bands[: 3 if len(image.bands) >= 3 else 1])
    if len(chosen) not in (1, 3):
        raise EvalError(f"Must have 1 or 3 bands, found {len(chosen)}.")
    lows, highs = _range(chosen, gain, bias, low, high)
    if palette is not None:
        return _coloured(image, chosen, lows[0], highs[0], _palette(palette))
    gammas = _numbers(gamma, len(chosen), 1.0)
    planes = [
        replace(band, name=name, node=MapNode(_stretch(a, b, g), (band.node,)), type=_BYTE)
        for band, name, a, b, g in zip(
            chosen * (3 // len(chosen)), _NAMES, lows * 3, highs * 3, gammas * 3, strict=False
        )
    ]
    return image.with_bands(planes)


def _range(chosen: list[Band], gain: Any, bias: Any, low: Any, high: Any) -> tuple[list[float], list[float]]:
    count = len(chosen)
    if gain is not None or bias is not None:
        gains, biases = _numbers(gain, count, 1.0), _numbers(bias, count, 0.0)
        lows = [-b / g for g, b in zip(gains, biases, strict=True)]
        return lows, [a + 255.0 / g for a, g in zip(lows, gains, strict=True)]
    kinds = [band.type for band in chosen]
    lows = [kind.min if kind.is_int and kind.min is not None else 0.0 for kind in kinds]
    highs = [kind.max if kind.is_int and kind.max is not None else 1.0 for kind in kinds]
    return (
        lows if low is None else _numbers(low, count, 0.0),
        highs if high is None else _numbers(high, count, 1.0),
    )


def _coloured(image: Image, chosen: list[Band], low: float, high: float, colours: Array) -> Image:
    if len(chosen) != 1:
        raise EvalError("A palette needs exactly one band.")
    band = chosen[0]
    planes = [
        replace(band, name=name, node=MapNode(_ramp(colours, low, high, channel), (band.node,)), type=_BYTE)
        for channel, name in enumerate(_NAMES)
    ]
    return image.with_bands(planes)


def visualize_options(image: Image, options: Mapping[str, Any]) -> Image:
    """The ``visualizationOptions`` of a request.

    Raises:
        ServiceError: they do not fit the image.
    """
    ranges = options.get("ranges") or []
    palette = options.get("paletteColors")
    lows, highs = [item.get("min", 0.0) for item in ranges] or None, [item.get("max", 1.0) for item in ranges] or None
    gamma = (options.get("gamma") or {}).get("value")
    try:
        return visualize(image, None, None, None, lows, highs, gamma, options.get("opacity"), palette, False)
    except EvalError as exc:
        raise ServiceError(f"Image.visualize: {exc}") from exc


def default_grid(footprint: BaseGeometry | None, band: Band, *, most: int | None) -> Grid:
    """The grid of a request that names none: the band's own pixels inside the footprint.

    Args:
        footprint: lon/lat; None = unbounded.
        band: gives projection and pixel size.
        most: longest side in pixels; None = as many as there are.

    Raises:
        ServiceError: the image is unbounded.
    """
    lattice = band.lattice
    if band.size is not None:
        grid = Grid(lattice.crs, lattice.transform, *band.size)
    elif footprint is not None:
        grid = _cover(lattice, geo.in_crs(Geometry(footprint), lattice.crs))
    else:
        raise ServiceError("The image is unbounded: a region or dimensions are needed.")
    longest = max(grid.width, grid.height)
    if most is None or longest <= most:
        return grid
    width, height = (max(1, round(side * most / longest)) for side in (grid.width, grid.height))
    a, b, c, d, e, f = grid.transform
    x, y = grid.width / width, grid.height / height
    return Grid(grid.crs, (a * x, b * y, c, d * x, e * y, f), width, height)


def _cover(lattice: Projection, shape: BaseGeometry) -> Grid:
    """The lattice pixels that a shape touches."""
    a, b, c, d, e, f = invert(lattice.transform)
    points = shapely.get_coordinates(shape.envelope)
    u, v = a * points[:, 0] + b * points[:, 1] + c, d * points[:, 0] + e * points[:, 1] + f
    col0, row0 = math.floor(u.min() + 1e-6), math.floor(v.min() + 1e-6)
    width, height = math.ceil(u.max() - 1e-6) - col0, math.ceil(v.max() - 1e-6) - row0
    return Grid(lattice.crs, lattice.transform, 1, 1).window(row0, row0 + max(height, 1), col0, col0 + max(width, 1))


@function("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    image: Image,
    region: Geometry | None,
    width: int | None,
    height: int | None,
    longest: int | None,
    scale: float | None,
) -> Image:
    """The image inside the bounds of a region, on pixels of a given number or size."""
    if not image.bands:
        raise EvalError("Image has no bands.")
    lattice = image.bands[0].lattice
    if scale is not None:
        lattice = _rescaled(lattice, scale)
    if region is not None:
        shape = geo.in_crs(region, lattice.crs)
    elif image.footprint is not None:
        shape = geo.in_crs(Geometry(image.footprint), lattice.crs)
    else:
        raise EvalError("The image is unbounded: a geometry is needed.")
    grid = _cover(lattice, shape)
    sizes = _sizes(shape, grid, width, height, longest)
    if sizes is not None:
        grid = _fitted(lattice.crs, shape, lattice.transform, *sizes)
    return _on_grid(image, grid, None if region is None else geo.lonlat(Geometry(shape.envelope, lattice.crs)))


def _rescaled(lattice: Projection, scale: float) -> Projection:
    found = with_scale(lattice, None, scale)
    _, _, c, _, e, f = lattice.transform
    a, _, _, _, size, _ = found.transform
    return Projection(lattice.crs, (a, 0.0, c, 0.0, size if e < 0 else -size, f))


def _sizes(
    shape: BaseGeometry, grid: Grid, width: int | None, height: int | None, longest: int | None
) -> tuple[int, int] | None:
    west, south, east, north = shape.bounds
    ratio = (east - west) / (north - south) if north > south else grid.width / grid.height
    if longest is not None:
        width, height = (longest, None) if ratio >= 1 else (None, longest)
    if width is None and height is None:
        return None
    if width is None:
        width = max(1, round((height or 1) * ratio))
    return width, height or max(1, round(width / ratio))


def _fitted(crs: str, shape: BaseGeometry, like: Transform, width: int, height: int) -> Grid:
    """The bounds of a shape in exactly this many pixels, with the rows running as in another transform."""
    west, south, east, north = shape.bounds
    x, y = (east - west) / width, (north - south) / height
    if like[4] > 0:
        return Grid(crs, (x, 0.0, west, 0.0, y, south), width, height)
    return Grid(crs, (x, 0.0, west, 0.0, -y, north), width, height)


def _on_grid(image: Image, grid: Grid, shape: BaseGeometry | None) -> Image:
    def change(band: Band) -> Band:
        kept = band.footprint if shape is None else shape
        return replace(band, projection=grid.projection, size=(grid.width, grid.height), footprint=kept)

    out = image.with_bands([change(band) for band in image.bands])
    out.footprint = image.footprint if shape is None else shape
    return out
