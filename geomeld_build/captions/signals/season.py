"""The season of a date and a place."""

from __future__ import annotations

from datetime import date
from typing import Literal

__all__ = ["Season", "season_of"]

Season = Literal["winter", "spring", "summer", "autumn", "tropical"]
_SEASONS: tuple[Season, ...] = ("winter", "spring", "summer", "autumn")
_TROPICAL_DEGREES = 10.0


def season_of(day: date, lat: float) -> Season:
    """The season of the meteorologists, whose winter in the north begins in December.

    Args:
        day: the date.
        lat: degrees; within 10 degrees of the equator no season has a name.
    """
    if abs(lat) < _TROPICAL_DEGREES:
        return "tropical"
    return _SEASONS[(day.month % 12 // 3 + (2 if lat < 0 else 0)) % 4]
