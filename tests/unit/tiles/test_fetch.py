"""Fetching: the next candidate after a refusal, typed ends, and one outcome per row of the table."""

from __future__ import annotations

import numpy as np
import pytest

from geomeld_build.build.config import TileRules
from geomeld_build.errors import CredentialsError, SkipKind, SourceError, TileSkipped
from geomeld_build.grid import Scene
from geomeld_build.modalities import MODALITIES, Static
from geomeld_build.sources.base import Reading
from geomeld_build.tiles import fetch_tile, plan_anchors
from geomeld_build.tiles.outcomes import row_outcomes
from tests.support.scenes import CatalogSource, anchor_at, s1_scene, s2_scene

ANCHOR = anchor_at()
RULES = TileRules()


class PixelSource(CatalogSource):
    """Answers reads from a function of the plan's rank."""

    def __init__(self, scenes, answer) -> None:
        super().__init__(scenes)
        self.answer = answer
        self.reads: list[int] = []

    def read(self, plan, modalities) -> Reading:
        self.reads.append(plan.rank)
        arrays = {}
        for row in MODALITIES.values():
            if any(part.skip is None for part in plan.of(row.name)):
                value = 10 if row.name == "esa_worldcover" else 4
                arrays[row.name] = np.full((len(row.bands), row.grid.size, row.grid.size), value, row.dtype)
        arrays["sentinel2"][:] = 800
        return self.answer(plan, arrays)


def _fetch(answer, *, s1=(), candidates=(1, 2, 3)):
    statics = {
        part.collection: [Scene(part.collection, 7, part.collection)]
        for row in MODALITIES.values()
        if isinstance(row.when, Static)
        for part in row.origins["earthengine"]
    }
    scenes = {
        **statics,
        "COPERNICUS/S2_SR_HARMONIZED": [s2_scene(ANCHOR, days, name=f"c{days}") for days in candidates],
        "COPERNICUS/S1_GRD_FLOAT": list(s1),
    }
    source = PixelSource(scenes, answer)
    (plans,) = plan_anchors([ANCHOR], source)
    return fetch_tile(plans, source, RULES), source


def _cloudy(plan, arrays):
    if plan.rank < 2:
        arrays["scl"][:] = 9
    return Reading(arrays)


def test_a_clear_tile_is_taken_at_once() -> None:
    tile, source = _fetch(lambda plan, arrays: Reading(arrays))
    assert (tile.status, tile.retries_cloud, source.reads) == ("ok", 0, [0])
    assert tile.cloud is not None
    assert tile.cloud.fraction == 0.0


def test_the_next_candidate_is_read_after_a_cloudy_one() -> None:
    tile, source = _fetch(_cloudy)
    assert (tile.status, tile.plan.rank, tile.retries_cloud, source.reads) == ("ok", 2, 2, [0, 1, 2])


def test_when_all_candidates_are_cloudy_the_anchor_is_skipped_with_its_figure() -> None:
    tile, source = _fetch(_cloudy, candidates=(1, 2))
    assert (tile.status, tile.kind, source.reads) == ("skipped", SkipKind.CLOUDY, [0, 1])
    assert "100.0% cloud or shadow by scl" in tile.detail
    assert set(row_outcomes("earthengine", tile.parts).values()) == {"cloudy"}


def test_masked_reference_pixels_refuse_a_candidate() -> None:
    def answer(plan, arrays):
        arrays["sentinel2"][3, :20] = 0
        return Reading(arrays)

    tile, _ = _fetch(answer)
    assert (tile.status, tile.kind) == ("skipped", SkipKind.TOO_MUCH_NODATA)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SourceError("boom"), SkipKind.SOURCE_ERROR),
        (TileSkipped(SkipKind.ASSET_CHANGED, "gone"), SkipKind.ASSET_CHANGED),
    ],
)
def test_failures_of_the_source_are_typed_and_worth_another_run(error, kind) -> None:
    def answer(plan, arrays):
        raise error

    tile, _ = _fetch(answer)
    assert (tile.status, tile.kind) == ("failed", kind)


def test_refused_credentials_stop_the_run() -> None:
    def answer(plan, arrays):
        raise CredentialsError("log in")

    with pytest.raises(CredentialsError):
        _fetch(answer)


def test_impossible_values_blank_one_row_and_keep_the_tile() -> None:
    def answer(plan, arrays):
        arrays["esa_worldcover"][:] = 77
        return Reading(arrays)

    tile, _ = _fetch(answer)
    outcomes = row_outcomes("earthengine", tile.parts)
    assert (tile.status, outcomes["esa_worldcover"]) == ("ok", "out_of_range")
    assert "esa_worldcover" not in tile.arrays


def test_one_pass_of_two_is_partial_and_an_empty_row_says_so() -> None:
    def answer(plan, arrays):
        arrays["sentinel1"][:4] = MODALITIES["sentinel1"].nodata
        arrays["sentinel1"][6:] = MODALITIES["sentinel1"].nodata
        arrays["canopy_height"][:] = 255
        return Reading(arrays)

    slices = [s1_scene(ANCHOR, ANCHOR.datetime, 2.8, name="d", direction="descending")]
    tile, _ = _fetch(answer, s1=slices)
    outcomes = row_outcomes("earthengine", tile.parts)
    assert outcomes["sentinel1"] == "partial"
    assert outcomes["canopy_height"] == "no_valid_pixels"
    assert outcomes["naip"] == "not_applicable"
    assert set(outcomes) == set(MODALITIES)


def test_no_scene_means_no_request() -> None:
    tile, source = _fetch(_cloudy, candidates=())
    assert (tile.status, tile.kind, source.reads) == ("skipped", SkipKind.NO_REFERENCE_SCENE, [])
