"""How many anchors each stratum gets: exact sums, by largest remainder.

Arithmetic is on fractions, so that quotas are the same on every machine. Strata are few (14 biomes, 846 ecoregions).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geomeld_build.errors import ConfigError

__all__ = [
    "area_power",
    "biome_area",
    "biome_equal_eco",
    "deficit",
    "equal",
    "largest_remainder",
]

Counts = NDArray[np.int64]


def equal(count: int) -> NDArray[np.float64]:
    """The same weight for each of ``count`` strata."""
    return np.ones(count)


def area_power(areas_m2: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Weights ``area^alpha``: 1 is proportional to area, 0 equal, 0.5 between.

    Raises:
        ConfigError: alpha is negative or not finite, or an area is not positive.
    """
    areas = np.asarray(areas_m2, np.float64)
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ConfigError(f"alpha {alpha}: expected a number >= 0 (1 = proportional to area, 0 = equal)")
    wrong = np.flatnonzero(~(np.isfinite(areas) & (areas > 0)))
    if len(wrong):
        raise ConfigError(f"area {areas[wrong[0]]} of stratum {wrong[0] + 1}: expected a positive number")
    # By the mean, so that squares of square metres stay far from overflow.
    weights: NDArray[np.float64] = np.power(areas / areas.mean(), alpha)
    return weights


def largest_remainder(
    weights: ArrayLike, total: int, least: int | Sequence[int] | Counts = 0, capacity: ArrayLike | None = None
) -> Counts:
    """Share a total among strata in proportion to weights, exactly (Hare quota, largest remainders).

    Strata whose share is below ``least`` get that, those whose share is above their capacity get that, and the others
    share the rest in proportion. Equal remainders go to the larger weight, then to the earlier stratum.

    Args:
        weights: ``(stratum,)``, not negative.
        total: the sum of the answer.
        least: lower bound of each stratum, one number or one each; a stratum of less capacity gets its capacity.
        capacity: ``(stratum,)`` upper bounds.

    Returns:
        ``(stratum,)`` int64.

    Raises:
        ConfigError: weights are negative, not finite, or 0 where they must decide; or the bounds do not admit the
            total.
    """
    weight = _checked_weights(weights)
    low, high = _bounds(len(weight), total, least, capacity)
    quota = _clipped_shares(weight, total, low, high)
    result = [int(share) for share in quota]
    short = total - sum(result)
    order = sorted(range(len(quota)), key=lambda i: (result[i] - quota[i], -weight[i], i))
    for index in order[:short]:
        result[index] += 1
    return np.array(result, np.int64)


def _checked_weights(weights: ArrayLike) -> list[Fraction]:
    values = np.asarray(weights, np.float64)
    if values.ndim != 1 or not len(values):
        raise ConfigError(f"weights of shape {values.shape}: expected one for each of at least one stratum")
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        raise ConfigError(f"weight {values[wrong[0]]} of stratum {wrong[0] + 1}: expected a finite number >= 0")
    return [Fraction(value) for value in values.tolist()]


def _bounds(
    count: int, total: int, least: int | Sequence[int] | Counts, capacity: ArrayLike | None
) -> tuple[list[int], list[int]]:
    low = np.broadcast_to(np.asarray(least, np.int64), (count,)).tolist()
    high = [total] * count if capacity is None else np.asarray(capacity, np.int64).tolist()
    if len(high) != count:
        raise ConfigError(f"{len(high)} capacities for {count} strata: expected one each")
    if total < 0 or min(low) < 0 or min(high) < 0:
        raise ConfigError(f"total {total}, least {min(low)}, capacity {min(high)}: expected none below 0")
    if sum(high) < total:
        raise ConfigError(f"{total} anchors do not fit: the {count} strata have room for {sum(high)} in all")
    if capacity is not None:
        low = [min(bound, room) for bound, room in zip(low, high, strict=True)]
    if sum(low) > total:
        raise ConfigError(f"{total} anchors are too few: the {count} strata need {sum(low)} for their least numbers")
    return low, high


def _clipped_shares(weight: list[Fraction], total: int, low: list[int], high: list[int]) -> list[Fraction]:
    """Shares ``factor * weight`` cut to the bounds, with the one factor that makes their sum the total."""
    share = [Fraction(0)] * len(weight)
    free = set(range(len(weight)))
    rest = total
    while free:
        sum_of_weights = sum(weight[i] for i in free)
        if not sum_of_weights:
            _give_nothing(free, rest, low, share)
            return share
        for i in free:
            share[i] = rest * weight[i] / sum_of_weights
        above = {i for i in free if share[i] > high[i]}
        below = {i for i in free if share[i] < low[i]}
        # Only those of the larger violation are fixed: fixing them moves the others towards their bounds.
        excess = sum(share[i] - high[i] for i in above) - sum(low[i] - share[i] for i in below)
        fixed, bound = (above, high) if excess > 0 else (below, low) if excess < 0 else (above | below, None)
        if not fixed:
            return share
        for i in fixed:
            kept = bound[i] if bound is not None else high[i] if i in above else low[i]
            share[i] = Fraction(kept)
            rest -= kept
        free -= fixed
    return share


