"""Reducers over weighted values."""

# ruff: noqa: ARG005 - argument lists are those of the service's signatures
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.registry import function

__all__ = ["Reducer", "apply_reducer"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Reducer:
    """A statistic, by its service name."""

    kind: str
    output: str
    weighted: bool = False
    """Whether partly covered or partly masked inputs count by their share."""
    percentiles: tuple[float, ...] = ()
    tuple_size: int | None = None
    """Inputs that ``toList`` groups into one tuple; None = one input, not grouped."""
    optional: int = 0
    """How many of the last inputs of ``toList`` may be null."""
    repeated: Reducer | None = None
    """The reducer that ``repeat`` copies."""
    copies: int = 1

    @property
    def inputs(self) -> int:
        """How many inputs the reducer takes."""
        if self.repeated is not None:
            return self.copies * self.repeated.inputs
        return self.tuple_size or 1


_PLAIN = ("count", "min", "max", "minMax", "first", "last", "product", "countDistinct", "and", "or")
_WEIGHTED = ("mean", "sum", "variance", "stdDev", "median", "mode", "frequencyHistogram")
_OUTPUTS = {"frequencyHistogram": "histogram", "countDistinct": "count", "and": "all", "or": "any"}


def _make(kind: str, weighted: bool, *_: Any) -> Reducer:
    return Reducer(kind, _OUTPUTS.get(kind, kind), weighted)


for _name in _PLAIN:
    function(f"Reducer.{_name}")(partial(_make, _name, False))
for _name in _WEIGHTED:
    function(f"Reducer.{_name}")(partial(_make, _name, True))


@function("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """The same reducer with all weights 1."""
    inner = None if reducer.repeated is None else unweighted(reducer.repeated)
    return replace(reducer, weighted=False, repeated=inner)


@function("Reducer.percentile")
def percentile(percentiles: list[float], names: list[str] | None, _buckets: Any, _width: Any, _raw: Any) -> Reducer:
    """Percentiles 0..100."""
    if names is not None:
        raise EvalError("Argument 'outputNames' is not emulated.")
    return Reducer("percentile", "p", True, tuple(float(value) for value in percentiles))


@function("Reducer.toList")
def to_list(tuple_size: int | None, optional: int) -> Reducer:
    """Inputs as a list, or as a list of tuples."""
    if tuple_size is not None and tuple_size < 1:
        raise EvalError(f"Argument 'tupleSize' must be positive, found {tuple_size}.")
    return Reducer("toList", "list", tuple_size=tuple_size, optional=int(optional or 0))


@function("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """Copies of a reducer side by side, each with inputs of its own."""
    if count < 1:
        raise EvalError(f"Argument 'count' must be positive, found {count}.")
    return Reducer("repeat", reducer.output, reducer.weighted, repeated=reducer, copies=count)


def _plain(value: Any) -> float | int:
    number = float(value)
    return int(number) if number.is_integer() else number


def _quantile(values: Array, weights: Array, share: float) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    centre = (cumulative - 0.5 * weights[order]) / cumulative[-1]
    return float(np.interp(share, centre, values[order]))


def _median(values: Array, weights: Array) -> float:
    if (weights == weights[0]).all():
        return float(np.median(values))
    return _quantile(values, weights, 0.5)


def _histogram(values: Array, weights: Array) -> dict[str, float]:
    keys, place = np.unique(values, return_inverse=True)
    totals = np.bincount(place.ravel(), weights=weights)
    return {str(_plain(key)): _plain(total) for key, total in zip(keys, totals, strict=True)}


def _mode(values: Array, weights: Array) -> float:
    keys, place = np.unique(values, return_inverse=True)
    return float(keys[np.argmax(np.bincount(place.ravel(), weights=weights))])


def _variance(values: Array, weights: Array) -> float:
    mean = np.average(values, weights=weights)
    return float(np.average((values - mean) ** 2, weights=weights))


_VALUES: dict[str, Callable[[Array, Array], Any]] = {
    "count": lambda v, w: len(v),
    "min": lambda v, w: _plain(v.min()),
    "max": lambda v, w: _plain(v.max()),
    "first": lambda v, w: _plain(v[0]),
    "last": lambda v, w: _plain(v[-1]),
    "product": lambda v, w: _plain(v.prod()),
    "toList": lambda v, w: [_plain(value) for value in v],
    "countDistinct": lambda v, w: len(np.unique(v)),
    "and": lambda v, w: int(bool((v != 0).all())),
    "or": lambda v, w: int(bool((v != 0).any())),
    "mean": lambda v, w: float(np.average(v, weights=w)),
    "sum": lambda v, w: _plain((v * w).sum()),
    "variance": _variance,
    "stdDev": lambda v, w: float(np.sqrt(_variance(v, w))),
    "median": _median,
    "mode": lambda v, w: _plain(_mode(v, w)),
    "frequencyHistogram": _histogram,
}
_EMPTY: dict[str, Any] = {"count": 0, "sum": 0, "countDistinct": 0, "frequencyHistogram": {}, "toList": []}


def apply_reducer(reducer: Reducer, values: Array, weights: Array) -> dict[str, Any]:
    """Outputs by suffix; a reducer with one output uses the empty suffix. Nothing to reduce gives None.

    Raises:
        EvalError: the reducer takes several inputs.
    """
    if reducer.repeated is not None or reducer.tuple_size is not None:
        raise EvalError(f"Reducer '{reducer.kind}' with several inputs is emulated in reduceColumns only.")
    used = weights if reducer.weighted else np.ones_like(weights)
    data = values.astype(np.float64)
    if reducer.kind == "minMax":
        return {
            "min": _plain(data.min()) if len(data) else None,
            "max": _plain(data.max()) if len(data) else None,
        }
    if reducer.kind == "percentile":
        return {
            f"p{_plain(share)}": _quantile(data, used, share / 100) if len(data) else None
            for share in reducer.percentiles
        }
    if not len(data):
        return {"": _EMPTY.get(reducer.kind)}
    return {"": _VALUES[reducer.kind](data, used)}
