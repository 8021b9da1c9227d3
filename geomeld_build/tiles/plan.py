"""Resolves anchors to pinned scenes: two batched searches for up to 500 anchors, then pure selection.

The first search asks for reference candidates (and, once, for the static assets); the second for everything that
is dated by the chosen candidates. An anchor gives one plan per candidate, best first, or a single plan that says
why there is no reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from geomeld_build.errors import ConfigError, SkipKind
from geomeld_build.grid import Anchor, PartPlan, Scene, TilePlan, Window
from geomeld_build.modalities import (
    MODALITIES,
    REFERENCE,
    AtAnchor,
    Modality,
    Near,
    Part,
    Reference,
    Static,
    With,
)
from geomeld_build.sources.base import SceneQuery, Source
from geomeld_build.tiles.select import is_cross_zone, rank_references, select_part

__all__ = ["plan_anchors"]

_REFERENCE_LIMIT = 24
"""Candidates asked per anchor: with revisits of 2 to 5 days in 90 days, and twins of overlapping granules."""
_NEAR_LIMIT = 100

Key = tuple[str, str, str]
"""Anchor's tile_id, row, part."""


@dataclass(slots=True)
class _Statics:
    """Static assets, looked up once a run."""

    scenes: dict[tuple[str, str], tuple[Scene, ...]] = field(default_factory=dict)
    asked: bool = False


def plan_anchors(
    anchors: Sequence[Anchor],
    source: Source,
    modalities: Sequence[str] | None = None,
    *,
    batch: int = 500,
) -> Iterator[list[TilePlan]]:
    """Plan batch by batch; each item holds the plans of one batch of anchors, in anchor order.

    Args:
        anchors: places and dates.
        source: where scenes come from.
        modalities: rows to plan; None = all. The reference row is always needed.
        batch: anchors in one search, at most 500.

    Raises:
        ConfigError: an unknown row, or the reference row left out.
        SourceError: the source failed after retries.
    """
    wanted = _wanted_rows(modalities)
    statics = _Statics()
    pending = iter(anchors)
    while group := list(islice(pending, batch)):
        yield _plan_batch(group, source, wanted, statics)


def _wanted_rows(modalities: Sequence[str] | None) -> frozenset[str]:
    names = frozenset(MODALITIES if modalities is None else modalities)
    for name in names:
        if name not in MODALITIES:
            raise ConfigError(f"unknown modality {name!r}: expected some of {', '.join(MODALITIES)}")
    if REFERENCE not in names:
        raise ConfigError(
            f"the rows must include {REFERENCE!r}, which dates every tile; got {', '.join(sorted(names))}"
        )
    return names


def _parts(source: Source, wanted: frozenset[str]) -> Iterator[tuple[Modality, Part]]:
    for row in MODALITIES.values():
        if row.name in wanted:
            for part in row.origins.get(source.name, ()):
                yield row, part


def _ring(anchor: Anchor) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in anchor.polygon.exterior.coords)


def _plan_batch(anchors: Sequence[Anchor], source: Source, wanted: frozenset[str], statics: _Statics) -> list[TilePlan]:
    references = _find_references(anchors, source, wanted, statics)
    (part,) = MODALITIES[REFERENCE].origins[source.name]
    ranked = {
        anchor.tile_id: rank_references(references[anchor.tile_id], anchor, _reference_rule(), part)
        for anchor in anchors
    }
    found = _find_dated(anchors, ranked, source, wanted)
    plans: list[TilePlan] = []
    for anchor in anchors:
        candidates = ranked[anchor.tile_id]
        if not candidates:
            plans.append(_no_reference(anchor, source, wanted, references[anchor.tile_id]))
        for rank, (scene, tier) in enumerate(candidates):
            parts = tuple(_part_plans(anchor, scene, source, wanted, statics, found))
            plans.append(TilePlan(anchor, rank, scene, tier, parts, is_cross_zone(scene, anchor)))
    return plans


