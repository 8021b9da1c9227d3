"""Dates by aerial photographs, with a look-up that is made up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from geomeld_build.anchors.dates import own_dates
from geomeld_build.anchors.naip_dates import (
    VintageQuery,
    leaf_on_share,
    month_counts,
    naip_dates,
    naip_rules,
)
from geomeld_build.anchors.places import Places, places_of_points
from geomeld_build.errors import ConfigError
from geomeld_build.grid import place_anchor

FLIGHTS = [datetime(2018, 6, 3, tzinfo=UTC), datetime(2019, 9, 30, tzinfo=UTC), datetime(2021, 11, 2, tzinfo=UTC)]


def somewhere(count: int, seed: int = 4) -> Places:
    generator = np.random.default_rng(seed)
    return places_of_points(generator.uniform(-120, -70, count), generator.uniform(25, 49, count))


def flights(queries: Sequence[VintageQuery]) -> list[list[datetime]]:
    return [list(FLIGHTS) for _ in queries]


def west_only(queries: Sequence[VintageQuery]) -> list[list[datetime]]:
    """Photographs west of 95 W only; one list in three is turned around."""
    return [(FLIGHTS[:: 1 - 2 * (n % 3 == 0)] if query.ring[0][0] < -95 else []) for n, query in enumerate(queries)]


def test_one_of_the_vintages_or_a_drawn_date() -> None:
    places = somewhere(500)
    found = naip_dates(places, west_only, "r", batch=77)
    west = places.lon < -95.01
    near = np.abs(places.lon + 95) < 0.02
    assert set(found.dates[west & ~near].tolist()) <= {when.replace(tzinfo=None) for when in FLIGHTS}
    assert set(found.rules[west & ~near]) == {"naip"}
    east = ~west & ~near
    assert set(found.rules[east]) == {"external"}
    assert (found.dates[east] == own_dates(places.key[east], "r", (2018, 2021))).all()
    assert found.fallbacks == (found.vintages == 0).sum() > 100
    assert set(found.vintages.tolist()) == {0, 3}


def test_batches_and_order_do_not_matter() -> None:
    places = somewhere(300)
    told: list[tuple[int, int]] = []
    whole = naip_dates(places, west_only, "r", progress=lambda done, total: told.append((done, total)))
    order = np.random.default_rng(1).permutation(300)
    turned = naip_dates(places.take(order), west_only, "r", batch=7)
    assert (turned.dates == whole.dates[order]).all()
    assert (turned.rules == whole.rules[order]).all()
    assert told == [(300, 300)]
    naip_dates(places, west_only, "r", batch=140, progress=lambda done, total: told.append((done, total)))
    assert told[1:] == [(140, 300), (280, 300), (300, 300)]
    assert len(naip_dates(places.take(np.arange(0)), west_only, "r").dates) == 0


def test_vintages_are_equally_likely_over_recipes() -> None:
    places = somewhere(1500)
    values = []
    for seed in range(100):
        dates = naip_dates(places, flights, f"recipe-{seed}", batch=2000).dates
        values.append(chisquare(np.unique(dates, return_counts=True)[1]).pvalue)
    assert kstest(values, "uniform").pvalue > 0.001
    assert (np.array(values) < 0.01).sum() <= 5


def test_a_later_vintage_takes_its_share_and_changes_nothing_else() -> None:
    places = somewhere(3000)
    more = datetime(2023, 7, 1, tzinfo=UTC)
    before = naip_dates(places, flights, "r").dates
    after = naip_dates(places, lambda queries: [[more, *FLIGHTS] for _ in queries], "r").dates
    changed = before != after
    assert set(after[changed].tolist()) == {more.replace(tzinfo=None)}
    assert changed.mean() == pytest.approx(0.25, abs=0.03)


def test_what_is_asked_is_the_tile_and_the_years() -> None:
    asked: list[VintageQuery] = []

    def look_up(queries: Sequence[VintageQuery]) -> list[list[datetime]]:
        asked.extend(queries)
        return [[] for _ in queries]

    lon, lat = np.array([-92.9, 179.9999]), np.array([41.3, 52.0])
    naip_dates(places_of_points(lon, lat), look_up, "r", since=2019, until=2020)
    for query, x, y in zip(asked, lon, lat, strict=True):
        anchor = place_anchor(float(x), float(y), FLIGHTS[0], recipe="r")
        assert np.allclose(np.array(query.ring), np.array(anchor.polygon.exterior.coords), atol=1e-9)
        assert (query.since, query.until.year) == (datetime(2019, 1, 1, tzinfo=UTC), 2020)


def test_time_zones_are_told_apart() -> None:
    here = datetime(2020, 6, 1, 20, tzinfo=timezone(timedelta(hours=-6)))
    found = naip_dates(somewhere(1), lambda queries: [[here]], "r")
    assert found.dates.tolist() == [datetime(2020, 6, 2, 2)]  # noqa: DTZ001  # NumPy's times have no zone


def test_the_account_of_the_season() -> None:
    found = naip_dates(somewhere(900), west_only, "r")
    told = found.to_json()
    assert told["naip"] + told["external"] == told["places"] == 900
    assert sum(told["months"]) == told["naip"]
    assert told["leaf_on_share"] == pytest.approx((told["months"][5] + told["months"][8]) / told["naip"])
    assert 0.6 < told["leaf_on_share"] < 0.73 > told["leaf_on_share_of_uniform_months"]
    dates = np.array(["2018-01-31", "2019-05-01", "2019-09-30", "2020-10-01"], "datetime64[us]")
    assert month_counts(dates).tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0]
    assert leaf_on_share(month_counts(dates)) == 0.5
    assert np.isnan(leaf_on_share(month_counts(dates[:0])))


def test_the_country_wins_over_the_pool() -> None:
    rules = naip_rules(np.array(["own", "external", "given", "own"]), np.array(["USA", "USA", "USA", "CAN"]))
    assert rules.tolist() == ["naip", "naip", "naip", "own"]


def test_answers_that_are_none_are_refused() -> None:
    places = somewhere(3)
    with pytest.raises(ConfigError, match="answered 2 of 3 places"):
        naip_dates(places, lambda queries: [[], []], "r")
    with pytest.raises(ConfigError, match="expected an instant with a time zone"):
        naip_dates(places, lambda queries: [[datetime(2019, 1, 1)]] * 3, "r")  # noqa: DTZ001
    with pytest.raises(ConfigError, match=r"datetime.datetime.2017"):
        naip_dates(places, lambda queries: [[datetime(2017, 1, 1, tzinfo=UTC)]] * 3, "r")
    with pytest.raises(ConfigError, match="batch 0"):
        naip_dates(places, flights, "r", batch=0)
    with pytest.raises(ConfigError, match="vintages of 2018-2017"):
        naip_dates(places, flights, "r", until=2017)
