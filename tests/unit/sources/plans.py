"""Plans for tests of reading: every part of the table with one scene, or as asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan, place_anchor
from geomeld_build.modalities import MODALITIES, Modality, Part
from geomeld_build.sources.earthengine_layout import PartRead, reads

WHEN = datetime(2020, 6, 4, 5, 46, 39, tzinfo=UTC)
VERSION = 1_600_000_000_123_456


def anchor() -> Anchor:
    return place_anchor(73.3056, 30.4642, WHEN, recipe="test")


def scene_of(part: Part, index: str = "scene", **more: Any) -> Scene:
    identity = part.collection if part.layout == "image" else f"{part.collection}/{index}"
    return Scene(identity, VERSION, part.collection, None if part.layout == "image" else WHEN, **more)


def part_plan(row: str, name: str = "main", *scenes: Scene, **more: Any) -> PartPlan:
    part = next(p for p in MODALITIES[row].origins["earthengine"] if p.name == name)
    return PartPlan(row, name, scenes or (scene_of(part),), **more)


def plan_of(*parts: PartPlan) -> TilePlan:
    return TilePlan(anchor(), 0, None, 15, parts)


def full_plan() -> TilePlan:
    return plan_of(
        *(part_plan(row.name, part.name) for row in MODALITIES.values() for part in row.origins["earthengine"])
    )


def answer_fields(
    wanted: tuple[PartRead, ...], value: int = 7, bits: Mapping[str, int] | None = None
) -> dict[str, NDArray[Any]]:
    """Bands as the service would send them: one value everywhere, every pixel valid unless ``bits`` says less."""
    fields: dict[str, NDArray[Any]] = {}
    for read in wanted:
        shape = (read.row.grid.size, read.row.grid.size)
        for name, dtype in read.dtypes.items():
            in_row = name in read.data_names
            fields[name] = np.full(shape, value if in_row else 0, dtype)
        everything = (1 << len(read.present)) - 1
        fields[read.valid_name][:] = (bits or {}).get(read.valid_name, everything)
    return fields


def wanted_of(plan: TilePlan, table: Mapping[str, Modality] = MODALITIES) -> tuple[PartRead, ...]:
    return reads(plan, table)
