"""The real service: ``pytest -m online --force-enable-socket tests/online`` after ``earthengine authenticate``.

Set ``GEOMELD_EE_PROJECT`` to a project registered for Earth Engine, and ``GEOMELD_EE_CREDENTIALS`` to a key file
where no stored login shall be used. A run costs about ten requests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from geomeld_build.grid import PartPlan, Scene, TilePlan, Window, place_anchor
from geomeld_build.modalities import MODALITIES
from geomeld_build.sources import SceneQuery, open_source
from geomeld_build.sources.earthengine import EarthEngineSource

pytestmark = pytest.mark.online

WHEN = datetime(2020, 6, 4, tzinfo=UTC)
ANCHOR = place_anchor(73.3056, 30.4642, WHEN, recipe="online")
RING = tuple((float(x), float(y)) for x, y in ANCHOR.polygon.exterior.coords)


@pytest.fixture(scope="module")
def source() -> Iterator[EarthEngineSource]:
    project = os.environ.get("GEOMELD_EE_PROJECT")
    if not project:
        pytest.skip("GEOMELD_EE_PROJECT is not set")
    key = os.environ.get("GEOMELD_EE_CREDENTIALS")
    with open_source("earthengine", project=project, credentials=key, workload_tag="geomeld-online-test") as opened:
        yield opened


def _statics(source: EarthEngineSource) -> dict[tuple[str, str], tuple[Scene, ...]]:
    keys = [("elevation", "main"), ("slope", "main"), ("esa_worldcover", "main"), ("dem_context", "main")]
    answers = source.find([SceneQuery(row, part) for row, part in keys])
    return {key: tuple(answer) for key, answer in zip(keys, answers, strict=True)}


def _reference(source: EarthEngineSource) -> list[Scene]:
    query = SceneQuery(
        "sentinel2", "main", RING, Window.around(WHEN, 15), WHEN, 6, max_cloud_percent=10.0, contains=True
    )
    return list(source.find([query])[0])


def test_candidates_are_pinned_and_near(source: EarthEngineSource) -> None:
    scenes = _reference(source)
    assert scenes
    assert all(scene.version > 0 and not scene.missing_bands for scene in scenes)
    assert all(scene.cloud_cover is not None and scene.cloud_cover < 10.0 for scene in scenes)
    offsets = [abs((scene.datetime - WHEN).total_seconds()) for scene in scenes if scene.datetime is not None]
    assert offsets == sorted(offsets)
    assert {scene.grid_code for scene in scenes} <= {"43RCP", "43RDP", "42RYU", "43RCN", "43RCQ", "42RXU"}


def test_radar_comes_with_its_outline_inside_the_tile(source: EarthEngineSource) -> None:
    query = SceneQuery("sentinel1", "desc_vv", RING, Window.around(WHEN, 15), WHEN, 20)
    (scenes,) = source.find([query])
    assert scenes
    for scene in scenes:
        assert scene.footprint is not None
        assert scene.footprint.within(ANCHOR.polygon.buffer(1e-4))
        assert (scene.orbit_pass, scene.platform[:2]) == ("descending", "S1")
        assert {"VV", "VH"} <= set(scene.polarisations)


def test_a_tile_reads_in_one_request_with_plausible_values(source: EarthEngineSource) -> None:
    reference = _reference(source)[0]
    parts = [PartPlan("sentinel2", "main", (reference,)), PartPlan("scl", "main", (reference,))]
    parts += [PartPlan(row, part, scenes) for (row, part), scenes in _statics(source).items() if scenes]
    with source.tally() as share:
        reading = source.read(TilePlan(ANCHOR, 0, reference, 15, tuple(parts)), MODALITIES)
    assert share.snapshot().pixel_requests == 1
    assert (reading.arrays["sentinel2"] > 0).mean() > 0.99
    assert 100 < float(np.median(reading.arrays["elevation"])) < 300
    classes = MODALITIES["esa_worldcover"].classes
    assert classes is not None
    assert set(np.unique(reading.arrays["esa_worldcover"])) <= {0, *classes.values}


def test_the_moved_context_window_equals_the_separate_request(source: EarthEngineSource) -> None:
    scenes = _statics(source)["dem_context", "main"]
    if not scenes:
        pytest.skip("the elevation asset is not readable by this account")
    plan = TilePlan(ANCHOR, 0, None, None, (PartPlan("dem_context", "main", scenes),))
    moved = source.read(plan, MODALITIES).arrays["dem_context"]
    separate = open_source(
        "earthengine",
        project=os.environ["GEOMELD_EE_PROJECT"],
        credentials=os.environ.get("GEOMELD_EE_CREDENTIALS"),
        dem_context_request="separate",
    )
    with separate:
        apart = separate.read(plan, MODALITIES).arrays["dem_context"]
    assert np.array_equal(moved, apart)


def test_ecoregions_come_as_a_table(source: EarthEngineSource) -> None:
    table = source.table("RESOLVE/ECOREGIONS/2017", ["ECO_ID", "ECO_NAME", "BIOME_NUM"])
    assert table.num_rows > 800
