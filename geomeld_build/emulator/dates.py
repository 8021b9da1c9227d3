"""Dates: lenient parsing, calendar arithmetic in UTC, and Joda-style formats."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.values import DateRange, DateValue

__all__ = ["UNITS_MS", "advance", "as_datetime", "difference", "format_date", "parse_date", "to_date", "to_range"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000.0
UNITS_MS = {
    "year": 365.2422 * _DAY,
    "month": 365.2422 * _DAY / 12,
    "week": 7 * _DAY,
    "day": _DAY,
    "hour": 3_600_000.0,
    "minute": 60_000.0,
    "second": 1_000.0,
}
# The service accepts one-digit months and days, and date-only, minute or second precision.
_ISO = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?)?)?)?"
    r"(Z|[+-]\d{2}:?\d{2})?"
)
_JODA = re.compile(r"'([^']*)'|Y{1,4}|y{1,4}|M{1,4}|d{1,2}|D{1,3}|H{1,2}|m{1,2}|s{1,2}|S{1,3}|ww?|E{1,4}|Z{1,2}")


def as_datetime(ms: float) -> datetime:
    """The instant as an aware UTC datetime."""
    return _EPOCH + timedelta(milliseconds=ms)


def _millis(moment: datetime) -> float:
    return float(round((moment - _EPOCH) / timedelta(milliseconds=1)))


def parse_date(text: str) -> float:
    """Milliseconds of an ISO 8601 date, with one-digit months and days allowed.

    Raises:
        EvalError: not a date.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise EvalError(f"Invalid date string: '{text}'.")
    year, month, day, hour, minute, second = (
        int(match[i] or default) for i, default in enumerate(("0", "1", "1", "0", "0", "0"), 1)
    )
    fraction = (match[7] or "0").ljust(9, "0")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as exc:
        raise EvalError(f"Invalid date string: '{text}': {exc}.") from exc
    ms = _millis(moment) + int(fraction) // 1_000_000
    zone = match[8]
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000.0
        ms -= offset if zone[0] == "+" else -offset
    return ms


def to_date(value: object) -> DateValue:
    """A date from a date, a string or milliseconds."""
    if isinstance(value, DateValue):
        return value
    if isinstance(value, str):
        return DateValue(parse_date(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return DateValue(float(value))
    if isinstance(value, dict) and value.get("type") == "Date":
        return DateValue(float(value["value"]))
    raise EvalError(f"Invalid type. Expected type: Date. Actual value: {value!r}.")


def to_range(value: object) -> DateRange:
    """A date range from a range, or the millisecond of a date."""
    if isinstance(value, DateRange):
        return value
    date = to_date(value)
    return DateRange(date.ms, date.ms + 1)


def advance(ms: float, delta: float, unit: str) -> float:
    """The instant ``delta`` units later. Whole months and years follow the calendar."""
    name = _unit(unit)
    if name not in ("year", "month"):
        return ms + delta * UNITS_MS[name]
    months = delta * (12 if name == "year" else 1)
    whole = int(months // 1)
    moment = as_datetime(ms)
    index = moment.year * 12 + moment.month - 1 + whole
    year, month = divmod(index, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    moved = _millis(moment.replace(year=year, month=month + 1, day=day))
    return moved + (months - whole) * UNITS_MS["month"]


def difference(later: float, earlier: float, unit: str) -> float:
    """``later - earlier`` in units; months and years count with their mean length."""
    return (later - earlier) / UNITS_MS[_unit(unit)]


def _unit(unit: str) -> str:
    name = unit.lower().rstrip("s") if len(unit) > 1 else unit
    if name not in UNITS_MS:
        raise EvalError(f"Unrecognized time unit: '{unit}'. Expected one of {sorted(UNITS_MS)}.")
    return name


def format_date(ms: float, pattern: str | None) -> str:
    """The date in a Joda-time pattern; ISO 8601 without one."""
    moment = as_datetime(ms)
    if not pattern:
        return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return _JODA.sub(lambda match: _joda(match, moment), pattern)


def _joda(match: re.Match[str], moment: datetime) -> str:
    token = match[0]
    if token.startswith("'"):
        return match[1] or "'"
    letter, width = token[0], len(token)
    if letter in "Yy":
        return f"{moment.year % 100:02d}" if width == 2 else f"{moment.year:04d}"
    if letter == "M" and width > 2:
        return moment.strftime("%b" if width == 3 else "%B")
    if letter == "E":
        return moment.strftime("%A" if width == 4 else "%a")
    if letter == "Z":
        return "+00:00" if width == 2 else "+0000"
    if letter == "S":
        return f"{moment.microsecond // 1000:03d}"[:width]
    numbers = {
        "M": moment.month,
        "d": moment.day,
        "D": moment.timetuple().tm_yday,
        "H": moment.hour,
        "m": moment.minute,
        "s": moment.second,
        "w": moment.isocalendar().week,
    }
    return f"{numbers[letter]:0{width}d}"
