"""A sampling frame from its recipe: pools in their order, quotas, cells for what is lacking, reserves, dates, splits.

Pure: pools, world and exclusion layers are passed in, tables come out. Every draw is keyed by the place, so neither the
order of the input nor the number of workers changes a byte. A frame that is grown keeps all of its anchors as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geomeld_build.anchors.allocation import area_power, biome_area, biome_equal_eco, deficit, equal, largest_remainder
from geomeld_build.anchors.candidates import Candidates, candidates_of, flags_of
from geomeld_build.anchors.columns import Selected
from geomeld_build.anchors.dating import finish
from geomeld_build.anchors.exclusions import ExclusionLayer
from geomeld_build.anchors.filling import CellFiller
from geomeld_build.anchors.frame import DROPPED_SCHEMA, FRAME_SCHEMA, DropReason
from geomeld_build.anchors.imports import Pool
from geomeld_build.anchors.naip_dates import VintageLookUp
from geomeld_build.anchors.overlap import overlapping_pairs
from geomeld_build.anchors.places import Places, concatenate, places_from_columns
from geomeld_build.anchors.quotas import PoolQuota, grown, pool_quota, with_cells_there
from geomeld_build.anchors.recipe import TOPUP, FrameConfig, OwnConfig, PoolConfig
from geomeld_build.anchors.world import Stratum, World, WorldColumns

__all__ = ["Frame", "Progress", "compose"]

Progress = Callable[[str, int, int], None]
"""Called with a step's name, and how much of it is done and in all."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A finished frame."""

    anchors: pa.Table
    """``FRAME_SCHEMA``, by pool, stratum and rank."""
    reserves: pa.Table
    """``FRAME_SCHEMA``."""
    dropped: pa.Table
    """``DROPPED_SCHEMA``."""
    quotas: dict[str, dict[str, int]]
    """Anchors wanted, by pool and stratum; what cells topped up counts for the pool that lacked it."""
    offered: dict[str, int]
    """Points of each imported pool."""
    lacking: dict[str, int]
    """Anchors that no cell was left for, by stratum."""


def compose(
    config: FrameConfig,
    world: World,
    pools: Iterable[tuple[PoolConfig, Pool]],
    *,
    exclusions: Sequence[ExclusionLayer] = (),
    look_up: VintageLookUp | None = None,
    base: pa.Table | None = None,
    workers: int = 2,
    progress: Progress = lambda _step, _done, _total: None,
) -> Frame:
    """Make a frame.

    Args:
        config: the recipe.
        world: biomes and countries.
        pools: the recipe's pools in its order, as read; taken one at a time.
        exclusions: layers to keep away from.
        look_up: dates of aerial images, for a recipe with ``naip``.
        base: anchors of an earlier frame to keep, ``FRAME_SCHEMA``.
        workers: strata that are drawn at once.
        progress: told of every step.

    Raises:
        ConfigError: a point is off the Earth, a pool's dates are missing, or the recipe cannot be followed.
    """
    run = _Run(config, world, exclusions, FRAME_SCHEMA.empty_table() if base is None else base, workers, progress)
    candidates = run.import_pools(pools)
    biomes = world.strata("biome")
    quotas = run.quotas(candidates, biomes)
    chosen = [run.choose(item, quota, biomes) for item, quota in zip(candidates, quotas, strict=True)]
    own = world.strata(config.own.by, config.own.continents) if config.own else ()
    filler = CellFiller(
        [*biomes, *(stratum for stratum in own if stratum.name not in {b.name for b in biomes})],
        recipe=config.recipe,
        there=concatenate([places_from_columns(run.base), *(item.places for item in candidates)]),
        exclusions=exclusions,
        workers=workers,
    )
    lack = np.sum([quota.top_up for quota in quotas], axis=0) if quotas else np.zeros(len(biomes), np.int64)
    topup = run.cells(filler, TOPUP, dict(zip([b.name for b in biomes], lack.tolist(), strict=True)))
    parts = [*chosen, *topup]
    wanted = {quota.name: _by_name(biomes, quota.wanted) for quota in quotas}
    if config.own is not None:
        counts = run.own_counts(config.own, own, parts)
        parts += run.cells(filler, config.own.name, counts)
        wanted[config.own.name] = {
            name: count + run.base_count(config.own.name).get(name, 0) for name, count in counts.items()
        }
    reserves = run.reserves(filler, parts)
    anchors = finish(config, parts, look_up, run.base, progress)
    standing = finish(config, reserves, look_up, None, progress)
    dropped = [*(table for item in candidates for table in item.dropped), *run.surplus(candidates, chosen)]
    return Frame(
        anchors=_flag_overlaps(anchors) if any(pool.keep_overlaps for pool in config.pools) else anchors,
        reserves=standing,
        dropped=pa.concat_tables([DROPPED_SCHEMA.empty_table(), *dropped]),
        quotas=wanted,
        offered={item.config.name: item.offered for item in candidates},
        lacking=run.lacking,
    )


