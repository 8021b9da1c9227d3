"""Hypothesis strategies and makers of scenes for tests of selection and planning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import shapely
from hypothesis import strategies as st

from geomeld_build.grid import Anchor, Scene, TilePlan, place_anchor
from geomeld_build.modalities import MODALITIES
from geomeld_build.sources.base import Counters, Reading, SceneQuery

REFERENCE_DATE = datetime(2020, 6, 15, tzinfo=UTC)


def anchor_at(lon: float = 73.3056, lat: float = 30.4642, when: datetime = REFERENCE_DATE) -> Anchor:
    """An anchor with a test recipe."""
    return place_anchor(lon, lat, when, recipe="test")


def s2_scene(
    anchor: Anchor, days: float, *, cloud: float = 1.0, name: str = "a", covers: bool = True, zone: int | None = None
) -> Scene:
    """A Sentinel-2 scene ``days`` after the anchor's date."""
    outline = anchor.polygon.buffer(0.5) if covers else shapely.affinity.translate(anchor.polygon, 0.005, 0)
    return Scene(
        id=f"COPERNICUS/S2_SR_HARMONIZED/{name}",
        version=1,
        collection="COPERNICUS/S2_SR_HARMONIZED",
        datetime=anchor.datetime + timedelta(days=days),
        cloud_cover=cloud,
        footprint=outline,
        grid_code=f"{(zone or anchor.epsg % 100):02d}RCP",
        baseline="05.00",
    )


def s1_scene(
    anchor: Anchor,
    centre: datetime,
    days: float,
    *,
    name: str,
    direction: str = "ascending",
    take: str | None = None,
    share: float = 1.0,
) -> Scene:
    """A Sentinel-1 slice covering the western ``share`` of the tile."""
    west, south, east, north = anchor.polygon.buffer(0.01).bounds
    tile_west, _, tile_east, _ = anchor.polygon.bounds
    right = east if share >= 1.0 else tile_west + (tile_east - tile_west) * share
    return Scene(
        id=f"COPERNICUS/S1_GRD_FLOAT/{name}",
        version=1,
        collection="COPERNICUS/S1_GRD_FLOAT",
        datetime=centre + timedelta(days=days),
        footprint=shapely.box(west, south, right, north),
        orbit_pass="ascending" if direction == "ascending" else "descending",
        polarisations=("VV", "VH"),
        datatake=take or name,
    )


@st.composite
def s2_candidates(draw: st.DrawFn, anchor: Anchor) -> list[Scene]:
    """Random reference candidates: inside and outside the tiers, cloudy or not, covering or not."""
    count = draw(st.integers(0, 12))
    return [
        s2_scene(
            anchor,
            draw(st.floats(-60, 60)),
            cloud=draw(st.floats(0, 20)),
            name=f"s{number}",
            covers=draw(st.booleans()),
            zone=draw(st.sampled_from([None, None, 42])),
        )
        for number in range(count)
    ]


@st.composite
def s1_candidates(draw: st.DrawFn, anchor: Anchor, centre: datetime) -> list[Scene]:
    """Random slices in and out of the window, on both passes, whole and partial."""
    return [
        s1_scene(
            anchor,
            centre,
            draw(st.floats(-40, 40)),
            name=f"r{number}",
            direction=draw(st.sampled_from(["ascending", "descending"])),
            take=draw(st.sampled_from([None, "T1", "T2"])),
            share=draw(st.sampled_from([0.4, 1.0])),
        )
        for number in range(draw(st.integers(0, 10)))
    ]


class CatalogSource:
    """A source over a fixed list of scenes per collection; answers searches as the contract says, reads nothing."""

    name = "earthengine"

    def __init__(self, scenes: dict[str, list[Scene]]) -> None:
        self.scenes = scenes
        self.calls: list[list[SceneQuery]] = []

    def find(self, queries: Sequence[SceneQuery]) -> Sequence[Sequence[Scene]]:
        """Filter by window, cloud, footprint and index; nearest first; at most the limit."""
        self.calls.append(list(queries))
        return [self._answer(query) for query in queries]

    def _answer(self, query: SceneQuery) -> list[Scene]:
        part = next(p for p in MODALITIES[query.row].origins[self.name] if p.name == query.part)
        found = [scene for scene in self.scenes.get(part.collection, []) if self._fits(scene, query)]
        near = query.near
        if near is not None:
            found.sort(key=lambda scene: (abs((scene.datetime or near) - near), scene.id))
        return found[: query.limit]

    def _fits(self, scene: Scene, query: SceneQuery) -> bool:
        if query.indices and scene.index not in query.indices:
            return False
        if query.window is not None and (scene.datetime is None or not query.window.contains(scene.datetime)):
            return False
        if query.max_cloud_percent is not None and not (scene.cloud_cover or 0.0) < query.max_cloud_percent:
            return False
        if query.region is None or scene.footprint is None:
            return True
        tile = shapely.Polygon(query.region)
        return bool(scene.footprint.contains(tile) if query.contains else scene.footprint.intersects(tile))

    def read(self, plan: TilePlan, modalities: object) -> Reading:
        """Selection tests never read."""
        raise AssertionError("selection must not read pixels")

    def table(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Selection tests need no tables."""
        raise AssertionError(f"selection must not read the table {name} ({columns})")

    def counters(self) -> Counters:
        """Nothing is spent."""
        return Counters()
