"""How many anchors each pool takes in each stratum: exact sums, whatever the points are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.allocation import area_power, equal, largest_remainder
from geomeld_build.anchors.candidates import Candidates

__all__ = ["PoolQuota", "grown", "pool_quota", "with_cells_there"]


@dataclass(frozen=True, slots=True, eq=False)
class PoolQuota:
    """One pool by biome. Arrays are ``(stratum,)`` int64 in the order of the strata."""

    name: str
    wanted: NDArray[np.int64]
    taken: NDArray[np.int64]
    """Points of the pool."""
    top_up: NDArray[np.int64]
    """Cells that the quota lacks."""


def pool_quota(
    candidates: Candidates, biomes: NDArray[np.int64], areas: NDArray[np.float64], have: NDArray[np.int64]
) -> PoolQuota:
    """Quotas of a pool by biome.

    Args:
        candidates: what is left of the pool.
        biomes: ``(stratum,)`` numbers of the biomes.
        areas: ``(stratum,)`` in square metres.
        have: ``(stratum,)`` anchors of the pool in a frame that is grown, cells that topped it up included.
    """
    config = candidates.config
    found = np.bincount(candidates.world.biome, minlength=int(biomes.max()) + 1)[biomes].astype(np.int64)
    if config.count is None:
        return PoolQuota(config.name, found, found, np.zeros_like(found))
    capacity = None if config.top_up else found
    count = config.count if capacity is None else min(config.count, int(capacity.sum()))
    # One for every stratum, where there are enough to go round.
    least = np.minimum(int(count >= len(biomes)), count if capacity is None else capacity)
    if config.allocation == "as_found":
        wanted = largest_remainder(found.astype(np.float64), count, capacity=capacity)
    elif config.allocation == "area":
        wanted = largest_remainder(area_power(areas, config.alpha), count, least=least, capacity=capacity)
    else:
        wanted = largest_remainder(equal(len(biomes)), count, least=least, capacity=capacity)
    wanted = grown(wanted, have)
    taken = np.minimum(wanted, found)
    return PoolQuota(config.name, wanted, taken, wanted - taken if config.top_up else np.zeros_like(wanted))


def grown(wanted: NDArray[np.int64], have: NDArray[np.int64]) -> NDArray[np.int64]:
    """Quotas of the same sum of which none is below what is there already.

    What the others must give, they give in proportion to what they have to give. Where more is there than is wanted
    in all, everything that is there stays.
    """
    need = np.maximum(wanted - have, 0)
    spare = int(wanted.sum() - have.sum())
    if spare <= 0:
        return have.copy()
    return have + largest_remainder(need.astype(np.float64), spare, capacity=need)


def with_cells_there(
    quotas: Sequence[PoolQuota], have: Sequence[NDArray[np.int64]], cells: NDArray[np.int64]
) -> list[PoolQuota]:
    """Quotas that count the cells which topped up a frame that is grown.

    They serve the pools in their order. Where a pool has so many points now that it no longer lacks those cells, it
    takes fewer new points: nothing that is there goes.

    Args:
        quotas: of the pools in their order.
        have: ``(stratum,)`` points of each pool in the frame that is grown.
        cells: ``(stratum,)`` cells that topped it up.
    """
    result = []
    left = cells.copy()
    for quota in quotas:
        served = np.minimum(left, quota.top_up)
        left = left - served
        result.append(replace(quota, top_up=quota.top_up - served))
    for at, quota in reversed(list(enumerate(result))):
        spared = np.minimum(left, np.maximum(quota.taken - have[at], 0))
        left = left - spared
        result[at] = replace(quota, taken=quota.taken - spared)
    return result
