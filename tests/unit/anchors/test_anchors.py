"""Sampling of the lattice and anchors from files."""

from __future__ import annotations

from datetime import UTC, datetime

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors import parse_region, read_anchors, sample_anchors, write_anchors
from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.dates import own_dates
from geomeld_build.errors import ConfigError
from geomeld_build.grid import CELL_M, cell_anchor, to_utm, utm_epsg
from tests.support.brute_cells import cells_of

PUNJAB = parse_region("73,30,74,31")


def test_cells_are_distinct_inside_and_on_the_lattice() -> None:
    anchors = sample_anchors(PUNJAB, 200, recipe="test")
    assert len({anchor.location_id for anchor in anchors}) == 200
    for anchor in anchors:
        assert 73 <= anchor.lon <= 74
        assert 30 <= anchor.lat <= 31
        assert anchor.left % CELL_M == anchor.top % CELL_M == 0
        assert anchor.epsg == utm_epsg(anchor.lon, anchor.lat)
        assert 2018 <= anchor.datetime.year <= 2021
        assert anchor.datetime.day == 15


def test_the_draw_depends_on_the_recipe_and_nothing_else() -> None:
    assert sample_anchors(PUNJAB, 20, recipe="a") == sample_anchors(PUNJAB, 20, recipe="a")
    assert sample_anchors(PUNJAB, 20, recipe="a") != sample_anchors(PUNJAB, 20, recipe="b")


def test_anchors_are_the_grid_s_own_and_dated_as_cells_of_a_frame() -> None:
    places = CellStream(PUNJAB, recipe="test").take(25)
    dates = own_dates(places.key, "test", (2019, 2020)).astype("datetime64[s]").astype(datetime)
    anchors = sample_anchors(PUNJAB, 25, recipe="test", years=(2019, 2020))
    cells = zip(cells_of(places), dates, strict=True)
    assert anchors == [cell_anchor(*cell, when.replace(tzinfo=UTC), recipe="test") for cell, when in cells]


@pytest.mark.parametrize("years", [(2021, 2018), (2010, 2018)])
def test_years_out_of_order_or_before_sentinel_2_are_refused(years: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=rf"years {years[0]}-{years[1]}: expected first <= last, from 2015"):
        sample_anchors(PUNJAB, 1, recipe="test", years=years)


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    for text in ("73,30,74,31", "-20,-30,60,30"):
        region = parse_region(text)
        assert sample_anchors(region, 40, recipe="a")[:10] == sample_anchors(region, 10, recipe="a")


def test_every_cell_of_a_small_region_can_be_drawn() -> None:
    region = parse_region("73.0,30.0,73.1,30.1")
    with pytest.raises(ConfigError, match=r"has (\d+) whole cells") as caught:
        sample_anchors(region, 10_000, recipe="a")
    count = int(str(caught.value).split(" has ")[1].split()[0])
    assert 55 <= count <= 75  # about 9.65 km x 11.1 km in cells of 1.64 km2
    cells = sample_anchors(region, count, recipe="a")
    boxes = shapely.STRtree([anchor.polygon.buffer(-1e-6) for anchor in cells])
    pairs = boxes.query([anchor.polygon.buffer(-1e-6) for anchor in cells], predicate="intersects")
    assert (pairs[0] == pairs[1]).all()


def test_cells_of_neighbouring_zones_never_overlap() -> None:
    anchors = sample_anchors(parse_region("5.95,59.0,6.05,59.2"), 60, recipe="a")
    anchors += sample_anchors(parse_region("11.9,-2.0,12.1,-1.9"), 80, recipe="a")
    shapes = [anchor.polygon.buffer(-1e-6) for anchor in anchors]
    pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    assert (pairs[0] == pairs[1]).all()
    assert len({anchor.epsg for anchor in anchors}) >= 3


def test_the_antimeridian_and_polygon_files(tmp_path) -> None:
    across = parse_region("179,-17,-179,-16")
    lons = [anchor.lon for anchor in sample_anchors(across, 40, recipe="a")]
    assert min(abs(lon) for lon in lons) > 179
    triangle = shapely.Polygon([(10, 10), (11, 10), (10, 11)])
    geopandas.GeoSeries([triangle], crs=4326).to_crs(32632).to_file(tmp_path / "t.gpkg")
    region = parse_region(str(tmp_path / "t.gpkg"))
    assert all(
        triangle.buffer(1e-6).contains(shapely.Point(anchor.lon, anchor.lat))
        for anchor in sample_anchors(region, 30, recipe="a")
    )


def test_large_regions_are_drawn_uniformly_on_the_sphere() -> None:
    anchors = sample_anchors(parse_region("-180,-60,180,75"), 1500, recipe="a")
    share = np.mean([anchor.lat > 30 for anchor in anchors])
    expected = (np.sin(np.radians(75)) - 0.5) / (np.sin(np.radians(75)) + np.sin(np.radians(60)))
    assert abs(share - expected) < 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3", "neither"),
        ("200,0,201,1", "longitudes"),
        ("0,10,1,5", "south below north"),
        ("0,0,0,1", "no width"),
        ("/does/not/exist.geojson", "existing file"),
    ],
)
def test_bad_regions_say_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_region(text)


