"""Reads the pinned candidates of one anchor until one passes the checks. A pure function of plan and source."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import CredentialsError, SkipKind, SourceError, TileSkipped
from geomeld_build.grid import PartPlan, TilePlan
from geomeld_build.modalities import MODALITIES, REFERENCE
from geomeld_build.sources.base import Reading, Source
from geomeld_build.tiles.check import CloudTest, cloud_test, out_of_range, require_form, valid_fraction
from geomeld_build.tiles.outcomes import PartOutcome, band_slice, not_read

__all__ = ["FetchedTile", "PartOutcome", "Rules", "fetch_tile", "not_tried"]

logger = logging.getLogger(__name__)


class Rules(Protocol):
    """Limits a tile's pixels must keep."""

    @property
    def max_cloud_fraction(self) -> float: ...
    @property
    def max_nodata_fraction(self) -> float: ...
    @property
    def clear_score_threshold(self) -> float: ...


@dataclass(frozen=True, slots=True)
class FetchedTile:
    """How one anchor ended: with pixels, or with a typed reason."""

    plan: TilePlan
    """The candidate that was used, or the best one when none was."""
    status: Literal["ok", "skipped", "failed"]
    """``failed`` is worth another try in a later run; ``skipped`` is final for this recipe."""
    parts: tuple[PartOutcome, ...]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
    kind: SkipKind | None = None
    detail: str = ""
    cloud: CloudTest | None = None
    retries_cloud: int = 0
    """Candidates that were read and refused before this outcome."""


class _Refused(Exception):
    """A candidate's pixels fail the rules."""

    def __init__(self, kind: SkipKind, detail: str, cloud: CloudTest | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.cloud = kind, detail, cloud


def fetch_tile(candidates: Sequence[TilePlan], source: Source, rules: Rules) -> FetchedTile:
    """Read candidates, best first, until one passes.

    Args:
        candidates: the plans of ONE anchor by rank; a single plan without reference when there is no scene.
        source: reads pinned plans.
        rules: limits on cloud and nodata.

    Returns:
        The typed outcome; failures of the source end here as ``failed``, they do not raise.

    Raises:
        CredentialsError: nobody is logged in; no tile can succeed, so the run stops.
    """
    best = candidates[0]
    if best.reference is None:
        return _no_reference(best)
    refusals: list[_Refused] = []
    for plan in candidates:
        try:
            reading = source.read(plan, MODALITIES)
            return _accept(plan, source.name, reading, rules, len(refusals))
        except _Refused as refusal:
            logger.info("tile %s, candidate %d refused: %s", plan.anchor.tile_id, plan.rank, refusal.detail)
            refusals.append(refusal)
        except TileSkipped as skipped:
            return _without(plan, "failed", skipped.kind, skipped.detail, len(refusals))
        except CredentialsError:
            raise
        except SourceError as error:
            return _without(plan, "failed", SkipKind.SOURCE_ERROR, str(error), len(refusals))
    first = refusals[0]
    return _without(best, "skipped", first.kind, first.detail, len(refusals) - 1, first.cloud)


def not_tried(candidates: Sequence[TilePlan], why: str) -> FetchedTile:
    """The outcome of an anchor whose source is known to be down: failed without a request, for the next run."""
    if candidates[0].reference is None:
        return _no_reference(candidates[0])
    return _without(candidates[0], "failed", SkipKind.SOURCE_ERROR, f"not tried: {why}")


def _no_reference(plan: TilePlan) -> FetchedTile:
    return _without(plan, "skipped", SkipKind.NO_REFERENCE_SCENE, plan.parts[0].detail if plan.parts else "")


def _without(
    plan: TilePlan,
    status: Literal["skipped", "failed"],
    kind: SkipKind,
    detail: str,
    retries_cloud: int = 0,
    cloud: CloudTest | None = None,
) -> FetchedTile:
    parts = not_read(plan, kind, detail)
    return FetchedTile(plan, status, parts, kind=kind, detail=detail, cloud=cloud, retries_cloud=retries_cloud)


def _accept(plan: TilePlan, source: str, reading: Reading, rules: Rules, refused: int) -> FetchedTile:
    """Check a reading; parts that are impossible or empty are blanked and get their reason."""
    for name, array in reading.arrays.items():
        require_form(MODALITIES[name], array)
    arrays = {name: np.array(array) for name, array in reading.arrays.items()}
    cloud = _check_reference(arrays, rules)
    parts = tuple(_check_part(plan_part, source, arrays) for plan_part in plan.parts)
    present = {part.plan.row for part in parts if part.kind is None}
    return FetchedTile(
        plan,
        "ok",
        parts,
        arrays={name: array for name, array in arrays.items() if name in present},
        facts=dict(reading.facts),
        cloud=cloud,
        retries_cloud=refused,
    )


def _check_reference(arrays: Mapping[str, NDArray[Any]], rules: Rules) -> CloudTest:
    row = MODALITIES[REFERENCE]
    array = arrays[REFERENCE]
    missing = float((array == row.nodata).any(axis=0).mean())
    if missing > rules.max_nodata_fraction:
        raise _Refused(SkipKind.TOO_MUCH_NODATA, f"{missing:.1%} of the pixels lack a band")
    strange = out_of_range(row, array)
    if strange is not None:
        raise _Refused(SkipKind.OUT_OF_RANGE, strange)
    cloud = cloud_test(arrays, rules.clear_score_threshold)
    if cloud.fraction > rules.max_cloud_fraction:
        raise _Refused(SkipKind.CLOUDY, f"{cloud.fraction:.1%} cloud or shadow by {cloud.by}", cloud)
    return cloud


def _check_part(plan: PartPlan, source: str, arrays: dict[str, NDArray[Any]]) -> PartOutcome:
    if plan.skip is not None:
        return PartOutcome(plan, plan.skip, plan.detail)
    row = MODALITIES[plan.row]
    bands = arrays[plan.row][band_slice(row, source, plan.part)]
    strange = out_of_range(row, bands)
    if strange is not None:
        bands[:] = row.nodata
        return PartOutcome(plan, SkipKind.OUT_OF_RANGE, strange)
    valid = valid_fraction(row, bands)
    if valid == 0.0:
        return PartOutcome(plan, SkipKind.NO_VALID_PIXELS, "every pixel is masked here")
    return PartOutcome(plan, None, valid=valid)
