"""Server-side values that are not plain JSON, and how they become each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.errors import EvalError

__all__ = [
    "WGS84",
    "DateRange",
    "DateValue",
    "Feature",
    "Geometry",
    "Lambda",
    "PixelType",
    "Projection",
    "Transform",
]

Transform = tuple[float, float, float, float, float, float]

WGS84 = "EPSG:4326"


@dataclass(frozen=True, slots=True)
class Projection:
    """A CRS and the affine transform from pixel to CRS coordinates, in ``crs_transform`` order."""

    crs: str = WGS84
    transform: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class DateValue:
    """An instant: milliseconds since 1970-01-01T00:00Z."""

    ms: float


@dataclass(frozen=True, slots=True)
class DateRange:
    """A half-open interval ``[start, end)`` in milliseconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """A geometry in the coordinates of ``crs`` (lon/lat by default). Edges are straight in these coordinates."""

    shape: BaseGeometry
    crs: str = WGS84
    geodesic: bool = True


@dataclass(frozen=True, slots=True)
class Feature:
    """A row of a table, or an element that a mapped function made."""

    geometry: Geometry | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None

    def with_properties(self, properties: Mapping[str, Any]) -> Feature:
        """The same element with other properties."""
        return Feature(self.geometry, properties, self.id)


@dataclass(frozen=True, slots=True)
class PixelType:
    """Type of a band: ``int``, ``float`` or ``double``, with the range of ints."""

    precision: str
    min: float | None = None
    max: float | None = None

    @property
    def is_int(self) -> bool:
        """Whether the band holds whole numbers."""
        return self.precision == "int"

    def numpy(self) -> str:
        """Name of the smallest NumPy dtype that holds the range, as the service serialises it."""
        if self.precision == "float":
            return "float32"
        if self.precision == "double":
            return "float64"
        low, high = self.min or 0, self.max or 0
        for name, dtype_low, dtype_high in _INTS:
            if low >= dtype_low and high <= dtype_high:
                return name
        return "int64"


_INTS = (
    ("uint8", 0, 2**8 - 1),
    ("int8", -(2**7), 2**7 - 1),
    ("uint16", 0, 2**16 - 1),
    ("int16", -(2**15), 2**15 - 1),
    ("uint32", 0, 2**32 - 1),
    ("int32", -(2**31), 2**31 - 1),
)
_FLOATS = {"float32": PixelType("float"), "float64": PixelType("double")}


def pixel_type_of(dtype: str) -> PixelType:
    """The type of a band stored with this NumPy dtype."""
    if dtype in _FLOATS:
        return _FLOATS[dtype]
    for name, low, high in _INTS:
        if name == dtype:
            return PixelType("int", low, high)
    if dtype == "int64":
        return PixelType("int", -(2**63), 2**63 - 1)
    raise EvalError(f"Pixel type {dtype!r} is not supported; expected uint8..int64, float32 or float64.")


@dataclass(frozen=True, slots=True)
class Lambda:
    """A function of the expression graph, ready to be applied."""

    arity: int
    apply: Callable[..., Any]