@given(st.floats(-179.9, 179.9), st.floats(-79, 83))
def test_a_placed_anchor_is_centred_within_the_snap(lon: float, lat: float) -> None:
    from geomeld_build.grid import place_anchor

    anchor = place_anchor(lon, lat, datetime(2020, 1, 15, tzinfo=UTC), recipe="a")
    assert anchor.geobox.shape == (128, 128)
    assert anchor.left % 20 == anchor.top % 20 == 0
    x, y = to_utm(anchor.epsg, lon, lat)
    assert abs(anchor.left + 640 - x) <= 10.001
    assert abs(anchor.top - 640 - y) <= 10.001


def test_anchor_files_come_back_unchanged_and_open_as_geoparquet(tmp_path) -> None:
    anchors = sample_anchors(PUNJAB, 5, recipe="test")
    path = tmp_path / "anchors.parquet"
    write_anchors(path, anchors)
    assert read_anchors(path, recipe="test") == anchors
    other = read_anchors(path, recipe="other")
    assert [anchor.location_id for anchor in other] == [anchor.location_id for anchor in anchors]
    assert not {anchor.tile_id for anchor in other} & {anchor.tile_id for anchor in anchors}
    frame = geopandas.read_parquet(path)
    assert frame.geometry.x.tolist() == [anchor.lon for anchor in anchors]


def test_a_csv_is_placed_at_its_points(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,longitude,latitude,date\n1,73.3056,30.4642,2020-06-04\n2,73.3056,30.4642,2020-06-04\n")
    (anchor,) = read_anchors(path, recipe="test")
    assert (anchor.epsg, anchor.datetime) == (32643, datetime(2020, 6, 4, tzinfo=UTC))
    assert anchor.location_id == "p+073305600+30464200"


def test_geoparquet_points_are_anchors(tmp_path) -> None:
    frame = geopandas.GeoDataFrame({"date": ["2020-06-04"]}, geometry=[shapely.Point(73.3, 30.4)], crs=4326)
    frame.to_parquet(tmp_path / "p.parquet")
    (anchor,) = read_anchors(tmp_path / "p.parquet", recipe="test")
    assert round(anchor.lon, 2) == 73.3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lon,lat,date\n30.4,173.3,2020-06-04\n", "row 1.*swapped"),
        ("lon,lat\n73.3,30.4\n", "date column"),
        ("a,b,date\n1,2,2020-01-01\n", "expected lon and lat"),
        ("lon,lat,date\n73.3,30.4,June\n", "row 1"),
        ("lon,lat,date\n", "no anchors"),
        ("lon,lat,date\n73.3,,2020-06-04\n", "row 1: lon 73.3, lat None: expected two numbers"),
    ],
)
def test_bad_anchor_files_are_one_clear_line(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_anchors(path, recipe="test")


def test_a_missing_or_foreign_file_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_anchors(tmp_path / "none.parquet", recipe="test")
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="cannot read anchors"):
        read_anchors(tmp_path / "x.parquet", recipe="test")


def test_anchors_that_another_program_wrote_back_keep_their_types_or_are_refused(tmp_path) -> None:
    anchors = sample_anchors(PUNJAB, 3, recipe="test")
    path = tmp_path / "anchors.parquet"
    write_anchors(path, anchors)
    table = pq.read_table(path)
    place = table.column_names.index("datetime")
    naive = table.column("datetime").cast(pa.timestamp("ns"))
    pq.write_table(table.set_column(place, "datetime", naive), path)
    assert read_anchors(path, recipe="test") == anchors
    pq.write_table(table.set_column(place, "datetime", pa.array(["June"] * 3)), path)
    with pytest.raises(ConfigError, match="not their types"):
        read_anchors(path, recipe="test")
    pq.write_table(table.set_column(place, "datetime", pa.nulls(3, table.schema.field("datetime").type)), path)
    with pytest.raises(ConfigError, match="datetime has empty values"):
        read_anchors(path, recipe="test")


def test_a_folder_is_no_place_for_anchors(tmp_path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        write_anchors(tmp_path, sample_anchors(PUNJAB, 1, recipe="test"))


def test_a_table_without_geometry_is_no_region(tmp_path) -> None:
    (tmp_path / "places.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="without geometry"):
        parse_region(str(tmp_path / "places.csv"))


def test_regions_beyond_utm_are_refused_and_cut_at_its_edge() -> None:
    with pytest.raises(ConfigError, match="beyond UTM"):
        sample_anchors(parse_region("0,-90,170,-82"), 3, recipe="a")
    anchors = sample_anchors(parse_region("0,-90,170,-79.5"), 20, recipe="a")
    assert all(-80 <= anchor.lat <= -79.5 for anchor in anchors)
