"""Filters: predicates over elements, and the search hints they imply. A missing property fails any filter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

import shapely
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.dates import as_datetime, to_date
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.images import Image
from geomeld_build.emulator.values import DateRange, DateValue, Feature, Geometry
from geomeld_build.emulator.worlds.base import SearchHint

__all__ = [
    "All",
    "Anyone",
    "CalendarFilter",
    "Compare",
    "Filter",
    "NotFilter",
    "NotNull",
    "Operand",
    "element_value",
    "merge_hints",
]

GEOMETRY_FIELDS = (".geo", ".all")
START = "system:time_start"
WORLDWIDE = shapely.box(-180.0, -90.0, 180.0, 90.0)


@runtime_checkable
class Filter(Protocol):
    """A predicate with what it implies for a search."""

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        ...

    def hint(self) -> SearchHint:
        """A necessary condition."""
        ...


def element_value(element: Any, name: str) -> Any:
    """A property of an element, or its geometry for ``.geo`` and ``.all``; None = missing."""
    if name in GEOMETRY_FIELDS:
        found = element.geometry
        if found is None and isinstance(element, Image):
            return Geometry(WORLDWIDE, geodesic=False)
        return found
    value = element.properties.get(name)
    if value is None and name == "system:index" and element.id is not None:
        return element.id.rsplit("/", 1)[-1]
    if value is None and name == "system:id" and isinstance(element, Image):
        return element.id
    return value


def merge_hints(first: SearchHint, second: SearchHint) -> SearchHint:
    """What two conditions imply together. Of two regions the smaller one is kept."""
    starts = [h.start_ms for h in (first, second) if h.start_ms is not None]
    ends = [h.end_ms for h in (first, second) if h.end_ms is not None]
    regions = [h.region for h in (first, second) if h.region is not None]
    indices = [h.indices for h in (first, second) if h.indices is not None]
    return SearchHint(
        start_ms=max(starts, default=None),
        end_ms=min(ends, default=None),
        region=min(regions, key=lambda region: region.area, default=None),
        indices=frozenset.intersection(*indices) if indices else None,
    )


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a property of the element, or a value."""

    field: str | None
    value: Any = None

    def of(self, element: Any) -> Any:
        """The operand's value for an element."""
        return self.value if self.field is None else element_value(element, self.field)


Test = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Compare:
    """A binary test; missing operands fail it."""

    name: str
    left: Operand
    right: Operand
    max_error_m: float = 0.1

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        left, right = self.left.of(element), self.right.of(element)
        if left is None or right is None:
            return False
        if self.name in _GEOMETRY_TESTS:
            return _geometry_test(self.name, left, right, self.max_error_m)
        try:
            return _TESTS[self.name](left, right)
        except TypeError:
            return False

    def hint(self) -> SearchHint:
        """Bounds on time, place or index."""
        if self.name == "dateRangeContains" and self.left.field is None and self.right.field == START:
            return SearchHint(start_ms=self.left.value.start, end_ms=self.left.value.end)
        if self.name == "listContains" and self.left.field is None and self.right.field is not None:
            # The client spells "the property is in the list" as "the list contains the property".
            return _field_hint("inList", self.right.field, self.left.value)
        if self.right.field is not None or self.left.field is None:
            return SearchHint()
        return _field_hint(self.name, self.left.field, self.right.value)


def _field_hint(name: str, field: str, value: Any) -> SearchHint:
    if field == START and isinstance(value, int | float | DateValue):
        return _time_hint(name, _plain(value))
    if field == "system:index" and name == "equals" and isinstance(value, str):
        return SearchHint(indices=frozenset({value}))
    if field == "system:index" and name == "inList" and isinstance(value, list):
        return SearchHint(indices=frozenset(str(item) for item in value))
    if field in GEOMETRY_FIELDS and name in ("intersects", "contains", "isContained"):
        return SearchHint(region=geo.lonlat(_as_geometry(value)))
    return SearchHint()


def _time_hint(name: str, ms: float) -> SearchHint:
    if name in ("greaterThan", "greaterThanOrEquals"):
        return SearchHint(start_ms=ms)
    if name in ("lessThan", "lessThanOrEquals"):
        return SearchHint(end_ms=ms + (1 if name == "lessThanOrEquals" else 0))
    if name == "equals":
        return SearchHint(start_ms=ms, end_ms=ms + 1)
    return SearchHint()


def _plain(value: Any) -> Any:
    return value.ms if isinstance(value, DateValue) else value


def _same_kind(left: Any, right: Any) -> bool:
    return isinstance(left, str) == isinstance(right, str)


def _ordering(test: Callable[[Any, Any], bool]) -> Test:
    return lambda left, right: _same_kind(left, right) and bool(test(_plain(left), _plain(right)))


def _date_range_contains(span: Any, moment: Any) -> bool:
    if not isinstance(span, DateRange):
        raise EvalError("Filter.dateRangeContains: the left operand must be a DateRange.")
    if isinstance(moment, DateRange):
        return span.start <= moment.start and moment.end <= span.end
    return span.start <= to_date(moment).ms < span.end


