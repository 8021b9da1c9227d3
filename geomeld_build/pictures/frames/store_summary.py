"""What a store holds of a frame: counted from its catalog, land cover from its pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES
from geomeld_build.pictures.frames.land_cover import LandCover, Progress, land_cover
from geomeld_build.pictures.frames.style import biome_label
from geomeld_build.store import Store
from geomeld_build.store.schema import has_offset

__all__ = ["Offsets", "StoreSummary", "StratumBuilt", "store_report"]

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
NO_NAME = "none"
"""Stands for an empty stratum or pool."""


@dataclass(frozen=True, slots=True)
class StratumBuilt:
    """What became of one stratum."""

    stratum: str
    wanted: int | None
    """Anchors in the frame; None without one."""
    attempted: int
    """Anchors in the catalog, reserves among them."""
    built: int
    skipped: int
    failed: int


@dataclass(frozen=True, slots=True)
class Offsets:
    """Signed days between two times."""

    row: str
    """Row of the table of modalities; empty for the reference scene against the anchor's date."""
    tiles: int
    quantiles: dict[str, float]
    """Of the days, by quantile."""
    days: tuple[tuple[int, int], ...]
    """Whole days, rounded to the nearest, and tiles."""


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """Figures of a store at one version. Counts are tuples whose last item is the number."""

    catalog_version: int
    anchors: int
    """Lines of the catalog."""
    tiles: int
    strata: tuple[StratumBuilt, ...]
    planned: tuple[tuple[str, int, int], ...]
    """Biome (or stratum), month of the anchor's date, anchors."""
    obtained: tuple[tuple[str, int, int], ...]
    """Biome (or stratum), month of the reference scene, tiles."""
    dates: tuple[tuple[str, int, int, int], ...]
    """Pool, year, month of the reference scene, tiles."""
    kinds: tuple[tuple[str, str, int], ...]
    """Status, kind, anchors without a tile."""
    outcomes: dict[str, dict[str, int]]
    """By row of the table of modalities, anchors by outcome."""
    offsets: tuple[Offsets, ...]
    """Of the reference scene, then of every row near a date."""
    land_cover: LandCover | None
    """None where the store has no such row."""

    @property
    def within_30_days(self) -> float:
        """Share of tiles whose reference scene is within 30 days of the anchor's date; NaN without tiles."""
        near = sum(number for day, number in self.offsets[0].days if abs(day) <= 30)
        return near / self.offsets[0].tiles if self.offsets[0].tiles else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        document = asdict(self)
        document["planned"] = [{"group": g, "month": m, "anchors": n} for g, m, n in self.planned]
        document["obtained"] = [{"group": g, "month": m, "tiles": n} for g, m, n in self.obtained]
        document["dates"] = [{"pool": p, "year": y, "month": m, "tiles": n} for p, y, m, n in self.dates]
        document["kinds"] = [{"status": s, "kind": k, "anchors": n} for s, k, n in self.kinds]
        return document


def store_report(store: Store, progress: Progress | None = None, frame: pa.Table | None = None) -> StoreSummary:
    """Count what a store holds.

    Args:
        store: at its version.
        progress: told while land cover is read.
        frame: the anchors that were to be built (``FRAME_SCHEMA``): gives the numbers wanted, and the biomes of the
            strata. Without it lines are grouped by the last part of their stratum (``Africa/mangroves``
            counts for ``mangroves``).

    Raises:
        ConfigError: the frame lacks a column, or the store has no anchors.
        StoreError: a table or a shard object cannot be read.
    """
    near = [row.name for row in MODALITIES.values() if has_offset(row) and row.name in store.modalities]
    columns = ["stratum", "pool", "status", "kind", "anchor_datetime", "datetime", "s2_ref_offset_days"]
    columns += [f"{name}_offset_days" for name in near]
    catalog = store.query(f"SELECT {', '.join(columns)} FROM tiles")
    if not catalog.num_rows:
        raise ConfigError(f"{store.uri} has no anchors at version {store.version}: build some tiles first")
    lines = _lines(catalog, frame)
    built = lines.filter(pc.equal(lines.column("status"), "ok"))
    ended = lines.filter(pc.not_equal(lines.column("status"), "ok"))
    return StoreSummary(
        catalog_version=store.version,
        anchors=lines.num_rows,
        tiles=built.num_rows,
        strata=_strata(lines, frame),
        planned=_counts(lines, "group", "planned_month"),
        obtained=_counts(built, "group", "month"),
        dates=_counts(built, "pool", "year", "month"),
        kinds=_counts(ended, "status", "kind"),
        outcomes=store.status()["outcomes"],
        offsets=(
            _offsets("", built.column("s2_ref_offset_days")),
            *(_offsets(name, built.column(f"{name}_offset_days")) for name in near),
        ),
        land_cover=land_cover(store, progress),
    )


