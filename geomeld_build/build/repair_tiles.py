"""One damaged tile: what to read again from which scenes, and what becomes of its row of the catalog."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import SkipKind, TileSkipped
from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan
from geomeld_build.modalities import MODALITIES, REFERENCE, Near
from geomeld_build.sources import Source
from geomeld_build.store.schema import OUTCOMES_PRESENT, has_offset
from geomeld_build.tiles import out_of_range, valid_fraction
from geomeld_build.tiles.outcomes import OK, PARTIAL, band_slice
from geomeld_build.tiles.select import _SAME_TAKE

__all__ = ["Mended", "mend", "pinned_plan"]

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mended:
    """A tile after its damaged rows were read again."""

    record: Record
    """Its new catalog row, without place and objects."""
    arrays: Mapping[str, NDArray[Any]]
    """Row to ``(band, y, x)`` in the stored dtype, of the rows that were read again and have pixels."""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    """Row that was read again to ``ok``, ``partial`` or the value of a ``SkipKind``."""

    @property
    def is_tile(self) -> bool:
        """Whether the tile still exists; it ends with its reference."""
        return bool(self.record["status"] == "ok")


@dataclass(slots=True)
class _Read:
    """What came of reading rows again."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    refused: dict[str, TileSkipped] = field(default_factory=dict)


def pinned_plan(record: Record, rows: Collection[str], source: str) -> TilePlan:
    """The plan of some rows of a tile, from the scenes and versions that its catalog row pins.

    How several scenes became one image is not in the catalog, and follows from the rule that chose them: all of the
    reference's own datatake are a mosaic, anything else of such a row is a mode. (Slices of that datatake that together
    left a part of the tile open were a mode too; where no two of them overlap, both are the same.)

    Args:
        record: catalog row of a tile.
        rows: rows to read; parts without pixels are left out.
        source: name of the source.
    """
    transform = record["proj_transform"]
    anchor = Anchor(
        location_id=record["location_id"],
        tile_id=record["tile_id"],
        lon=record["lon"],
        lat=record["lat"],
        epsg=int(record["proj_code"].removeprefix("EPSG:")),
        left=transform[2],
        top=transform[5],
        datetime=record["anchor_datetime"],
        pool=record["pool"],
        stratum=record["stratum"],
    )
    wanted = [part for part in record["parts"] if part["row"] in rows and part["outcome"] in OUTCOMES_PRESENT]
    plans = tuple(_part_plan(part, record, source) for part in wanted)
    reference = next((plan.scenes[0] for plan in plans if plan.row == REFERENCE), None)
    return TilePlan(anchor, record["candidate_rank"], reference, record["tier_days"], plans, record["cross_zone"])


def _part_plan(part: Record, record: Record, source: str) -> PartPlan:
    collection = next(p.collection for p in MODALITIES[part["row"]].origins[source] if p.name == part["part"])
    scenes = tuple(Scene(s["id"], s["version"], collection, s["datetime"]) for s in part["scenes"])
    how = _composite(part["row"], scenes, record)
    return PartPlan(part["row"], part["part"], scenes, how, part["offset_days"])


def _composite(row: str, scenes: tuple[Scene, ...], record: Record) -> Literal["mosaic", "mode"]:
    rule = MODALITIES[row].when
    if not isinstance(rule, Near) or rule.prefer != "same_datatake" or len(scenes) < 2:
        return "mosaic"
    centre = record["datetime"]
    same = all(scene.datetime is not None and abs(scene.datetime - centre) <= _SAME_TAKE for scene in scenes)
    return "mosaic" if same else "mode"


