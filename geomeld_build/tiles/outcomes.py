"""Typed outcomes: exactly one per anchor and modality, from the outcomes of its parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from geomeld_build.errors import SkipKind
from geomeld_build.grid import PartPlan, TilePlan
from geomeld_build.modalities import MODALITIES, Modality, Part

__all__ = ["OK", "PARTIAL", "PartOutcome", "band_slice", "not_read", "part_of", "row_outcomes"]

OK = "ok"
PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """What became of one part of one row."""

    plan: PartPlan
    kind: SkipKind | None
    """None = pixels are there."""
    detail: str = ""
    valid: float | None = None
    """Share of valid pixels over the part's bands; None when absent."""


def part_of(source: str, plan: PartPlan) -> Part:
    """The table's entry behind a planned part."""
    return next(part for part in MODALITIES[plan.row].origins[source] if part.name == plan.part)


def band_slice(row: Modality, source: str, part: str) -> slice:
    """Where a part's bands lie in its row: parts stack, in table order, to the row's bands."""
    start = 0
    for entry in row.origins[source]:
        if entry.name == part:
            return slice(start, start + len(entry.bands))
        start += len(entry.bands)
    raise KeyError(f"{row.name} has no part {part!r} from {source!r}")


def row_outcomes(source: str, parts: Iterable[PartOutcome]) -> Mapping[str, str]:
    """Row name to ``ok``, ``partial`` or a SkipKind, for every row of the table.

    A row is ``ok`` when each of its groups has a part with pixels, ``partial`` when some part has; otherwise it
    bears the kind of its first part.
    """
    by_row: dict[str, list[PartOutcome]] = {name: [] for name in MODALITIES}
    for outcome in parts:
        by_row[outcome.plan.row].append(outcome)
    return {name: _row_outcome(source, outcomes) for name, outcomes in by_row.items()}


def _row_outcome(source: str, outcomes: list[PartOutcome]) -> str:
    if not outcomes:
        return str(SkipKind.NOT_APPLICABLE)
    groups: dict[str, bool] = {}
    for outcome in outcomes:
        part = part_of(source, outcome.plan)
        group = part.group or part.name
        groups[group] = groups.get(group, False) or outcome.kind is None
    if all(groups.values()):
        return OK
    if any(groups.values()):
        return PARTIAL
    return str(outcomes[0].kind)


def not_read(plan: TilePlan, kind: SkipKind, detail: str) -> tuple[PartOutcome, ...]:
    """Outcomes of a tile that does not exist: rows that were asked for share the tile's reason."""
    return tuple(
        PartOutcome(part, part.skip if part.skip is SkipKind.NOT_REQUESTED else kind, detail) for part in plan.parts
    )
