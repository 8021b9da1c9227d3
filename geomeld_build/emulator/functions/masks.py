"""Masks, conditional replacement, clipping, remapping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.bands import union_type
from geomeld_build.emulator.functions.coerce import as_geometry
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image, broadcast_bands, constant_image
from geomeld_build.emulator.raster.context import Node, RenderContext
from geomeld_build.emulator.raster.grid import Grid
from geomeld_build.emulator.raster.nodes import (
    ClipNode,
    MaskNode,
    SetMaskNode,
    UnmaskNode,
    UpdateMaskNode,
    WhereNode,
    both_valid,
)
from geomeld_build.emulator.raster.resample import Pixels
from geomeld_build.emulator.values import PixelType

__all__: list[str] = []


def _for_each(image: Image, other: Image) -> list[tuple[Band, Band]]:
    if len(other.bands) == 1:
        return [(band, other.bands[0]) for band in image.bands]
    if len(other.bands) != len(image.bands):
        raise EvalError(
            f"The mask must have one band, or as many as the image: found {len(other.bands)} and {len(image.bands)}."
        )
    return list(zip(image.bands, other.bands, strict=True))


@function("Image.mask")
def mask(image: Image, new: Image | None) -> Image:
    """The mask as an image; or the image under a new mask."""
    if new is None:
        opacity = PixelType("float", 0, 1)
        return image.with_bands([replace(band, node=MaskNode(band.node), type=opacity) for band in image.bands])
    return image.with_bands([replace(b, node=SetMaskNode(b.node, m.node)) for b, m in _for_each(image, new)])


@function("Image.updateMask")
def update_mask(image: Image, new: Image) -> Image:
    """The image under a new mask where the old one is not zero."""
    return image.with_bands([replace(b, node=UpdateMaskNode(b.node, m.node)) for b, m in _for_each(image, new)])


@function("Image.selfMask")
def self_mask(image: Image) -> Image:
    """Masked where the value is zero."""
    return image.with_bands([replace(b, node=UpdateMaskNode(b.node, b.node)) for b in image.bands])


@function("Image.unmask")
def unmask(image: Image, value: Image | None, same_footprint: bool) -> Image:
    """Masked pixels filled; outside the footprint only with ``sameFootprint`` false."""
    fill = value or constant_image([0])
    bands = []
    for band, other in broadcast_bands(image, fill) if len(fill.bands) > 1 else _for_each(image, fill):
        footprint = band.footprint if same_footprint else None
        node = UnmaskNode(band.node, other.node, footprint)
        kept = band.footprint if same_footprint or other.footprint is not None else None
        bands.append(replace(band, node=node, type=union_type(band.type, other.type), footprint=kept))
    out = image.with_bands(bands)
    if not same_footprint and fill.footprint is None:
        out.footprint = None
    return out


@function("Image.where")
def where(image: Image, test: Image, value: Image) -> Image:
    """Values replaced where a test holds; masks stay."""
    bands = []
    for (band, condition), (_, other) in zip(_for_each(image, test), _for_each(image, value), strict=True):
        node = WhereNode(band.node, condition.node, other.node)
        bands.append(replace(band, node=node, type=union_type(band.type, other.type)))
    return image.with_bands(bands)


@function("Image.clip")
def clip(image: Image, region: Any) -> Image:
    """Masked where the pixel centre lies outside the region."""
    shape = geo.lonlat(as_geometry(region))

    def change(band: Band) -> Band:
        kept = shape if band.footprint is None else shapely.intersection(band.footprint, shape)
        return replace(band, node=ClipNode(band.node, shape), footprint=kept)

    out = image.map_bands(change)
    out.footprint = shape if image.footprint is None else shapely.intersection(image.footprint, shape)
    return out


@dataclass(frozen=True, eq=False, slots=True)
class _RemapNode:
    """Values replaced through a table; others take the default, or are masked without one."""

    child: Node
    source: NDArray[Any]
    target: NDArray[Any]
    default: Node | None

    def render(self, ctx: RenderContext, grid: Grid) -> Pixels:
        pixels = ctx.render(self.child, grid)
        order = np.argsort(self.source, kind="stable")
        keys = self.source[order]
        place = np.minimum(np.searchsorted(keys, pixels.values), len(keys) - 1)
        known = keys[place] == pixels.values
        values = self.target[order][place]
        if self.default is None:
            return Pixels(np.where(known, values, 0), both_valid(pixels.mask, known))
        other = ctx.render(self.default, grid)
        return Pixels(np.where(known, values, other.values), pixels.mask)


@function("Image.remap")
def remap(image: Image, source: list[Any], target: list[Any], default: Any, name: str | None) -> Image:
    """One band with its values replaced."""
    if len(source) != len(target) or not source:
        raise EvalError(
            f"'from' and 'to' must have the same size of at least 1, found {len(source)} and {len(target)}."
        )
    band = image.bands[0] if name is None else image.band(name)
    whole = all(float(value).is_integer() for value in target)
    low, high = min(target), max(target)
    node: Node | None = None
    if default is not None:
        filled = default if isinstance(default, Image) else constant_image([default])
        node = filled.bands[0].node
        if not isinstance(default, Image):
            low, high, whole = min(low, default), max(high, default), whole and float(default).is_integer()
    kind = PixelType("int", low, high) if whole else PixelType("double")
    dtype = np.int64 if whole else np.float64
    made = _RemapNode(band.node, np.asarray(source, dtype=np.float64), np.asarray(target, dtype=dtype), node)
    return image.computed([replace(band, name="remapped", node=made, type=kind)])
