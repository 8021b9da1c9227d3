"""Images from collections: mosaics and per-pixel statistics."""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from typing import Any

import shapely

from geomeld_build.emulator.collection import Collection, element_index
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.bands import union_type
from geomeld_build.emulator.functions.reducers import Reducer
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image, unique_names
from geomeld_build.emulator.raster.composite import STATISTICS, MosaicNode, StatisticNode
from geomeld_build.emulator.values import PixelType

__all__: list[str] = []


def _members(collection: Collection) -> list[Image]:
    found = collection.elements()
    for element in found:
        if not isinstance(element, Image):
            raise EvalError("Expected a collection of images, found a Feature in it.")
    return [element for element in found if isinstance(element, Image)]


def _stacks(images: list[Image]) -> dict[str, list[Band]]:
    stacks: dict[str, list[Band]] = {}
    for image in images:
        for band in image.bands:
            stacks.setdefault(band.name, []).append(band)
    return stacks


def _footprint(bands: list[Any]) -> Any:
    shapes = [item.footprint for item in bands]
    return None if any(shape is None for shape in shapes) else shapely.union_all(shapes)


def _composite(images: list[Image], bands: list[Band]) -> Image:
    return Image(bands, footprint=_footprint(images) if images else None)


def _joint_type(bands: list[Band]) -> PixelType:
    return reduce(union_type, (band.type for band in bands))


@function("ImageCollection.mosaic")
def mosaic(collection: Collection) -> Image:
    """The last unmasked pixel wins; the result has no projection of its own."""
    images = _members(collection)
    bands = [
        Band(name, MosaicNode([band.node for band in stack]), _joint_type(stack), footprint=_footprint(stack))
        for name, stack in _stacks(images).items()
    ]
    return _composite(images, bands)


_KEEPS_TYPE = {"min", "max", "mode", "first", "last"}
_BOOLEAN = {"and", "or"}


def _statistic_type(statistic: str, stack: list[Band]) -> PixelType:
    if statistic in _KEEPS_TYPE:
        return _joint_type(stack)
    if statistic in _BOOLEAN:
        return PixelType("int", 0, 1)
    if statistic == "count":
        return PixelType("int", 0, 2**31 - 1)
    return PixelType("double")


def _statistic(statistic: str, suffix: str, collection: Collection) -> Image:
    images = _members(collection)
    if images and any(set(image.names) != set(images[0].names) for image in images):
        raise EvalError(
            "Expected a homogeneous image collection, but an image with incompatible bands was encountered: "
            f"First image's bands: {images[0].names}."
        )
    bands = [
        Band(
            name + suffix,
            StatisticNode(statistic, [band.node for band in stack]),
            _statistic_type(statistic, stack),
            footprint=_footprint(stack),
        )
        for name, stack in _stacks(images).items()
    ]
    return _composite(images, bands)


for _name in ("min", "max", "count", "sum", "product", "mean", "and", "or", "median", "mode"):
    function(f"reduce.{_name}")(partial(_statistic, _name, ""))


@function("ImageCollection.reduce")
def reduce_collection(collection: Collection, reducer: Reducer, _scale: float) -> Image:
    """A statistic per pixel, with the reducer's name behind the band names."""
    if reducer.kind not in STATISTICS:
        raise EvalError(f"Reducer '{reducer.kind}' is not emulated over image collections.")
    return _statistic(reducer.kind, f"_{reducer.output}", collection)


@function("Image.reduce")
def reduce_image(image: Image, reducer: Reducer) -> Image:
    """A statistic over the bands of an image."""
    if reducer.kind not in STATISTICS:
        raise EvalError(f"Reducer '{reducer.kind}' is not emulated over bands.")
    bands = list(image.bands)
    if not bands:
        raise EvalError("Image has no bands.")
    node = StatisticNode(reducer.kind, [band.node for band in bands])
    kind = _statistic_type(reducer.kind, bands)
    return image.computed([replace(bands[0], name=reducer.output, node=node, type=kind)])


@function("ImageCollection.toBands")
def to_bands(collection: Collection) -> Image:
    """All bands of all images, named ``index_band``."""
    images = _members(collection)
    bands = [replace(band, name=f"{element_index(image)}_{band.name}") for image in images for band in image.bands]
    return _composite(images, unique_names(bands))
