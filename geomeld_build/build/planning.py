"""Plans what a build lacks, into a lock file that an interrupted run continues."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from geomeld_build.build.config import BuildConfig
from geomeld_build.errors import SkipKind
from geomeld_build.grid import Anchor, PartPlan, TilePlan
from geomeld_build.sources import Source
from geomeld_build.tiles import PlanWriter, plan_anchors, read_plan
from geomeld_build.tiles.plan_file import is_plan_of, plan_fingerprint

__all__ = ["narrowed", "plan_missing", "plan_to_file"]


def narrowed(plan: TilePlan, modalities: Collection[str]) -> TilePlan:
    """The same plan without the rows that a build does not want, which are neither read nor stored."""
    parts = tuple(
        part if part.row in modalities else PartPlan(part.row, part.part, skip=SkipKind.NOT_REQUESTED)
        for part in plan.parts
    )
    return replace(plan, parts=parts)


def plan_missing(
    anchors: Sequence[Anchor],
    source: Source,
    config: BuildConfig,
    modalities: Sequence[str],
    on_batch: Callable[[int, int], None],
    *,
    again: bool,
) -> tuple[list[TilePlan], Path]:
    """Plan the anchors of a build; the plan is kept with a local store, else in the user's cache.

    Args:
        anchors: what the store lacks.
        source: where scenes come from.
        config: of the build.
        modalities: rows to plan.
        on_batch: called with anchors done and in all.
        again: plan anew, because an earlier plan of these anchors failed; else a finished plan of the same job, left by
            a run that died before its first commit, is used.
    """
    ordered = sorted(anchors, key=lambda anchor: anchor.tile_id)
    fingerprint = plan_fingerprint(ordered, config.source.name, config.source.url, tuple(modalities), config.plan_batch)
    path = _plan_folder(config.store) / f"plan-{fingerprint}.parquet"
    if again or not is_plan_of(path, fingerprint):
        plan_to_file(ordered, source, modalities, path, fingerprint, config.plan_batch, on_batch)
    return read_plan(path), path


def plan_to_file(
    anchors: Sequence[Anchor],
    source: Source,
    modalities: Sequence[str],
    path: Path,
    fingerprint: str,
    batch: int,
    on_batch: Callable[[int, int], None],
) -> None:
    """Plan into ``path``, batch by batch; batches that an interrupted run finished are not asked again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PlanWriter(path, fingerprint)
    total = len(anchors)
    batches = [anchors[start : start + batch] for start in range(0, total, batch)]
    left = [number for number in range(len(batches)) if not writer.done(number)]
    todo = [anchor for number in left for anchor in batches[number]]
    done = total - len(todo)
    # The planner cuts the same batches again, because only whole batches were left out.
    planned = plan_anchors(todo, source, modalities, batch=batch)
    for number, plans in zip(left, islice(planned, len(left)), strict=True):
        writer.write(number, plans)
        done += len(batches[number])
        on_batch(done, total)
    writer.finish(len(batches))


def _plan_folder(store: str) -> Path:
    if "://" not in store:
        # Beside the reservations: anything else at the root would be a stranger in the Zarr hierarchy.
        return Path(store) / "runs"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "geomeld-build" / "plans"
