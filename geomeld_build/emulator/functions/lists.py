"""List.* and Dictionary.*."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.filters import Filter
from geomeld_build.emulator.functions.reducers import Reducer, apply_reducer
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Image
from geomeld_build.emulator.values import DateValue, Feature, Lambda

__all__: list[str] = []


def _at(items: list[Any], index: int) -> int:
    if not -len(items) <= index < len(items):
        raise EvalError(f"List index must be between 0 and {len(items) - 1}, or -1 and {-len(items)}, found {index}.")
    return index % len(items)


@function("List.get", "List.getNumber", "List.getString", "List.getGeometry")
def get(items: list[Any], index: int) -> Any:
    """One element; negative positions count from the end."""
    return items[_at(items, index)]


@function("List.set")
def set_item(items: list[Any], index: int, element: Any) -> list[Any]:
    """One element replaced."""
    place = _at(items, index)
    return [*items[:place], element, *items[place + 1 :]]


@function("List.size", "List.length")
def size(items: list[Any]) -> int:
    """Number of elements."""
    return len(items)


@function("List.add")
def add(items: list[Any], element: Any) -> list[Any]:
    """One more element."""
    return [*items, element]


@function("List.cat")
def cat(items: list[Any], other: list[Any]) -> list[Any]:
    """Both lists."""
    return [*items, *other]


@function("List.insert")
def insert(items: list[Any], index: int, element: Any) -> list[Any]:
    """One more element at a position."""
    return [*items[:index], element, *items[index:]]


@function("List.slice")
def slice_list(items: list[Any], start: int, end: int | None, step: int | None) -> list[Any]:
    """A range of elements."""
    return items[start : end : step or 1]


@function("List.sequence")
def sequence(start: float, end: float | None, step: float, count: int | None) -> list[Any]:
    """Numbers from ``start`` to ``end``, both included."""
    if count is not None:
        if end is None:
            return [start + step * position for position in range(count)]
        return [start] if count == 1 else [start + (end - start) * i / (count - 1) for i in range(count)]
    if end is None:
        raise EvalError("Must specify 'end' or 'count'.")
    if step == 0:
        raise EvalError("Step must not be 0.")
    length = int(np.floor((end - start) / step + 1e-9)) + 1
    return [start + step * position for position in range(max(length, 0))]


@function("List.repeat")
def repeat(value: Any, count: int) -> list[Any]:
    """The same element many times."""
    return [value] * count


@function("List.map")
def map_list(items: list[Any], algorithm: Lambda, drop_nulls: bool) -> list[Any]:
    """Every element through a function."""
    found = [algorithm.apply(item) for item in items]
    return [item for item in found if item is not None] if drop_nulls else found


@function("List.iterate")
def iterate(items: list[Any], algorithm: Lambda, first: Any) -> Any:
    """A fold."""
    for item in items:
        first = algorithm.apply(item, first)
    return first


@function("List.filter")
def filter_list(items: list[Any], condition: Filter) -> list[Any]:
    """Elements that pass; plain values are the property ``item``."""

    def element(item: Any) -> Any:
        return item if isinstance(item, Image | Feature) else Feature(None, {"item": item})

    return [item for item in items if condition.matches(element(item))]


@function("List.reduce")
def reduce_list(items: list[Any], reducer: Reducer) -> Any:
    """A statistic of the numbers that are not null."""
    values = np.asarray([_number(item) for item in items if item is not None], dtype=np.float64)
    found = apply_reducer(reducer, values, np.ones(len(values)))
    return found.get("", found)


def _number(item: Any) -> float:
    if isinstance(item, DateValue):
        return item.ms
    if isinstance(item, int | float):
        return item
    raise EvalError(f"Cannot reduce a list with the element {item!r}: not a number.")


def _sort_key(item: Any) -> Any:
    return item.ms if isinstance(item, DateValue) else item


@function("List.sort")
def sort(items: list[Any], keys: list[Any] | None) -> list[Any]:
    """Ascending, by the elements or by keys."""
    try:
        if keys is None:
            return sorted(items, key=_sort_key)
        return [
            item
            for _, _, item in sorted((_sort_key(k), i, v) for i, (k, v) in enumerate(zip(keys, items, strict=True)))
        ]
    except TypeError as exc:
        raise EvalError("Cannot compare the elements of the list.") from exc


@function("List.reverse")
def reverse(items: list[Any]) -> list[Any]:
    """Backwards."""
    return items[::-1]


@function("List.flatten")
def flatten(items: list[Any]) -> list[Any]:
    """Without nesting."""
    return [leaf for item in items for leaf in (flatten(item) if isinstance(item, list) else [item])]


@function("List.distinct")
def distinct(items: list[Any]) -> list[Any]:
    """First occurrences."""
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


@function("List.contains")
def contains(items: list[Any], element: Any) -> bool:
    """Whether the element is there."""
    return element in items


@function("List.containsAll")
def contains_all(items: list[Any], other: list[Any]) -> bool:
    """Whether all elements are there."""
    return all(item in items for item in other)


@function("List.indexOf")
def index_of(items: list[Any], element: Any) -> int:
    """The first position; -1 when absent."""
    return items.index(element) if element in items else -1


@function("List.remove")
def remove(items: list[Any], element: Any) -> list[Any]:
    """Without the first occurrence."""
    place = index_of(items, element)
    return items if place < 0 else [*items[:place], *items[place + 1 :]]


@function("List.removeAll")
def remove_all(items: list[Any], other: list[Any]) -> list[Any]:
    """Without all occurrences."""
    return [item for item in items if item not in other]


@function("List.replaceAll")
def replace_all(items: list[Any], old: Any, new: Any) -> list[Any]:
    """All occurrences replaced."""
    return [new if item == old else item for item in items]


@function("List.equals")
def equals(items: list[Any], other: list[Any]) -> bool:
    """Whether the lists are equal."""
    return items == other


@function("List.frequency")
def frequency(items: list[Any], element: Any) -> int:
    """Number of occurrences."""
    return items.count(element)


@function("List.zip")
def zip_lists(items: list[Any], other: list[Any]) -> list[Any]:
    """Pairs."""
    return [[a, b] for a, b in zip(items, other, strict=False)]


@function("List.unzip")
def unzip(items: list[Any]) -> list[Any]:
    """Columns of a list of rows."""
    return [list(column) for column in zip(*items, strict=True)]


@function("List.join")
def join(items: list[Any], separator: str) -> str:
    """Text of all elements."""
    return (separator or "").join(str(item) for item in items)


@function("Dictionary")
def make(value: Any) -> dict[str, Any]:
    """A dictionary from a dictionary or an alternating list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list):
        return {str(value[i]): value[i + 1] for i in range(0, len(value) - 1, 2)}
    if value is None:
        return {}
    if isinstance(value, Image | Feature):
        return dict(value.properties)
    raise EvalError(f"Cannot make a dictionary from {type(value).__name__}.")


