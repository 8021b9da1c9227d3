"""The typed form of a catalog row, and how it becomes Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
import shapely
from shapely.geometry import Point

from geomeld_build.errors import SkipKind, StoreError
from geomeld_build.grid import Scene, TilePlan
from geomeld_build.modalities import MODALITIES, SCHEMA_VERSION
from geomeld_build.store.layout import GROUP_TILES, code_version
from geomeld_build.store.schema import OUTCOMES_PRESENT, RUNS_SCHEMA, TILES_SCHEMA, has_offset

__all__ = ["PartRecord", "RowRecord", "RunRecord", "TileRecord", "records_to_table", "runs_to_table"]


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What became of one part of one row. Platform and orbit are those of its first scene."""

    row: str
    part: str
    outcome: str
    """``ok``, ``partial`` or the value of a ``SkipKind``."""
    group: str = ""
    detail: str = ""
    offset_days: float | None = None
    """Signed days from the reference time to the nearest scene."""
    valid: float | None = None
    """Share of valid pixels over the part's bands; None when it has no pixels."""
    scenes: tuple[Scene, ...] = ()
    incidence_deg: float | None = None


@dataclass(frozen=True, slots=True)
class RowRecord:
    """What became of one row of the table at one anchor."""

    outcome: str
    """``ok``, ``partial`` or the value of a ``SkipKind``."""
    valid: float | None = None
    """Share of valid pixels over all bands of the parts that are present; None when the row has no pixels."""


@dataclass(frozen=True, slots=True)
class TileRecord:
    """One anchor of the catalog: its plan and what came of it."""

    plan: TilePlan
    status: Literal["ok", "skipped", "failed"]
    rows: Mapping[str, RowRecord]
    """An outcome for every row of the table of modalities, also for those that nobody asked for."""
    recipe: str
    run_id: str
    created: datetime
    parts: tuple[PartRecord, ...] = ()
    kind: SkipKind | None = None
    """Why there is no tile; None when there is one."""
    detail: str = ""
    shard: int | None = None
    slot: int | None = None
    cloud_fraction: float | None = None
    """Share of cloud and shadow over the tile itself."""
    cloud_test: str | None = None
    """Which test gave ``cloud_fraction``."""
    code_version: str = ""
    """Empty for the version that is running."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What one step of a run spent and made."""

    run_id: str
    what: str
    """``plan``, ``shard``, ..."""
    started: datetime
    finished: datetime
    shard: int | None = None
    requests: int = 0
    search_requests: int = 0
    pixel_requests: int = 0
    companion_requests: int = 0
    setup_requests: int = 0
    retries_fault: int = 0
    retries_cloud: int = 0
    bytes_received: int = 0
    tiles_ok: int = 0
    tiles_skipped: int = 0
    tiles_failed: int = 0


def records_to_table(records: Sequence[TileRecord]) -> pa.Table:
    """Catalog rows for ``commit``, which fills in ``objects``.

    Raises:
        StoreError: a record contradicts itself or the schema; the message names the tile.
    """
    rows = []
    for record in records:
        _check(record)
        rows.append(_as_row(record))
    try:
        return pa.Table.from_pylist(rows, schema=TILES_SCHEMA)
    except (pa.ArrowException, TypeError) as error:
        raise StoreError(f"tile records do not fit the catalog's schema: {error}") from error


def runs_to_table(records: Sequence[RunRecord]) -> pa.Table:
    """Rows of ``tables/runs``.

    Raises:
        StoreError: a time has no zone.
    """
    for record in records:
        _check_time(record.run_id, "started", record.started)
        _check_time(record.run_id, "finished", record.finished)
    rows = [{field.name: getattr(record, field.name) for field in fields(RunRecord)} for record in records]
    return pa.Table.from_pylist(rows, schema=RUNS_SCHEMA)


def _as_row(record: TileRecord) -> dict[str, Any]:
    plan, anchor, reference = record.plan, record.plan.anchor, record.plan.reference
    row: dict[str, Any] = {
        "tile_id": anchor.tile_id,
        "location_id": anchor.location_id,
        "status": record.status,
        "kind": None if record.kind is None else record.kind.value,
        "detail": record.detail or None,
        "shard": record.shard,
        "slot": record.slot,
        "row": None if record.shard is None or record.slot is None else record.shard * GROUP_TILES + record.slot,
        "lon": anchor.lon,
        "lat": anchor.lat,
        "geometry": shapely.to_wkb(Point(anchor.lon, anchor.lat)),
        "footprint": shapely.to_wkb(anchor.polygon),
        "proj_code": f"EPSG:{anchor.epsg}",
        "proj_transform": [float(value) for value in anchor.geobox.affine[:6]],
        "anchor_datetime": anchor.datetime,
        "datetime": None if reference is None else reference.datetime,
        "s2_ref_offset_days": plan.reference_offset_days,
        "tier_days": plan.tier_days,
        "candidate_rank": plan.rank,
        "cross_zone": plan.cross_zone,
        "scene_cloud_percent": None if reference is None else reference.cloud_cover,
        "cloud_fraction": record.cloud_fraction,
        "cloud_test": record.cloud_test,
        "sun_zenith": None if reference is None else reference.sun_zenith,
        "processing_baseline": None if reference is None else reference.baseline or None,
        "mgrs_tile": None if reference is None else reference.grid_code or None,
        "stratum": anchor.stratum,
        "pool": anchor.pool,
        "parts": [_part(part) for part in record.parts],
        "objects": [],
        "recipe": record.recipe,
        "run_id": record.run_id,
        "code_version": record.code_version or code_version(),
        "schema_version": SCHEMA_VERSION,
        "created": record.created,
    }
    for name, table_row in MODALITIES.items():
        row[f"{name}_outcome"] = record.rows[name].outcome
        row[f"{name}_valid"] = record.rows[name].valid
        if has_offset(table_row):
            row[f"{name}_offset_days"] = _nearest_offset(record.parts, name)
    return row


