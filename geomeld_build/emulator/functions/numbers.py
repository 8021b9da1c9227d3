"""Number.* and small algorithms."""

# ruff: noqa: ARG005 - argument lists are those of the service's signatures
from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.bands import CASTS
from geomeld_build.emulator.functions.coerce import type_name
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.values import PixelType, pixel_type_of

__all__: list[str] = []

Number = float | int


def _tidy(value: float) -> Number:
    return int(value) if math.isfinite(value) and float(value).is_integer() else value


def _divide(left: Number, right: Number) -> Number:
    return _tidy(left / right) if right != 0 else 0


def _pow(left: Number, right: Number) -> Number:
    try:
        value = left**right
    except (ZeroDivisionError, OverflowError) as exc:
        raise EvalError(f"{left} to the power of {right} is not defined.") from exc
    if isinstance(value, complex):
        raise EvalError(f"{left} to the power of {right} is not real.")
    return _tidy(float(value)) if isinstance(left, float) else value


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": _divide,
    "mod": lambda a, b: _tidy(math.fmod(a, b)) if b else 0,
    "pow": _pow,
    "min": min,
    "max": max,
    "first": lambda a, b: a,
    "hypot": math.hypot,
    "atan2": math.atan2,
    "and": lambda a, b: int(bool(a) and bool(b)),
    "or": lambda a, b: int(bool(a) or bool(b)),
    "eq": lambda a, b: int(a == b),
    "neq": lambda a, b: int(a != b),
    "lt": lambda a, b: int(a < b),
    "lte": lambda a, b: int(a <= b),
    "gt": lambda a, b: int(a > b),
    "gte": lambda a, b: int(a >= b),
    "bitwiseAnd": lambda a, b: int(a) & int(b),
    "bitwiseOr": lambda a, b: int(a) | int(b),
    "bitwiseXor": lambda a, b: int(a) ^ int(b),
    "leftShift": lambda a, b: int(a) << int(b),
    "rightShift": lambda a, b: int(a) >> int(b),
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": abs,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda a: math.floor(a + 0.5),
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "not": lambda a: int(not a),
    "signum": lambda a: (a > 0) - (a < 0),
    "cbrt": lambda a: math.copysign(abs(a) ** (1 / 3), a),
}


def _unary(name: str, value: Number) -> Number:
    try:
        result: Number = _UNARY[name](value)
    except (ValueError, OverflowError) as exc:
        raise EvalError(f"Not defined for {value}: {exc}.") from exc
    return result


def _cast(dtype: str, value: Number) -> Number:
    kind: PixelType = pixel_type_of(dtype)
    if not kind.is_int:
        return float(value)
    low, high = int(kind.min or 0), int(kind.max or 0)
    return min(max(math.trunc(value), low), high)


for _name, _call in _BINARY.items():
    function(f"Number.{_name}")(_call)
for _name in _UNARY:
    function(f"Number.{_name}")(partial(_unary, _name))
for _dtype, _names in CASTS.items():
    function(*(f"Number.{_alias}" for _alias in _names))(partial(_cast, _dtype))


@function("Number.clamp")
def clamp(value: Number, low: float, high: float) -> Number:
    """Into a range."""
    return min(max(value, low), high)


@function("Number.unitScale")
def unit_scale(value: Number, low: float, high: float) -> float:
    """0 at ``low``, 1 at ``high``."""
    return (value - low) / (high - low)


@function("Number.format")
def format_number(value: Number, pattern: str) -> str:
    """Text in a printf pattern."""
    whole = pattern.rstrip().endswith("d")
    text = _tidy(float(value)) if pattern == "%s" else value
    try:
        return pattern % (int(value) if whole else text)
    except (TypeError, ValueError) as exc:
        raise EvalError(f"Pattern '{pattern}' does not fit a number: {exc}.") from exc


@function("Number.parse")
def parse(text: str, radix: int) -> Number:
    """A number from text."""
    try:
        return int(text, radix) if radix != 10 else _tidy(float(text))
    except ValueError as exc:
        raise EvalError(f"Cannot parse '{text}' as a number.") from exc


@function("If")
def if_(condition: Any, true_case: Any, false_case: Any) -> Any:
    """One of two values; the evaluator reads only the one that is needed."""
    return true_case if condition else false_case


@function("ObjectType")
def object_type(value: Any) -> str:
    """The name of a value's type."""
    return type_name(value).replace("<Object>", "").replace("null", "Null")


@function("ErrorMargin")
def error_margin(value: float | None, unit: str) -> float:
    """An error margin in metres."""
    if unit not in ("meters", "infinite"):
        raise EvalError(f"Unit '{unit}' is not emulated; expected meters.")
    return math.inf if unit == "infinite" or value is None else value


for _name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"):
    function(f"PixelType.{_name}")(partial(pixel_type_of, _name))
function("PixelType.float")(partial(PixelType, "float"))
function("PixelType.double")(partial(PixelType, "double"))