def mend(record: Record, rows: Collection[str], source: Source) -> Mended:
    """Read damaged rows of a tile again, from exactly the scenes and versions that the catalog pins.

    A row whose asset has changed or is gone gets that outcome and loses its pixels, which are damaged. The tile itself
    ends, as ``failed``, when this happens to its reference: the next build plans it anew.

    Args:
        record: catalog row of the tile.
        rows: its rows with pixels that are damaged.
        source: where the scenes are.

    Raises:
        SourceError: the source failed after retries; nothing is known about the tile.
    """
    found = _read(pinned_plan(record, rows, source.name), source)
    mended = deepcopy(record)
    for part in mended["parts"]:
        if part["row"] in rows and part["outcome"] in OUTCOMES_PRESENT:
            _settle_part(part, found, source.name)
    if REFERENCE in found.refused:
        _end(mended, found.refused[REFERENCE])
        return Mended(mended, {}, {name: mended[f"{name}_outcome"] for name in rows})
    for name in rows:
        _settle_row(mended, name, source.name)
    outcomes = {name: mended[f"{name}_outcome"] for name in rows}
    kept = {name: array for name, array in found.arrays.items() if outcomes[name] in OUTCOMES_PRESENT}
    return Mended(mended, kept, outcomes)


def _read(plan: TilePlan, source: Source) -> _Read:
    names = list(dict.fromkeys(part.row for part in plan.parts))
    if not names:
        return _Read()
    try:
        reading = source.read(plan, MODALITIES)
    except TileSkipped as skipped:
        if len(names) == 1:
            return _Read(refused={names[0]: skipped})
        # The answer does not say which row it is: one by one, so that the others are not lost with it.
        whole = _Read()
        for name in names:
            one = TilePlan(plan.anchor, plan.rank, plan.reference, plan.tier_days, plan.of(name), plan.cross_zone)
            single = _read(one, source)
            whole.arrays.update(single.arrays)
            whole.facts.update(single.facts)
            whole.refused.update(single.refused)
        return whole
    return _Read({name: np.array(array) for name, array in reading.arrays.items()}, dict(reading.facts))


def _settle_part(part: Record, found: _Read, source: str) -> None:
    row = MODALITIES[part["row"]]
    if (skipped := found.refused.get(row.name)) is not None:
        part.update(outcome=str(skipped.kind), detail=skipped.detail, valid=None)
        return
    bands = found.arrays[row.name][band_slice(row, source, part["part"])]
    strange = out_of_range(row, bands)
    if strange is not None:
        bands[:] = row.nodata
        part.update(outcome=str(SkipKind.OUT_OF_RANGE), detail=strange, valid=None)
        return
    valid = valid_fraction(row, bands)
    if valid == 0.0:
        part.update(outcome=str(SkipKind.NO_VALID_PIXELS), detail="every pixel is masked here", valid=None)
        return
    part["valid"] = valid
    part["incidence_deg"] = found.facts.get(f"{row.name}.{part['part']}.incidence_deg", part["incidence_deg"])


def _settle_row(record: Record, name: str, source: str) -> None:
    """Outcome, valid share and offset of a row from its parts, as a first build would have noted them."""
    parts = [part for part in record["parts"] if part["row"] == name]
    present = [part for part in parts if part["outcome"] in OUTCOMES_PRESENT]
    groups = {part["group"] for part in parts}
    if not present:
        outcome = parts[0]["outcome"] if parts else str(SkipKind.NOT_APPLICABLE)
    else:
        outcome = OK if {part["group"] for part in present} == groups else PARTIAL
    bands = {part.name: len(part.bands) for part in MODALITIES[name].origins[source]}
    total = sum(bands[part["part"]] for part in present)
    record[f"{name}_outcome"] = outcome
    record[f"{name}_valid"] = sum(p["valid"] * bands[p["part"]] for p in present) / total if total else None
    if has_offset(MODALITIES[name]):
        offsets = [part["offset_days"] for part in present if part["offset_days"] is not None]
        record[f"{name}_offset_days"] = min(offsets, key=lambda days: (abs(days), days), default=None)


def _end(record: Record, why: TileSkipped) -> None:
    """Without its reference there is no tile."""
    record.update(status="failed", kind=str(why.kind), detail=why.detail, shard=None, slot=None, row=None, objects=[])
    for part in record["parts"]:
        if part["outcome"] in OUTCOMES_PRESENT:
            part.update(outcome=str(why.kind), detail=why.detail, valid=None)
    for name, row in MODALITIES.items():
        if record[f"{name}_outcome"] in OUTCOMES_PRESENT:
            record[f"{name}_outcome"] = str(why.kind)
        record[f"{name}_valid"] = None
        if has_offset(row):
            record[f"{name}_offset_days"] = None