def _lines(catalog: pa.Table, frame: pa.Table | None) -> pa.Table:
    """The catalog with named strata and pools, groups, months and years."""
    for name in ("stratum", "pool", "kind"):
        column = pc.fill_null(catalog.column(name), "")
        column = pc.if_else(pc.equal(column, ""), NO_NAME, column)
        catalog = catalog.set_column(catalog.column_names.index(name), name, column)
    names = pc.replace_substring_regex(catalog.column("stratum"), pattern="^.*/", replacement="")
    if frame is not None:
        names = _biomes(catalog.column("stratum"), frame, names)
    return (
        catalog.append_column("group", names)
        .append_column("planned_month", pc.month(catalog.column("anchor_datetime")))
        .append_column("year", pc.year(catalog.column("datetime")))
        .append_column("month", pc.month(catalog.column("datetime")))
    )


def _biomes(strata: pa.ChunkedArray, frame: pa.Table, otherwise: pa.ChunkedArray) -> pa.ChunkedArray:
    """Names of the biomes that strata have in the frame; by strata, not places, because reserves are not in it."""
    if missing := [name for name in ("stratum", "biome") if name not in frame.column_names]:
        raise ConfigError(f"the frame has no column {', '.join(missing)}: expected the anchors of a sampling frame")
    counted = sorted(_counts(frame, "stratum", "biome"), key=lambda row: row[2])
    # The later, larger number wins.
    biome = {stratum or NO_NAME: number for stratum, number, _ in counted}
    at = pc.index_in(strata, value_set=pa.array(list(biome)))
    return pc.coalesce(pc.take(pa.array([biome_label(number) for number in biome.values()]), at), otherwise)


def _strata(lines: pa.Table, frame: pa.Table | None) -> tuple[StratumBuilt, ...]:
    wanted = dict(_counts(frame, "stratum")) if frame is not None else {}
    found: dict[str, dict[str, int]] = {stratum or NO_NAME: {} for stratum in wanted}
    for stratum, status, number in _counts(lines, "stratum", "status"):
        found.setdefault(stratum, {})[status] = number
    return tuple(
        StratumBuilt(
            stratum=stratum,
            wanted=None if frame is None else wanted.get(stratum, 0),
            attempted=sum(by_status.values()),
            built=by_status.get("ok", 0),
            skipped=by_status.get("skipped", 0),
            failed=by_status.get("failed", 0),
        )
        for stratum, by_status in sorted(found.items())
    )


def _counts(table: pa.Table, *columns: str) -> tuple[Any, ...]:
    """Distinct values of some columns in order, each with its number of lines; lines with a null are left out."""
    found = table.select(list(columns)).drop_null().group_by(list(columns)).aggregate([([], "count_all")])
    values = (found.column(name).to_pylist() for name in (*columns, "count_all"))
    return tuple(sorted(zip(*values, strict=True)))


def _offsets(row: str, column: pa.ChunkedArray) -> Offsets:
    days: NDArray[np.float64] = pc.drop_null(column).to_numpy()
    quantiles = np.quantile(days, _QUANTILES).tolist() if len(days) else []
    whole, numbers = np.unique(np.rint(days).astype(int), return_counts=True)
    return Offsets(
        row=row,
        tiles=len(days),
        quantiles={f"{q:g}": value for q, value in zip(_QUANTILES, quantiles, strict=False)},
        days=tuple(zip(whole.tolist(), numbers.tolist(), strict=True)),
    )