def _give_nothing(free: set[int], rest: int, low: list[int], share: list[Fraction]) -> None:
    """Strata of weight 0 get their least; nothing says how more than that is to be shared among them."""
    if rest != sum(low[i] for i in free):
        raise ConfigError(
            f"{rest} anchors are left for {len(free)} strata whose weights are all 0: give them weights, "
            "or more capacity to the others"
        )
    for i in free:
        share[i] = Fraction(low[i])


def biome_area(
    biomes: ArrayLike, areas_m2: ArrayLike, total: int, least: int = 1, capacity: ArrayLike | None = None
) -> Counts:
    """Every biome the same, inside a biome in proportion to the areas of its ecoregions. MMEarth's ``biome_area``.

    Args:
        biomes: ``(ecoregion,)``: the biome of each.
        areas_m2: ``(ecoregion,)``.
        total: the sum of the answer.
        least: lower bound of each ecoregion.
        capacity: ``(ecoregion,)`` upper bounds.

    Raises:
        ConfigError: as :func:`largest_remainder`.
    """
    return _by_biome(np.asarray(biomes), area_power(areas_m2, 1.0), total, least, capacity)


def biome_equal_eco(biomes: ArrayLike, total: int, least: int = 1, capacity: ArrayLike | None = None) -> Counts:
    """Every biome the same, inside a biome every ecoregion the same. MMEarth's ``biome_equal_eco``.

    Raises:
        ConfigError: as :func:`largest_remainder`.
    """
    of = np.asarray(biomes)
    return _by_biome(of, equal(len(of)), total, least, capacity)


def _by_biome(
    biomes: NDArray[np.integer], weights: NDArray[np.float64], total: int, least: int, capacity: ArrayLike | None
) -> Counts:
    room = np.full(len(biomes), total, np.int64) if capacity is None else np.asarray(capacity, np.int64)
    if not len(biomes) == len(weights) == len(room):
        raise ConfigError(f"{len(biomes)} biomes, {len(weights)} areas, {len(room)} capacities: expected one each")
    numbers, of = np.unique(biomes, return_inverse=True)
    needed, available = (
        np.bincount(of, weights=each, minlength=len(numbers)).astype(np.int64)
        for each in (np.minimum(least, room), room)
    )
    quota = largest_remainder(equal(len(numbers)), total, needed, available)
    result = np.zeros(len(biomes), np.int64)
    for number, wanted in enumerate(quota.tolist()):
        mine = of == number
        result[mine] = largest_remainder(weights[mine], wanted, least, room[mine])
    return result


def deficit(
    shares: ArrayLike, have: ArrayLike, total: int, *, target: int | None = None, capacity: ArrayLike | None = None
) -> Counts:
    """Draw exactly ``total`` where a target lacks most: ``n_i = LR(max(0, target * share_i - have_i))``.

    What the lacking strata cannot hold, and all of it where nothing lacks, is shared by ``shares`` among the strata
    that have room.

    Args:
        shares: ``(stratum,)`` weights of the target, such as ``area_power(areas, 0.5)``; scaled to a sum of 1.
        have: ``(stratum,)``: what is there already.
        total: how many to draw: the sum of the answer.
        target: what the shares are shares of. By default ``total``; ``total + sum(have)`` aims at those shares
            in what is there in the end.
        capacity: ``(stratum,)``: how many more each can hold.

    Returns:
        ``(stratum,)`` int64.

    Raises:
        ConfigError: as :func:`largest_remainder`, or ``have`` is negative.
    """
    weight = np.asarray(shares, np.float64)
    there = np.asarray(have, np.float64)
    if there.shape != weight.shape or not bool(np.all(there >= 0)):
        raise ConfigError(f"have of shape {there.shape}: expected {weight.shape} numbers, none below 0")
    exact = _checked_weights(weight)
    whole = sum(exact, Fraction(0))
    if not whole:
        raise ConfigError("the target's shares are all 0: expected at least one that is not")
    goal = total if target is None else target
    held = [Fraction(value) for value in there.tolist()]
    lack = np.array(
        [float(max(Fraction(0), goal * share / whole - got)) for share, got in zip(exact, held, strict=True)]
    )
    room = np.full(len(weight), total, np.int64) if capacity is None else np.asarray(capacity, np.int64)
    first = min(total, int(room[lack > 0].sum()))
    drawn = largest_remainder(lack, first, 0, np.where(lack > 0, room, 0)) if first else np.zeros(len(weight), np.int64)
    return drawn + largest_remainder(weight, total - first, 0, room - drawn)
