"""Pools from CSV, Parquet and GeoParquet."""

from __future__ import annotations

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from geomeld_build.anchors.imports import PoolFormat, read_pool
from geomeld_build.errors import ConfigError


def test_a_csv_keeps_ids_dates_and_coordinates(tmp_path) -> None:
    path = tmp_path / "places.csv"
    path.write_text(
        "ID,Longitude,Latitude,date,secret\n"
        "007,73.3056,30.4642,2020-06-04,a\n"
        "008,-180,-90,2020-06-04T10:30:00+02:00,b\n"
        "009,180,90,,c\n"
    )
    pool = read_pool(path)
    assert (pool.name, pool.path, len(pool)) == ("places", path, 3)
    assert pool.lon.tolist() == [73.3056, -180.0, 180.0]
    assert pool.lat.tolist() == [30.4642, -90.0, 90.0]
    assert pool.src_id.to_pylist() == ["007", "008", "009"]
    assert pool.date is not None
    assert pool.date.dtype == "M8[us]"
    assert pool.date[:2].tolist() == np.array(["2020-06-04", "2020-06-04T08:30"], "M8[us]").tolist()
    assert np.isnat(pool.date[2])


def test_other_delimiters_and_no_ids(tmp_path) -> None:
    path = tmp_path / "places.tsv"
    path.write_text("x\ty\n1.5\t2.5\n1.5\t2.5\n")
    pool = read_pool(path, name="mine")
    assert (pool.name, pool.date, pool.src_id.to_pylist()) == ("mine", None, ["", ""])
    assert (pool.lon.tolist(), pool.lat.tolist()) == ([1.5, 1.5], [2.5, 2.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lon,lat\n1,2\n185.5,3\n", r"row 2: lon 185\.5, lat 3 is out of range.*0\.\.360"),
        ("lon,lat\n1,2\n30,120\n", "row 2: lon 30, lat 120 is out of range.*swapped"),
        ("lon,lat\n1,2\n,3\n", "row 2: lon is empty or not a number"),
        ("lon,lat\n1,2\n3,NaN\n", "row 2: lat is empty or not a number"),
        ("lon,lat\n1,2\n3,4\nx7,5\n", "row 3: lon is 'x7', expected a number"),
        ("lon,lat\n1,2\n3\n", "row 2.*Expected 2 columns, got 1"),
        ("id,lon,lat\na,1,2\nb,1,2\na,3,4\n", r"row 3: id 'a' is also that of .*row 1: .*\(1 repeated\)"),
        ("lon,lat,date\n1,2,2020-01-01\n1,3,June\n", "row 2: date 'June' is not a date"),
        ("lon,lat\n", "holds no points"),
        ("a,b\n1,2\n", "expected lon and lat, or geometry"),
        ("", "cannot read"),
        ("lon,lat\n500000,4649776\n", "metres"),
    ],
)
def test_bad_rows_are_one_clear_line(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_pool(path)
    assert str(path) in str(caught.value)


def test_the_row_is_right_far_down_a_file(tmp_path) -> None:
    rows = [f"{i % 180},{i % 90}" for i in range(200_000)]
    rows[123_456] = "oops,1"
    path = tmp_path / "a.csv"
    path.write_text("lon,lat\n" + "\n".join(rows) + "\n")
    with pytest.raises(ConfigError, match="row 123457: lon is 'oops'"):
        read_pool(path)


def test_geoparquet_is_brought_to_lonlat(tmp_path) -> None:
    east, north = np.array([200_000.0, 500_000.0]), np.array([4e6, 5e6])
    frame = geopandas.GeoDataFrame({"x": [1, 2]}, geometry=shapely.points(east, north), crs=32631)
    frame.to_parquet(tmp_path / "utm.parquet")
    pool = read_pool(tmp_path / "utm.parquet")
    expected = pyproj.Proj(proj="utm", zone=31, ellps="WGS84")(east, north, inverse=True)
    np.testing.assert_allclose([pool.lon, pool.lat], expected, atol=1e-9)


def test_polygons_give_their_centroid_across_the_antimeridian_too(tmp_path) -> None:
    shapes = [
        shapely.box(10, 10, 12, 14),
        shapely.box(179.5, -1, 180.7, 1),  # goes on above 180
        shapely.Polygon([(179.5, 0), (-179.3, 0), (-179.3, 2), (179.5, 2)]),  # jumps
        shapely.MultiPolygon([shapely.box(179.5, 0, 180, 2), shapely.box(-180, 0, -179.3, 2)]),  # cut, as RFC 7946 asks
    ]
    geopandas.GeoDataFrame(geometry=shapes, crs=4326).to_parquet(tmp_path / "p.parquet")
    pool = read_pool(tmp_path / "p.parquet")
    np.testing.assert_allclose(pool.lon, [11, -179.9, -179.9, -179.9], atol=1e-9)
    np.testing.assert_allclose(pool.lat, [12, 0, 1, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([shapely.Point(1, 2), None], "row 2 has no geometry"),
        ([shapely.Point(1, 2), shapely.Point()], "row 2 has empty geometry"),
        ([shapely.Point(1, 2), shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])], "row 2 .*Self-intersection"),
        ([shapely.Point(1, 2), shapely.Point(181, 0)], r"row 2: lon 181, lat 0 is out of range"),
        ([shapely.box(181, 0, 182, 1)], r"row 1: lon 181\.5, lat 0\.5 is out of range"),
    ],
)
def test_broken_geometry_is_named(tmp_path, shapes, message: str) -> None:
    geopandas.GeoDataFrame(geometry=shapes, crs=4326).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(ConfigError, match=message):
        read_pool(tmp_path / "p.parquet")


