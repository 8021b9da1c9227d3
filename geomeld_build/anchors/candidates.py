"""Imported points on their way into a frame: placed, classified, cleared of what cannot be, thinned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geomeld_build.anchors.exclusions import ExclusionLayer
from geomeld_build.anchors.frame import DROPPED_SCHEMA, DropReason
from geomeld_build.anchors.imports import Pool
from geomeld_build.anchors.overlap import thin
from geomeld_build.anchors.places import Places, places_of_points
from geomeld_build.anchors.recipe import PoolConfig
from geomeld_build.anchors.world import World, WorldColumns
from geomeld_build.draws import draw
from geomeld_build.errors import ConfigError

__all__ = ["MAX_LAT", "MIN_LAT", "Candidates", "candidates_of", "dropped_table", "flags_of"]

MIN_LAT, MAX_LAT = -80.0, 84.0
"""UTM's own range."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Points of one pool that may become anchors, in the order of their keys, and those that may not."""

    config: PoolConfig
    places: Places
    world: WorldColumns
    src_id: pa.StringArray
    date: NDArray[np.datetime64] | None
    """The file's own dates, NaT where it has none."""
    flags: NDArray[np.object_]
    """Names of the exclusion layers that flag each, joined by commas."""
    rank: NDArray[np.uint64]
    """A keyed draw: a stratum takes its points in this order."""
    offered: int
    dropped: tuple[pa.Table, ...]
    """Of ``DROPPED_SCHEMA``."""

    def take(self, index: NDArray[Any]) -> Candidates:
        """Some of the points; what was dropped stays."""
        return replace(
            self,
            places=self.places.take(index),
            world=self.world.take(index),
            src_id=_take(self.src_id, index),
            date=None if self.date is None else self.date[index],
            flags=self.flags[index],
            rank=self.rank[index],
        )

    def drop(self, mask: NDArray[np.bool_], reason: DropReason, detail: str = "") -> Candidates:
        """Without the points of a mask, which go onto the account of what was dropped."""
        if not mask.any():
            return self
        gone = self.take(mask)
        table = dropped_table(
            self.config.name, gone.src_id, gone.places.lon, gone.places.lat, reason, detail, world=gone.world
        )
        return replace(self.take(~mask), dropped=(*self.dropped, table))


def candidates_of(
    pool: Pool,
    config: PoolConfig,
    world: World,
    exclusions: Sequence[ExclusionLayer],
    *,
    recipe: str,
    blocked_by: Places,
    first: NDArray[np.uint64],
) -> Candidates:
    """What is left of a pool.

    Args:
        pool: as read.
        config: its part of the recipe.
        world: biomes and countries.
        exclusions: layers to keep away from.
        recipe: keys the draws.
        blocked_by: tiles of the pools before, which come first where tiles overlap.
        first: keys that come first in their own pool: those of a frame that is grown.

    Raises:
        ConfigError: a point is off the Earth.
    """
    found = _placed(pool, config, world, recipe)
    again = np.zeros(len(found.places), np.bool_)
    again[1:] = found.places.key[1:] == found.places.key[:-1]
    found = found.drop(again, DropReason.DUPLICATE)
    found = found.drop(found.world.biome == 0, DropReason.AT_SEA)
    for layer in exclusions:
        if layer.rule.action == "drop":
            found = found.drop(layer.hits(found.places), DropReason.EXCLUDED, layer.rule.name)
    found = replace(found, flags=flags_of(found.places, exclusions))
    # Half of the numbers for those that come first: thinning and ranking go by this order.
    is_first = np.isin(found.places.key, first)
    found = replace(found, rank=np.where(is_first, found.rank >> np.uint64(1), found.rank | np.uint64(1 << 63)))
    if config.keep_overlaps:
        return found
    thinned = thin(found.places, found.rank, blocked_by=blocked_by)
    by_pool = thinned.by_pool[~thinned.by_block]
    found = found.drop(thinned.by_block, DropReason.OVERLAP, "a tile of an earlier pool")
    return found.drop(by_pool, DropReason.OVERLAP, "a tile of its own pool")


def _placed(pool: Pool, config: PoolConfig, world: World, recipe: str) -> Candidates:
    beyond = (pool.lat < MIN_LAT) | (pool.lat >= MAX_LAT)
    dropped: tuple[pa.Table, ...] = ()
    if beyond.any():
        ids = _take(pool.src_id, beyond)
        dropped = (dropped_table(config.name, ids, pool.lon[beyond], pool.lat[beyond], DropReason.BEYOND_UTM, ""),)
    inside = np.flatnonzero(~beyond)
    try:
        places = places_of_points(pool.lon[inside], pool.lat[inside])
    except ConfigError as error:
        raise ConfigError(f"{pool.path}: {error}") from error
    # By key, and by id where keys are equal: whatever the order of the file.
    order = np.argsort(places.key, kind="stable")
    if (np.diff(places.key[order]) == 0).any():
        keys = pa.table({"key": places.key, "id": _take(pool.src_id, inside)})
        order = pc.sort_indices(keys, sort_keys=[("key", "ascending"), ("id", "ascending")]).to_numpy()
    places, inside = places.take(order), inside[order]
    return Candidates(
        config=config,
        places=places,
        world=world.classify(places.lon, places.lat),
        src_id=_take(pool.src_id, inside),
        date=None if pool.date is None else pool.date[inside],
        flags=np.full(len(places), "", dtype=object),
        rank=draw(recipe, f"rank-{config.name}", places.key),
        offered=len(pool.lon),
        dropped=dropped,
    )


def flags_of(places: Places, exclusions: Sequence[ExclusionLayer]) -> NDArray[np.object_]:
    """Names of the layers that flag each place, joined by commas."""
    flags = np.full(len(places), "", dtype=object)
    for layer in exclusions:
        if layer.rule.action == "flag":
            for at in np.flatnonzero(layer.hits(places)).tolist():
                flags[at] = f"{flags[at]},{layer.rule.name}" if flags[at] else layer.rule.name
    return flags


def dropped_table(
    pool: str,
    src_id: pa.StringArray,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    reason: DropReason,
    detail: str,
    *,
    world: WorldColumns | None = None,
) -> pa.Table:
    """Lines of ``DROPPED_SCHEMA``; without ``world`` the places have no biome."""
    count = len(lon)
    columns = [
        pa.repeat(pool, count),
        src_id,
        pa.array(lon),
        pa.array(lat),
        pa.array(np.zeros(count, np.int8) if world is None else world.biome),
        pa.repeat("", count) if world is None else world.continent.cast(pa.string()),
        pa.repeat(str(reason), count),
        pa.repeat(detail, count),
    ]
    return pa.table(columns, schema=DROPPED_SCHEMA)


def _take(array: pa.Array, index: NDArray[Any]) -> Any:
    return array.filter(pa.array(index)) if index.dtype == bool else array.take(pa.array(index))
