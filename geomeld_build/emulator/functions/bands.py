"""Pixel-wise arithmetic, comparisons, logic and casts.

Casts truncate toward zero and clamp, so that a forgotten ``round`` shows. ``round`` takes halves up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.images import Band, Image, broadcast_bands
from geomeld_build.emulator.raster.nodes import MapNode
from geomeld_build.emulator.values import PixelType, pixel_type_of

__all__ = ["CASTS", "cast_band", "union_type"]

Array = NDArray[Any]
_BIG = (-(2.0**53), 2.0**53)
BOOLEAN = PixelType("int", 0, 1)


def _range(kind: PixelType) -> tuple[float, float]:
    low = -(2**31) if kind.min is None else kind.min
    return low, (2**31 - 1 if kind.max is None else kind.max)


def union_type(first: PixelType, second: PixelType) -> PixelType:
    """The type that holds both."""
    if first.is_int and second.is_int:
        (a, b), (c, d) = _range(first), _range(second)
        return PixelType("int", min(a, c), max(b, d))
    return _float_type(first, second)


def _float_type(first: PixelType, second: PixelType) -> PixelType:
    def narrow(kind: PixelType) -> bool:
        if kind.precision == "float":
            return True
        return kind.is_int and kind.numpy() in ("uint8", "int8", "uint16", "int16")

    return PixelType("float" if narrow(first) and narrow(second) else "double")


def _interval(corners: Callable[[float, float], float], first: PixelType, second: PixelType) -> PixelType:
    if not (first.is_int and second.is_int):
        return _float_type(first, second)
    values = [corners(x, y) for x in _range(first) for y in _range(second)]
    if min(values) < _BIG[0] or max(values) > _BIG[1]:
        return PixelType("double")
    return PixelType("int", min(values), max(values))


def _computed(ufunc: Callable[..., Array], kind: PixelType) -> Callable[[Array, Array], Array]:
    dtype = np.dtype(kind.numpy()) if kind.is_int else np.dtype(np.float64)
    return lambda a, b: ufunc(a, b, dtype=dtype, casting="unsafe")


def _pairwise(
    left: Image, right: Image, make: Callable[[Band, Band], tuple[PixelType, Callable[[Array, Array], Array]]]
) -> Image:
    bands = []
    for first, second in broadcast_bands(left, right):
        kind, compute = make(first, second)
        projection = first.projection or second.projection
        size = first.size if first.projection is not None else second.size
        footprint = first.footprint if first.footprint is not None else second.footprint
        node = MapNode(compute, (first.node, second.node))
        bands.append(Band(first.name, node, kind, projection, size, footprint))
    return (left if left.footprint is not None else right).computed(bands)


_ARITHMETIC: dict[str, tuple[Callable[..., Array], Callable[[float, float], float]]] = {
    "add": (np.add, lambda x, y: x + y),
    "subtract": (np.subtract, lambda x, y: x - y),
    "multiply": (np.multiply, lambda x, y: x * y),
}


def _arithmetic(name: str, left: Image, right: Image) -> Image:
    ufunc, corners = _ARITHMETIC[name]

    def make(first: Band, second: Band) -> tuple[PixelType, Callable[[Array, Array], Array]]:
        kind = _interval(corners, first.type, second.type)
        return kind, _computed(ufunc, kind)

    return _pairwise(left, right, make)


def _divide(a: Array, b: Array) -> Array:
    """Division as the service does it: by zero gives zero."""
    out: Array = np.divide(a, b, dtype=np.float64)
    return np.where(b == 0, 0.0, out)


def _mod(a: Array, b: Array) -> Array:
    return np.where(b == 0, 0.0, np.fmod(a.astype(np.float64), b))


def _power(a: Array, b: Array) -> Array:
    out: Array = np.power(a.astype(np.float64), b)
    return out


_FLOATING: dict[str, Callable[[Array, Array], Array]] = {
    "divide": _divide,
    "pow": _power,
    "mod": _mod,
    "atan2": lambda a, b: np.arctan2(a.astype(np.float64), b),
    "hypot": lambda a, b: np.hypot(a.astype(np.float64), b),
}
_COMPARISONS: dict[str, Callable[[Array, Array], Array]] = {
    "eq": np.equal,
    "neq": np.not_equal,
    "lt": np.less,
    "lte": np.less_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "and": np.logical_and,
    "or": np.logical_or,
}
_BITS: dict[str, Callable[[Array, Array], Array]] = {
    "bitwiseAnd": np.bitwise_and,
    "bitwiseOr": np.bitwise_or,
    "bitwiseXor": np.bitwise_xor,
    "leftShift": np.left_shift,
    "rightShift": np.right_shift,
}
_BIT_ALIASES = {
    "bitwiseAnd": "bitwise_and",
    "bitwiseOr": "bitwise_or",
    "bitwiseXor": "bitwise_xor",
    "leftShift": "left_shift",
    "rightShift": "right_shift",
}


def _floating(name: str, left: Image, right: Image) -> Image:
    return _pairwise(left, right, lambda a, b: (_float_type(a.type, b.type), _FLOATING[name]))


def _comparison(name: str, left: Image, right: Image) -> Image:
    ufunc = _COMPARISONS[name]
    return _pairwise(left, right, lambda _a, _b: (BOOLEAN, lambda x, y: np.asarray(ufunc(x, y)).view(np.uint8)))


def _extreme(ufunc: Callable[..., Array], left: Image, right: Image) -> Image:
    def make(first: Band, second: Band) -> tuple[PixelType, Callable[[Array, Array], Array]]:
        kind = union_type(first.type, second.type)
        return kind, _computed(ufunc, kind)

    return _pairwise(left, right, make)


def _bits(name: str, left: Image, right: Image) -> Image:
    ufunc = _BITS[name]

    def make(first: Band, second: Band) -> tuple[PixelType, Callable[[Array, Array], Array]]:
        if not (first.type.is_int and second.type.is_int):
            raise EvalError("Bitwise operators are not applicable to floating point bands; cast them first.")
        kind = union_type(first.type, second.type) if "Shift" not in name else pixel_type_of("int64")
        return kind, lambda x, y: ufunc(np.asarray(x).astype(np.int64), np.asarray(y).astype(np.int64))

    return _pairwise(left, right, make)


def _register_binary() -> None:
    for name in _ARITHMETIC:
        function(f"Image.{name}")(partial(_arithmetic, name))
    for name in _FLOATING:
        function(f"Image.{name}")(partial(_floating, name))
    for name in _COMPARISONS:
        function(f"Image.{name}")(partial(_comparison, name))
    for name in _BITS:
        function(f"Image.{name}", f"Image.{_BIT_ALIASES[name]}")(partial(_bits, name))
    function("Image.min")(partial(_extreme, np.minimum))
    function("Image.max")(partial(_extreme, np.maximum))


def _half_up(values: Array) -> Array:
    moved = np.asarray(values + 0.5)
    return np.floor(moved, out=moved)


_WHOLE: dict[str, Callable[[Array], Array]] = {"round": _half_up, "floor": np.floor, "ceil": np.ceil}
_REAL: dict[str, Callable[[Array], Array]] = {
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "cbrt": np.cbrt,
}


def _unary(image: Image, change: Callable[[Band], Band]) -> Image:
    return image.computed([change(band) for band in image.bands])


def _whole(name: str, image: Image) -> Image:
    def change(band: Band) -> Band:
        return band if band.type.is_int else replace(band, node=MapNode(_WHOLE[name], (band.node,)))

    return _unary(image, change)


def _real(name: str, image: Image) -> Image:
    def compute(values: Array) -> Array:
        return _REAL[name](np.asarray(values, dtype=np.float64))

    def change(band: Band) -> Band:
        return replace(band, node=MapNode(compute, (band.node,)), type=_float_type(band.type, band.type))

    return _unary(image, change)


def _abs_type(kind: PixelType) -> PixelType:
    if not kind.is_int:
        return kind
    low, high = _range(kind)
    return PixelType("int", 0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))


def _absolute(image: Image) -> Image:
    def change(band: Band) -> Band:
        kind = _abs_type(band.type)
        dtype = kind.numpy() if kind.is_int else "float64"
        return replace(
            band,
            node=MapNode(lambda v: np.abs(v.astype(np.int64 if kind.is_int else dtype)).astype(dtype), (band.node,)),
            type=kind,
        )

    return _unary(image, change)


def _not(image: Image) -> Image:
    def change(band: Band) -> Band:
        return replace(band, node=MapNode(lambda v: np.asarray(v == 0).view(np.uint8), (band.node,)), type=BOOLEAN)

    return _unary(image, change)


def _clamp(image: Image, low: float, high: float) -> Image:
    def change(band: Band) -> Band:
        kind = band.type
        if kind.is_int:
            kind = PixelType("int", low, high) if low == int(low) and high == int(high) else PixelType("double")
        dtype = kind.numpy() if kind.is_int else "float64"
        return replace(
            band,
            node=MapNode(
                lambda v: np.clip(v.astype(np.float64, copy=False), low, high).astype(dtype, copy=False), (band.node,)
            ),
            type=kind,
        )

    return _unary(image, change)


def _unit_scale(image: Image, low: float, high: float) -> Image:
    def change(band: Band) -> Band:
        node = MapNode(lambda v: (v.astype(np.float64) - low) / (high - low), (band.node,))
        return replace(band, node=node, type=PixelType("double"))

    return _unary(image, change)


CASTS = {
    "uint8": ("toUint8", "uint8", "byte", "toByte"),
    "int8": ("toInt8", "int8"),
    "uint16": ("toUint16", "uint16"),
    "int16": ("toInt16", "int16", "short", "toShort"),
    "uint32": ("toUint32", "uint32"),
    "int32": ("toInt32", "int32", "int", "toInt"),
    "int64": ("toInt64", "int64", "long", "toLong"),
    "float32": ("toFloat", "float"),
    "float64": ("toDouble", "double"),
}
"""Service names of the cast to each NumPy dtype."""


def _to_int(values: Array, dtype: np.dtype[Any], low: float, high: float) -> Array:
    if values.dtype == dtype:
        return values
    values = np.clip(values, low, high)
    # Within limits a sum is a number unless one of the values is none.
    if values.dtype.kind == "f" and np.isnan(values.sum()):
        values = np.nan_to_num(values, nan=0.0)
    return np.asarray(values).astype(dtype)


def cast_band(band: Band, dtype: str) -> Band:
    """The band truncated toward zero and clamped to the range of an integer dtype, or rounded to a float dtype."""
    kind = pixel_type_of(dtype)
    target = np.dtype(dtype)
    if kind.is_int:
        low, high = _range(kind)
        if target.itemsize == 8:
            high = float(2**63 - 1024)
        node = MapNode(lambda values: _to_int(np.asarray(values), target, low, high), (band.node,))
    else:
        node = MapNode(lambda values: np.asarray(values).astype(target), (band.node,))
    return replace(band, node=node, type=kind)


def _cast(dtype: str, image: Image) -> Image:
    return _unary(image, lambda band: cast_band(band, dtype))


@function("Image.cast")
def cast_bands(image: Image, types: dict[str, Any], order: list[str] | None) -> Image:
    """Bands cast by name."""
    names = {service: dtype for dtype, aliases in CASTS.items() for service in aliases}

    def change(band: Band) -> Band:
        wanted = types.get(band.name)
        if wanted is None:
            return band
        dtype = wanted.numpy() if isinstance(wanted, PixelType) else names.get(str(wanted))
        if dtype is None:
            raise EvalError(f"Unknown pixel type '{wanted}' for band '{band.name}'.")
        return cast_band(band, dtype)

    found = image.map_bands(change)
    return found if order is None else found.with_bands([found.band(name) for name in order])


def _register_unary() -> None:
    for name in _WHOLE:
        function(f"Image.{name}")(partial(_whole, name))
    for name in _REAL:
        function(f"Image.{name}")(partial(_real, name))
    for dtype, names in CASTS.items():
        function(*(f"Image.{name}" for name in names))(partial(_cast, dtype))
    function("Image.abs")(_absolute)
    function("Image.not")(_not)
    function("Image.clamp")(_clamp)
    function("Image.unitScale")(_unit_scale)


@function("Image.normalizedDifference")
def normalized_difference(image: Image, names: list[str] | None) -> Image:
    """``(a - b) / (a + b)``; masked where an input is negative."""
    wanted = names or image.names[:2]
    if len(wanted) != 2:
        raise EvalError(f"Expected 2 band names, found {len(wanted)}.")
    first, second = (image.band(name) for name in wanted)

    def compute(a: Array, b: Array) -> Array:
        return _divide(np.subtract(a, b, dtype=np.float64), np.add(a, b, dtype=np.float64))

    node = MapNode(compute, (first.node, second.node))
    return image.computed([replace(first, name="nd", node=node, type=PixelType("float"))])


_register_binary()
_register_unary()