@function("Dictionary.fromLists")
def from_lists(keys: list[str], values: list[Any]) -> dict[str, Any]:
    """A dictionary from keys and values."""
    return dict(zip(keys, values, strict=True))


@function("Dictionary.get", "Dictionary.getNumber", "Dictionary.getString", "Dictionary.getGeometry")
def get_key(items: dict[str, Any], key: str, default: Any = None) -> Any:
    """The value of a key."""
    if key in items:
        return items[key]
    if default is not None:
        return default
    raise EvalError(f"Dictionary does not contain key: '{key}'.")


@function("Dictionary.set")
def set_key(items: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """One value replaced."""
    return {**items, key: value}


@function("Dictionary.contains")
def has_key(items: dict[str, Any], key: str) -> bool:
    """Whether the key is there."""
    return key in items


@function("Dictionary.keys")
def keys(items: dict[str, Any]) -> list[str]:
    """Sorted keys."""
    return sorted(items)


@function("Dictionary.values")
def values(items: dict[str, Any], wanted: list[str] | None) -> list[Any]:
    """Values in the order of keys."""
    return [get_key(items, key) for key in (sorted(items) if wanted is None else wanted)]


@function("Dictionary.size")
def dictionary_size(items: dict[str, Any]) -> int:
    """Number of keys."""
    return len(items)


@function("Dictionary.combine")
def combine(first: dict[str, Any], second: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """Both."""
    return {**first, **second} if overwrite else {**second, **first}


@function("Dictionary.map")
def map_dictionary(items: dict[str, Any], algorithm: Lambda) -> dict[str, Any]:
    """Every value through a function of key and value."""
    return {key: algorithm.apply(key, value) for key, value in items.items()}


def _chosen(items: dict[str, Any], selectors: list[str], ignore: bool) -> list[str]:
    chosen: list[str] = []
    for selector in selectors:
        found = [key for key in items if key == selector or re.fullmatch(selector, key)]
        if not found and not ignore:
            raise EvalError(f"Dictionary has no keys that match '{selector}'.")
        chosen.extend(found)
    return chosen


@function("Dictionary.select")
def select(items: dict[str, Any], selectors: list[str], ignore: bool) -> dict[str, Any]:
    """Chosen keys."""
    return {key: items[key] for key in _chosen(items, selectors, ignore)}


@function("Dictionary.remove")
def remove_keys(items: dict[str, Any], selectors: list[str], ignore: bool) -> dict[str, Any]:
    """All but chosen keys."""
    gone = set(_chosen(items, selectors, ignore))
    return {key: value for key, value in items.items() if key not in gone}


@function("Dictionary.rename")
def rename(items: dict[str, Any], old: list[str], new: list[str], overwrite: bool) -> dict[str, Any]:
    """Keys renamed."""
    names = dict(zip(old, new, strict=True))
    if not overwrite and any(name in items and name not in names for name in new):
        raise EvalError("A renamed key exists already.")
    return {names.get(key, key): value for key, value in items.items()}
