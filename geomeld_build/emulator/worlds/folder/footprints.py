"""Lon/lat footprints of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from pyproj import Transformer
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.seam import cut_at_seam, unwrapped
from geomeld_build.emulator.worlds.base import BandInfo
from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.pixels import LONLAT, DatasetPool, read_window
from geomeld_build.emulator.worlds.folder.specs import BandSpec, ImageSpec

__all__ = ["band_bounds", "image_footprint", "parse_footprint", "to_lonlat"]

_EDGE_POINTS = 32
"""Points per edge of a rectangle before it is projected: a UTM granule's edge then bends by less than 1 m between."""


def parse_footprint(value: object, where: str) -> BaseGeometry:
    """A GeoJSON Polygon or MultiPolygon as a geometry.

    Raises:
        WorldError: not a valid polygon.
    """
    try:
        geometry = shape(value)
    except Exception as error:  # shapely raises whatever the malformed mapping happens to trip over
        raise WorldError(f"{where}: footprint: not GeoJSON: {error!r}") from error
    if not isinstance(geometry, Polygon | MultiPolygon) or geometry.is_empty or not geometry.is_valid:
        raise WorldError(f"{where}: footprint: expected a valid Polygon or MultiPolygon, got {geometry.geom_type}")
    return geometry


def image_footprint(spec: ImageSpec, pool: DatasetPool) -> tuple[BaseGeometry | None, BaseGeometry | None]:
    """The footprint of an image, and the geometry outside which its reader must mask pixels.

    The second is None where the files' own extents or masks already say it.

    Raises:
        WorldError: no footprint is left, or (``valid``) the pixels cannot be read.
    """
    rule = spec.footprint
    if isinstance(rule, BaseGeometry):
        return rule, rule
    if rule == "global":
        return None, None
    if rule == "valid":
        return _valid_outline(spec.bands[0], pool, spec.id), None
    rectangles = list(dict.fromkeys(_grid(band.info) for band in spec.bands))
    polygons = [band_bounds(*grid) for grid in rectangles]
    if rule == "bounds" or len(polygons) == 1:
        return shapely.union_all(polygons), None
    common = _intersection(polygons)
    if common.is_empty or not isinstance(common, Polygon | MultiPolygon):
        raise WorldError(f"{spec.id}: footprint `common`: the files of its bands do not overlap; use `bounds`")
    return common, common


def band_bounds(
    crs: str, transform: tuple[float, float, float, float, float, float], width: int, height: int
) -> BaseGeometry:
    """The rectangle of a pixel grid in lon/lat, its edges densified before they are projected."""
    matrix = Affine(*transform)
    corners = [matrix @ (0, 0), matrix @ (width, 0), matrix @ (width, height), matrix @ (0, height)]
    return to_lonlat(Polygon(corners), crs)


def to_lonlat(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """A geometry of any CRS in lon/lat; one that crosses the antimeridian is cut there in two."""
    if crs not in LONLAT:
        west, south, east, north = geometry.bounds
        dense = shapely.segmentize(geometry, max(east - west, north - south) / _EDGE_POINTS)
        transformer = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
        geometry = shapely.transform(dense, lambda x, y: transformer.transform(x, y), interleaved=False)
        geometry = unwrapped(geometry)
    return cut_at_seam(geometry)


def _intersection(polygons: Sequence[BaseGeometry]) -> BaseGeometry:
    common = polygons[0]
    for polygon in polygons[1:]:
        common = shapely.intersection(common, polygon)
    return common


def _grid(info: BandInfo) -> tuple[str, tuple[float, float, float, float, float, float], int, int]:
    return info.crs, info.transform, info.width, info.height


def _valid_outline(band: BandSpec, pool: DatasetPool, image_id: str) -> BaseGeometry:
    info = band.info
    _, valid = read_window(band, pool, 0, info.height, 0, info.width)
    parts = [
        shape(geometry)
        for geometry, value in shapes(valid.astype(np.uint8), mask=valid, transform=Affine(*info.transform))
        if value == 1
    ]
    if not parts:
        raise WorldError(f"{image_id}: footprint `valid`: band {info.name} of {band.file} has no valid pixel")
    return to_lonlat(shapely.union_all(parts), info.crs)
