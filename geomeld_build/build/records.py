"""From a fetched tile to its row of the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from geomeld_build.store import PartRecord, RowRecord, TileRecord
from geomeld_build.tiles import FetchedTile, PartOutcome
from geomeld_build.tiles.outcomes import OK, part_of, row_outcomes

__all__ = ["tile_record"]


def tile_record(
    tile: FetchedTile, source: str, *, recipe: str, run_id: str, shard: int | None = None, slot: int | None = None
) -> TileRecord:
    """The typed catalog row of one anchor; ``shard`` and ``slot`` say where its pixels are."""
    rows = {
        name: RowRecord(outcome, _row_valid(name, source, tile.parts))
        for name, outcome in row_outcomes(source, tile.parts).items()
    }
    return TileRecord(
        plan=tile.plan,
        status=tile.status,
        rows=rows,
        recipe=recipe,
        run_id=run_id,
        created=datetime.now(UTC),
        parts=tuple(_part_record(part, source, tile) for part in tile.parts),
        kind=tile.kind,
        detail=tile.detail,
        shard=shard,
        slot=slot,
        cloud_fraction=None if tile.cloud is None else tile.cloud.fraction,
        cloud_test=None if tile.cloud is None else tile.cloud.by,
    )


def _part_record(outcome: PartOutcome, source: str, tile: FetchedTile) -> PartRecord:
    plan = outcome.plan
    part = part_of(source, plan)
    return PartRecord(
        row=plan.row,
        part=plan.part,
        group=part.group or part.name,
        outcome=OK if outcome.kind is None else str(outcome.kind),
        detail=outcome.detail,
        offset_days=plan.offset_days,
        valid=outcome.valid,
        scenes=plan.scenes,
        incidence_deg=tile.facts.get(f"{plan.row}.{plan.part}.incidence_deg"),
    )


def _row_valid(name: str, source: str, outcomes: Iterable[PartOutcome]) -> float | None:
    """Valid share over the bands of the parts that are there."""
    weighted = total = 0.0
    for outcome in outcomes:
        if outcome.plan.row == name and outcome.valid is not None:
            bands = len(part_of(source, outcome.plan).bands)
            weighted += outcome.valid * bands
            total += bands
    return weighted / total if total else None
