"""Figures of a sampling frame: what it holds, what it was to hold, and what became of every point that was offered.

Counts are exact and come from the frame's own tables. Distances are between centres, as ``anchors.overlap`` has them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geomeld_build.anchors.frame import DROPPED_SCHEMA, FRAME_SCHEMA
from geomeld_build.anchors.overlap import nearest_distance_m
from geomeld_build.anchors.places import Places
from geomeld_build.errors import ConfigError

__all__ = [
    "SURELY_OVERLAP_M",
    "FrameSummary",
    "Nearest",
    "PoolAccount",
    "Quotas",
    "StratumCount",
    "nearest_distances",
    "summarise",
]

Quotas = Mapping[str, Mapping[str, int]]
"""Anchors that were wanted, by pool and stratum; cells that topped a pool up count for the pool."""

SURELY_OVERLAP_M = 1275.0
"""Tiles whose centres are nearer than this overlap, however they are turned: the circles inside them do. Less than the
1,280 m of a tile, because a metre of a UTM grid is up to 0.13 % shorter than one on the ground (zone 32 in Norway)."""

_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_EDGES_KM = np.concatenate([[0.0], np.round(np.logspace(-2, 4.5, 66), 6)])
"""Ten bins a decade, from 10 m to more than half the circumference of the Earth; the first bin begins at 0."""


@dataclass(frozen=True, slots=True)
class StratumCount:
    """What one stratum was to hold and holds."""

    stratum: str
    biome: int | None
    """The biome of most of its anchors and reserves; None where it has neither."""
    wanted: Mapping[str, int]
    """Anchors by pool that were asked for."""
    got: Mapping[str, int]
    """Anchors by pool."""
    reserves: int

    @property
    def missing(self) -> int:
        """Anchors below the quota, over all pools (what one pool lacks another may have topped up); never negative."""
        return max(0, sum(self.wanted.values()) - sum(self.got.values()))


@dataclass(frozen=True, slots=True)
class PoolAccount:
    """What became of the points of an imported pool, and how many cells of the lattice go by its name."""

    pool: str
    offered: int | None
    """Points that were read, as counted by the reader; None when nobody said."""
    kept: int
    """Imported points that are anchors."""
    reserve: int
    """Imported points that stand by."""
    dropped: Mapping[str, int]
    """Points by reason."""
    cells: int
    """Anchors that are cells of the lattice: drawn, not offered."""

    @property
    def accounted(self) -> int:
        """Points whose fate is known."""
        return self.kept + self.reserve + sum(self.dropped.values())

    @property
    def unaccounted(self) -> int:
        """Points that were read and are nowhere (or, below zero, are in two places). 0 when the account adds up."""
        return 0 if self.offered is None else self.offered - self.accounted

    @property
    def land_share(self) -> float | None:
        """Share of the points that lie in a biome; None without points."""
        return 1 - self.dropped.get("at_sea", 0) / self.accounted if self.accounted else None


@dataclass(frozen=True, slots=True)
class Nearest:
    """Distances from each anchor to the nearest other one."""

    edges_km: tuple[float, ...]
    counts: tuple[int, ...]
    """Anchors in each bin; one fewer than the edges."""
    quantiles_km: Mapping[str, float]
    """By quantile, 0 to 1; empty for fewer than two anchors."""
    surely_overlapping: int
    """Anchors nearer than ``SURELY_OVERLAP_M`` to another."""


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """Figures of one frame. Counts are tuples whose last item is the number."""

    anchors: int
    reserves: int
    dropped: int
    counts: tuple[tuple[str, int, str, int], ...]
    """Pool, biome (0 where there is none), continent, anchors."""
    strata: tuple[StratumCount, ...]
    accounts: tuple[PoolAccount, ...]
    splits: tuple[tuple[str, int, int], ...]
    """Split, biome, anchors."""
    blocks: tuple[tuple[str, int], ...]
    """Split, blocks that have anchors of it."""
    dates: tuple[tuple[str, int, int, int], ...]
    """Pool, year, month, anchors."""
    date_rules: tuple[tuple[str, str, int], ...]
    """Pool, rule, anchors."""
    seams: tuple[tuple[str, int], ...]
    """Pool, anchors within one tile of a zone boundary."""
    overlaps: tuple[tuple[str, int], ...]
    """Pool, anchors that are flagged because their tile overlaps another."""
    excluded: tuple[tuple[str, int], ...]
    """Exclusion layer, anchors that it flags."""
    nearest: Nearest

    @property
    def pools(self) -> tuple[str, ...]:
        """Pools that have anchors, the largest first."""
        totals = self.total(0)
        return tuple(sorted(totals, key=lambda pool: (-totals[pool], pool)))

    @property
    def adds_up(self) -> bool:
        """Whether every point that was read is an anchor, a reserve, or dropped for a reason."""
        return all(account.unaccounted == 0 for account in self.accounts)

    @property
    def missing(self) -> int:
        """Anchors below the quotas, over all strata."""
        return sum(stratum.missing for stratum in self.strata)

    def total(self, axis: int) -> dict[Any, int]:
        """Anchors by pool (0), biome (1) or continent (2)."""
        totals: dict[Any, int] = {}
        for row in self.counts:
            totals[row[axis]] = totals.get(row[axis], 0) + row[3]
        return totals

    def wanted_by_biome(self) -> dict[int, int]:
        """Quotas of the strata of each biome."""
        wanted: dict[int, int] = {}
        for stratum in self.strata:
            if stratum.biome is not None and stratum.wanted:
                wanted[stratum.biome] = wanted.get(stratum.biome, 0) + sum(stratum.wanted.values())
        return wanted

    def to_json(self) -> dict[str, Any]:
        """Plain values, tuples as lists of objects with named keys."""
        document = asdict(self)
        for name, keys in _KEYS.items():
            document[name] = [dict(zip((*keys, "anchors"), row, strict=True)) for row in getattr(self, name)]
        document["blocks"] = [{"split": split, "blocks": number} for split, number in self.blocks]
        for line, account in zip(document["accounts"], self.accounts, strict=True):
            line |= {"unaccounted": account.unaccounted, "land_share": account.land_share}
        for line, stratum in zip(document["strata"], self.strata, strict=True):
            line["missing"] = stratum.missing
        return document | {"adds_up": self.adds_up, "missing": self.missing}


_KEYS: dict[str, tuple[str, ...]] = {
    "counts": ("pool", "biome", "continent"),
    "splits": ("split", "biome"),
    "dates": ("pool", "year", "month"),
    "date_rules": ("pool", "rule"),
    "seams": ("pool",),
    "overlaps": ("pool",),
    "excluded": ("layer",),
}


def summarise(
    anchors: pa.Table,
    reserves: pa.Table,
    dropped: pa.Table,
    quotas: Quotas,
    offered: Mapping[str, int] | None = None,
) -> FrameSummary:
    """Figures of a frame.

    Args:
        anchors: columns of ``FRAME_SCHEMA``.
        reserves: the same.
        dropped: columns of ``DROPPED_SCHEMA``.
        quotas: anchors that were wanted, by pool and stratum.
        offered: points that were read, by imported pool, counted where they were read. With it the account of drops is
            checked against a number that it does not come from.

    Raises:
        ConfigError: a table lacks a column, or there are no anchors.
    """
    _require(anchors, FRAME_SCHEMA, "anchors")
    _require(reserves, FRAME_SCHEMA, "reserves")
    _require(dropped, DROPPED_SCHEMA, "dropped points")
    if not anchors.num_rows:
        raise ConfigError("the frame has no anchors, expected at least one: nothing to report")
    frame = _filled(anchors)
    return FrameSummary(
        anchors=anchors.num_rows,
        reserves=reserves.num_rows,
        dropped=dropped.num_rows,
        counts=_counts(frame, "pool", "biome", "continent"),
        strata=_strata(frame, _filled(reserves), quotas),
        accounts=_accounts(frame, reserves, dropped, offered or {}),
        splits=_counts(frame, "split", "biome"),
        blocks=_blocks(frame),
        dates=_counts(frame, "pool", "year", "month"),
        date_rules=_counts(frame, "pool", "date_rule"),
        seams=_counts(frame.filter(frame.column("seam")), "pool"),
        overlaps=_counts(frame.filter(frame.column("overlaps")), "pool"),
        excluded=_layers(frame),
        nearest=_nearest(nearest_distances(anchors)),
    )


def nearest_distances(frame: pa.Table) -> NDArray[np.float64]:
    """Metres from each anchor's centre to the nearest other one, in the order of the table; infinite for a lone anchor.

    Args:
        frame: columns of an anchors file.
    """
    lon, lat, epsg, left, top = (frame.column(name).to_numpy() for name in ("lon", "lat", "epsg", "left", "top"))
    # Identities play no part here.
    places = Places(lon, lat, epsg, left, top, np.arange(len(lon), dtype=np.uint64))
    # Neighbours in space become neighbours in memory, which makes the search three times faster. There are 64,800 boxes
    # of one degree, so that their numbers fit 16 bits and are sorted by radix.
    row, column = np.minimum(lat + 90.0, 179.0), np.minimum(lon + 180.0, 359.0)
    order = np.argsort(row.astype(np.uint16) * np.uint16(360) + column.astype(np.uint16), kind="stable")
    metres = np.empty(len(order))
    metres[order] = nearest_distance_m(places.take(order))
    return metres


def _require(table: pa.Table, schema: pa.Schema, what: str) -> None:
    if missing := [name for name in schema.names if name not in table.column_names]:
        raise ConfigError(f"the {what} have no column {', '.join(missing)}: expected {', '.join(schema.names)}")


def _filled(frame: pa.Table) -> pa.Table:
    """The columns that are counted by, without nulls."""
    columns = {name: pc.fill_null(frame.column(name), "") for name in ("pool", "stratum", "continent", "split")}
    columns |= {name: pc.fill_null(frame.column(name), "") for name in ("block", "date_rule", "excluded_by")}
    columns |= {name: pc.fill_null(frame.column(name), False) for name in ("seam", "overlaps")}
    when = frame.column("datetime")
    return pa.table(
        {
            **columns,
            "biome": pc.fill_null(frame.column("biome"), 0),
            "year": pc.year(when),
            "month": pc.month(when),
            # Identities of imported centres begin with p, those of cells with u: Places.location_ids.
            "imported": pc.starts_with(frame.column("location_id"), "p"),
        }
    )


def _counts(table: pa.Table, *columns: str) -> tuple[Any, ...]:
    """Distinct values of some columns in order, each with its number of rows."""
    found = table.group_by(list(columns)).aggregate([([], "count_all")])
    values = (found.column(name).to_pylist() for name in (*columns, "count_all"))
    return tuple(sorted(zip(*values, strict=True)))


def _strata(frame: pa.Table, reserves: pa.Table, quotas: Quotas) -> tuple[StratumCount, ...]:
    got: dict[str, dict[str, int]] = {}
    for stratum, pool, number in _counts(frame, "stratum", "pool"):
        got.setdefault(stratum, {})[pool] = number
    standing_by = dict(_counts(reserves, "stratum"))
    biomes: dict[str, Counter[int]] = {}
    for table in (frame, reserves):
        for stratum, biome, number in _counts(table, "stratum", "biome"):
            biomes.setdefault(stratum, Counter())[biome] += number
    found = []
    for stratum in sorted({*got, *(stratum for pool in quotas.values() for stratum in pool)}):
        mine = biomes.get(stratum, Counter[int]())
        biome = max(mine, key=lambda number: (mine[number], -number)) if mine else None
        wanted = {pool: quota[stratum] for pool, quota in sorted(quotas.items()) if stratum in quota}
        found.append(StratumCount(stratum, biome, wanted, got.get(stratum, {}), standing_by.get(stratum, 0)))
    return tuple(found)


def _accounts(
    frame: pa.Table, reserves: pa.Table, dropped: pa.Table, offered: Mapping[str, int]
) -> tuple[PoolAccount, ...]:
    by_origin = {(pool, imported): number for pool, imported, number in _counts(frame, "pool", "imported")}
    standing_by = {
        pool: number for pool, imported, number in _counts(_filled(reserves), "pool", "imported") if imported
    }
    reasons: dict[str, dict[str, int]] = {}
    for pool, reason, number in _counts(dropped, "pool", "reason"):
        reasons.setdefault(pool, {})[reason] = number
    pools = {*offered, *reasons, *standing_by, *(pool for pool, _ in by_origin)}
    return tuple(
        PoolAccount(
            pool=pool,
            offered=offered.get(pool),
            kept=by_origin.get((pool, True), 0),
            reserve=standing_by.get(pool, 0),
            dropped=reasons.get(pool, {}),
            cells=by_origin.get((pool, False), 0),
        )
        for pool in sorted(pools)
    )


def _blocks(frame: pa.Table) -> tuple[tuple[str, int], ...]:
    found = frame.group_by(["split"]).aggregate([("block", "count_distinct")])
    return tuple(
        sorted(zip(found.column("split").to_pylist(), found.column("block_count_distinct").to_pylist(), strict=True))
    )


def _layers(frame: pa.Table) -> tuple[tuple[str, int], ...]:
    flagged: dict[str, int] = {}
    for names, number in _counts(frame, "excluded_by"):
        for name in filter(None, (part.strip() for part in names.split(","))):
            flagged[name] = flagged.get(name, 0) + number
    return tuple(sorted(flagged.items()))


def _nearest(metres: NDArray[np.float64]) -> Nearest:
    metres = metres[np.isfinite(metres)]
    counts, _ = np.histogram(metres / 1000, _EDGES_KM)
    quantiles: Sequence[float] = np.quantile(metres / 1000, _QUANTILES).tolist() if len(metres) else []
    return Nearest(
        edges_km=tuple(_EDGES_KM.tolist()),
        counts=tuple(counts.tolist()),
        quantiles_km={f"{q:g}": value for q, value in zip(_QUANTILES, quantiles, strict=False)},
        surely_overlapping=int((metres < SURELY_OVERLAP_M).sum()),
    )
