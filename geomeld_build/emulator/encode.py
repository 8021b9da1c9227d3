"""Server-side values in the JSON that ``getInfo`` answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.collection import Collection, element_index
from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.functions.coerce import type_name
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import DateRange, DateValue, Feature, Geometry, PixelType, Projection

__all__ = ["encode", "encode_band", "encode_feature"]


def encode(value: Any, limits: LimitSettings) -> Any:
    """The JSON of a value.

    Raises:
        ServiceError: a collection has too many elements, or the value has no JSON form.
    """
    match value:
        case None | bool() | str():
            return value
        case int() | float() | np.integer() | np.floating():
            return _number(value)
        case list() | tuple():
            return [encode(item, limits) for item in value]
        case Image():
            return _image(value, limits)
        case Feature():
            return encode_feature(value, limits)
        case Collection():
            return _collection(value, limits)
        case Mapping():
            return {str(key): encode(item, limits) for key, item in value.items()}
        case _:
            return _special(value)


def _special(value: Any) -> Any:
    match value:
        case Geometry():
            return geo.to_geojson(value)
        case DateValue():
            return {"type": "Date", "value": _number(value.ms)}
        case DateRange():
            return {"type": "DateRange", "dates": [_number(value.start), _number(value.end)]}
        case Projection():
            return {"type": "Projection", "crs": value.crs, "transform": [_number(v) for v in value.transform]}
        case PixelType():
            return _pixel_type(value)
        case np.ndarray():
            return [_number(item) for item in value.ravel()]
        case _:
            raise ServiceError(f"Unable to encode a value of type {type_name(value)} as JSON.")


def _number(value: Any) -> Any:
    """Whole numbers without a decimal point, as the service writes them."""
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    if math.isfinite(number) and number.is_integer() and abs(number) < 2**53:
        return int(number)
    return number


def _pixel_type(kind: PixelType) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "PixelType", "precision": kind.precision}
    if kind.min is not None and kind.max is not None:
        out["min"], out["max"] = _number(kind.min), _number(kind.max)
    return out


def encode_band(band: Band) -> dict[str, Any]:
    """What the service tells about a band."""
    out: dict[str, Any] = {"id": band.name, "data_type": _pixel_type(band.type)}
    if band.size is not None:
        out["dimensions"] = list(band.size)
    lattice = band.lattice
    out["crs"] = lattice.crs
    out["crs_transform"] = [_number(value) for value in lattice.transform]
    return out


def _image(image: Image, limits: LimitSettings) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "Image", "bands": [encode_band(band) for band in image.bands]}
    if image.id is not None:
        out["id"] = image.id
    if image.version is not None:
        out["version"] = image.version
    properties = {key: encode(item, limits) for key, item in image.properties.items()}
    if image.geometry is not None and image.id is not None:
        properties.setdefault("system:footprint", _ring(image.geometry))
    if properties:
        out["properties"] = properties
    return out


def _ring(footprint: Geometry) -> dict[str, Any]:
    """Footprints are answered as linear rings where they are one polygon without holes."""
    found = geo.to_geojson(Geometry(footprint.shape))
    if found["type"] == "Polygon" and len(found["coordinates"]) == 1:
        return {"type": "LinearRing", "coordinates": found["coordinates"][0]}
    return found


def encode_feature(feature: Feature, limits: LimitSettings) -> dict[str, Any]:
    """A GeoJSON feature."""
    out: dict[str, Any] = {
        "type": "Feature",
        "geometry": None if feature.geometry is None else geo.to_geojson(feature.geometry),
        "properties": {key: encode(item, limits) for key, item in feature.properties.items()},
    }
    if feature.id is not None:
        out["id"] = feature.id
    return out


def _collection(collection: Collection, limits: LimitSettings) -> dict[str, Any]:
    elements = list(islice(collection.iterate(), limits.elements + 1))
    if len(elements) > limits.elements:
        raise ServiceError(f"Collection query aborted after accumulating over {limits.elements} elements.")
    out: dict[str, Any] = {
        "type": "ImageCollection" if collection.images else "FeatureCollection",
        "features": [_member(element, limits) for element in elements],
    }
    if collection.images:
        out["bands"] = []
    else:
        out["columns"] = _columns(elements)
    if collection.id is not None:
        out["id"] = collection.id
    if collection.version is not None:
        out["version"] = collection.version
    if collection.properties:
        out["properties"] = {key: encode(item, limits) for key, item in collection.properties.items()}
    return out


def _member(element: Any, limits: LimitSettings) -> Any:
    out = encode(element, limits)
    if isinstance(element, Image) and element.id is None:
        index = element_index(element)
        if index is not None:
            out["id"] = index
    return out


def _columns(elements: list[Any]) -> dict[str, str]:
    if not elements or not isinstance(elements[0], Feature):
        return {}
    names = {**{key: type_name(value) for key, value in elements[0].properties.items()}, "system:index": "String"}
    return {key: name.replace("Integer", "Float") for key, name in sorted(names.items())}