def test_cut_wkb_is_named(tmp_path) -> None:
    good = shapely.to_wkb(shapely.Point(1, 2))
    pq.write_table(pa.table({"geometry": [good, good[:11]]}), tmp_path / "p.parquet")
    with pytest.raises(ConfigError, match="row 2 has geometry that is no WKB"):
        read_pool(tmp_path / "p.parquet")


def test_the_released_geomeld_metadata(tmp_path) -> None:
    table = pa.table(
        {
            "tile_id": pa.array([11_622_631, 14_918_715]),
            "lat": [29.662093, 43.463564],
            "long": [-84.879064, -114.252731],
            "acquisition_date": ["2022-01-23", "2021-09-15"],
            "water_analysis": [{"detected": True}, {"detected": False}],
            "file_type_naip": [True, True],
            "source_file": ["11622631.h5", "14918715.h5"],
        }
    )
    pq.write_table(table, tmp_path / "naip_metadata.parquet")
    pool = read_pool(tmp_path / "naip_metadata.parquet")
    assert (pool.name, pool.date) == ("geomeld", None)
    assert pool.src_id.to_pylist() == ["11622631", "14918715"]
    assert pool.lon.tolist() == [-84.879064, -114.252731]


def test_parquet_types_and_a_truncated_file(tmp_path) -> None:
    path = tmp_path / "p.parquet"
    when = pa.array(np.array(["2020-06-04T10:00"], "M8[ns]"), pa.timestamp("ns", tz="UTC"))
    pq.write_table(pa.table({"lon": ["1.5"], "lat": pa.array([2], pa.int8()), "date": when}), path)
    pool = read_pool(path)
    assert (pool.lon[0], pool.lat[0]) == (1.5, 2.0)
    assert pool.date is not None
    assert str(pool.date[0]) == "2020-06-04T10:00:00.000000"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ConfigError, match="cannot read"):
        read_pool(path)
    pq.write_table(pa.table({"lon": [True], "lat": [1.0]}), path)
    with pytest.raises(ConfigError, match="lon has type bool"):
        read_pool(path)
    pq.write_table(pa.table({"lon": [1.0], "lat": [1.0], "date": [2020]}), path)
    with pytest.raises(ConfigError, match="date column has type int64"):
        read_pool(path)


def test_boxes_of_a_csv_are_skyscript(tmp_path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("filepath,west,south,east,north\na,1,2,3,6\nb,179.9,0,-179.8,1\n")
    pool = read_pool(path)
    assert (pool.name, pool.src_id.to_pylist()) == ("skyscript", ["a", "b"])
    np.testing.assert_allclose([pool.lon, pool.lat], [[2, -179.95], [4, 0.5]], atol=1e-9)
    path.write_text("filepath,title\na,a house\n")
    with pytest.raises(ConfigError, match="captions and no coordinates"):
        read_pool(path, format=PoolFormat.SKYSCRIPT)
    path.write_text("west,south,east,north\n1,2,3,6\n1,7,3,6\n")
    with pytest.raises(ConfigError, match=r"row 2: box \(1, 7, 3, 6\) is no box"):
        read_pool(path)


def test_what_is_no_pool(tmp_path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_pool(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="neither"):
        read_pool(tmp_path)
    (tmp_path / "a.xyz").write_text("1")
    with pytest.raises(ConfigError, match="cannot tell its format"):
        read_pool(tmp_path / "a.xyz")
    with pytest.raises(ConfigError, match="format 'what' is unknown"):
        read_pool(tmp_path / "a.xyz", format="what")
    with pytest.raises(ConfigError, match="is a folder"):
        read_pool(tmp_path, format=PoolFormat.TABLE)
