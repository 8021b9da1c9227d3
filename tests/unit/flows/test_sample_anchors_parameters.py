"""Flat flow parameters become the recipe of one frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from prefect.utilities.callables import parameter_schema

from flows.parameters import CREDENTIALS_VARIABLE
from flows.sample_anchors import sample_anchors
from flows.sampling import frame_config, source_config
from flows.settings import ControlError, parse_settings
from geomeld_build.anchors.recipe import PRESETS, FrameConfig, OwnConfig, preset_recipe, read_recipe
from geomeld_build.build.config import SourceConfig
from geomeld_build.errors import ConfigError

RECIPE = "recipe: mine\nown: {count: 30, by: ecoregion}\nnaip: true\nbiomes: regions.gpkg\nreserve: 0.5\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "frame.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_cells_of_strata() -> None:
    drawn = frame_config({"n": 60, "by": "continent-biome", "frame": None, "pools": None, "naip": None})
    assert drawn == FrameConfig(own=OwnConfig(count=60, by="continent-biome"))


def test_a_recipe_file_is_taken_as_it_is(recipe: Path) -> None:
    assert frame_config({"frame": str(recipe)}) == read_recipe(recipe)


def test_what_is_given_besides_changes_the_recipe(recipe: Path) -> None:
    changed = frame_config({"frame": str(recipe), "recipe": "other", "naip": False, "biomes": "T/2"})
    assert (changed.recipe, changed.naip, changed.biomes) == ("other", False, "T/2")
    assert (changed.own, changed.reserve) == (OwnConfig(count=30, by="ecoregion"), 0.5)


@pytest.mark.parametrize("preset", ["independent", "paper"])
def test_a_preset_over_pools(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "tile_info.json"
    path.write_text("{}", encoding="utf-8")
    made = frame_config({"preset": preset, "pools": {"mmearth": str(path)}, "recipe": "r"})
    assert made == preset_recipe(preset, {"mmearth": path}, recipe="r")
    assert [pool.path for pool in made.pools] == [path]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "give one of frame .* got none of them"),
        ({"n": 5, "by": "biome", "preset": "paper"}, "give one of frame .* got preset and n"),
        ({"n": 5}, "go together: give both"),
        ({"preset": "paper", "by": "biome"}, "go together: give both"),
        ({"n": 5, "by": "biome", "pools": {"mmearth": "x"}}, "pools are those of a preset, and n is given"),
        ({"preset": "paper", "pools": {"mmearth": "nowhere.json"}}, "mmearth is 'nowhere.json': no such file"),
        ({"preset": "paper", "pools": {"mmearht": "."}}, "has no pool mmearht: expected mmearth, skyscript"),
        ({"frame": "nowhere.yaml"}, "cannot read the recipe nowhere.yaml"),
        ({"n": 5, "by": "biome", "recipe": "a b"}, r"recipe: String should match .*\(got 'a b'\)"),
        ({"n": 5, "by": "country"}, r"own.by: Input should be 'biome'.*\(got 'country'\)"),
    ],
)
def test_what_makes_no_frame_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        frame_config(parameters)


def test_the_source_takes_the_workers_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key.json"
    key.write_text("{}", encoding="utf-8")
    monkeypatch.delenv(CREDENTIALS_VARIABLE, raising=False)
    assert source_config({"url": None, "project": "p"}) == SourceConfig(project="p")
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(key))
    expected = SourceConfig(project="p", url="http://h:1", credentials=key)
    assert source_config({"url": "http://h:1", "project": "p"}) == expected


def test_the_form_offers_what_recipes_know() -> None:
    options = {name: _enum(name) for name in ("preset", "by")}
    assert options["preset"] == set(PRESETS)
    assert options["by"] == set(get_args(OwnConfig.model_fields["by"].annotation))
    assert parameter_schema(sample_anchors).required == ["out"]


def _enum(name: str) -> set[str]:
    return set(parameter_schema(sample_anchors).properties[name]["anyOf"][0]["enum"])


def test_settings_of_the_command_line() -> None:
    schema = parameter_schema(sample_anchors).model_dump()
    pools = {"mmearth": "2020", "skyscript": "a=b.zip"}
    items = ["out=frame", "n=60", "by=biome", "naip=true", "pools.mmearth=2020", "pools.skyscript=a=b.zip"]
    expected = {"out": "frame", "n": 60, "by": "biome", "naip": True, "pools": pools}
    assert parse_settings(items, schema) == expected
    assert parse_settings([f"pools={json.dumps(pools)}"], schema) == {"pools": pools}
    with pytest.raises(ControlError, match=r"--set split.block_km=50: no such parameter; expected one of out, frame"):
        parse_settings(["split.block_km=50"], schema)
