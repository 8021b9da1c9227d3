"""Image.*: loading, choosing and naming bands, projections, metadata."""

# ruff: noqa: ARG001 - argument lists are those of the service's signatures
from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.filters import WORLDWIDE
from geomeld_build.emulator.functions.coerce import as_image
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image, constant_image, unique_names
from geomeld_build.emulator.raster.coords import is_geographic
from geomeld_build.emulator.raster.nodes import ChangeProjNode, LatticeNode
from geomeld_build.emulator.raster.resample import MODES
from geomeld_build.emulator.raster.terrain import TerrainNode
from geomeld_build.emulator.session import Session
from geomeld_build.emulator.values import DateValue, Geometry, PixelType, Projection, Transform

__all__ = ["select_bands", "with_scale"]


@function("Image.load", session=True)
def load(session: Session, id: str, version: int) -> Image:
    """An image asset."""
    return session.image(id, version)


@function("Image.constant")
def constant(value: Any) -> Image:
    """An image of constants: a number, a list of numbers, or a dictionary by band name."""
    if isinstance(value, Image):
        return value
    if isinstance(value, dict):
        return constant_image(value.values(), list(value))
    if isinstance(value, list):
        return constant_image(value)
    return as_image(value)


def select_bands(image: Image, selectors: list[Any]) -> list[Band]:
    """Bands that match selectors (full-match patterns or positions), in selector order.

    Raises:
        EvalError: a selector matches nothing.
    """
    bands = image.bands
    chosen: list[Band] = []
    for selector in selectors:
        if isinstance(selector, int | float):
            position = int(selector)
            if not -len(bands) <= position < len(bands):
                raise EvalError(f"Band number {position} is out of range for an image with {len(bands)} bands.")
            chosen.append(bands[position])
            continue
        matches = _matches(bands, str(selector))
        if not matches:
            raise EvalError(
                f"Band pattern '{selector}' did not match any bands. Available bands: [{', '.join(image.names)}]"
            )
        chosen.extend(matches)
    return chosen


def _matches(bands: tuple[Band, ...], pattern: str) -> list[Band]:
    exact = [band for band in bands if band.name == pattern]
    if exact:
        return exact
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise EvalError(f"Band pattern '{pattern}' is not a valid regular expression: {exc}.") from exc
    return [band for band in bands if compiled.fullmatch(band.name)]


def _renamed(bands: list[Band], names: list[str]) -> list[Band]:
    if len(names) != len(bands):
        raise EvalError(f"The number of names ({len(names)}) must match the number of bands ({len(bands)}).")
    for position, name in enumerate(names):
        if name in names[:position]:
            raise EvalError(
                f"Can't add a band named '{name}' to image because a band with this name already exists. "
                f"Existing bands: [{', '.join(names[:position])}]."
            )
    return [replace(band, name=name) for band, name in zip(bands, names, strict=True)]


@function("Image.select")
def select(image: Image, selectors: list[Any], names: list[str] | None) -> Image:
    """Chosen bands, renamed when names are given."""
    bands = select_bands(image, selectors)
    return image.with_bands(unique_names(bands) if names is None else _renamed(bands, names), keep_id=True)


@function("Image.slice")
def slice_bands(image: Image, start: int, end: int | None) -> Image:
    """Bands by position."""
    return image.with_bands(image.bands[start:end], keep_id=True)


@function("Image.rename")
def rename(image: Image, names: list[str]) -> Image:
    """All bands under new names."""
    return image.with_bands(_renamed(list(image.bands), names), keep_id=True)


@function("Image.addBands")
def add_bands(target: Image, source: Image, names: list[str] | None, overwrite: bool) -> Image:
    """Bands of both images; repeated names are overwritten or get a suffix."""
    added = list(source.bands) if names is None else select_bands(source, names)
    if not overwrite:
        return target.with_bands(unique_names([*target.bands, *added]))
    new = {band.name: band for band in added}
    kept = [new.pop(band.name, band) for band in target.bands]
    return target.with_bands([*kept, *new.values()])


@function("Image.cat")
def cat(images: list[Any]) -> Image:
    """Bands of all images, with the metadata of the first."""
    found = [as_image(item) for item in _flat(images)]
    if not found:
        return Image([])
    return found[0].with_bands(unique_names([band for image in found for band in image.bands]))


def _flat(items: list[Any]) -> list[Any]:
    return [leaf for item in items for leaf in (_flat(item) if isinstance(item, list) else [item])]


@function("Image.bandNames")
def band_names(image: Image) -> list[str]:
    """Names in order."""
    return image.names


@function("Image.bandTypes")
def band_types(image: Image) -> dict[str, PixelType]:
    """Pixel types by name."""
    return {band.name: band.type for band in image.bands}


@function("Image.date")
def date(image: Image) -> DateValue:
    """The start time."""
    start = image.properties.get("system:time_start")
    if start is None:
        raise EvalError("Image does not have a system:time_start property.")
    return DateValue(float(start))


@function("Image.metadata")
def metadata(image: Image, name: str, band: str | None) -> Image:
    """A constant image of a numeric property."""
    value = image.properties.get(name)
    if not isinstance(value, int | float):
        raise EvalError(f"Property '{name}' is missing or not a number.")
    return constant_image([value], [band or name])


@function("Image.projection")
def projection(image: Image) -> Projection:
    """The default projection that all bands share."""
    found = {band.lattice for band in image.bands}
    if len(found) > 1:
        raise EvalError(
            "The bands of the specified image contains different projections. Use Image.select to pick a single band."
        )
    if not found:
        raise EvalError("Image has no bands.")
    return found.pop()


