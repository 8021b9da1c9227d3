"""Filter.*."""

from __future__ import annotations

from functools import partial
from typing import Any

from geomeld_build.emulator.dates import to_range
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.filters import (
    All,
    Anyone,
    CalendarFilter,
    Compare,
    Filter,
    NotFilter,
    NotNull,
    Operand,
)
from geomeld_build.emulator.functions.registry import function

__all__: list[str] = []


def _operands(left_field: Any, right_value: Any, right_field: Any, left_value: Any) -> tuple[Operand, Operand]:
    if (left_field is None) == (left_value is None):
        raise EvalError("Must specify exactly one of 'leftField' and 'leftValue'.")
    if (right_field is None) == (right_value is None):
        raise EvalError("Must specify exactly one of 'rightField' and 'rightValue'.")
    return Operand(left_field, left_value), Operand(right_field, right_value)


def _compare(
    name: str, left_field: Any, right_value: Any, right_field: Any, left_value: Any, max_error: float = 0.1
) -> Compare:
    left, right = _operands(left_field, right_value, right_field, left_value)
    if name == "inList" and right.field is None and not isinstance(right.value, list):
        raise EvalError("The right operand must be a list.")
    return Compare(name, left, right, max_error)


_NAMES = {
    "equals": "eq",
    "notEquals": "neq",
    "lessThan": "lt",
    "lessThanOrEquals": "lte",
    "greaterThan": "gt",
    "greaterThanOrEquals": "gte",
}
for _name, _short in _NAMES.items():
    function(f"Filter.{_name}", f"Filter.{_short}")(partial(_compare, _name))
for _name in ("stringContains", "stringStartsWith", "stringEndsWith", "inList", "listContains"):
    function(f"Filter.{_name}")(partial(_compare, _name))
for _name in ("intersects", "contains", "isContained", "disjoint"):
    function(f"Filter.{_name}")(partial(_compare, _name))


@function("Filter.dateRangeContains")
def date_range_contains(left_field: Any, right_value: Any, right_field: Any, left_value: Any) -> Compare:
    """The range contains the date."""
    left, right = _operands(left_field, right_value, right_field, left_value)
    if left.field is None:
        left = Operand(None, to_range(left.value))
    return Compare("dateRangeContains", left, right)


@function("Filter.rangeContains")
def range_contains(field: str, low: Any, high: Any) -> All:
    """A property lies in a closed range."""
    return All(
        [
            Compare("greaterThanOrEquals", Operand(field), Operand(None, low)),
            Compare("lessThanOrEquals", Operand(field), Operand(None, high)),
        ]
    )


@function("Filter.calendarRange")
def calendar_range(start: int, end: int | None, field: str) -> CalendarFilter:
    """A calendar field of the start time lies in a closed range."""
    return CalendarFilter(start, start if end is None else end, field)


@function("Filter.dayOfYear")
def day_of_year(start: int, end: int) -> CalendarFilter:
    """The day of the year lies in ``[start, end)``."""
    return CalendarFilter(start, end - 1, "day_of_year")


@function("Filter.notNull")
def not_null(names: list[str]) -> NotNull:
    """All properties are present."""
    return NotNull(names)


@function("Filter.and")
def and_(filters: list[Filter]) -> All:
    """All filters pass."""
    return All(filters)


@function("Filter.or")
def or_(filters: list[Filter]) -> Anyone:
    """One of the filters passes."""
    return Anyone(filters)


@function("Filter.not")
def not_(inner: Filter) -> NotFilter:
    """The filter does not pass."""
    return NotFilter(inner)


@function("Filter.always")
def always() -> All:
    """Everything passes."""
    return All([])


@function("Filter.never")
def never() -> Anyone:
    """Nothing passes."""
    return Anyone([])


@function("Filter.hasGeometry")
def has_geometry() -> NotNull:
    """The element has a geometry."""
    return NotNull([".geo"])