def _part(part: PartRecord) -> dict[str, Any]:
    first = part.scenes[0] if part.scenes else None
    return {
        "row": part.row,
        "part": part.part,
        "group": part.group,
        "outcome": part.outcome,
        "detail": part.detail or None,
        "offset_days": part.offset_days,
        "valid": part.valid,
        "scenes": [{"id": s.id, "version": s.version, "datetime": s.datetime} for s in part.scenes],
        "platform": None if first is None else first.platform or None,
        "relative_orbit": None if first is None else first.relative_orbit,
        "incidence_deg": part.incidence_deg,
    }


def _nearest_offset(parts: Sequence[PartRecord], name: str) -> float | None:
    offsets = [
        part.offset_days
        for part in parts
        if part.row == name and part.outcome in OUTCOMES_PRESENT and part.offset_days is not None
    ]
    # Of two equally near scenes the earlier one, so that the column is a function of the parts alone.
    return min(offsets, key=lambda days: (abs(days), days), default=None)


_OUTCOMES = frozenset({*OUTCOMES_PRESENT, *(kind.value for kind in SkipKind)})


def _check(record: TileRecord) -> None:
    who = record.plan.anchor.tile_id
    if missing := [name for name in MODALITIES if name not in record.rows]:
        raise StoreError(f"tile {who} has no outcome for {', '.join(missing)}: every row of the table needs one")
    if unknown := [name for name in record.rows if name not in MODALITIES]:
        raise StoreError(f"tile {who} has outcomes for unknown rows {', '.join(unknown)}")
    _check_status(who, record)
    _check_time(who, "created", record.created)
    for name, row in record.rows.items():
        _check_outcome(f"{who} {name}", row.outcome, row.valid)
        if record.status != "ok" and row.outcome in OUTCOMES_PRESENT:
            raise StoreError(f"tile {who} is {record.status}, so {name} cannot be {row.outcome!r}: give its SkipKind")
    for part in record.parts:
        _check_outcome(f"{who} {part.row}.{part.part}", part.outcome, part.valid)


def _check_status(who: str, record: TileRecord) -> None:
    if record.status == "ok":
        if record.shard is None or record.slot is None or record.kind is not None:
            raise StoreError(f"tile {who} is ok: expected shard and slot and no kind, got {_places(record)}")
        if record.shard < 0 or not 0 <= record.slot < GROUP_TILES:
            raise StoreError(f"tile {who}: expected shard >= 0 and slot 0..{GROUP_TILES - 1}, got {_places(record)}")
    elif record.status in ("skipped", "failed"):
        if record.kind is None or record.shard is not None or record.slot is not None:
            expected = "a kind and neither shard nor slot"
            raise StoreError(f"tile {who} is {record.status}: expected {expected}, got {_places(record)}")
    else:
        raise StoreError(f"tile {who} has status {record.status!r}: expected ok, skipped or failed")


def _places(record: TileRecord) -> str:
    return f"shard={record.shard}, slot={record.slot}, kind={record.kind}"


def _check_outcome(who: str, outcome: str, valid: float | None) -> None:
    if outcome not in _OUTCOMES:
        raise StoreError(f"{who}: outcome {outcome!r} is unknown: expected one of {', '.join(sorted(_OUTCOMES))}")
    if outcome in OUTCOMES_PRESENT and (valid is None or not 0.0 < valid <= 1.0):
        raise StoreError(f"{who} is {outcome}: its valid share must be above 0 and at most 1, got {valid}")
    if outcome not in OUTCOMES_PRESENT and valid is not None:
        raise StoreError(f"{who} is {outcome}: it has no pixels, so no valid share, got {valid}")


def _check_time(who: str, name: str, when: datetime) -> None:
    if when.tzinfo is None:
        raise StoreError(f"{who}: {name} needs a time zone, got {when!r}: use UTC")