def _reference_rule() -> Reference:
    rule = MODALITIES[REFERENCE].when
    assert isinstance(rule, Reference)
    return rule


def _find_references(
    anchors: Sequence[Anchor], source: Source, wanted: frozenset[str], statics: _Statics
) -> dict[str, Sequence[Scene]]:
    """One search: reference candidates of every anchor and, the first time, the static assets."""
    rule = _reference_rule()
    (part,) = MODALITIES[REFERENCE].origins[source.name]
    queries = [
        SceneQuery(
            REFERENCE,
            part.name,
            region=_ring(anchor),
            window=Window.around(anchor.datetime, max(rule.tiers_days)),
            near=anchor.datetime,
            limit=_REFERENCE_LIMIT,
            max_cloud_percent=rule.max_cloud_percent,
            contains=True,
        )
        for anchor in anchors
    ]
    asked: list[tuple[str, str]] = []
    if not statics.asked:
        asked = [(row.name, part.name) for row, part in _parts(source, wanted) if isinstance(row.when, Static)]
    answers = source.find(queries + [SceneQuery(row, part) for row, part in asked])
    for key, answer in zip(asked, answers[len(queries) :], strict=True):
        statics.scenes[key] = tuple(answer)
    statics.asked = True
    return {anchor.tile_id: answer for anchor, answer in zip(anchors, answers, strict=False)}


def _dated_query(
    row: Modality, part: Part, anchor: Anchor, candidates: Sequence[tuple[Scene, int]]
) -> SceneQuery | None:
    """What to ask for one part of one anchor; None when no question is needed."""
    first = candidates[0][0].datetime
    times = [scene.datetime for scene, _ in candidates if scene.datetime is not None]
    ring = _ring(anchor)
    match row.when:
        case Near(days=days):
            reach = timedelta(days=days)
            window = Window(min(times) - reach, max(times) + reach)
            return SceneQuery(row.name, part.name, ring, window, first, _NEAR_LIMIT)
        case With(to=to) if part.collection != candidates[0][0].collection and to == REFERENCE:
            indices = tuple(scene.index for scene, _ in candidates)
            return SceneQuery(row.name, part.name, ring, Window(min(times), max(times)), first, indices=indices)
        case AtAnchor(days=days, region=region) if _inside(anchor, region):
            window = Window.around(anchor.datetime, days)
            return SceneQuery(row.name, part.name, ring, window, anchor.datetime, _NEAR_LIMIT)
        case _:
            return None


def _find_dated(
    anchors: Sequence[Anchor],
    ranked: Mapping[str, Sequence[tuple[Scene, int]]],
    source: Source,
    wanted: frozenset[str],
) -> dict[Key, Sequence[Scene]]:
    """One search for all that depends on the candidates; truncated answers are asked again, candidate by candidate."""
    keys: list[Key] = []
    queries: list[SceneQuery] = []
    for anchor in anchors:
        candidates = ranked[anchor.tile_id]
        if not candidates:
            continue
        for row, part in _parts(source, wanted):
            query = _dated_query(row, part, anchor, candidates)
            if query is not None:
                keys.append((anchor.tile_id, row.name, part.name))
                queries.append(query)
    if not queries:
        return {}
    found = dict(zip(keys, source.find(queries), strict=True))
    _complete_truncated(found, keys, queries, ranked, source)
    return found


def _complete_truncated(
    found: dict[Key, Sequence[Scene]],
    keys: Sequence[Key],
    queries: Sequence[SceneQuery],
    ranked: Mapping[str, Sequence[tuple[Scene, int]]],
    source: Source,
) -> None:
    again: list[tuple[Key, SceneQuery]] = []
    for key, query in zip(keys, queries, strict=True):
        rule = MODALITIES[key[1]].when
        if len(found[key]) >= query.limit and isinstance(rule, Near):
            for scene, _ in ranked[key[0]]:
                assert scene.datetime is not None
                window = Window.around(scene.datetime, rule.days)
                again.append(
                    (key, SceneQuery(query.row, query.part, query.region, window, scene.datetime, _NEAR_LIMIT))
                )
    if not again:
        return
    for (key, _), answer in zip(again, source.find([query for _, query in again]), strict=True):
        known = {scene.id: scene for scene in (*found[key], *answer)}
        found[key] = tuple(known.values())


