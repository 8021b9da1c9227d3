"""Lists of anchors made one, without tiles that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from geomeld_build.anchors.overlap import thin
from geomeld_build.anchors.places import Places, keys_of
from geomeld_build.draws import draw
from geomeld_build.grid import Anchor

__all__ = ["Merged", "merge_anchors", "places_of_anchors"]

_PRIORITY_BITS = np.uint64(56)
_MOST = 255


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of several lists."""

    anchors: list[Anchor]
    overlapping: int
    """Places left out because their tile overlaps one that stays."""
    repeated: int
    """Anchors left out because an earlier list has the same place and date."""


def merge_anchors(lists: Sequence[Sequence[Anchor]], *, recipe: str, keep_overlaps: bool = False) -> Merged:
    """Join lists: an earlier one comes first where tiles overlap, and within a list a keyed draw decides.

    Several dates of one place stay together. The order of the lists counts, that within a list does not.

    Args:
        lists: at most 255.
        recipe: keys the draws.
        keep_overlaps: leave out only what is there twice.
    """
    first: dict[str, tuple[int, Anchor]] = {}
    for number, anchors in enumerate(lists[:_MOST]):
        for anchor in anchors:
            first.setdefault(anchor.tile_id, (number, anchor))
    kept = list(first.values())
    repeated = sum(map(len, lists)) - len(kept)
    if keep_overlaps or not kept:
        return Merged([anchor for _, anchor in kept], 0, repeated)
    # A place is one square, whatever its dates; it has the priority of the first list that has it.
    by_place: dict[str, tuple[int, Anchor]] = {}
    for number, anchor in kept:
        by_place.setdefault(anchor.location_id, (number, anchor))
    places = places_of_anchors([anchor for _, anchor in by_place.values()])
    priority = np.array([number for number, _ in by_place.values()], np.uint64)
    order = (priority << _PRIORITY_BITS) | (draw(recipe, "merge", places.key) >> np.uint64(8))
    stays = thin(places, order).kept
    ids = {location_id for location_id, keep in zip(by_place, stays.tolist(), strict=True) if keep}
    merged = [anchor for _, anchor in kept if anchor.location_id in ids]
    return Merged(merged, len(kept) - len(merged), repeated)


def places_of_anchors(anchors: Sequence[Anchor]) -> Places:
    """Anchors in columns.

    Raises:
        ConfigError: a location id is none of ours.
    """
    columns = np.array([(a.lon, a.lat, a.epsg, a.left, a.top) for a in anchors], np.float64).reshape(-1, 5)
    lon, lat, epsg, left, top = columns.T
    return Places(lon, lat, epsg.astype(np.int32), left, top, keys_of([anchor.location_id for anchor in anchors]))
