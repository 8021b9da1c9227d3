"""Every mistake in a folder or its world.json is one line that names the place and the way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geomeld_build.emulator.worlds.folder import FolderWorld, WorldError, world_json_schema


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rasters and files that are none, without a world.json."""
    grid = {"transform": from_origin(70, 31, 0.1, 0.1)}
    _write(tmp_path / "a.tif", crs="EPSG:4326", **grid)
    _write(tmp_path / "two.tif", count=2, crs="EPSG:4326", **grid)
    _write(tmp_path / "far.tif", crs="EPSG:4326", transform=from_origin(10, 31, 0.1, 0.1))
    _write(tmp_path / "nocrs.tif", **grid)
    _write(tmp_path / "complex.tif", dtype="complex64", crs="EPSG:4326", **grid)
    _write(tmp_path / "long.tif", dtype="int64", crs="EPSG:4326", **grid)
    _write(tmp_path / "zero.tif", crs="EPSG:4326", nodata=0, **grid)
    odd = "+proj=laea +lat_0=12.3 +lon_0=45.6 +ellps=WGS84 +units=m"
    _write(tmp_path / "odd.tif", crs=odd, **grid)
    (tmp_path / "text.tif").write_text("no raster")
    (tmp_path / "table.geojson").write_text("{}")
    return tmp_path


def _write(path: Path, *, count: int = 1, dtype: str = "uint8", **more: Any) -> None:
    with rasterio.open(path, "w", driver="GTiff", count=count, height=4, width=5, dtype=dtype, **more) as dataset:
        dataset.write(np.zeros((count, 4, 5), dtype))


IMAGE = {"type": "image", "id": "x", "files": "a.tif"}
MANY = {"type": "collection", "id": "x", "files": "*.tif"}
LINE = {"type": "Point", "coordinates": [1, 2]}

STATED_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"flies": "a"}, "assets[0].flies: unknown key"),
    "missing id": ({"id": None}, "assets[0].id"),
    "bad id": ({"id": "a b"}, "assets[0].id: String should match"),
    "bad type": ({"type": "picture"}, "assets[0]: Input tag 'picture'"),
    "no zone": ({"datetime": "2020-01-01T00:00:00"}, "assets[0].datetime: Input should have timezone"),
    "band number": ({"bands": [{"name": "b", "band": 0}]}, "assets[0].bands[0].band: Input should be greater"),
    "band key": ({"bands": [{"name": "b", "flie": "a"}]}, "assets[0].bands[0].flie: unknown key"),
    "conversion": ({"convert": {"op": "log"}}, "assets[0].convert: Input tag 'log'"),
    "dtype": ({"dtype": "int64"}, "assets[0].dtype: Input should be 'uint8'"),
    "no files": ({"files": None}, "assets[0]: needs `files`"),
    "version": ({"version": 0}, "assets[0].version: Input should be greater"),
}
FOUND_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing file": ({"files": "none.tif"}, "x: files: no such file: none.tif"),
    "empty glob": ({"files": "none*.tif"}, "x: files: no file matches: none*.tif"),
    "no raster": ({"files": "text.tif"}, "text.tif: cannot be opened as a raster"),
    "no CRS": ({"files": "nocrs.tif"}, "nocrs.tif has no CRS; state it as `crs`"),
    "odd CRS": ({"files": "odd.tif"}, "odd.tif has a CRS without an authority code; state it as `crs`"),
    "unknown CRS": ({"crs": "EPSG:1"}, "band b1: crs: 'EPSG:1' is no known CRS"),
    "complex": ({"files": "complex.tif"}, "pixels of type complex64; expected real numbers"),
    "wide integers": ({"files": "long.tif"}, "pixels of type int64; state the `dtype`"),
    "too few names": ({"files": "two.tif", "bands": ["p"]}, "bands: 1 names for 2 bands"),
    "repeated name": ({"files": "two.tif", "bands": ["p", "p"]}, "bands: p named more than once"),
    "band beyond": ({"bands": [{"name": "p", "file": "two.tif", "band": 3}]}, "band p: band 3 is asked of"),
    "band where": ({"files": ["a.tif", "far.tif"], "bands": [{"name": "p", "band": 1}]}, "`band` needs `file`"),
    "many for one": ({"bands": [{"name": "p", "file": "*.tif"}]}, "band p: file: *.tif matches 8 files"),
    "pattern": ({"band_pattern": "(zz)"}, "band_pattern: '(zz)' is not found in 'a.tif'"),
    "no group": ({"band_pattern": "a"}, "band_pattern: 'a' has 0 groups; expected exactly one"),
    "no regex": ({"band_pattern": "("}, "band_pattern: '(' is no regular expression"),
    "point": ({"footprint": LINE}, "x: footprint: expected a valid Polygon"),
    "no geometry": ({"footprint": {"a": 1}}, "x: footprint: not GeoJSON"),
}
COLLECTION_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "same index": ({"files": "[af]*.tif", "index_pattern": "(t)if"}, "x/t: two images have this id"),
    "twice stated": ({"files": "a.tif", "images": [{"index": "a", "files": "far.tif"}]}, "x/a: two images have this"),
    "index": ({"files": "a.tif", "index_pattern": r"a(.*)\.tif$"}, "index_pattern: '' is no index"),
    "no date": ({"files": "a.tif", "datetime_pattern": r"(\w)\.tif"}, "datetime_pattern: 'a' in a.tif is no date"),
    "two dates": ({"datetime": "2020-01-01T00:00:00Z", "datetime_pattern": "(a)"}, "both `datetime` and"),
    "unknown index": ({"files": "a.tif", "properties_by_index": {"b": {}}}, "no inferred member has the index 'b'"),
    "member files": ({"images": [{"index": "a"}]}, "needs `files`, or a `file` for every band"),
}


