"""The expression of a tile: pinned scenes in, named integer bands with validity bits out.

The order of steps is the meaning. Invalid values are masked before anything interpolates. Resampling is set on each
scene, because a composite has no projection of its own to interpolate in. Radar power becomes decibels after
interpolation. Filling comes before the cast, and the cast is last, because a fill changes the type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import ee
import numpy as np

from geomeld_build.grid import Anchor, Scene, TilePlan, grid_geobox
from geomeld_build.modalities import Grid, Modality
from geomeld_build.sources.earthengine_layout import ANGLE_SCALE, Errand, PartRead, errands, reads
from geomeld_build.sources.earthengine_products import product

__all__ = ["errand_expression", "grid_request", "tile_expression"]

_CASTS = {"uint8": "toUint8", "int16": "toInt16", "uint16": "toUint16", "uint32": "toUint32"}
Interpolate = Literal["power", "db"]


def tile_expression(
    plan: TilePlan, modalities: Mapping[str, Modality], *, interpolate: Interpolate = "power"
) -> tuple[Any, tuple[str, ...]]:
    """The main request of a tile: its ``ee.Image`` and the names of its bands in order.

    Args:
        plan: pinned scenes.
        modalities: the table.
        interpolate: whether radar is interpolated as linear power or, as the predecessor did, in decibels.
    """
    main = errands(reads(plan, modalities), context_rides=True)[0]
    return errand_expression(main, plan.anchor, interpolate), tuple(n for r in main.reads for n in r.dtypes)


def errand_expression(errand: Errand, anchor: Anchor, interpolate: Interpolate = "power") -> Any:
    """The ``ee.Image`` of one pixel request; only while the client is initialised."""
    images: list[Any] = []
    for read in errand.reads:
        moved = None if read.row.grid == errand.grid else (anchor, read.row.grid, errand.grid)
        images.extend(_part_images(read, interpolate, moved))
    return ee.Image(ee.ApiFunction.call_("Image.cat", images))


def grid_request(anchor: Anchor, grid: Grid) -> dict[str, Any]:
    """The ``grid`` of a pixel request."""
    box = grid_geobox(anchor, grid)
    affine = box.affine
    return {
        "dimensions": {"width": grid.size, "height": grid.size},
        "affineTransform": {
            "scaleX": affine.a,
            "shearX": affine.b,
            "translateX": affine.c,
            "shearY": affine.d,
            "scaleY": affine.e,
            "translateY": affine.f,
        },
        "crsCode": f"EPSG:{anchor.epsg}",
    }


def _part_images(read: PartRead, interpolate: Interpolate, moved: tuple[Anchor, Grid, Grid] | None) -> list[Any]:
    bands = [read.part.bands[n] for n in read.present]
    scenes = [_prepared(scene, bands, read, interpolate) for scene in read.plan.scenes]
    image = _composite(scenes, read.plan.composite)
    if read.part.derive == "power_to_db" and interpolate == "power":
        image = _decibels(image)
    if moved is not None:
        image = _moved(image, *moved)
    image = image.rename(list(read.data_names))
    parts = [_stored(image, read), _validity(image, read)]
    if read.angle_name is not None:
        parts.append(_angle(read))
    return parts


def _prepared(scene: Scene, bands: Sequence[str], read: PartRead, interpolate: Interpolate) -> Any:
    """One scene with its invalid values masked and its resampling set."""
    image = _with_all(ee.Image.load(scene.id, scene.version), scene, bands)
    for value in read.part.invalid:
        image = image.updateMask(image.neq(value))
    if read.part.derive == "slope_degrees":
        # On the native grid: a slope of resampled heights would be that of the interpolator.
        image = ee.Terrain.slope(image)
    elif read.part.derive == "power_to_db" and interpolate == "db":
        image = _decibels(image)
    return image.resample("bilinear") if read.row.resampling == "bilinear" else image


def _with_all(image: Any, scene: Scene, bands: Sequence[str]) -> Any:
    missing = [band for band in bands if band in scene.missing_bands]
    if not missing:
        return image.select(list(bands))
    nothing = ee.Image.constant([0] * len(missing)).rename(missing).updateMask(0)
    return image.select([b for b in bands if b not in missing]).addBands(nothing).select(list(bands))


def _composite(scenes: Sequence[Any], how: str) -> Any:
    if len(scenes) == 1:
        return scenes[0]
    stack = ee.ImageCollection.fromImages(list(scenes))
    return stack.mode() if how == "mode" else stack.mosaic()


def _decibels(image: Any) -> Any:
    return image.updateMask(image.gt(0)).log10().multiply(10.0)


def _moved(image: Any, anchor: Anchor, source: Grid, target: Grid) -> Any:
    """Computes an image on the source grid and moves its pixels, one to one, onto the target grid."""
    crs = f"EPSG:{anchor.epsg}"
    here, there = (ee.Projection(crs, _transform(anchor, grid)) for grid in (source, target))
    return image.reproject(here).changeProj(here, there)


def _transform(anchor: Anchor, grid: Grid) -> list[float]:
    affine = grid_geobox(anchor, grid).affine
    return [affine.a, affine.b, affine.c, affine.d, affine.e, affine.f]


def _stored(image: Any, read: PartRead) -> Any:
    """Scaled, rounded, filled and cast, in this order."""
    row, part = read.row, read.part
    if row.classes is None:
        if part.factor != 1.0:
            image = image.multiply(part.factor)
        limits = np.iinfo(row.dtype)
        # Casts wrap or clamp as the service likes; out of the row's limits is found when the tile is checked.
        image = image.round().clamp(float(limits.min), float(limits.max))
    return getattr(image.unmask(row.nodata, False), _CASTS[row.dtype])()


def _validity(image: Any, read: PartRead) -> Any:
    """One band whose bit n says that the n-th band is valid: interpolated masks count from one half."""
    bits = image.mask().gte(0.5)
    count = len(read.data_names)
    if count > 1:
        bits = bits.multiply(ee.Image.constant([2**n for n in range(count)])).reduce(ee.Reducer.sum())
    return getattr(bits.unmask(0, False), _CASTS[read.valid_dtype])().rename([read.valid_name])


def _angle(read: PartRead) -> Any:
    """Hundredths of a degree, 0 where unknown. Scenes without the band give a masked one instead of an error."""
    name = product(read.part.collection).incidence_band
    nothing = ee.Image.constant(0.0).rename([name]).updateMask(0)
    scenes = [ee.Image.load(s.id, s.version).addBands(nothing).select([name]) for s in read.plan.scenes]
    image = _composite(scenes, "mosaic").multiply(ANGLE_SCALE).round()
    return image.unmask(0, False).toUint16().rename([read.angle_name])
