"""Biome layers from files and tables: all formats say the same, and what is wrong is named with file and row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely

from geomeld_build.anchors.world import (
    BIOMES,
    RESOLVE_COLUMNS,
    BiomeLayer,
    World,
    biomes_from_table,
    cached_biomes,
    load_biomes,
)
from geomeld_build.errors import ConfigError

ROWS = [
    (7.0, BIOMES[7].name, "Sahel", 50.0, shapely.box(-10, 10, 30, 16)),
    (1.0, BIOMES[1].name, "Congo", 20.0, shapely.box(12, -5, 30, 4)),
    (11.0, "N/A", "Rock and Ice", 0.0, shapely.box(-60, 62, -20, 80)),
    (14.0, BIOMES[14].name, "Niger Delta", 115.0, shapely.box(5, 4, 8, 5)),
]
LON, LAT = np.array([0.0, 20.0, -40.0, 6.5, 0.0]), np.array([12.0, 0.0, 70.0, 4.5, 0.0])


def table(rows: list[tuple[Any, ...]] = ROWS, names: tuple[str, ...] = RESOLVE_COLUMNS) -> pa.Table:
    number, name, region, ident, shape = zip(*rows, strict=True)
    wkb = [value if isinstance(value, bytes) or value is None else shapely.to_wkb(value) for value in shape]
    return pa.table(
        {
            names[0]: pa.array(number),
            names[1]: pa.array(name),
            names[2]: pa.array(region),
            names[3]: pa.array(ident),
            "geometry": pa.array(wkb, pa.binary()),
        }
    )


def frame() -> geopandas.GeoDataFrame:
    number, name, region, ident, shape = zip(*ROWS, strict=True)
    columns = {"biome_num": number, "Biome_Name": name, "ECO_NAME": region, "ECO_ID": ident}
    return geopandas.GeoDataFrame(columns, geometry=list(shape), crs=4326)


def check(layer: BiomeLayer, *, ecoregions: bool = True) -> None:
    found = World(layer).classify(LON, LAT)
    assert found.biome.tolist() == [7, 1, 0, 14, 0], "rock and ice has the number of tundra, and is none"
    regions = ["Sahel", "Congo", "", "Niger Delta", ""] if ecoregions else [""] * 5
    assert found.ecoregion.to_pylist() == regions
    assert layer.biome.tolist() == [1, 7, 14]


@pytest.mark.parametrize("name", ["b.gpkg", "b.geojson", "b.shp", "b.parquet", "b.geoparquet"])
def test_every_format(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = frame()
    if path.suffix in {".parquet", ".geoparquet"}:
        data.rename_geometry("outline").to_parquet(path)
    elif path.suffix == ".shp":
        # Shapefiles have names of ten letters.
        data.to_file(path)
    else:
        data.to_file(path)
    check(load_biomes(path))


def test_a_raster(tmp_path: Path) -> None:
    pixels = np.zeros((360, 720), np.uint8)
    for number, _, _, _, shape in ROWS:
        west, south, east, north = (round(edge * 2) for edge in shape.bounds)
        pixels[180 - north : 180 - south, 360 + west : 360 + east] = 15 if number == 11 else number
    check(load_biomes(write(tmp_path / "b.tif", pixels)), ecoregions=False)


def write(path: Path, pixels: Any, transform: Any = None, crs: int = 4326) -> Path:
    height, width = pixels.shape
    grid = transform or rasterio.transform.from_bounds(-180, -90, 180, 90, width, height)
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=pixels.dtype, crs=crs, transform=grid
    ) as file:
        file.write(pixels, 1)
    return path


def test_a_table_of_the_source_in_any_order() -> None:
    check(biomes_from_table(table()))
    layers = [biomes_from_table(table(rows)) for rows in (ROWS, ROWS[::-1])]
    assert layers[0].ecoregion == layers[1].ecoregion


def test_ecoregions_without_a_name_go_by_number() -> None:
    rows = [(1, BIOMES[1].name, None, 20, shapely.box(12, -5, 30, 4))]
    assert biomes_from_table(table(rows)).ecoregion == ("ecoregion 20",)
    assert not biomes_from_table(table().drop_columns(["ECO_NAME", "ECO_ID"])).has_ecoregions


def test_the_table_is_fetched_once(tmp_path: Path) -> None:
    calls = []

    def fetch() -> pa.Table:
        calls.append(1)
        return table()

    check(cached_biomes(fetch, tmp_path / "cache"))
    check(cached_biomes(fetch, tmp_path / "cache"))
    assert len(calls) == 1
    cached_biomes(fetch, tmp_path / "cache", origin="planet")
    assert len(calls) == 2, "another service is another table"
    files = sorted((tmp_path / "cache").iterdir())
    assert [file.suffix for file in files] == [".parquet"] * 2, "nothing half written"
    assert len(geopandas.read_parquet(files[0])) == 4, "others can read it"
    files[0].write_bytes(b"PAR1 torn")
    with pytest.raises(ConfigError, match=r"cannot read .*delete it"):
        [cached_biomes(fetch, tmp_path / "cache", origin=origin) for origin in ("earthengine", "planet")]


def test_what_cannot_be_used_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="of a biome"):
        cached_biomes(lambda: table([ROWS[2]]), tmp_path)
    assert not list(tmp_path.iterdir())


BOW_TIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def broken(shape: Any, **kwargs: Any) -> pa.Table:
    row = {"number": 1, "name": BIOMES[1].name, **kwargs}
    return table([ROWS[0], (float(row["number"]), row["name"], "x", 1.0, shape)])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (broken(BOW_TIE), "row 2: broken polygon: Self-intersection"),
        (broken(b"\x01\x02broken"), "row 2: geometry is not readable"),
        (broken(None), "row 2: no geometry"),
        (broken(shapely.Polygon()), "row 2: no geometry"),
        (broken(shapely.Point(0, 0)), "row 2: expected a polygon"),
        (broken(shapely.box(170, 0, 200, 10)), "row 2: bounds 170,0,200,10: expected lon"),
        (broken(shapely.box(0, 0, 1, 1), number=16), "row 2: BIOME_NUM 16.0"),
        (broken(shapely.box(0, 0, 1, 1), number=1.5), "row 2: BIOME_NUM 1.5"),
        (broken(shapely.box(0, 0, 1, 1), number=2), "row 2: BIOME_NUM 2 with BIOME_NAME .*another numbering"),
        (table([ROWS[2]]), "none of a biome"),
        (table()[:0], "none of a biome"),
        (table().drop_columns(["BIOME_NUM"]), "no column BIOME_NUM"),
        (table().drop_columns(["BIOME_NAME"]), "no column BIOME_NAME"),
        (table().drop_columns(["geometry"]), "no column geometry"),
    ],
)
def test_a_wrong_layer_is_refused_with_file_and_row(tmp_path: Path, content: pa.Table, says: str) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(content, path)
    with pytest.raises(ConfigError, match=says) as error:
        load_biomes(path)
    assert str(path) in str(error.value)


def test_broken_polygons_are_repaired_when_asked() -> None:
    collection = shapely.GeometryCollection([shapely.box(0, 0, 4, 4), shapely.LineString([(5, 5), (6, 6)])])
    for shape, lon, lat in ((BOW_TIE, 8.0, 4.0), (collection, 2.0, 2.0)):
        layer = biomes_from_table(broken(shape), mend=True)
        assert World(layer).classify(np.array([lon, 6.0]), np.array([lat, 5.5])).biome.tolist()[0] == 1


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.gpkg", None, "does not exist"),
        ("text.gpkg", b"no database", "cannot read"),
        ("text.parquet", b"no table", "cannot read"),
        ("text.tif", b"no picture", "cannot read"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_biomes(tmp_path / name)


def test_another_projection_is_refused(tmp_path: Path) -> None:
    for name in ("b.gpkg", "b.parquet"):
        data = frame()[:2].to_crs(3857)
        data.to_parquet(tmp_path / name) if name.endswith("parquet") else data.to_file(tmp_path / name)
        with pytest.raises(ConfigError, match="expected longitude and latitude"):
            load_biomes(tmp_path / name)
    with pytest.raises(ConfigError, match="expected longitude and latitude"):
        load_biomes(write(tmp_path / "b.tif", np.ones((4, 4), np.uint8), crs=3857))


def test_a_wrong_raster_is_refused(tmp_path: Path) -> None:
    ones = np.ones((4, 4), np.uint8)
    cases: list[tuple[Any, Any, str]] = [
        (ones.astype(np.float32), None, "float32"),
        (ones * 16, None, "row 1, column 1: 16 is no biome"),
        (ones * 15, None, "no pixel of a biome"),
        (ones, rasterio.Affine(50, 0, 0, 0, -10, 40), "lon -180..180"),
        (ones, rasterio.Affine(1, 0, 5, 0, 1, 5), "not north up"),
    ]
    for number, (pixels, transform, says) in enumerate(cases):
        path = write(tmp_path / f"{number}.tif", pixels, transform)
        with pytest.raises(ConfigError, match=says):
            load_biomes(path)
