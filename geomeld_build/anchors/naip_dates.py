"""Dates of anchors in the United States: the day on which NAIP photographed the place, as far as it did.

Aerial photographs are taken every second or third year, so here the picture decides about the date and not the other
way round. Which photographs exist is for a look-up to say that is passed in: nothing here knows a source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.dates import OWN_YEARS, DateRule, Dates, own_dates
from geomeld_build.anchors.places import Places
from geomeld_build.draws import draw, mixed
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M, continuous, to_lonlat

__all__ = ["NaipDates", "VintageLookUp", "VintageQuery", "leaf_on_share", "month_counts", "naip_dates", "naip_rules"]

_COUNTRY = "USA"
_LEAF_ON = slice(4, 9)
"""May to September."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER = 2100


@dataclass(frozen=True, slots=True)
class VintageQuery:
    """When was this tile photographed?"""

    ring: tuple[tuple[float, float], ...]
    """Closed lon/lat outline of the tile; longitudes go on above 180 across the antimeridian."""
    since: datetime
    """First instant, UTC."""
    until: datetime
    """Last instant, UTC."""


VintageLookUp = Callable[[Sequence[VintageQuery]], Sequence[Sequence[datetime]]]
"""One answer a query, in order: the vintages there, tz-aware, in any order; empty where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class NaipDates:
    """What became of the places that NAIP was to date. Columns are in the order of the places."""

    dates: Dates
    """Microseconds, UTC."""
    rules: NDArray[np.str_]
    """``naip``, or ``external`` where there is no vintage."""
    vintages: NDArray[np.int64]
    """How many there were to draw from."""

    @property
    def fallbacks(self) -> int:
        """Places without a vintage: they have a drawn date."""
        return int((self.vintages == 0).sum())

    def to_json(self) -> dict[str, Any]:
        """Counts, months, and how far the photographs lean to summer."""
        months = month_counts(self.dates[self.vintages > 0])
        return {
            "places": len(self.dates),
            str(DateRule.NAIP): len(self.dates) - self.fallbacks,
            str(DateRule.EXTERNAL): self.fallbacks,
            "months": months.tolist(),
            "leaf_on_share": leaf_on_share(months),
            "leaf_on_share_of_uniform_months": 5 / 12,
        }


def naip_rules(rules: NDArray[np.str_], country: NDArray[np.str_]) -> NDArray[np.str_]:
    """The pools' rules, but ``naip`` in the United States, whatever the pool.

    Args:
        rules: values of ``DateRule``, ``(place,)``.
        country: ISO 3166-1 alpha-3, ``(place,)``.
    """
    return np.where(country == _COUNTRY, str(DateRule.NAIP), rules)


def naip_dates(
    places: Places,
    look_up: VintageLookUp,
    recipe: str,
    *,
    since: int = 2018,
    until: int | None = None,
    external_years: tuple[int, int] = OWN_YEARS,
    batch: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> NaipDates:
    """One of the vintages at each place, all equally likely; a drawn date where there is none.

    Each vintage of a place has a draw of its own, and the largest wins: a vintage that is published later takes over
    its share of the places, and no other place changes.

    Args:
        places: places in the United States.
        look_up: says which vintages there are.
        recipe: names the rules; keys every draw.
        since: first year of vintages.
        until: last year of vintages; None = all.
        external_years: years of the dates drawn where there is no vintage.
        batch: places in one call of ``look_up``.
        progress: called with places done and places in all, after each batch.

    Raises:
        ConfigError: ``batch`` below 1, years out of order, or a look-up that answers something else than was asked.
        SourceError: as the look-up raises it.
    """
    if batch < 1 or (until is not None and until < since):
        raise ConfigError(f"batch {batch}, vintages of {since}-{until}: expected batch >= 1 and first <= last year")
    owners, stamps = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for first in range(0, len(places), batch):
        some = places.take(np.arange(first, min(first + batch, len(places))))
        owner, stamp = _asked(some, look_up, since, _FOREVER if until is None else until)
        owners.append(owner + first)
        stamps.append(stamp)
        if progress is not None:
            progress(first + len(some), len(places))
    owner, stamp = np.concatenate(owners), np.concatenate(stamps)
    # The drawn fallback stays wherever no vintage is written over it.
    dates = own_dates(places.key, recipe, external_years)
    draws = draw(recipe, DateRule.NAIP, mixed(places.key[owner]) ^ stamp.astype(np.uint64))
    order = np.lexsort((stamp, draws, owner))
    last = np.flatnonzero(np.diff(owner[order], append=-1))
    dates[owner[order][last]] = stamp[order][last].astype("datetime64[us]")
    vintages = np.bincount(owner, minlength=len(places)).astype(np.int64)
    return NaipDates(dates, np.where(vintages > 0, str(DateRule.NAIP), str(DateRule.EXTERNAL)), vintages)


def month_counts(dates: Dates) -> NDArray[np.int64]:
    """How many dates fall into each month, January first, ``(12,)``."""
    return np.bincount(dates.astype("datetime64[M]").astype(np.int64) % 12, minlength=12).astype(np.int64)


def leaf_on_share(months: NDArray[np.int64]) -> float:
    """Share of May to September, when trees in the United States have leaves; NaN of no dates. Uniform: 5/12."""
    total = int(months.sum())
    return float(months[_LEAF_ON].sum() / total) if total else float("nan")


def _asked(
    places: Places, look_up: VintageLookUp, since: int, until: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places (by position) and their vintages (microseconds since 1970), each once."""
    start, end = datetime(since, 1, 1, tzinfo=UTC), datetime(until, 12, 31, 23, 59, 59, tzinfo=UTC)
    answers = look_up([VintageQuery(ring, start, end) for ring in _rings(places)])
    if len(answers) != len(places):
        raise ConfigError(f"the date look-up answered {len(answers)} of {len(places)} places: expected one answer each")
    pairs = {(at, _microseconds(when, start, end)) for at, answer in enumerate(answers) for when in answer}
    owner, stamp = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return owner, stamp


def _microseconds(when: datetime, start: datetime, end: datetime) -> int:
    if when.tzinfo is None or not start <= when <= end:
        raise ConfigError(f"the date look-up answered {when!r}: expected an instant with a time zone in {start}..{end}")
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _rings(places: Places) -> Iterator[tuple[tuple[float, float], ...]]:
    """Outlines as ``Anchor.polygon`` has them, closed."""
    side = float(CELL_M)
    corners = np.empty((len(places), 4, 2))
    for epsg in np.unique(places.epsg).tolist():
        mine = np.flatnonzero(places.epsg == epsg)
        x = places.left[mine][:, None] + np.array([0.0, side, side, 0.0])
        y = places.top[mine][:, None] - np.array([0.0, 0.0, side, side])
        corners[mine, :, 0], corners[mine, :, 1] = to_lonlat(epsg, x, y)
    for four in corners:
        points = list(zip(continuous(four[:, 0]).tolist(), four[:, 1].tolist(), strict=True))
        yield (*points, points[0])
