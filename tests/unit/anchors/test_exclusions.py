"""Exclusion layers against distances in a projection of their own around every tile."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pyproj
import pytest
import shapely

from geomeld_build.anchors.exclusions import ExclusionLayer, ExclusionRule, read_exclusions
from geomeld_build.anchors.places import Places, places_of_points
from geomeld_build.errors import ConfigError
from geomeld_build.grid import to_lonlat
from tests.support.realdata import data_dir, needs_real_data


def _layer(path: Path, shapes, buffer_m: float = 0.0, crs=4326) -> ExclusionLayer:
    geopandas.GeoDataFrame(geometry=list(shapes), crs=crs).to_parquet(path)
    (layer,) = read_exclusions([ExclusionRule(path, "bench", buffer_m)])
    return layer


def _around(lon: float, lat: float, count: int, spread_m: float, seed: int = 1) -> Places:
    """Places scattered around a point."""
    generator = np.random.default_rng(seed)
    bearing, far = generator.uniform(0, 360, count), spread_m * np.sqrt(generator.uniform(0, 1, count))
    x, y, _ = pyproj.Geod(ellps="WGS84").fwd(np.full(count, lon), np.full(count, lat), bearing, far)
    return places_of_points(np.asarray(x), np.asarray(y))


def _distance(places: Places, at: int, shape) -> float:
    """Metres from a tile to a shape, azimuthal equidistant around the tile: exact there."""
    side = np.linspace(0, 1280, 9)
    left, top, flat = places.left[at], places.top[at], np.zeros(9)
    x = np.concatenate([left + side, flat + left + 1280, left + 1280 - side, flat + left])
    y = np.concatenate([flat + top, top - side, flat + top - 1280, top - 1280 + side])
    lon, lat = to_lonlat(int(places.epsg[at]), x, y)
    local = pyproj.Proj(proj="aeqd", lon_0=places.lon[at], lat_0=places.lat[at], ellps="WGS84")

    def project(points):
        return np.column_stack(local(points[:, 0], points[:, 1]))

    square = shapely.Polygon(project(np.column_stack([lon, lat])))
    return float(shapely.distance(square, shapely.transform(shapely.segmentize(shape, 0.001), project)))


PLACES = [
    (9.0, 48.0), (12.0, 0.3), (5.99, 60.0), (20.9, 78.5), (-70.0, -54.9), (180.0, 65.0), (-179.999, -17.0),
    (30.0, 83.5),
]  # fmt: skip
"""Zone middles and seams, Norway, Svalbard, both hemispheres, both sides of the antimeridian, the end of UTM."""


@pytest.mark.parametrize(("lon", "lat"), PLACES)
@pytest.mark.parametrize("buffer_m", [0.0, 400.0, 7000.0])
def test_hits_are_those_of_the_local_distance(tmp_path, lon: float, lat: float, buffer_m: float) -> None:
    dx, dy = 0.01 / np.cos(np.radians(lat)), 0.01
    hole = shapely.box(lon - 2 * dx, lat - 2 * dy, lon + 2 * dx, lat + 2 * dy)
    ring = shapely.box(lon - 4 * dx, lat - 3 * dy, lon + 4 * dx, lat + 3 * dy).difference(hole)
    sliver = shapely.Polygon([(lon + 8 * dx, lat), (lon + 8.05 * dx, lat), (lon + 9 * dx, lat + 6 * dy)])
    if sliver.bounds[0] > 180:
        sliver = shapely.transform(sliver, lambda points: points - np.array([360.0, 0.0]))
    shapes = [ring, sliver, shapely.Point(max(lon - 7 * dx, -180.0), lat - 6 * dy)]
    layer = _layer(tmp_path / "a.parquet", shapes, buffer_m)
    places = _around(lon, lat, 160, 20_000.0 + buffer_m)
    hits = layer.hits(places)
    distance = np.array([min(_distance(places, at, shape) for shape in shapes) for at in range(len(places))])
    # The zone's scale; Svalbard's are wide. A distance of nothing is sure.
    unsure = (np.abs(distance - buffer_m) <= 1.0 + 0.0035 * buffer_m) & (distance > 0.0)
    assert unsure.mean() < 0.05
    np.testing.assert_array_equal(hits[~unsure], (distance <= buffer_m)[~unsure])
    assert 5 < hits.sum() < len(places) - 5


@pytest.mark.parametrize("how", ["jumps", "goes on", "is cut"])
def test_a_polygon_across_the_antimeridian(tmp_path, how: str) -> None:
    shape = {
        "jumps": shapely.Polygon([(179.5, -1), (-179.5, -1), (-179.5, 1), (179.5, 1)]),
        "goes on": shapely.box(179.5, -1, 180.5, 1),
        "is cut": shapely.MultiPolygon([shapely.box(179.5, -1, 180, 1), shapely.box(-180, -1, -179.5, 1)]),
    }[how]
    places = places_of_points(np.array([179.7, -179.7, 180.0, 179.0, -179.0, 0.0]), np.full(6, 0.2))
    assert _layer(tmp_path / "a.parquet", [shape]).hits(places).tolist() == [True, True, True, False, False, False]


def test_large_polygons_are_cut_and_keep_their_edges(tmp_path) -> None:
    shape = shapely.Polygon([(-60, 10), (60, 62), (75, -50), (-20, -40)])  # edges of thousands of kilometres
    layer = _layer(tmp_path / "a.parquet", [shape])
    assert len(layer.pieces) > 5000
    np.testing.assert_allclose(shapely.area(layer.pieces).sum(), shape.area, rtol=1e-9)
    generator = np.random.default_rng(2)
    along = generator.uniform(0, 1, 500)[:, None]
    on_edge = np.array([-60.0, 10.0]) + along * np.array([120.0, 52.0])
    shift = np.where(np.arange(500) % 2, 0.02, -0.02)  # tiles reach 0.013 at most from their centre, to the south
    places = places_of_points(on_edge[:, 0], on_edge[:, 1] + 2 * shift)
    np.testing.assert_array_equal(layer.hits(places), shift < 0)


def test_a_ring_around_the_pole_stays_as_it_is(tmp_path) -> None:
    cap = shapely.Polygon([(-180, -90), (180, -90), (180, -75), (60, -72), (-60, -78), (-180, -75)])
    layer = _layer(tmp_path / "a.parquet", [cap])
    places = places_of_points(np.array([0.0, 179.0, -179.0, 0.0]), np.array([-79.0, -78.0, -78.0, -70.0]))
    assert layer.hits(places).tolist() == [True, True, True, False]


def test_the_answer_is_each_tiles_own(tmp_path) -> None:
    layer = _layer(tmp_path / "a.parquet", [shapely.box(8.9, 47.9, 9.1, 48.1), shapely.Point(9.4, 48.3)], 500.0)
    places = _around(9.0, 48.0, 2000, 60_000.0)
    order = np.random.default_rng(3).permutation(len(places))
    hits = layer.hits(places)
    np.testing.assert_array_equal(layer.hits(places.take(order)), hits[order])
    one = [layer.hits(places.take(np.array([at])))[0] for at in range(50)]
    np.testing.assert_array_equal(one, hits[:50])
    assert layer.hits(places.take(np.array([], np.int64))).shape == (0,)


def test_millions_of_tiles_near_a_small_layer_take_seconds(tmp_path) -> None:
    generator = np.random.default_rng(4)
    centres = np.column_stack([generator.uniform(-10, 30, 3000), generator.uniform(36, 60, 3000)])
    shapes = shapely.box(*(centres - 0.006).T, *(centres + 0.006).T)
    layer = _layer(tmp_path / "a.parquet", shapes, 1000.0)
    lon, lat = generator.uniform(-30, 60, 300_000), generator.uniform(20, 75, 300_000)
    places = places_of_points(lon, lat)
    hits = layer.hits(places)
    tree = shapely.STRtree(shapely.centroid(shapes))
    near = tree.query(shapely.points(places.lon, places.lat), predicate="dwithin", distance=0.004)[0]
    assert hits[near].all()
    assert 100 < hits.sum() < 3000


def test_formats_and_projections(tmp_path) -> None:
    lonlat = shapely.box(8.9, 47.9, 9.1, 48.1)
    frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[lonlat], crs=4326)
    frame.to_crs(3035).to_file(tmp_path / "a.gpkg")
    frame.to_file(tmp_path / "a.geojson")
    frame.to_crs(32632).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("lon,lat\n9.0,48.0\n")
    rules = [ExclusionRule(tmp_path / f"a.{kind}", kind) for kind in ("gpkg", "geojson", "parquet", "csv")]
    places = places_of_points(np.array([9.0, 9.09, 9.3]), np.array([48.0, 48.09, 48.0]))
    hits = [layer.hits(places).tolist() for layer in read_exclusions(rules)]
    assert hits == [[True, True, False]] * 3 + [[True, False, False]]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([shapely.Point(1, 2), None], "row 2 has no geometry"),
        ([shapely.Point(1, 2), shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])], "row 2 .*Self-intersection"),
        ([shapely.box(0, 0, 1, 1), shapely.box(200, 0, 201, 1)], "row 2: bounds 200,0,201,1 are not lon/lat"),
        ([shapely.box(500_000, 0, 500_100, 1e6)], "row 1: bounds .* are not lon/lat"),
        ([], "holds no shapes"),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "geojson"])
def test_broken_layers_are_refused_with_their_row(tmp_path, shapes, message: str, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    frame = geopandas.GeoDataFrame({"a": range(len(shapes))}, geometry=shapes, crs=4326)
    frame.to_parquet(path) if kind == "parquet" else frame.to_file(path)
    with pytest.raises(ConfigError, match=message) as caught:
        read_exclusions([ExclusionRule(path, "a")])
    assert str(path) in str(caught.value)


def test_a_ring_of_two_points_is_refused(tmp_path) -> None:
    path = tmp_path / "a.geojson"
    ring = '{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}'
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":'
        '{"type":"Point","coordinates":[1,2]}},{"type":"Feature","properties":{},"geometry":' + ring + "}]}"
    )
    with pytest.raises(ConfigError, match="row 2 has"):
        read_exclusions([ExclusionRule(path, "a")])


def test_what_is_no_layer(tmp_path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_exclusions([ExclusionRule(tmp_path / "none.parquet", "a")])
    (tmp_path / "a.gpkg").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="cannot read shapes"):
        read_exclusions([ExclusionRule(tmp_path / "a.gpkg", "a")])
    (tmp_path / "a.parquet").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match="cannot read"):
        read_exclusions([ExclusionRule(tmp_path / "a.parquet", "a")])
    with pytest.raises(ConfigError, match="2 exclusion layers are named 'a'"):
        read_exclusions([ExclusionRule(tmp_path / "a.gpkg", "a"), ExclusionRule(tmp_path / "b.gpkg", "a")])
    for wrong in ({"buffer_m": -1.0}, {"buffer_m": float("nan")}, {"buffer_m": 2e5}, {"action": "keep"}):
        with pytest.raises(ConfigError, match="exclusion layer a"):
            ExclusionRule(tmp_path / "a.gpkg", "a", **wrong)
    with pytest.raises(ConfigError, match="without commas"):
        ExclusionRule(tmp_path / "a.gpkg", "a,b")


@needs_real_data
def test_the_real_coasts_once_their_broken_shape_is_repaired(tmp_path) -> None:
    path = data_dir() / "regions" / "ne_110m_land.geojson"
    with pytest.raises(ConfigError, match=r"row 79 has invalid geometry, Ring Self-intersection\[-132\.7"):
        read_exclusions([ExclusionRule(path, "land")])
    shapes = shapely.make_valid(geopandas.read_file(path).geometry.to_numpy())
    layer = _layer(tmp_path / "land.parquet", shapes)
    land = shapely.union_all(shapes)
    shapely.prepare(land)
    generator = np.random.default_rng(5)
    places = places_of_points(generator.uniform(-180, 180, 20_000), generator.uniform(-79.9, 83.9, 20_000))
    hits = layer.hits(places)
    inside = shapely.contains_xy(land, places.lon, places.lat)
    assert hits[inside].all()
    # A tile whose centre is at sea touches land only where the coast is nearer than its corner, 905 m.
    touching = np.flatnonzero(hits & ~inside)
    assert len(touching) < 400
    metres = [_distance(places, at, shapely.clip_by_rect(land, *_window(places, at))) for at in touching]
    assert max(metres) < 20.0


def _window(places: Places, at: int) -> tuple[float, float, float, float]:
    reach = 0.05 / float(np.cos(np.radians(places.lat[at])))
    return places.lon[at] - reach, places.lat[at] - 0.05, places.lon[at] + reach, places.lat[at] + 0.05