def _inside(anchor: Anchor, region: tuple[float, float, float, float]) -> bool:
    west, south, east, north = region
    return west <= anchor.lon <= east and south <= anchor.lat <= north


def _no_reference(anchor: Anchor, source: Source, wanted: frozenset[str], candidates: Sequence[Scene]) -> TilePlan:
    days = max(_reference_rule().tiers_days)
    detail = f"{len(candidates)} scenes within {days} d of {anchor.datetime:%Y-%m-%d}, none usable"
    parts = tuple(
        PartPlan(
            row.name,
            part.name,
            skip=SkipKind.NO_REFERENCE_SCENE if row.name in wanted else SkipKind.NOT_REQUESTED,
            detail=detail if row.name in wanted else "",
        )
        for row in MODALITIES.values()
        for part in row.origins.get(source.name, ())
    )
    return TilePlan(anchor, 0, None, None, parts)


def _part_plans(
    anchor: Anchor,
    reference: Scene,
    source: Source,
    wanted: frozenset[str],
    statics: _Statics,
    found: Mapping[Key, Sequence[Scene]],
) -> Iterator[PartPlan]:
    for row in MODALITIES.values():
        for part in row.origins.get(source.name, ()):
            if row.name not in wanted:
                yield PartPlan(row.name, part.name, skip=SkipKind.NOT_REQUESTED)
                continue
            candidates = found.get((anchor.tile_id, row.name, part.name), ())
            yield _part_plan(row, part, anchor, reference, statics, candidates)


def _part_plan(
    row: Modality,
    part: Part,
    anchor: Anchor,
    reference: Scene,
    statics: _Statics,
    candidates: Sequence[Scene],
) -> PartPlan:
    centre = reference.datetime
    assert centre is not None
    match row.when:
        case Reference():
            return PartPlan(row.name, part.name, (reference,), offset_days=0.0)
        case Static():
            scenes = statics.scenes.get((row.name, part.name), ())
            if not scenes:
                detail = f"{part.collection} does not exist at the source"
                return PartPlan(row.name, part.name, skip=SkipKind.ASSET_MISSING, detail=detail)
            return PartPlan(row.name, part.name, scenes)
        case Near(days=days):
            return select_part(row, part, candidates, anchor, centre, Window.around(centre, days))
        case With():
            return _companion(row, part, reference, candidates)
        case AtAnchor(days=days, region=region):
            if not _inside(anchor, region):
                detail = f"{part.collection} covers lon {region[0]}..{region[2]}, lat {region[1]}..{region[3]}"
                return PartPlan(row.name, part.name, skip=SkipKind.NOT_APPLICABLE, detail=detail)
            return select_part(row, part, candidates, anchor, anchor.datetime, Window.around(anchor.datetime, days))


def _companion(row: Modality, part: Part, reference: Scene, candidates: Sequence[Scene]) -> PartPlan:
    if part.collection == reference.collection:
        lacking = [band for band in part.bands if band in reference.missing_bands]
        if lacking:
            detail = f"{reference.index} lacks {', '.join(lacking)}"
            return PartPlan(row.name, part.name, skip=SkipKind.NO_SCENE_IN_WINDOW, detail=detail)
        return PartPlan(row.name, part.name, (reference,), offset_days=0.0)
    twins = tuple(scene for scene in candidates if scene.index == reference.index)
    if not twins:
        detail = f"{part.collection} has no {reference.index}"
        return PartPlan(row.name, part.name, skip=SkipKind.NO_SCENE_IN_WINDOW, detail=detail)
    return PartPlan(row.name, part.name, twins[:1], offset_days=0.0)