def with_scale(crs: Projection, transform: list[float] | None, scale: float | None) -> Projection:
    """A projection from a CRS with an explicit transform, or a pixel size in metres."""
    if transform is not None:
        if scale is not None:
            raise EvalError("Cannot specify both 'crsTransform' and 'scale'.")
        if len(transform) != 6:
            raise EvalError(f"crsTransform needs 6 numbers, found {len(transform)}.")
        a, b, c, d, e, f = transform
        return Projection(crs.crs, (a, b, c, d, e, f))
    if scale is not None:
        size = scale / geo.METRES_PER_DEGREE if is_geographic(crs.crs) else scale
        return Projection(crs.crs, (size, 0.0, 0.0, 0.0, -size, 0.0))
    return crs


@function("Image.setDefaultProjection")
def set_default_projection(image: Image, crs: Projection, transform: list[float] | None, scale: float | None) -> Image:
    """Another default projection; pixels are not touched."""
    found = with_scale(crs, transform, scale)
    return image.map_bands(lambda band: replace(band, projection=found, size=None))


@function("Image.reproject")
def reproject(image: Image, crs: Projection, transform: list[float] | None, scale: float | None) -> Image:
    """Forces computation on this grid; whatever is asked later reads its pixels."""
    found = with_scale(crs, transform, scale)
    return image.map_bands(
        lambda band: replace(band, node=LatticeNode(band.node, found, "nearest"), projection=found, size=None)
    )


@function("Image.changeProj")
def change_proj(image: Image, source: Projection, target: Projection) -> Image:
    """Pixels keep their pixel coordinates, in another projection."""
    return image.map_bands(
        lambda band: replace(
            band, node=ChangeProjNode(band.node, source, target), projection=target, size=None, footprint=None
        )
    )


@function("Image.resample")
def resample(image: Image, mode: str) -> Image:
    """Interpolation for the next reprojection, between the pixels of each band's default projection."""
    if mode not in MODES[1:]:
        raise EvalError(f"Unknown resampling mode '{mode}'. Expected one of {list(MODES[1:])}.")
    return image.with_bands([_resampled(band, mode) for band in image.bands], keep_id=True)


def _resampled(band: Band, mode: str) -> Band:
    small = band.type.is_int and band.type.numpy() in ("uint8", "int8", "uint16", "int16")
    interpolated = PixelType("float" if small or band.type.precision == "float" else "double")
    return replace(band, node=LatticeNode(band.node, band.lattice, mode), type=interpolated)


@function("Image.geometry")
def geometry(element: Any, max_error: float | None, proj: Projection | None, geodesics: bool | None) -> Geometry:
    """The footprint; the whole earth when unbounded."""
    found = element.geometry or Geometry(WORLDWIDE, geodesic=False)
    if proj is None or proj.crs == found.crs:
        return found
    return Geometry(geo.in_crs(found, proj.crs), proj.crs, False)


def _terrain(image: Image, kind: str, azimuth: float = 270.0, elevation: float = 45.0) -> Image:
    bands = image.bands
    band = next((item for item in bands if item.name == "elevation"), bands[0] if bands else None)
    if band is None:
        raise EvalError("The input has no bands; expected an elevation band.")
    node = TerrainNode(band.node, band.lattice, kind, azimuth, elevation)
    kind_type = PixelType("int", 0, 255) if kind == "hillshade" else PixelType("float")
    made = replace(band, name=kind, node=LatticeNode(node, band.lattice, "nearest"), type=kind_type)
    return image.with_bands([made])


@function("Terrain.slope")
def slope(image: Image) -> Image:
    """Slope in degrees on the elevation's own grid."""
    return _terrain(image, "slope")


@function("Terrain.aspect")
def aspect(image: Image) -> Image:
    """Aspect in degrees on the elevation's own grid."""
    return _terrain(image, "aspect")


@function("Terrain.hillshade")
def hillshade(image: Image, azimuth: float, elevation: float) -> Image:
    """Hillshade 0..255 on the elevation's own grid."""
    return _terrain(image, "hillshade", azimuth, elevation)


@function("Projection")
def make_projection(crs: Any, transform: list[float] | None, wkt: str | None) -> Projection:
    """A projection."""
    if wkt is not None:
        raise EvalError("Argument 'transformWkt' is not emulated.")
    if isinstance(crs, Projection):
        return crs if transform is None else with_scale(crs, [float(v) for v in transform], None)
    is_geographic(str(crs))
    return with_scale(Projection(str(crs)), None if transform is None else [float(v) for v in transform], None)


@function("Projection.crs")
def projection_crs(found: Projection) -> str:
    """The CRS code."""
    return found.crs


@function("Projection.nominalScale")
def nominal_scale(found: Projection) -> float:
    """Pixel size in metres at the projection's true scale."""
    unit = geo.METRES_PER_DEGREE if is_geographic(found.crs) else 1.0
    a, b, _, d, e, _ = found.transform
    return float(abs(a * e - b * d) ** 0.5 * unit)


@function("Projection.atScale")
def at_scale(found: Projection, metres: float) -> Projection:
    """The projection with square pixels of this size."""
    factor = metres / nominal_scale(found)
    return _scaled(found, factor, factor)


@function("Projection.scale")
def scale_projection(found: Projection, x: float, y: float) -> Projection:
    """Pixels ``x`` and ``y`` times as large."""
    return _scaled(found, x, y)


def _scaled(found: Projection, x: float, y: float) -> Projection:
    a, b, c, d, e, f = found.transform
    transform: Transform = (a * x, b * y, c, d * x, e * y, f)
    return Projection(found.crs, transform)


@function("Projection.translate")
def translate_projection(found: Projection, x: float, y: float) -> Projection:
    """The origin moved by pixels."""
    a, b, c, d, e, f = found.transform
    return Projection(found.crs, (a, b, c + a * x + b * y, d, e, f + d * x + e * y))
