"""Reducers over the properties of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.filters import element_value
from geomeld_build.emulator.functions.coerce import type_name
from geomeld_build.emulator.functions.reducers import Reducer, apply_reducer
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.values import DateValue

__all__ = ["reduce_records"]

Record = Sequence[Any]


@function("Collection.reduceColumns")
def reduce_columns(
    collection: Collection, reducer: Reducer, selectors: list[str], weight_selectors: list[str] | None
) -> dict[str, Any]:
    """Statistics of properties, by the reducer's output names."""
    if weight_selectors:
        raise EvalError("Argument 'weightSelectors' is not emulated.")
    if len(selectors) != reducer.inputs:
        raise EvalError(f"The reducer takes {reducer.inputs} inputs, but there are {len(selectors)} selectors.")
    return reduce_records(reducer, [[element_value(item, name) for name in selectors] for item in collection.iterate()])


def reduce_records(reducer: Reducer, records: Sequence[Record]) -> dict[str, Any]:
    """Outputs by name.

    Args:
        reducer: what to compute.
        records: one value per input of the reducer in each; a null is left out, by each copy of a repeated reducer
            on its own.

    Raises:
        EvalError: the reducer needs numbers and found something else.
    """
    if reducer.repeated is not None:
        return _repeated(reducer.repeated, reducer.copies, records)
    if reducer.tuple_size is not None:
        required = max(0, reducer.tuple_size - reducer.optional)
        return {reducer.output: [list(row) for row in records if all(value is not None for value in row[:required])]}
    values = [row[0] for row in records if row[0] is not None or (reducer.kind == "toList" and reducer.optional)]
    if reducer.kind in _OF_ANYTHING:
        return {reducer.output: _of_anything(reducer.kind, values)}
    numbers = np.asarray([_number(reducer, value) for value in values], dtype=np.float64)
    found = apply_reducer(reducer, numbers, np.ones(len(numbers)))
    return {suffix or reducer.output: value for suffix, value in found.items()}


_OF_ANYTHING = ("toList", "first", "last", "count", "countDistinct")


def _of_anything(kind: str, values: list[Any]) -> Any:
    match kind:
        case "toList":
            return values
        case "first" | "last":
            return None if not values else values[0 if kind == "first" else -1]
        case "count":
            return len(values)
        case _:
            return len({repr(value) for value in values})


def _repeated(reducer: Reducer, copies: int, records: Sequence[Record]) -> dict[str, Any]:
    """Every output becomes a list with one entry per copy; copies take the inputs one after the other."""
    size = reducer.inputs
    parts = [
        reduce_records(reducer, [row[number * size : (number + 1) * size] for row in records])
        for number in range(copies)
    ]
    return {name: [part[name] for part in parts] for name in parts[0]}


def _number(reducer: Reducer, value: Any) -> float:
    if isinstance(value, DateValue):
        return value.ms
    if not isinstance(value, int | float | np.number):
        raise EvalError(f"Reducer '{reducer.kind}' needs numbers, found a value of type {type_name(value)}.")
    return float(value)
