"""Quotas: exact sums, bounds kept, and the larger weight never gets less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors.allocation import (
    area_power,
    biome_area,
    biome_equal_eco,
    deficit,
    equal,
    largest_remainder,
)
from geomeld_build.errors import ConfigError

WEIGHTS = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=30)


def test_shares_by_hand() -> None:
    # Quotas 3.5, 3.0, 2.1, 1.4: floors 3, 3, 2, 1, and the one left goes to the remainder of 0.5.
    assert largest_remainder([35, 30, 21, 14], 10).tolist() == [4, 3, 2, 1]
    assert largest_remainder([1, 1, 1], 5).tolist() == [2, 2, 1], "equal remainders go to the earlier"
    assert largest_remainder([1, 3], 2).tolist() == [0, 2], "remainders of a half: the larger weight"
    assert largest_remainder([0, 1], 3, least=1).tolist() == [1, 2]
    assert largest_remainder([1, 1, 8], 100, capacity=[50, 50, 20]).tolist() == [40, 40, 20]
    assert largest_remainder([1e-6, 1, 1], 10, least=2, capacity=[9, 9, 3]).tolist() == [2, 5, 3]


def test_remainders_not_rounding_decide() -> None:
    # Quotas 9.988, 9.064, 7.182, 5.260, 3.321, 1.185: floors sum to 34, remainders .988 and .321 get the two left.
    # Rounding would give 35 in all.
    votes = [27744, 25178, 19951, 14610, 9225, 3292]
    assert largest_remainder(votes, 36).tolist() == [10, 9, 7, 5, 4, 1]


@given(WEIGHTS, st.integers(0, 10**7))
def test_no_share_is_off_by_one(weights: list[float], total: int) -> None:
    quota = largest_remainder(weights, total)
    assert quota.sum() == total
    exact = np.array(weights) / np.sum(weights) * total
    assert (np.abs(quota - exact) < 1 + 1e-6).all(), "the quota rule"


@given(WEIGHTS, st.integers(0, 10**5), st.data())
def test_bounds_are_kept(weights: list[float], extra: int, data: st.DataObject) -> None:
    count = len(weights)
    least = data.draw(st.integers(0, 5))
    capacity = np.array(data.draw(st.lists(st.integers(0, 3000), min_size=count, max_size=count)))
    low = np.minimum(least, capacity)
    total = min(int(low.sum()) + extra, int(capacity.sum()))
    quota = largest_remainder(weights, total, least, capacity)
    assert quota.sum() == total
    assert (quota >= low).all()
    assert (quota <= capacity).all()
    # Among those that no bound holds, shares are proportional to within one.
    free = (quota > low + 1) & (quota < capacity - 1)
    ratio = quota[free] / np.array(weights)[free]
    for i, r in zip(np.flatnonzero(free), ratio, strict=True):
        assert (np.abs(quota[free] - r * np.array(weights)[free]) <= 2 + np.array(weights)[free] / weights[i]).all()


@given(WEIGHTS, st.integers(0, 10**5))
def test_the_larger_weight_never_gets_less(weights: list[float], extra: int) -> None:
    quota = largest_remainder(weights, len(weights) + extra, least=1)
    assert quota.min() >= 1
    order = np.argsort(weights, kind="stable")
    sorted_weights, sorted_quota = np.array(weights)[order], quota[order]
    for i in range(len(weights) - 1):
        if sorted_weights[i + 1] > sorted_weights[i]:
            assert sorted_quota[i + 1] >= sorted_quota[i]


@given(WEIGHTS, st.integers(0, 10**5), st.integers(0, 10**4))
def test_a_frame_grows(weights: list[float], total: int, more: int) -> None:
    """With what is there as lower bounds nothing shrinks, which largest remainders alone do not promise."""
    before = largest_remainder(weights, total)
    after = largest_remainder(weights, total + more, least=before)
    assert after.sum() == total + more
    assert (after >= before).all()


@given(WEIGHTS, st.integers(0, 10**5), st.randoms(use_true_random=False))
def test_the_order_of_strata_does_not_matter(weights: list[float], total: int, random: object) -> None:
    distinct = sorted(set(weights))
    backwards = largest_remainder(distinct[::-1], total)[::-1]
    assert largest_remainder(distinct, total).tolist() == backwards.tolist()


@given(st.lists(st.tuples(st.integers(1, 14), st.floats(1e6, 1e12)), min_size=1, max_size=80), st.integers(0, 10**6))
def test_biomes_are_equal(strata: list[tuple[int, float]], extra: int) -> None:
    biomes, areas = (np.array(column) for column in zip(*strata, strict=True))
    numbers, sizes = np.unique(biomes, return_counts=True)
    total = int(sizes.max()) * len(numbers) + extra
    for quota in (biome_area(biomes, areas, total), biome_equal_eco(biomes, total)):
        per_biome = np.array([quota[biomes == number].sum() for number in numbers])
        assert quota.sum() == total
        assert quota.min() >= 1
        assert np.ptp(per_biome) <= 1
    for number in numbers.tolist():
        assert np.ptp(biome_equal_eco(biomes, total)[biomes == number]) <= 1
    assert np.ptp(largest_remainder(equal(len(biomes)), total, least=1)) <= 1


def test_ecoregions_of_a_biome_share_by_area() -> None:
    biomes, areas = [1, 1, 14, 14], [3e9, 1e9, 5e9, 5e9]
    assert biome_area(biomes, areas, 80).tolist() == [30, 10, 20, 20]
    assert biome_area(biomes, areas, 80, capacity=[9, 100, 100, 100]).tolist() == [9, 31, 20, 20]
    assert biome_area(biomes, areas, 80, capacity=[9, 9, 100, 100]).tolist() == [9, 9, 31, 31]


def test_powers_of_area() -> None:
    areas = [1e12, 4e12]
    for alpha, ratio in ((0.0, 1.0), (0.5, 2.0), (1.0, 4.0), (2.0, 16.0)):
        small, large = area_power(areas, alpha)
        assert large / small == pytest.approx(ratio)


def test_what_lacks_is_drawn() -> None:
    # Targets of 100: 25, 25, 50. There are 0, 25, 80: the first lacks 25, the others nothing, so it gets all.
    assert deficit([1, 1, 2], [0, 25, 80], 100).tolist() == [100, 0, 0]
    # Of the 205 in the end the targets are 51.25, 51.25, 102.5: they lack 51.25, 26.25, 22.5, in sum 100.
    assert deficit([1, 1, 2], [0, 25, 80], 100, target=205).tolist() == [51, 26, 23]
    assert deficit([1, 1, 2], [0, 25, 80], 100, capacity=[30, 100, 100]).tolist() == [30, 23, 47]
    assert deficit([1, 1, 2], [500, 500, 500], 8).tolist() == [2, 2, 4], "where nothing lacks, by share"


@given(st.data(), WEIGHTS, st.integers(0, 10**5))
def test_a_deficit_is_drawn_exactly(data: st.DataObject, weights: list[float], total: int) -> None:
    count = len(weights)
    have = np.array(data.draw(st.lists(st.integers(0, 10**5), min_size=count, max_size=count)))
    room = np.array(data.draw(st.lists(st.integers(total // count + 1, 10**5 + 1), min_size=count, max_size=count)))
    drawn = deficit(weights, have, total, capacity=room)
    assert drawn.sum() == total
    assert (drawn >= 0).all()
    assert (drawn <= room).all()
    lacks = np.array(weights) / np.sum(weights) * total - have
    if lacks.max() > 1e-3 and room[lacks > 1e-3].sum() >= total:
        assert not drawn[lacks < -1e-3].any(), "nothing is drawn where nothing lacks"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: largest_remainder([], 1), "expected one for each"),
        (lambda: largest_remainder([1, -1], 1), "weight -1.0 of stratum 2"),
        (lambda: largest_remainder([1, np.nan], 1), "weight nan of stratum 2"),
        (lambda: largest_remainder([1, 1], 1, least=1), "too few"),
        (lambda: largest_remainder([1, 1], 9, capacity=[4, 4]), "room for 8"),
        (lambda: largest_remainder([0, 0], 9), "all 0"),
        (lambda: largest_remainder([1, 1], 9, capacity=[4]), "1 capacities for 2 strata"),
        (lambda: largest_remainder([1, 1], -1), "total -1"),
        (lambda: area_power([1, 0], 1), "area 0.0 of stratum 2"),
        (lambda: area_power([1], -1), "alpha -1"),
        (lambda: deficit([1, 1], [1], 3), "expected"),
        (lambda: deficit([0, 0], [1, 1], 3), "all 0"),
        (lambda: biome_area([1, 1], [1.0], 3), "expected one each"),
    ],
)
def test_a_wrong_request_is_refused(call: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        call()  # type: ignore[operator]


def test_nothing_to_share() -> None:
    assert largest_remainder(equal(3), 0).tolist() == [0, 0, 0]
