"""Tables of a frame in files."""

from __future__ import annotations

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from geomeld_build.anchors.files import read_anchors, read_frame_table, write_anchors, write_frame_table
from geomeld_build.anchors.frame import DROPPED_SCHEMA, FRAME_SCHEMA
from geomeld_build.anchors.region import parse_region
from geomeld_build.anchors.sample import sample_anchors
from geomeld_build.errors import ConfigError


def _dropped(count: int) -> pa.Table:
    generator = np.random.default_rng(1)
    return pa.table(
        [
            pa.repeat("mmearth", count),
            pa.array(range(count)).cast(pa.string()),
            generator.uniform(-180, 180, count),
            generator.uniform(-90, 90, count),
            pa.array(np.arange(count) % 15, pa.int8()),
            pa.repeat("Africa", count),
            pa.repeat("overlap", count),
            pa.nulls(count, pa.string()),
        ],
        schema=DROPPED_SCHEMA,
    )


def _frame(tmp_path) -> tuple[pa.Table, list]:
    anchors = sample_anchors(parse_region("73,30,74,31"), 20, recipe="test")
    write_anchors(tmp_path / "plain.parquet", anchors)
    table = pq.read_table(tmp_path / "plain.parquet").replace_schema_metadata(None)
    for field in FRAME_SCHEMA:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(FRAME_SCHEMA.names), anchors


def test_a_frame_comes_back_with_its_metadata_and_is_an_anchors_file(tmp_path) -> None:
    table, anchors = _frame(tmp_path)
    blank = table.set_column(table.column_names.index("geometry"), "geometry", pa.nulls(len(table), pa.binary()))
    write_frame_table(tmp_path / "anchors.parquet", blank, {"recipe": "v1"})
    back = read_frame_table(tmp_path / "anchors.parquet")
    assert back.replace_schema_metadata(None).equals(table)
    assert back.schema.metadata[b"recipe"] == b"v1"
    assert back.schema.equals(FRAME_SCHEMA)
    assert read_anchors(tmp_path / "anchors.parquet", recipe="test") == anchors


def test_points_are_the_wkb_of_shapely_and_geopandas_opens_them(tmp_path) -> None:
    table = _dropped(1000)
    write_frame_table(tmp_path / "d.parquet", table, {})
    back = read_frame_table(tmp_path / "d.parquet")
    assert back.drop_columns("geometry").replace_schema_metadata(None).equals(table)
    points = shapely.points(table.column("lon").to_numpy(), table.column("lat").to_numpy())
    assert back.column("geometry").to_pylist() == shapely.to_wkb(points, byte_order=1).tolist()
    frame = geopandas.read_parquet(tmp_path / "d.parquet")
    assert frame.crs.equals("OGC:CRS84")
    assert shapely.equals_exact(frame.geometry.to_numpy(), points).all()
    assert len(geopandas.read_parquet(tmp_path / "d.parquet", bbox=None)) == 1000


def test_equal_content_gives_equal_bytes(tmp_path) -> None:
    table = _dropped(250_000)
    pieces = [table.slice(0, 7), table.slice(7, 120_000), table.slice(120_007)]
    write_frame_table(tmp_path / "a.parquet", table, {"a": "1", "b": "2"})
    write_frame_table(tmp_path / "b.parquet", pa.concat_tables(pieces), {"b": "2", "a": "1"})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    parquet = pq.ParquetFile(tmp_path / "a.parquet")
    assert [parquet.metadata.row_group(i).num_rows for i in range(3)] == [100_000, 100_000, 50_000]
    assert parquet.metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_empty_table_and_a_failed_write(tmp_path) -> None:
    write_frame_table(tmp_path / "d.parquet", DROPPED_SCHEMA.empty_table(), {})
    assert len(read_frame_table(tmp_path / "d.parquet")) == 0
    assert len(geopandas.read_parquet(tmp_path / "d.parquet")) == 0
    before = (tmp_path / "d.parquet").read_bytes()
    broken = _dropped(3).set_column(2, "lon", pa.array([1.0, None, 2.0]))
    with pytest.raises(ConfigError, match="needs a lon for every row"):
        write_frame_table(tmp_path / "d.parquet", broken, {})
    with pytest.raises(ConfigError, match="is a folder"):
        write_frame_table(tmp_path, _dropped(3), {})
    assert (tmp_path / "d.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]


def test_files_that_are_no_frame(tmp_path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_frame_table(tmp_path / "none.parquet")
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="cannot read"):
        read_frame_table(tmp_path / "x.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(ConfigError, match="expected lon, lat and geometry"):
        read_frame_table(tmp_path / "x.parquet")


def test_a_zone_that_is_none_is_named_with_its_row(tmp_path) -> None:
    table, _ = _frame(tmp_path)
    epsg = table.column("epsg").to_numpy().copy()
    epsg[4] = 32661
    at = table.column_names.index("epsg")
    write_frame_table(tmp_path / "a.parquet", table.set_column(at, FRAME_SCHEMA.field("epsg"), pa.array(epsg)), {})
    with pytest.raises(ConfigError, match="row 5: epsg 32661 is no UTM zone"):
        read_anchors(tmp_path / "a.parquet", recipe="test")
