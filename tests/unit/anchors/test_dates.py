"""Drawn dates: in range, uniform, and the same whatever else is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from geomeld_build.anchors.dates import DateRule, assign_dates, own_dates
from geomeld_build.errors import ConfigError

DAY = np.datetime64("2019-07-04T00:00:00", "us")


def keys_of(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def parts(dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    months = dates.astype("datetime64[M]").astype(int)
    return months // 12 + 1970, months % 12 + 1


@given(st.integers(0, 2**64 - 1), st.text(max_size=8), st.integers(2015, 2030), st.integers(0, 9))
def test_a_date_is_in_its_years_on_day_15(key: int, recipe: str, first: int, more: int) -> None:
    (when,) = own_dates(np.array([key], np.uint64), recipe, (first, first + more)).tolist()
    assert first <= when.year <= first + more
    assert (when.day, when.hour, when.minute, when.second, when.microsecond) == (15, 0, 0, 0, 0)


def test_dates_are_those_of_earlier_frames() -> None:
    """Golden: frames that were drawn must be drawn again years later."""
    found = own_dates(np.array([0, 1, 2, 2**63 + 12345], np.uint64), "geomeld-1", (2018, 2021))
    assert found.dtype == "datetime64[us]"
    assert np.datetime_as_string(found, "D").tolist() == ["2018-01-15", "2019-01-15", "2020-11-15", "2020-05-15"]


def test_months_and_years_are_uniform_over_recipes() -> None:
    """P-values of fair draws are themselves uniform. Keys that differ little, as cells of a lattice do."""
    keys = np.uint64(43) << np.uint64(40) | np.arange(4000, dtype=np.uint64)
    p_years, p_months, p_both = [], [], []
    for seed in range(100):
        year, month = parts(own_dates(keys, f"recipe-{seed}", (2018, 2021)))
        cells = np.bincount((year - 2018) * 12 + month - 1, minlength=48)
        assert len(cells) == 48
        p_both.append(chisquare(cells).pvalue)
        p_years.append(chisquare(cells.reshape(4, 12).sum(axis=1)).pvalue)
        p_months.append(chisquare(cells.reshape(4, 12).sum(axis=0)).pvalue)
    for values in (p_years, p_months, p_both):
        assert kstest(values, "uniform").pvalue > 0.001
        assert (np.array(values) < 0.01).sum() <= 5


def test_dates_know_no_order_and_no_company() -> None:
    keys = keys_of(3000)
    rules = np.random.default_rng(2).choice([str(DateRule.OWN), str(DateRule.EXTERNAL)], 3000)
    whole = assign_dates(keys, rules, "r", own_years=(2018, 2021), external_years=(2017, 2019))
    order = np.random.default_rng(3).permutation(3000)
    assert (assign_dates(keys[order], rules[order], "r", external_years=(2017, 2019)) == whole[order]).all()
    assert (assign_dates(keys[:7], rules[:7], "r", external_years=(2017, 2019)) == whole[:7]).all()


def test_each_rule_has_its_date() -> None:
    keys = keys_of(4000)
    rules = np.tile([str(rule) for rule in DateRule], 1000)
    none = np.datetime64("NaT", "us")
    naip = np.where(rules == "naip", DAY, none)
    given_ = np.where(rules == "given", DAY + np.timedelta64(1, "D"), none)
    dates = assign_dates(keys, rules, "r", external_years=(2016, 2017), given=given_, naip=naip)
    assert set(parts(dates[rules == "own"])[0]) == {2018, 2019, 2020, 2021}
    assert set(parts(dates[rules == "external"])[0]) == {2016, 2017}
    assert set(dates[rules == "naip"]) == {DAY}
    assert set(dates[rules == "given"]) == {DAY + np.timedelta64(1, "D")}


def test_other_recipes_give_other_dates() -> None:
    keys = keys_of(4800)
    same = (own_dates(keys, "a") == own_dates(keys, "b")).mean()
    assert 0.5 / 48 < same < 2 / 48


def test_what_cannot_be_dated_is_refused_with_its_row() -> None:
    keys = keys_of(3)
    with pytest.raises(ConfigError, match="years 2021-2018: expected first <= last"):
        own_dates(keys, "r", (2021, 2018))
    with pytest.raises(ConfigError, match="years 2014-2018"):
        own_dates(keys, "r", (2014, 2018))
    with pytest.raises(ConfigError, match="row 2: date rule 'owm': expected one of own, external"):
        assign_dates(keys, np.array(["own", "owm", "own"]), "r")
    with pytest.raises(ConfigError, match="row 3: date rule 'given', but no such date"):
        assign_dates(keys, np.array(["own", "own", "given"]), "r", given=np.array(["NaT"] * 3, "datetime64[us]"))
    with pytest.raises(ConfigError, match="naip: 1 values for 3 places"):
        assign_dates(keys, np.array(["own", "own", "naip"]), "r", naip=np.array([DAY]))
