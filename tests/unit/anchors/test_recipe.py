"""Recipes of frames: presets, files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomeld_build.anchors.recipe import FrameConfig, preset_recipe, read_recipe
from geomeld_build.errors import ConfigError


def test_the_presets_are_the_counts_of_the_paper(tmp_path: Path) -> None:
    paths = {"mmearth": tmp_path / "a.json", "skyscript": tmp_path / "b.zip"}
    independent = preset_recipe("independent", paths)
    assert independent.own is not None
    assert sum(pool.count or 0 for pool in independent.pools) + independent.own.count == 2_565_540
    assert [pool.name for pool in independent.pools] == ["mmearth", "skyscript"]
    paper = preset_recipe("paper", paths, recipe="mine")
    assert paper.pools[0].keep_overlaps
    assert paper.pools[0].count is None
    assert (paper.recipe, paper.pools[1].count) == ("mine", 699_540)
    assert [pool.name for pool in preset_recipe("paper", {"mmearth": tmp_path}).pools] == ["mmearth"]


def test_a_file_with_paths_of_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "biomes.tif").write_text("")
    file = tmp_path / "frame.yaml"
    file.write_text("biomes: biomes.tif\npools: [{name: a, path: a.csv}]\nexclusions: [{name: b, path: b.parquet}]\n")
    found = read_recipe(file)
    assert found.pools[0].path == tmp_path / "a.csv"
    assert found.exclusions[0].path == tmp_path / "b.parquet"
    assert found.biomes == str(tmp_path / "biomes.tif")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "is no mapping"),
        ("pools: [", "cannot read the recipe"),
        ("recipe: x", "a frame needs pools or own"),
        ("own: {count: 0}", r"own\.count: Input should be greater than or equal to 1"),
        ("own: {count: 3, by: country}", r"own\.by: Input should be 'biome'"),
        ("own: {count: 3, allocation: biome_area}", "by must be ecoregion"),
        ("own: {count: 3, name: topup}", "names of their own"),
        ("own: {count: 3}\npools: [{name: own, path: a}]", "names of their own"),
        ("own: {count: 3}\nyears: [2021, 2018]", "expected first <= last"),
        ("own: {count: 3}\nsplit: {train: 0.9}", r"train \+ val \+ test is 1.1"),
        ("own: {count: 3}\nseed: 4", "seed: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "frame.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(file)


def test_a_preset_or_pool_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no preset 'best': expected one of independent, paper"):
        preset_recipe("best", {})
    with pytest.raises(ConfigError, match="has no pool openstreetmap: expected mmearth, skyscript"):
        preset_recipe("paper", {"openstreetmap": tmp_path})
    with pytest.raises(ConfigError, match="preset paper: recipe"):
        preset_recipe("paper", {"mmearth": tmp_path}, recipe="a b")


def test_a_recipe_goes_through_json() -> None:
    config = FrameConfig.model_validate({"own": {"count": 3}})
    assert FrameConfig.model_validate_json(config.model_dump_json()) == config
