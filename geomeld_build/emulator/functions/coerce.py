"""Arguments become what the signature asks for, as the service promotes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.dates import to_date, to_range
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.filters import Filter
from geomeld_build.emulator.images import Image, constant_image
from geomeld_build.emulator.raster.coords import check_crs
from geomeld_build.emulator.values import DateRange, DateValue, Feature, Geometry, Lambda, PixelType, Projection

__all__ = ["COERCIONS", "as_geometry", "as_image", "as_projection", "type_name"]

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "Boolean"),
    (int, "Integer"),
    (float, "Float"),
    (str, "String"),
    (list, "List<Object>"),
    (Image, "Image"),
    (Feature, "Feature"),
    (Geometry, "Geometry"),
    (DateValue, "Date"),
    (DateRange, "DateRange"),
    (Projection, "Projection"),
    (PixelType, "PixelType"),
    (Lambda, "Algorithm"),
    (dict, "Dictionary<Object>"),
)


def type_name(value: object) -> str:
    """The service's name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, Collection):
        return "ImageCollection" if value.images else "FeatureCollection"
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def _refuse(value: object, expected: str) -> EvalError:
    return EvalError(
        f"Invalid type.\nExpected type: {expected}.\nActual type: {type_name(value)}.\nActual value: {_brief(value)}"
    )


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


def as_image(value: object) -> Image:
    """An image from an image, numbers, or a collection of one-band images."""
    if isinstance(value, Image):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return constant_image([value])
    if isinstance(value, bool):
        return constant_image([int(value)])
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        return constant_image(value)
    raise _refuse(value, "Image<unknown bands>")


def as_geometry(value: object) -> Geometry:
    """A geometry from a geometry, an element or GeoJSON."""
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Feature) and value.geometry is not None:
        return value.geometry
    if isinstance(value, Image) and value.geometry is not None:
        return value.geometry
    if isinstance(value, Collection):
        return Geometry(geo.union([geo.lonlat(as_geometry(item)) for item in value.elements()]))
    if isinstance(value, Mapping) and "type" in value:
        return geo.from_geojson(value)
    raise _refuse(value, "Geometry")


def as_projection(value: object) -> Projection:
    """A projection from a projection, a CRS code or its JSON form."""
    if isinstance(value, Projection):
        return value
    if isinstance(value, str):
        check_crs(value)
        return Projection(value)
    if isinstance(value, Mapping) and "crs" in value:
        transform = value.get("transform") or (1, 0, 0, 0, 1, 0)
        a, b, c, d, e, f = (float(item) for item in transform)
        return Projection(str(value["crs"]), (a, b, c, d, e, f))
    raise _refuse(value, "Projection")


def _number(value: object) -> float:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, DateValue):
        return value.ms
    raise _refuse(value, "Number")


def _integer(value: object) -> int:
    number = _number(value)
    return int(number)


def _float(value: object) -> float:
    return float(_number(value))


def _boolean(value: object) -> bool:
    if isinstance(value, bool | int | float):
        return bool(value)
    raise _refuse(value, "Boolean")


def _string(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _refuse(value, "String")


def _list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Collection):
        return list(value.elements())
    raise _refuse(value, "List<Object>")


def _strings(value: object) -> list[str]:
    return [_string(item) for item in ([value] if isinstance(value, str) else _list(value))]


def _dictionary(value: object) -> dict[str, Any]:
    if isinstance(value, Image | Feature):
        return dict(value.properties)
    if isinstance(value, Mapping):
        return dict(value)
    raise _refuse(value, "Dictionary<Object>")


def _element(value: object) -> Any:
    if isinstance(value, Image | Feature | Collection):
        return value
    if isinstance(value, Geometry):
        return Feature(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return constant_image([value])
    raise _refuse(value, "Element")


def _feature(value: object) -> Feature:
    if isinstance(value, Feature):
        return value
    if isinstance(value, Image):
        return Feature(value.geometry, value.properties, value.id)
    return Feature(as_geometry(value))


def _collection(value: object) -> Collection:
    if isinstance(value, Collection):
        return value
    if isinstance(value, list):
        return Collection.of([_element(item) for item in value], images=False)
    return Collection.of([_element(value)], images=False)


def _images(value: object) -> Collection:
    if isinstance(value, Collection):
        return value
    if isinstance(value, Image):
        return Collection.of([value], images=True)
    return Collection.of([as_image(item) for item in _list(value)], images=True)


def _filter(value: object) -> Filter:
    if isinstance(value, Filter):
        return value
    raise _refuse(value, "Filter")


def _error_margin(value: object) -> float:
    if isinstance(value, Mapping) and "value" in value:
        return _float(value["value"])
    return _float(value)


def _algorithm(value: object) -> Lambda:
    if isinstance(value, Lambda):
        return value
    raise _refuse(value, "Algorithm")


def _typed(kind: type, name: str) -> Callable[[object], Any]:
    def check(value: object) -> Any:
        if not isinstance(value, kind):
            raise _refuse(value, name)
        return value

    return check


COERCIONS: dict[str, Callable[[object], Any]] = {
    "Image<unknown bands>": as_image,
    "Image": as_image,
    "ImageCollection": _images,
    "FeatureCollection": _collection,
    "Element": _element,
    "Feature": _feature,
    "Geometry": as_geometry,
    "Projection": as_projection,
    "Number": _number,
    "Integer": _integer,
    "Long": _integer,
    "Float": _float,
    "Boolean": _boolean,
    "String": _string,
    "List<Object>": _list,
    "List<String>": _strings,
    "List<Integer>": lambda value: [_integer(item) for item in _list(value)],
    "List<Float>": lambda value: [_float(item) for item in _list(value)],
    "List<Number>": lambda value: [_number(item) for item in _list(value)],
    "List<Image<unknown bands>>": lambda value: [as_image(item) for item in _list(value)],
    "List<Image>": lambda value: [as_image(item) for item in _list(value)],
    "List<Element>": lambda value: [_element(item) for item in _list(value)],
    "List<Geometry>": lambda value: [as_geometry(item) for item in _list(value)],
    "List<Filter>": lambda value: [_filter(item) for item in _list(value)],
    "Dictionary<Object>": _dictionary,
    "Date": to_date,
    "DateRange": to_range,
    "ErrorMargin": _error_margin,
    "Filter": _filter,
    "Algorithm": _algorithm,
    "PixelType": _typed(PixelType, "PixelType"),
}
