"""Which scenes make a tile: pure functions over candidates, the same for every source.

Sources only find; nothing here asks the network. Every choice is a total order, so it never depends on the order
in which candidates arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from shapely.affinity import translate
from shapely.geometry import Polygon
from shapely.ops import unary_union

from geomeld_build.errors import SkipKind
from geomeld_build.grid import Anchor, PartPlan, Scene, Window
from geomeld_build.modalities import AtAnchor, Modality, Near, Part, Reference

__all__ = ["covered_fraction", "days_between", "is_cross_zone", "rank_references", "select_part"]

_FULL = 1.0 - 1e-6
"""Share of the tile above which it counts as covered; footprints are served with 0.1 m of error."""
_SAME_TAKE = timedelta(minutes=20)
"""Granules and slices of one datatake start within this time of each other."""


def days_between(later: datetime, earlier: datetime) -> float:
    """Signed days from ``earlier`` to ``later``."""
    return (later - earlier) / timedelta(days=1)


def covered_fraction(scenes: Iterable[Scene], tile: Polygon) -> float:
    """Share of the tile inside the union of the scenes' footprints; 1 for scenes without one."""
    footprints = [scene.footprint for scene in scenes]
    if any(footprint is None for footprint in footprints):
        return 1.0
    union = unary_union([footprint for footprint in footprints if footprint is not None])
    return sum(float(translate(union, turn).intersection(tile).area / tile.area) for turn in _turns(tile))


def _turns(tile: Polygon) -> tuple[float, ...]:
    """Whole turns by which footprints may be written apart from a tile: only near the antimeridian."""
    west, _, east, _ = tile.bounds
    return (0.0,) if west > -178.0 and east < 178.0 else (0.0, -360.0, 360.0)


def is_cross_zone(scene: Scene, anchor: Anchor) -> bool:
    """Whether the scene's MGRS granule lies in another UTM zone than the tile."""
    digits = "".join(char for char in scene.grid_code[:2] if char.isdigit())
    return bool(digits) and int(digits) != anchor.epsg % 100


def _datatake(scene: Scene) -> str:
    return scene.datatake or f"{scene.platform}|{_time(scene).isoformat()}"


def _one_granule_a_datatake(scenes: Iterable[Scene], anchor: Anchor) -> list[Scene]:
    """Granules of one datatake show the same pixels: keep the own zone's, then the newest processing."""

    def order(scene: Scene) -> tuple[bool, tuple[int, ...], float, str]:
        baseline = tuple(-int(piece) for piece in scene.baseline.split(".") if piece.isdigit())
        cloud = scene.cloud_cover if scene.cloud_cover is not None else 100.0
        return is_cross_zone(scene, anchor), baseline, cloud, scene.id

    takes: dict[str, list[Scene]] = defaultdict(list)
    for scene in scenes:
        takes[_datatake(scene)].append(scene)
    return [min(group, key=order) for group in takes.values()]


def rank_references(
    candidates: Sequence[Scene], anchor: Anchor, rule: Reference, part: Part
) -> list[tuple[Scene, int]]:
    """The scenes that may date a tile, best first, each with its window tier in days.

    A scene is usable when its cloud cover is below the rule's, its footprint contains the tile and it has every
    band of ``part``. Tiers widen in turn; within a tier the order is distance in time, cloud, id. At most
    ``rule.candidates``.
    """
    tile = anchor.polygon
    widest = Window.around(anchor.datetime, max(rule.tiers_days))
    usable = [
        scene
        for scene in candidates
        if scene.datetime is not None
        and widest.contains(scene.datetime)
        and scene.cloud_cover is not None
        and scene.cloud_cover < rule.max_cloud_percent
        and not set(part.bands) & set(scene.missing_bands)
        and covered_fraction([scene], tile) >= _FULL
    ]

    def tier(scene: Scene) -> int:
        return next(days for days in rule.tiers_days if Window.around(anchor.datetime, days).contains(_time(scene)))

    def order(scene: Scene) -> tuple[int, timedelta, float, str]:
        cloud = 0.0 if scene.cloud_cover is None else scene.cloud_cover
        return tier(scene), abs(_time(scene) - anchor.datetime), cloud, scene.id

    ranked = sorted(_one_granule_a_datatake(usable, anchor), key=order)
    return [(scene, tier(scene)) for scene in ranked[: rule.candidates]]


