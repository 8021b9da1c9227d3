"""Date.* and DateRange.*."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from geomeld_build.emulator import dates
from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.functions.registry import function
from geomeld_build.emulator.values import DateRange, DateValue

__all__: list[str] = []

_UTC = (None, "UTC", "GMT", "Z", "Etc/UTC")


def _only_utc(zone: str | None) -> None:
    if zone not in _UTC:
        raise EvalError(f"Time zone '{zone}' is not emulated; expected UTC.")


@function("Date")
def make(value: Any, zone: str | None) -> DateValue:
    """A date from a date, text or milliseconds."""
    _only_utc(zone)
    return dates.to_date(value)


@function("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, zone: str | None) -> DateValue:
    """A day."""
    _only_utc(zone)
    return DateValue(dates.parse_date(f"{year:04d}-{month}-{day}"))


@function("Date.millis")
def millis(date: DateValue) -> int:
    """Milliseconds since 1970."""
    return int(date.ms)


@function("Date.advance")
def advance(date: DateValue, delta: float, unit: str, zone: str | None) -> DateValue:
    """``delta`` units later."""
    _only_utc(zone)
    return DateValue(dates.advance(date.ms, delta, unit))


@function("Date.difference")
def difference(date: DateValue, start: DateValue, unit: str) -> float:
    """Units since ``start``."""
    return dates.difference(date.ms, start.ms, unit)


@function("Date.format")
def format_date(date: DateValue, pattern: str | None, zone: str | None) -> str:
    """Text in a Joda-time pattern."""
    _only_utc(zone)
    return dates.format_date(date.ms, pattern)


@function("Date.parse")
def parse(pattern: str, text: str, zone: str | None) -> DateValue:
    """An ISO date; other patterns are refused."""
    _only_utc(zone)
    if not pattern.startswith(("YYYY-MM", "yyyy-MM")):
        raise EvalError(f"Pattern '{pattern}' is not emulated; expected an ISO date such as 'YYYY-MM-dd'.")
    return DateValue(dates.parse_date(text))


@function("Date.get")
def get(date: DateValue, unit: str, zone: str | None) -> int:
    """A calendar field."""
    _only_utc(zone)
    moment = dates.as_datetime(date.ms)
    fields = {"week": moment.isocalendar().week}
    if unit in fields:
        return fields[unit]
    if unit in ("year", "month", "day", "hour", "minute", "second"):
        return int(getattr(moment, unit))
    raise EvalError(f"Unrecognized time unit: '{unit}'.")


@function("Date.getRelative")
def get_relative(date: DateValue, unit: str, inside: str, zone: str | None) -> int:
    """The 0-based field of a unit inside a larger one."""
    _only_utc(zone)
    moment = dates.as_datetime(date.ms)
    found = {
        ("day", "year"): moment.timetuple().tm_yday - 1,
        ("day", "month"): moment.day - 1,
        ("month", "year"): moment.month - 1,
        ("hour", "day"): moment.hour,
    }.get((unit, inside))
    if found is None:
        raise EvalError(f"'{unit}' in '{inside}' is not emulated.")
    return found


@function("Date.getRange")
def get_range(date: DateValue, unit: str, zone: str | None) -> DateRange:
    """The calendar unit that contains the date."""
    _only_utc(zone)
    moment = dates.as_datetime(date.ms)
    keep = ("year", "month", "day", "hour", "minute", "second")
    if unit not in keep:
        raise EvalError(f"Unrecognized time unit: '{unit}'.")
    reset: dict[str, Any] = {name: 1 if name in ("month", "day") else 0 for name in keep[keep.index(unit) + 1 :]}
    start = (moment.replace(microsecond=0, **reset) - dates.as_datetime(0)) / timedelta(milliseconds=1)
    return DateRange(start, dates.advance(start, 1, unit))


@function("DateRange")
def make_range(start: Any, end: Any, zone: str | None) -> DateRange:
    """``[start, end)``; one millisecond without an end."""
    _only_utc(zone)
    first = dates.to_date(start).ms
    last = first + 1 if end is None else dates.to_date(end).ms
    if last <= first:
        raise EvalError("The range is empty: the end must be later than the start.")
    return DateRange(first, last)


@function("DateRange.start")
def range_start(span: DateRange) -> DateValue:
    """Inclusive start."""
    return DateValue(span.start)


@function("DateRange.end")
def range_end(span: DateRange) -> DateValue:
    """Exclusive end."""
    return DateValue(span.end)


@function("DateRange.contains")
def range_contains(span: DateRange, other: Any) -> bool:
    """Whether a date or range lies inside."""
    inner = dates.to_range(other)
    return span.start <= inner.start and inner.end <= span.end