def _problem(folder: Path, *assets: dict[str, Any]) -> str:
    stated = [{key: value for key, value in asset.items() if value is not None} for asset in assets]
    (folder / "world.json").write_text(json.dumps({"assets": stated}))
    with pytest.raises(WorldError) as caught:
        FolderWorld.open(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("case", [*STATED_WRONG, *FOUND_WRONG])
def test_image_entries(folder: Path, case: str) -> None:
    (folder / "text.tif").rename(folder / "text.raster") if case == "many for one" else None
    change, expected = {**STATED_WRONG, **FOUND_WRONG}[case]
    assert expected in _problem(folder, {**IMAGE, **change})


@pytest.mark.parametrize("case", COLLECTION_WRONG)
def test_collection_entries(folder: Path, case: str) -> None:
    for name in ("text.tif", "nocrs.tif", "two.tif"):
        (folder / name).unlink()
    change, expected = COLLECTION_WRONG[case]
    assert expected in _problem(folder, {**MANY, **change})


def test_folder_and_file(folder: Path) -> None:
    with pytest.raises(WorldError, match="no such folder"):
        FolderWorld.open(folder / "none")
    with pytest.raises(WorldError, match=r"world\.json: not found; the least that works is"):
        FolderWorld.open(folder)
    (folder / "world.json").write_text('{"assets": [\n  nonsense]}')
    with pytest.raises(WorldError, match="line 2, column 3: not JSON"):
        FolderWorld.open(folder / "world.json")
    (folder / "world.json").write_bytes(b"\xff\xfe")
    with pytest.raises(WorldError, match="cannot be read as UTF-8"):
        FolderWorld.open(folder)
    (folder / "world.json").write_text("[]")
    with pytest.raises(WorldError, match="top level"):
        FolderWorld.open(folder)
    (folder / "world.json").write_text('{"assets": []}')
    with pytest.raises(WorldError, match="assets: Tuple should have at least 1 item"):
        FolderWorld.open(folder)


def test_duplicate_ids(folder: Path) -> None:
    assert "assets[1].id: x is also the id of assets[0]" in _problem(folder, IMAGE, IMAGE)
    member = {"type": "collection", "id": "c", "files": "a.tif"}
    assert "c/a is both an asset and a member of c" in _problem(folder, member, {**IMAGE, "id": "c/a"})


def test_problems_that_show_when_an_image_is_asked_for(folder: Path) -> None:
    assets = [
        {**IMAGE, "id": "apart", "files": ["a.tif", "far.tif"], "footprint": "common"},
        {**IMAGE, "id": "void", "files": "zero.tif", "footprint": "valid"},
        {**IMAGE, "id": "gone"},
    ]
    (folder / "world.json").write_text(json.dumps({"assets": assets}))
    world = FolderWorld.open(folder)
    with pytest.raises(WorldError, match="apart: footprint `common`: the files of its bands do not overlap"):
        world.find("apart")
    with pytest.raises(WorldError, match=r"void: footprint `valid`: band b1 of .* has no valid pixel"):
        world.find("void")
    (folder / "a.tif").unlink()
    with pytest.raises(WorldError, match=r"a\.tif: cannot be read"):
        world.find("gone")


def test_no_georeference(tmp_path: Path) -> None:
    profile = {"driver": "PNG", "count": 1, "height": 4, "width": 5, "dtype": "uint8"}
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "a.png", "w", **profile) as d:
        d.write(np.zeros((1, 4, 5), "uint8"))
    assert "has no georeference" in _problem(tmp_path, {**IMAGE, "files": "a.png"})


def test_the_schema_accepts_and_rejects_what_the_reader_does(folder: Path) -> None:
    schema = world_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"name": "n", "assets": [IMAGE, MANY]})
    by_pattern = {"no files", "no zone", "missing id"}
    for case, (change, _) in STATED_WRONG.items():
        if case not in by_pattern:
            assert not validator.is_valid({"assets": [{**IMAGE, **change}]}), case


def test_every_key_of_the_schema_is_described() -> None:
    schema = world_json_schema()
    models = {"WorldFile": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, value in model.get("properties", {}).items()
        if not value.get("description")
    ]
    assert bare == []