def select_part(
    row: Modality, part: Part, candidates: Sequence[Scene], anchor: Anchor, centre: datetime, window: Window
) -> PartPlan:
    """Pin the scenes of one part around ``centre``, or say why there is none.

    Unit of choice: the datatake, whose adjacent slices are mosaicked. Order: covers the tile, then distance in
    time, then id. With ``same_datatake`` preferred and none there, all scenes of the window become a mode.
    """
    tile = anchor.polygon
    usable = [
        scene
        for scene in candidates
        if scene.datetime is not None
        and window.contains(scene.datetime)
        and _matches(scene, part)
        and covered_fraction([scene], tile) > 0.0
    ]
    if not usable:
        return _absent(row, part, candidates, window)
    if isinstance(row.when, Near) and row.when.prefer == "same_datatake":
        return _same_take_or_mode(row, part, usable, anchor, centre)
    unit = _acquisition_day if isinstance(row.when, AtAnchor) else _datatake
    group = _nearest_unit(usable, tile, centre, unit)
    return PartPlan(row.name, part.name, group, "mosaic", _offset(group, centre))


def _acquisition_day(scene: Scene) -> str:
    return _time(scene).date().isoformat()


def _nearest_unit(
    usable: Sequence[Scene], tile: Polygon, centre: datetime, unit: Callable[[Scene], str]
) -> tuple[Scene, ...]:
    takes: dict[str, list[Scene]] = defaultdict(list)
    for scene in usable:
        takes[unit(scene)].append(scene)

    def order(group: Sequence[Scene]) -> tuple[bool, timedelta, str]:
        distance = min(abs(_time(scene) - centre) for scene in group)
        return covered_fraction(group, tile) < _FULL, distance, min(scene.id for scene in group)

    best = min(takes.values(), key=order)
    return tuple(sorted(best, key=lambda scene: scene.id))


def _same_take_or_mode(
    row: Modality, part: Part, usable: Sequence[Scene], anchor: Anchor, centre: datetime
) -> PartPlan:
    same = [scene for scene in usable if abs(_time(scene) - centre) <= _SAME_TAKE]
    if same and covered_fraction(same, anchor.polygon) >= _FULL:
        scenes = tuple(sorted(same, key=lambda scene: (not is_cross_zone(scene, anchor), scene.id)))
        return PartPlan(row.name, part.name, scenes, "mosaic", _offset(scenes, centre))
    scenes = tuple(sorted(usable, key=lambda scene: (_time(scene), scene.id)))
    return PartPlan(row.name, part.name, scenes, "mode", _offset(scenes, centre))


def _time(scene: Scene) -> datetime:
    if scene.datetime is None:
        raise ValueError(f"{scene.id} has no acquisition time, so it cannot serve a dated row")
    return scene.datetime


def _offset(scenes: Sequence[Scene], centre: datetime) -> float:
    nearest = min(scenes, key=lambda scene: (abs(_time(scene) - centre), scene.id))
    return days_between(_time(nearest), centre)


def _matches(scene: Scene, part: Part) -> bool:
    for field, wanted in part.where:
        value = getattr(scene, field)
        if value != wanted and not (isinstance(value, tuple) and wanted in value):
            return False
    return not set(part.bands) & set(scene.missing_bands)


def _absent(row: Modality, part: Part, candidates: Sequence[Scene], window: Window) -> PartPlan:
    days = days_between(window.end, window.start) / 2
    detail = f"no scene of {part.collection} within {days:g} d covers the tile"
    lacking = sorted({band for scene in candidates for band in scene.missing_bands if band in part.bands})
    if lacking:
        detail = f"the scenes of {part.collection} lack {', '.join(lacking)}"
    return PartPlan(row.name, part.name, skip=SkipKind.NO_SCENE_IN_WINDOW, detail=detail)
