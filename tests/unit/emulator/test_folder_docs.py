"""``docs/emulator.md`` is true: its table is the schema's, its examples open."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import jsonschema
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import Point

from geomeld_build.emulator.worlds.base import ImageRecord
from geomeld_build.emulator.worlds.folder import FolderWorld, world_json_markdown, world_json_schema

PAGE = Path(__file__).parents[3] / "docs" / "emulator.md"
EXAMPLES = re.findall(r"<!-- example -->\n```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


FILES = (
    ("scene_20200604.tif",),
    ("s1/one/VV.tif", "s1/one/VH.tif"),
    ("s2/B2.tif", "s2/B3.tif", "occurrence.tif"),
)


def _write_files(folder: Path, names: Sequence[str]) -> None:
    shape: dict[str, Any] = {"count": 1, "height": 4, "width": 5, "dtype": "float32"}
    for path in (folder / name for name in names):
        path.parent.mkdir(parents=True, exist_ok=True)
        transform = from_origin(70, 31, 0.1, 0.1)
        with rasterio.open(path, "w", driver="GTiff", crs="EPSG:4326", transform=transform, **shape) as dataset:
            dataset.write(np.full((1, 4, 5), -10.0, "float32"))
    table = geopandas.GeoDataFrame({"ECO_ID": [7]}, geometry=[Point(1, 2)], crs="EPSG:4326")
    table.to_file(folder / "ecoregions.gpkg")


def test_the_table_of_keys_is_the_schema() -> None:
    assert world_json_markdown() in PAGE.read_text(encoding="utf-8")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
    assert len(EXAMPLES[0].strip().splitlines()) == 10


@pytest.mark.parametrize("number", range(3))
def test_examples_open(tmp_path: Path, number: int) -> None:
    _write_files(tmp_path, FILES[number])
    jsonschema.validate(json.loads(EXAMPLES[number]), world_json_schema())
    (tmp_path / "world.json").write_text(EXAMPLES[number])
    world = FolderWorld.open(tmp_path)
    for asset_id in world.asset_ids():
        assert world.find(asset_id) is not None
    if number == 0:
        assert world.children("users/me/scenes") == ["users/me/scenes/scene_20200604"]
    if number == 1:
        record = world.find("COPERNICUS/S1_GRD_FLOAT/one")
        assert isinstance(record, ImageRecord)
        assert [b.name for b in record.bands] == ["VH", "VV"]
        assert record.read("VV", 0, 1, 0, 1)[0] == pytest.approx(0.1)
