"""Vector tables of the folder world."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from shapely.geometry import Point, box

from geomeld_build.emulator.worlds.base import TableAsset
from geomeld_build.emulator.worlds.folder import FolderWorld, WorldError


def _frame() -> Any:
    return geopandas.GeoDataFrame(
        {
            "ECO_ID": [3, 1],
            "NAME": ["dry", None],
            "AREA": [1.5, np.nan],
            "when": pd.to_datetime(["2020-06-04T05:46:39Z", None]).as_unit("ms"),
        },
        geometry=[box(336_000, 3_371_000, 337_000, 3_372_000), None],
        crs="EPSG:32643",
    )


def _table(folder: Path, **entry: Any) -> TableAsset:
    stated = {"type": "table", "id": "RESOLVE/T", **entry}
    (folder / "world.json").write_text(json.dumps({"assets": [stated]}))
    table = FolderWorld.open(folder).find("RESOLVE/T")
    assert isinstance(table, TableAsset)
    return table


@pytest.mark.parametrize("name", ["t.gpkg", "t.parquet"])
def test_rows_are_served_in_lonlat_with_plain_properties(tmp_path: Path, name: str) -> None:
    frame = _frame()
    frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_file(tmp_path / name)
    table = _table(tmp_path, file=name, id_column="ECO_ID", properties={"title": "x"})
    first, second = table.features()
    assert [first.id, second.id] == ["3", "1"]
    moment = round(datetime(2020, 6, 4, 5, 46, 39, tzinfo=UTC).timestamp() * 1000)
    assert first.properties == {"ECO_ID": 3, "NAME": "dry", "AREA": 1.5, "when": moment}
    assert second.properties == {"ECO_ID": 1}
    assert second.geometry is None
    json.dumps([first.properties, second.properties])
    corner = Transformer.from_crs(32643, 4326, always_xy=True).transform(336_000, 3_371_000)
    assert first.geometry is not None
    assert first.geometry.distance(Point(corner)) < 1e-9
    assert table.properties["title"] == "x"
    assert table.features() is table.features()


def test_geojson_and_numbered_ids(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"k": [1, 2]}, geometry=[Point(1, 2), Point(3, 4)], crs="EPSG:4326")
    frame.to_file(tmp_path / "t.geojson")
    table = _table(tmp_path, file="t.geojson")
    assert [row.id for row in table.features()] == ["0" * 20, "0" * 19 + "1"]
    version = table.version
    assert _table(tmp_path, file="*.geojson").version == version > 0
    assert _table(tmp_path, file="t.geojson", version=5).version == 5


def test_layers(tmp_path: Path) -> None:
    for layer, x in (("a", 1), ("b", 2)):
        frame = geopandas.GeoDataFrame({"k": [x]}, geometry=[Point(x, x)], crs="EPSG:4326")
        frame.to_file(tmp_path / "t.gpkg", layer=layer)
    assert _table(tmp_path, file="t.gpkg", layer="b").features()[0].properties == {"k": 2}


def test_errors(tmp_path: Path) -> None:
    geopandas.GeoDataFrame({"k": [1, 1]}, geometry=[Point(1, 2)] * 2).to_parquet(tmp_path / "nocrs.parquet")
    pd.DataFrame({"k": [1]}).to_parquet(tmp_path / "plain.parquet")
    (tmp_path / "bad.gpkg").write_text("no table")
    with pytest.raises(WorldError, match="no such file"):
        _table(tmp_path, file="none.gpkg")
    with pytest.raises(WorldError, match="matches 2 files; expected one"):
        _table(tmp_path, file="*.parquet")
    with pytest.raises(WorldError, match="has no CRS; state it as `crs`"):
        _table(tmp_path, file="nocrs.parquet").features()
    assert len(_table(tmp_path, file="nocrs.parquet", crs="EPSG:4326").features()) == 2
    with pytest.raises(WorldError, match="'k' has repeated values"):
        _table(tmp_path, file="nocrs.parquet", crs="EPSG:4326", id_column="k").features()
    with pytest.raises(WorldError, match="no column 'z'; the table has k"):
        _table(tmp_path, file="nocrs.parquet", crs="EPSG:4326", id_column="z").features()
    for name in ("plain.parquet", "bad.gpkg"):
        with pytest.raises(WorldError, match="cannot be read as a vector table"):
            _table(tmp_path, file=name).features()