_TESTS: dict[str, Test] = {
    "equals": lambda a, b: bool(_plain(a) == _plain(b)),
    "notEquals": lambda a, b: bool(_plain(a) != _plain(b)),
    "lessThan": _ordering(lambda a, b: a < b),
    "lessThanOrEquals": _ordering(lambda a, b: a <= b),
    "greaterThan": _ordering(lambda a, b: a > b),
    "greaterThanOrEquals": _ordering(lambda a, b: a >= b),
    "stringContains": lambda a, b: b in a,
    "stringStartsWith": lambda a, b: a.startswith(b),
    "stringEndsWith": lambda a, b: a.endswith(b),
    "inList": lambda a, b: a in b,
    "listContains": lambda a, b: isinstance(a, list) and b in a,
    "dateRangeContains": _date_range_contains,
}
_GEOMETRY_TESTS = ("intersects", "contains", "isContained", "disjoint")


def _as_geometry(value: Any) -> Geometry:
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Feature) and value.geometry is not None:
        return value.geometry
    if isinstance(value, Image):
        return value.geometry or Geometry(WORLDWIDE, geodesic=False)
    if isinstance(value, Mapping) and "type" in value:
        return geo.from_geojson(value)
    raise EvalError(f"Unable to use {type(value).__name__} as a geometry in a filter.")


def _geometry_test(name: str, left: Any, right: Any, max_error: float) -> bool:
    first, second = _lonlat(left), _lonlat(right)
    if name == "contains":
        return geo.contains(first, second, max_error)
    if name == "isContained":
        return geo.contains(second, first, max_error)
    return bool(first.intersects(second)) == (name == "intersects")


def _lonlat(value: Any) -> BaseGeometry:
    return geo.lonlat(_as_geometry(value))


@dataclass(frozen=True, slots=True)
class All:
    """Passes when every filter does."""

    filters: Sequence[Filter]

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        return all(item.matches(element) for item in self.filters)

    def hint(self) -> SearchHint:
        """All hints together."""
        out = SearchHint()
        for item in self.filters:
            out = merge_hints(out, item.hint())
        return out


@dataclass(frozen=True, slots=True)
class Anyone:
    """Passes when at least one filter does."""

    filters: Sequence[Filter]

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        return any(item.matches(element) for item in self.filters)

    def hint(self) -> SearchHint:
        """The hull of all hints."""
        hints = [item.hint() for item in self.filters]
        if not hints:
            return SearchHint()
        starts, ends = [h.start_ms for h in hints], [h.end_ms for h in hints]
        regions, indices = [h.region for h in hints], [h.indices for h in hints]
        return SearchHint(
            start_ms=None if None in starts else min(s for s in starts if s is not None),
            end_ms=None if None in ends else max(e for e in ends if e is not None),
            region=None if any(r is None for r in regions) else geo.union([r for r in regions if r is not None]),
            indices=None if None in indices else frozenset().union(*[i for i in indices if i is not None]),
        )


@dataclass(frozen=True, slots=True)
class NotFilter:
    """Passes when a filter does not."""

    inner: Filter

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        return not self.inner.matches(element)

    def hint(self) -> SearchHint:
        """Nothing is implied."""
        return SearchHint()


@dataclass(frozen=True, slots=True)
class NotNull:
    """Passes when all properties are present."""

    names: Sequence[str]

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        return all(element_value(element, name) is not None for name in self.names)

    def hint(self) -> SearchHint:
        """Nothing is implied."""
        return SearchHint()


_CALENDAR: dict[str, Callable[[Any], int]] = {
    "year": lambda moment: int(moment.year),
    "month": lambda moment: int(moment.month),
    "day_of_month": lambda moment: int(moment.day),
    "day_of_year": lambda moment: int(moment.timetuple().tm_yday),
    "day_of_week": lambda moment: int(moment.isoweekday()),
    "week_of_year": lambda moment: int(moment.isocalendar().week),
    "hour": lambda moment: int(moment.hour),
    "minute": lambda moment: int(moment.minute),
}


@dataclass(frozen=True, slots=True)
class CalendarFilter:
    """Passes when a calendar field of the start time lies in ``start..end``, both included; wraps when reversed."""

    start: int
    end: int
    field: str

    def matches(self, element: Any) -> bool:
        """Whether the element passes."""
        ms = element_value(element, START)
        if ms is None:
            return False
        value = _CALENDAR[self._field()](as_datetime(_plain(ms)))
        if self.start <= self.end:
            return self.start <= value <= self.end
        return value >= self.start or value <= self.end

    def _field(self) -> str:
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", self.field).lower()
        if name not in _CALENDAR:
            raise EvalError(f"Filter.calendarRange: Unknown field '{self.field}'. Expected one of {sorted(_CALENDAR)}.")
        return name

    def hint(self) -> SearchHint:
        """Bounds on time for a range of years."""
        if self._field() != "year" or self.start > self.end:
            return SearchHint()
        zero = as_datetime(0)
        first, last = zero.replace(year=self.start), zero.replace(year=self.end + 1)
        milli = timedelta(milliseconds=1)
        return SearchHint(start_ms=(first - zero) / milli, end_ms=(last - zero) / milli)