class _Run:
    """The steps of one composition, and what they share."""

    def __init__(
        self,
        config: FrameConfig,
        world: World,
        exclusions: Sequence[ExclusionLayer],
        base: pa.Table,
        workers: int,
        progress: Progress,
    ) -> None:
        self.config, self.world, self.exclusions, self.base = config, world, exclusions, base
        self.workers, self.progress = workers, progress
        self.lacking: dict[str, int] = {}

    def import_pools(self, pools: Iterable[tuple[PoolConfig, Pool]]) -> list[Candidates]:
        found: list[Candidates] = []
        for number, (config, pool) in enumerate(pools):
            self.progress(f"importing {config.name}", number, len(self.config.pools))
            # Cells and points of other pools in the frame that is grown are there already.
            others = self.base.filter(pc.not_equal(self.base.column("pool"), config.name))
            mine = places_from_columns(self.base.filter(pc.equal(self.base.column("pool"), config.name)))
            blocked = concatenate([places_from_columns(others), *(item.places for item in found)])
            found.append(
                candidates_of(
                    pool,
                    config,
                    self.world,
                    self.exclusions,
                    recipe=self.config.recipe,
                    blocked_by=blocked,
                    first=mine.key,
                )
            )
        return found

    def base_count(self, pool: str) -> dict[str, int]:
        """Anchors of a pool in the frame that is grown, by stratum."""
        counted = self.base.filter(pc.equal(self.base.column("pool"), pool)).column("stratum").value_counts()
        return {item["values"]: item["counts"] for item in counted.to_pylist()}

    def quotas(self, candidates: Sequence[Candidates], biomes: Sequence[Stratum]) -> list[PoolQuota]:
        numbers = np.array([stratum.biome for stratum in biomes], np.int64)
        areas = np.array([stratum.area_m2 for stratum in biomes])
        have = [self._there(item.config.name, biomes) for item in candidates]
        quotas = [pool_quota(item, numbers, areas, there) for item, there in zip(candidates, have, strict=True)]
        return with_cells_there(quotas, have, self._there(TOPUP, biomes))

    def _there(self, pool: str, strata: Sequence[Stratum]) -> NDArray[np.int64]:
        count = self.base_count(pool)
        return np.array([count.get(stratum.name, 0) for stratum in strata], np.int64)

    def choose(self, candidates: Candidates, quota: PoolQuota, biomes: Sequence[Stratum]) -> Selected:
        """The first of each biome in the order of their draws."""
        order = np.lexsort((candidates.places.key, candidates.rank, candidates.world.biome))
        biome = candidates.world.biome[order]
        # Position inside the biome: where each one starts in the sorted column.
        rank = np.arange(len(order)) - np.searchsorted(biome, biome)
        limit = np.zeros(128, np.int64)
        names = np.full(128, "", dtype=object)
        for stratum, taken in zip(biomes, quota.taken.tolist(), strict=True):
            limit[stratum.biome], names[stratum.biome] = taken, stratum.name
        keep = rank < limit[biome]
        taken = candidates.take(order[keep])
        return Selected(
            places=taken.places,
            world=taken.world,
            pool=candidates.config.name,
            stratum=names[taken.world.biome],
            rank=rank[keep].astype(np.int32),
            src_id=taken.src_id,
            flags=taken.flags,
            date=taken.date,
        )

    def own_counts(self, own: OwnConfig, strata: Sequence[Stratum], parts: Sequence[Selected]) -> dict[str, int]:
        """Cells to draw in each stratum, besides those of the frame that is grown."""
        areas = np.array([stratum.area_m2 for stratum in strata])
        biomes = np.array([stratum.biome for stratum in strata])
        # One for every stratum, where there are enough to go round.
        least = int(own.count >= len(strata))
        if own.allocation == "deficit":
            counts = self._deficit(own, area_power(areas, own.alpha), strata, parts)
        elif own.allocation == "biome_area":
            counts = biome_area(biomes, areas, own.count, least)
        elif own.allocation == "biome_equal_eco":
            counts = biome_equal_eco(biomes, own.count, least)
        else:
            weights = equal(len(strata)) if own.allocation == "equal" else area_power(areas, own.alpha)
            counts = largest_remainder(weights, own.count, least=least)
        have = self._there(own.name, strata)
        return _by_name(strata, grown(counts, have) - have)

    def _deficit(
        self, own: OwnConfig, shares: NDArray[np.float64], strata: Sequence[Stratum], parts: Sequence[Selected]
    ) -> NDArray[np.int64]:
        """Cells that bring the strata nearest to their shares of all anchors there, those of the pools included."""
        have = _counted([part.world for part in parts], strata)
        return deficit(shares, have, own.count, target=own.count + int(have.sum()))

    def cells(self, filler: CellFiller, pool: str, counts: dict[str, int]) -> list[Selected]:
        before = self.base_count(pool)
        found = filler.fill(counts, on_progress=lambda done, total: self.progress(f"drawing {pool}", done, total))
        for name, places in found.items():
            if (short := counts[name] - len(places)) > 0:
                self.lacking[name] = self.lacking.get(name, 0) + short
        return [self._selected(pool, name, places, before.get(name, 0)) for name, places in found.items()]

    def reserves(self, filler: CellFiller, parts: Sequence[Selected]) -> list[Selected]:
        """The next cells of every stratum."""
        names, counts = np.unique(np.concatenate([part.stratum for part in parts]).astype(str), return_counts=True)
        wanted = {
            str(name): int(np.ceil(count * self.config.reserve)) for name, count in zip(names, counts, strict=True)
        }
        found = filler.fill(wanted, on_progress=lambda done, total: self.progress("drawing reserves", done, total))
        return [self._selected("reserve", name, places, 0) for name, places in found.items()]

    def _selected(self, pool: str, stratum: str, places: Places, first: int) -> Selected:
        count = len(places)
        return Selected(
            places=places,
            world=self.world.classify(places.lon, places.lat),
            pool=pool,
            stratum=np.full(count, stratum, dtype=object),
            rank=np.arange(first, first + count, dtype=np.int32),
            src_id=pa.array([""] * count, pa.string()),
            flags=flags_of(places, self.exclusions),
            date=None,
        )

    def surplus(self, candidates: Sequence[Candidates], chosen: Sequence[Selected]) -> list[pa.Table]:
        """What quotas had no room for."""
        gone: list[pa.Table] = []
        for item, taken in zip(candidates, chosen, strict=True):
            left = item.drop(~np.isin(item.places.key, taken.places.key), DropReason.SURPLUS)
            gone += left.dropped[len(item.dropped) :]
        return gone


def _counted(columns: Sequence[WorldColumns], strata: Sequence[Stratum]) -> NDArray[np.int64]:
    """How many places lie in each stratum."""
    keys = ["biome", "ecoregion", "continent"]
    counted = [
        pa.table({key: getattr(world, key) for key in keys}).group_by(keys).aggregate([([], "count_all")]).to_pylist()
        for world in columns
    ]
    return np.array(
        [
            sum(
                line["count_all"]
                for lines in counted
                for line in lines
                if line["biome"] == stratum.biome
                and stratum.ecoregion in ("", line["ecoregion"])
                and stratum.continent in ("", line["continent"])
            )
            for stratum in strata
        ],
        np.int64,
    )


def _by_name(strata: Sequence[Stratum], counts: NDArray[np.int64]) -> dict[str, int]:
    return {stratum.name: count for stratum, count in zip(strata, counts.tolist(), strict=True)}


def _flag_overlaps(anchors: pa.Table) -> pa.Table:
    flags = np.zeros(len(anchors), np.bool_)
    flags[overlapping_pairs(places_from_columns(anchors)).ravel()] = True
    at = anchors.schema.get_field_index("overlaps")
    return anchors.set_column(at, anchors.schema.field(at), pa.array(flags))
