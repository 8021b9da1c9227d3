"""The temporal reference of anchors: which rule gives each its date, and the draws behind the rules.

Every draw is keyed by the place, so a date depends neither on the order of the anchors nor on how many there are.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from geomeld_build.draws import pick
from geomeld_build.errors import ConfigError

__all__ = ["OWN_YEARS", "DateRule", "Dates", "assign_dates", "own_dates"]

OWN_YEARS = (2018, 2021)
"""First and last year of drawn dates."""
_FIRST_YEAR = 2015
"""Sentinel-2's first."""
_MONTHS = 12
_MIDDLE = np.timedelta64(14, "D")
"""From the first of a month to its day 15."""

Dates = NDArray[np.datetime64]
"""Microseconds, UTC."""


class DateRule(StrEnum):
    """Which rule gives an anchor its date. Append-only: frames store these."""

    OWN = "own"
    """Own samples: year and month uniform, day 15."""
    EXTERNAL = "external"
    """Imported anchors: the same draw, in a range of years of their own."""
    NAIP = "naip"
    """The United States: the day of one of the NAIP vintages there."""
    GIVEN = "given"
    """The date in the file of an import."""


def own_dates(keys: NDArray[np.uint64], recipe: str, years: tuple[int, int] = OWN_YEARS) -> Dates:
    """Year and month uniform, day 15 at 00:00 UTC, each drawn by the place's key.

    Args:
        keys: identities of places, ``Places.key``; any shape.
        recipe: names the rules; keys every draw.
        years: first and last year.

    Returns:
        The same shape, ``datetime64[us]``.

    Raises:
        ConfigError: the years are out of order, or before Sentinel-2.
    """
    first, last = years
    if not _FIRST_YEAR <= first <= last:
        raise ConfigError(f"years {first}-{last}: expected first <= last, from {_FIRST_YEAR} (Sentinel-2's first) on")
    year = pick(recipe, "year", keys, last - first + 1) + first
    month = pick(recipe, "month", keys, _MONTHS)
    months: NDArray[np.datetime64] = ((year - 1970) * _MONTHS + month).astype("datetime64[M]")
    return (months.astype("datetime64[D]") + _MIDDLE).astype("datetime64[us]")


def assign_dates(
    keys: NDArray[np.uint64],
    rules: NDArray[np.str_],
    recipe: str,
    *,
    own_years: tuple[int, int] = OWN_YEARS,
    external_years: tuple[int, int] = OWN_YEARS,
    given: Dates | None = None,
    naip: Dates | None = None,
) -> Dates:
    """A date for every place, by its rule.

    Args:
        keys: identities of places, ``Places.key``, ``(place,)``.
        rules: values of ``DateRule``, ``(place,)``.
        recipe: names the rules; keys every draw.
        own_years: first and last year of rule ``own``.
        external_years: first and last year of rule ``external``.
        given: dates of the files, ``(place,)``; read where the rule is ``given``.
        naip: dates of vintages, ``(place,)``; read where the rule is ``naip``.

    Returns:
        ``(place,)``, ``datetime64[us]``.

    Raises:
        ConfigError: an unknown rule, a column of another length, or a rule whose date is missing; with the row.
    """
    columns = {DateRule.GIVEN: given, DateRule.NAIP: naip}
    for name, column in (("rules", rules), *columns.items()):
        if column is not None and len(column) != len(keys):
            raise ConfigError(f"{name}: {len(column)} values for {len(keys)} places: expected one for each")
    unknown = np.flatnonzero(~np.isin(rules, list(DateRule)))
    if len(unknown):
        at = int(unknown[0])
        raise ConfigError(f"row {at + 1}: date rule {str(rules[at])!r}: expected one of {', '.join(DateRule)}")
    dates = np.full(len(keys), np.datetime64("NaT"), "datetime64[us]")
    for rule, years in ((DateRule.OWN, own_years), (DateRule.EXTERNAL, external_years)):
        mine = np.flatnonzero(rules == rule)
        dates[mine] = own_dates(keys[mine], recipe, years)
    for rule, column in columns.items():
        if column is not None:
            mine = np.flatnonzero(rules == rule)
            dates[mine] = column[mine]
    missing = np.flatnonzero(np.isnat(dates))
    if len(missing):
        at = int(missing[0])
        raise ConfigError(
            f"row {at + 1}: date rule {str(rules[at])!r}, but no such date is known: give a date or another rule"
        )
    return dates
