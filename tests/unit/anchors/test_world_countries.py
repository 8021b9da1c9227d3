"""The countries that the package ships: against Natural Earth's own file, ISO's codes and the ellipsoid."""

from __future__ import annotations

import csv
import json
from importlib import resources

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import Geod

from geomeld_build.anchors.world import CONTINENTS, NEAREST_M, load_countries
from tests.support.realdata import data_dir, needs_real_data

FILE = resources.files("geomeld_build.anchors.world") / "countries.parquet"
NOT_OF_ISO = {"CYN", "SOL", "XKX"}
GEOD = Geod(ellps="WGS84")


def test_the_file_says_where_it_comes_from() -> None:
    with resources.as_file(FILE) as path:
        assert path.stat().st_size < 500_000
        table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"provenance"])
    assert about["licence"] == "public domain"
    assert len(about["wheel_sha256"]) == 64
    assert about["natural_earth_version"].startswith("5.1.1")
    assert table.column_names == ["iso_a3", "name", "continent", "geometry"]
    codes = table.column("iso_a3").to_pylist()
    assert codes == sorted(set(codes)), "each once, none of -99"
    assert set(table.column("continent").to_pylist()) == set(CONTINENTS)
    assert shapely.is_valid(shapely.from_wkb(table.column("geometry").to_pylist())).all()


@needs_real_data
def test_codes_are_those_of_iso() -> None:
    with (data_dir() / "regions" / "iso3166_un_regions.csv").open(encoding="utf-8") as file:
        rows = {row["alpha-3"]: row for row in csv.DictReader(file)}
    countries = load_countries()
    assert set(countries.iso_a3) - set(rows) == NOT_OF_ISO
    # The United Nations' regions; they count Cyprus and the Caucasus to Asia, Egypt to Africa, as Natural Earth does.
    differs = {
        code
        for code, continent in zip(countries.iso_a3, countries.continent.tolist(), strict=True)
        if code in rows
        and rows[code]["region"]
        not in CONTINENTS[continent]
        .replace("North America", "Americas")
        .replace("South America", "Americas")
        .replace("Seven seas (open ocean)", "Africa")
        and rows[code]["region"]
    }
    assert differs == set()


@needs_real_data
def test_shapes_are_those_of_another_copy_of_natural_earth() -> None:
    """Which is an older one: two names and a few outlines changed since."""
    path = data_dir() / "regions" / "ne_110m_admin_0_countries.geojson"
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    countries = load_countries()
    lon, lat = np.meshgrid(np.arange(-179.5, 180, 1.0), np.arange(-89.5, 90, 1.0))
    lon, lat = lon.ravel(), lat.ravel()
    expected = np.full(len(lon), "", dtype=object)
    continent = np.full(len(lon), "", dtype=object)
    codes = {"KOS": "XKX"}
    for feature in features:
        properties = {key.upper(): value for key, value in feature["properties"].items()}
        inside = shapely.intersects_xy(shapely.geometry.shape(feature["geometry"]), lon, lat)
        code = properties["ADM0_A3"] if properties["ISO_A3"] == "-99" else properties["ISO_A3"]
        expected[inside], continent[inside] = codes.get(code, code), properties["CONTINENT"]
    row = countries.locate(lon, lat)
    found = np.array([*countries.iso_a3, ""], dtype=object)[row]
    found_continent = np.array([*(CONTINENTS[c] for c in countries.continent), ""], dtype=object)[row]
    guiana = found == "GUF"
    assert guiana.any()
    assert set(expected[guiana]) == {"FRA"}
    assert set(found_continent[guiana]) == {"South America"}
    differ = (found != expected) & ~guiana
    assert differ.mean() < 2e-4, f"{differ.sum()} of {len(lon)}: {found[differ]} {expected[differ]}"
    assert (found_continent != continent)[~guiana].mean() < 2e-4


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (2.3, 48.8, "FRA"),
        (10.7, 60.0, "NOR"),
        (15.6, 78.2, "NOR"),
        (-53.0, 4.0, "GUF"),
        (33.6, 35.3, "CYN"),
        (45.0, 9.9, "SOL"),
        (20.9, 42.6, "XKX"),
        (69.5, -49.3, "ATF"),
        (0.0, -80.0, "ATA"),
        (-176.0, 66.0, "RUS"),
        (-30.0, 0.0, ""),
    ],
)
def test_places(lon: float, lat: float, code: str) -> None:
    countries = load_countries()
    row = countries.locate(np.array([lon]), np.array([lat]))[0]
    assert [*countries.iso_a3, ""][row] == code


def test_the_nearest_country_as_the_ellipsoid_measures() -> None:
    countries = load_countries()
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(-180, 180, 4000), np.degrees(np.arcsin(rng.uniform(-1, 1, 4000)))
    sea = np.flatnonzero(countries.locate(lon, lat) < 0)
    lon, lat = lon[sea][:300], lat[sea][:300]
    found = countries.nearest(lon, lat)
    with resources.as_file(FILE) as path:
        shapes = shapely.from_wkb(pq.read_table(path).column("geometry").to_pylist())
    points, of = shapely.get_coordinates(shapely.segmentize(shapes, 0.05), return_index=True)
    assert (found >= 0).sum() > 20
    for x, y, row in zip(lon.tolist(), lat.tolist(), found.tolist(), strict=True):
        # Farther than two degrees of latitude is farther than 200 km.
        near = np.flatnonzero(np.abs(points[:, 1] - y) < 2.0)
        _, _, metres = GEOD.inv(np.full(len(near), x), np.full(len(near), y), points[near, 0], points[near, 1])
        nearest = metres.min(initial=np.inf)
        if row < 0:
            assert nearest > NEAREST_M * 0.99
        else:
            assert nearest < NEAREST_M * 1.01
            assert metres[of[near] == row].min() < nearest * 1.01 + 3000, "the sphere is not the ellipsoid"
