"""Elements and features: properties, geometry, copies."""

# ruff: noqa: ARG001 - argument lists are those of the service's signatures
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.collection import Collection, element_index
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Image
from geomeld_build.emulator.values import Feature, Geometry, Projection

__all__ = ["get_property"]

Element = Image | Feature


def get_property(element: Any, name: str) -> Any:
    """A property, or one of the system properties that elements have by nature; None = missing."""
    value = element.properties.get(name)
    if value is not None:
        return value
    if name == "system:index":
        return element_index(element)
    if isinstance(element, Image):
        if name == "system:id":
            return element.id
        if name == "system:version":
            return element.version
        if name == "system:footprint":
            return element.geometry
        if name == "system:bands":
            return {band.name: band.type for band in element.bands}
    return None


@function("Element.get", "Element.getNumber", "Element.getString")
def get(element: Any, name: str) -> Any:
    """A property; null when missing."""
    return get_property(element, name)


@function("Element.set")
def set_property(element: Any, key: str, value: Any) -> Any:
    """One property replaced; null removes it."""
    return _with(element, {key: value})


@function("Element.setMulti")
def set_many(element: Any, properties: dict[str, Any]) -> Any:
    """Properties replaced."""
    return _with(element, properties)


def _with(element: Any, changes: Mapping[str, Any]) -> Any:
    properties = {**element.properties, **changes}
    kept = {key: value for key, value in properties.items() if value is not None}
    if isinstance(element, Collection):
        copy = element._derived(element.iterate)
        copy.properties = kept
        return copy
    return element.with_properties(kept)


@function("Element.propertyNames")
def property_names(element: Any) -> list[str]:
    """Names of all properties."""
    names = list(element.properties)
    nature = ["system:id", "system:version", "system:footprint", "system:bands", "system:index"]
    if not isinstance(element, Image):
        nature = ["system:index"]
    return names + [name for name in nature if name not in names and get_property(element, name) is not None]


@function("Element.toDictionary")
def to_dictionary(element: Any, names: list[str] | None) -> dict[str, Any]:
    """Properties as a dictionary; without names all that are not of the system."""
    if names is None:
        return {key: value for key, value in element.properties.items() if not key.startswith("system:")}
    return {name: get_property(element, name) for name in names}


@function("Element.copyProperties", "Image.copyProperties")
def copy_properties(target: Any, source: Any, names: list[str] | None, exclude: list[str] | None) -> Any:
    """Properties copied; without names all that are not of the system."""
    if target is None:
        raise EvalError("Parameter 'destination' is required and may not be null.")
    if source is None:
        raise EvalError("Parameter 'source' is required and may not be null.")
    if names is not None:
        return _with(target, {name: get_property(source, name) for name in names})
    skipped = set(exclude or ())
    copied = {k: v for k, v in source.properties.items() if not k.startswith("system:") and k not in skipped}
    return _with(target, copied)


@function("Image.id", "Feature.id")
def identifier(element: Any) -> str | None:
    """The last part of the id within its collection."""
    return element_index(element)


@function("Feature")
def make(geometry: Geometry | None, metadata: Any, key: str | None) -> Feature:
    """A feature."""
    if key is not None:
        raise EvalError("Argument 'geometryKey' is not emulated.")
    properties = {name: value for name, value in (metadata or {}).items() if value is not None}
    return Feature(geometry, properties)


@function("Feature.geometry", "Element.geometry")
def geometry(element: Any, max_error: float | None, proj: Projection | None, geodesics: bool | None) -> Any:
    """The geometry; null without one."""
    found = element.geometry
    if found is None or proj is None or proj.crs == found.crs:
        return found
    return Geometry(geo.in_crs(found, proj.crs), proj.crs, False)


@function("Feature.setGeometry")
def set_geometry(feature: Any, geometry: Geometry | None) -> Feature:
    """Another geometry."""
    return Feature(geometry, feature.properties, feature.id)


def _matching(properties: Mapping[str, Any], selector: str) -> list[str]:
    if selector in properties:
        return [selector]
    try:
        pattern = re.compile(selector)
    except re.error as exc:
        raise EvalError(f"Property pattern '{selector}' is not a regular expression: {exc}.") from exc
    return [name for name in properties if pattern.fullmatch(name)]


@function("Feature.select")
def select(feature: Any, names: list[str], renamed: list[str] | None, retain: bool) -> Any:
    """Properties chosen by name or by a pattern that matches the whole name."""
    found = [_matching(feature.properties, selector) for selector in names]
    if renamed is None:
        pairs = [(name, name) for matches in found for name in matches]
    elif len(renamed) == len(names) and all(len(matches) <= 1 for matches in found):
        pairs = [(matches[0], new) for matches, new in zip(found, renamed, strict=True) if matches]
    else:
        chosen = [name for matches in found for name in matches]
        if len(renamed) != len(chosen):
            raise EvalError(f"Expected one new name for each of {len(chosen)} properties, found {len(renamed)}.")
        pairs = list(zip(chosen, renamed, strict=True))
    properties = {new: feature.properties[name] for name, new in pairs}
    return Feature(feature.geometry if retain else None, properties, feature.id)


def _shape(element: Any) -> Geometry:
    if element.geometry is None:
        raise EvalError("The element has no geometry.")
    found: Geometry = element.geometry
    return found


def _like(element: Any, found: Geometry) -> Feature:
    return Feature(found, element.properties, element.id)


@function("Feature.area")
def area(feature: Any, max_error: float | None, proj: Projection | None) -> float:
    """Square metres."""
    return geo.area_m2(_shape(feature))


@function("Feature.centroid")
def centroid(feature: Any, max_error: float | None, proj: Projection | None) -> Feature:
    """The feature at the centre of its geometry."""
    return _like(feature, geo.centroid(_shape(feature)))


@function("Feature.buffer")
def buffer(feature: Any, distance: float, max_error: float | None, proj: Projection | None) -> Feature:
    """The feature with its geometry grown by metres."""
    return _like(feature, geo.buffer_m(_shape(feature), distance))


@function("Feature.bounds")
def bounds(feature: Any, max_error: float | None, proj: Projection | None) -> Feature:
    """The feature with the bounding box of its geometry."""
    return _like(feature, Geometry(geo.lonlat(_shape(feature)).envelope, geodesic=False))


@function("Feature.intersects")
def intersects(left: Any, right: Any, max_error: float | None, proj: Projection | None) -> bool:
    """Whether the geometries meet."""
    return bool(geo.lonlat(_shape(left)).intersects(geo.lonlat(_shape(right))))


@function("Feature.contains")
def contains(left: Any, right: Any, max_error: float | None, proj: Projection | None) -> bool:
    """Whether the left geometry contains the right one."""
    return geo.contains(geo.lonlat(_shape(left)), geo.lonlat(_shape(right)), max_error or 0.0)


@function("Feature.intersection")
def intersection(left: Any, right: Any, max_error: float | None, proj: Projection | None) -> Feature:
    """The left feature with the common part of both geometries."""
    common = geo.lonlat(_shape(left)).intersection(geo.lonlat(_shape(right)))
    return _like(left, Geometry(common, geodesic=False))
