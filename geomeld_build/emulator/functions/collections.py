"""Collections: loading, filtering, mapping, aggregating."""

# ruff: noqa: ARG001 - argument lists are those of the service's signatures
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.filters import Filter, element_value
from geomeld_build.emulator.functions.coerce import as_geometry, as_image
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Image
from geomeld_build.emulator.session import Session
from geomeld_build.emulator.values import DateValue, Feature, Geometry, Lambda

__all__: list[str] = []


@function("ImageCollection.load", session=True)
def load_images(session: Session, id: str, version: int | None) -> Collection:
    """An image collection asset."""
    if version not in (None, -1):
        raise EvalError("Argument 'version' is not emulated for image collections.")
    return session.collection(id)


@function("Collection.loadTable", session=True)
def load_table(session: Session, id: str, geometry_column: str | None, version: int) -> Collection:
    """A table asset."""
    if geometry_column is not None:
        raise EvalError("Argument 'geometryColumn' is not emulated.")
    return session.table(id, version)


@function("Collection")
def make(features: list[Any]) -> Collection:
    """A feature collection of given elements."""
    return Collection.of(features, images=False)


@function("ImageCollection.fromImages")
def from_images(images: list[Any]) -> Collection:
    """An image collection of given images."""
    return Collection.of([as_image(item) for item in images], images=True)


@function("Collection.filter")
def filter_collection(collection: Collection, condition: Any) -> Collection:
    """Elements that pass."""
    if not isinstance(condition, Filter):
        raise EvalError("Argument 'filter' must be a Filter.")
    return collection.filter(condition)


@function("Collection.limit")
def limit(collection: Collection, count: int | None, key: str | None, ascending: bool) -> Collection:
    """Sorted and cut."""
    if count is not None and count < 0:
        raise EvalError(f"Limit must not be negative, found {count}.")
    return collection.limit(count, key, ascending)


@function("Collection.map")
def map_collection(collection: Collection, algorithm: Lambda, drop_nulls: bool) -> Collection:
    """Every element through a function."""
    return collection.map(algorithm, drop_nulls)


@function("Collection.iterate")
def iterate(collection: Collection, algorithm: Lambda, first: Any) -> Any:
    """A fold over the elements."""
    for element in collection.iterate():
        first = algorithm.apply(element, first)
    return first


@function("Collection.size")
def size(collection: Collection) -> int:
    """Number of elements."""
    return len(collection.elements())


@function("Collection.first")
def first(collection: Collection) -> Any:
    """The first element; null when there is none."""
    return next(iter(collection.iterate()), None)


@function("Collection.toList")
def to_list(collection: Collection, count: int, offset: int) -> list[Any]:
    """Elements from ``offset`` on."""
    return list(islice(collection.iterate(), offset, offset + count))


@function("Collection.flatten")
def flatten(collection: Collection) -> Collection:
    """A collection of collections becomes one."""
    return collection.flatten()


@function("Collection.merge", "ImageCollection.merge")
def merge(left: Collection, right: Collection) -> Collection:
    """Both, one after the other."""
    return left.merge(right)


@function("Collection.distinct")
def distinct(collection: Collection, properties: Any) -> Collection:
    """The first element of each combination of property values."""
    names = [properties] if isinstance(properties, str) else list(properties)

    def elements(hint: Any) -> Any:
        seen = set()
        for element in collection.iterate():
            key = repr([element_value(element, name) for name in names])
            if key not in seen:
                seen.add(key)
                yield element

    return Collection(elements, images=collection.images)


@function("Collection.geometry")
def geometry(collection: Collection, max_error: float) -> Geometry:
    """Union of the geometries of all elements."""
    shapes = [geo.lonlat(as_geometry(item)) for item in collection.elements() if item.geometry is not None]
    return Geometry(geo.union(shapes))


@function("Collection.union")
def union(collection: Collection, max_error: float | None) -> Collection:
    """One feature with the union of all geometries."""
    return Collection.of([Feature(geometry(collection, 0.0))], images=False)


def _numbers(collection: Collection, name: str) -> list[Any]:
    values = (element_value(element, name) for element in collection.iterate())
    return [value for value in values if value is not None]


@function("AggregateFeatureCollection.array")
def array(collection: Collection, name: str) -> list[Any]:
    """The property of all elements that have it."""
    return _numbers(collection, name)


@function("AggregateFeatureCollection.first")
def aggregate_first(collection: Collection, name: str) -> Any:
    """The property of the first element."""
    element = first(collection)
    return None if element is None else element_value(element, name)


@function("AggregateFeatureCollection.count")
def count(collection: Collection, name: str) -> int:
    """Number of elements with the property."""
    return len(_numbers(collection, name))


@function("AggregateFeatureCollection.count_distinct")
def count_distinct(collection: Collection, name: str) -> int:
    """Number of different values."""
    return len({repr(value) for value in _numbers(collection, name)})


@function("AggregateFeatureCollection.histogram")
def histogram(collection: Collection, name: str) -> dict[str, int]:
    """Number of elements by value."""
    counts = Counter(_key(value) for value in _numbers(collection, name))
    return dict(sorted(counts.items()))


def _key(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(value: Any) -> Any:
    return value.ms if isinstance(value, DateValue) else value


_AGGREGATES: dict[str, Callable[[Any], Any]] = {
    "sum": np.sum,
    "mean": np.mean,
    "product": np.prod,
    "sample_sd": partial(np.std, ddof=1),
    "sample_var": partial(np.var, ddof=1),
    "total_sd": np.std,
    "total_var": np.var,
}


def _aggregate(kind: str, collection: Collection, name: str) -> Any:
    values = [_plain(value) for value in _numbers(collection, name)]
    if not values:
        return 0 if kind == "sum" else None
    return float(_AGGREGATES[kind](np.asarray(values, dtype=np.float64)))


def _extreme(pick: Callable[[Any], Any], collection: Collection, name: str) -> Any:
    values = [_plain(value) for value in _numbers(collection, name)]
    return pick(values) if values else None


for _name in _AGGREGATES:
    function(f"AggregateFeatureCollection.{_name}")(partial(_aggregate, _name))
function("AggregateFeatureCollection.min")(partial(_extreme, min))
function("AggregateFeatureCollection.max")(partial(_extreme, max))


def images_of(collection: Collection) -> list[Image]:
    """Members that are images."""
    return [element for element in collection.elements() if isinstance(element, Image)]
