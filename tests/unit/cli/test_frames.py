"""Frames from the command line: sampled, grown, merged, split, reported; bad input is exit 2 with file and row."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.transform import from_origin

from geomeld_build.cli import main

Capture = pytest.CaptureFixture[str]


def run(args: list[str], capsys: Capture, code: int = 0) -> tuple[str, str]:
    found = main(args)
    out, err = capsys.readouterr()
    assert found == code, f"{args} ended with {found}: {err}"
    return out, err


@pytest.fixture(scope="module")
def biomes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two biomes in Africa as a raster of their numbers."""
    pixels = np.zeros((20, 30), np.uint8)
    pixels[:10], pixels[10:] = 1, 7
    path = tmp_path_factory.mktemp("biomes") / "biomes.tif"
    profile = {"driver": "GTiff", "height": 20, "width": 30, "count": 1, "dtype": "uint8", "crs": 4326}
    with rasterio.open(path, "w", transform=from_origin(20.0, -1.0, 0.1, 0.1), **profile) as file:
        file.write(pixels, 1)
    return str(path)


@pytest.fixture(scope="module")
def frame(biomes: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frame") / "frame"
    assert main(["anchors", "sample", "--n", "100", "--by", "biome", "--biomes", biomes, "--out", str(out)]) == 0
    return out


def test_strata_of_a_map(frame: Path, biomes: str, capsys: Capture, tmp_path: Path) -> None:
    table = pq.read_table(frame / "anchors.parquet")
    counts = {line["values"]: line["counts"] for line in table["stratum"].value_counts().to_pylist()}
    assert counts == {"tropical-moist-broadleaf-forests": 50, "tropical-grasslands": 50}
    assert set(table["continent"].to_pylist()) == {"Africa"}
    assert len(pq.read_table(frame / "reserves.parquet")) == 10
    args = ["anchors", "sample", "--n", "110", "--by", "biome", "--biomes", biomes, "--grow", str(frame)]
    out, err = run([*args, "--out", str(tmp_path / "grown"), "--json"], capsys)
    told = json.loads(out)
    assert (told["anchors"], told["leaking_pairs"], told["lacking"]) == (110, 0, {})
    assert "drawing own" in err
    grown = pq.read_table(tmp_path / "grown" / "anchors.parquet")
    assert set(table["tile_id"].to_pylist()) <= set(grown["tile_id"].to_pylist())


def test_a_recipe_file_with_a_pool(biomes: str, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("id,lon,lat\na,20.5,-1.5\nb,20.501,-1.5\nc,0,0\nd,21,-2.5\n")
    (tmp_path / "frame.yaml").write_text(
        f"biomes: {biomes}\npools: [{{name: mine, path: points.csv, count: 6, allocation: equal}}]\nreserve: 0\n"
    )
    out, _ = run(
        ["anchors", "sample", "--frame", str(tmp_path / "frame.yaml"), "--out", str(tmp_path / "f"), "--json"], capsys
    )
    told = json.loads(out)
    assert told["by_pool"] == {"mine": 2, "topup": 4}
    assert told["by_reason"] == {"mine": {"at_sea": 1, "overlap": 1}}
    table, _ = run(["anchors", "sample", "--frame", str(tmp_path / "frame.yaml"), "--out", str(tmp_path / "f")], capsys)
    assert "at_sea" in table
    assert "topup" in table


def test_report_of_a_frame(frame: Path, capsys: Capture, tmp_path: Path) -> None:
    out, _ = run(["anchors", "report", str(frame), "--out", str(tmp_path / "report"), "--json"], capsys)
    written = [Path(path) for path in json.loads(out)]
    assert all(path.stat().st_size > 500 for path in written)
    assert {"report.html", "summary.json"} <= {path.name for path in written}
    assert (tmp_path / "report" / "report.html").read_text().count("data:image/png") >= 3


def test_split_and_merge(frame: Path, capsys: Capture, tmp_path: Path) -> None:
    out, _ = run(["anchors", "split", str(frame), "--out", str(tmp_path / "split.parquet"), "--json"], capsys)
    assert sum(json.loads(out)["tiles"].values()) == 100
    by_frame = pq.read_table(frame / "anchors.parquet")["split"].to_pylist()
    assert pq.read_table(tmp_path / "split.parquet")["split"].to_pylist() == by_frame
    one = str(frame / "anchors.parquet")
    two = str(frame / "reserves.parquet")
    out, _ = run(["anchors", "merge", one, two, one, "--out", str(tmp_path / "m.parquet"), "--json"], capsys)
    assert json.loads(out) | {"out": ""} == {"out": "", "anchors": 110, "overlapping": 0, "repeated": 100}


def test_import_of_another_format(capsys: Capture, tmp_path: Path) -> None:
    member = pickle.dumps({"box": (20.0, -1.0, 20.2, -0.8), "time": 2020, "center_tags": {}, "surrounding_tags": []})
    with zipfile.ZipFile(tmp_path / "meta1.zip", "w") as archive:
        archive.writestr("meta1/a.pickle", member)
    path = tmp_path / "sky.parquet"
    out, _ = run(
        ["anchors", "import", str(tmp_path / "meta1.zip"), "--format", "skyscript", "--out", str(path), "--json"],
        capsys,
    )
    assert json.loads(out)["anchors"] == 1
    (line,) = pq.read_table(path).to_pylist()
    assert (round(line["lon"], 3), round(line["lat"], 3)) == (20.1, -0.9)
    assert (line["src_id"], line["date_rule"], line["datetime"].day) == ("a", "external", 15)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("never",)


def hostile(folder: Path) -> str:
    with zipfile.ZipFile(folder / "evil.zip", "w") as archive:
        archive.writestr("evil/x.pickle", pickle.dumps(Hostile()))
    return "evil.zip"


def text(name: str, content: str) -> Any:
    def write(folder: Path) -> str:
        (folder / name).write_text(content)
        return name

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (hostile, "evil/x.pickle"),
        (text("far.csv", "id,lon,lat\na,10,1\nb,200,1\n"), "row 2"),
        (text("twice.csv", "id,lon,lat\na,10,1\na,11,1\n"), "row 2: id 'a' is also"),
        (text("none.csv", "id,lon,lat\n"), "none.csv"),
        (text("other.csv", "id,x1\na,1\n"), "other.csv"),
    ],
    ids=["pickle", "longitude", "id", "empty", "columns"],
)
def test_bad_pools_are_exit_2_with_file_and_row(
    write: Any, message: str, biomes: str, capsys: Capture, tmp_path: Path
) -> None:
    name = write(tmp_path)
    (tmp_path / "frame.yaml").write_text(f"biomes: {biomes}\npools: [{{name: mine, path: {name}}}]\n")
    _, err = run(
        ["anchors", "sample", "--frame", str(tmp_path / "frame.yaml"), "--out", str(tmp_path / "f")], capsys, 2
    )
    assert name in err
    assert message in err
    assert "never" not in err
    assert not (tmp_path / "f").exists()


BROKEN = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"BIOME_NUM":1,"BIOME_NAME":'
    '"Tropical & Subtropical Moist Broadleaf Forests"},"geometry":{"type":"Polygon","coordinates":'
    "[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}}]}"
)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (text("bow.geojson", BROKEN), "row 1"),
        (text("noname.geojson", BROKEN.replace("BIOME_NUM", "NUMBER")), "BIOME_NUM"),
        (text("empty.geojson", '{"type":"FeatureCollection","features":[]}'), "empty.geojson"),
    ],
    ids=["geometry", "column", "empty"],
)
def test_bad_biomes_are_exit_2(write: Any, message: str, capsys: Capture, tmp_path: Path) -> None:
    path = str(tmp_path / write(tmp_path))
    args = ["anchors", "sample", "--n", "3", "--by", "biome", "--biomes", path, "--out", str(tmp_path / "f")]
    _, err = run(args, capsys, 2)
    assert message in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--n", "3"], "--bbox"),
        (["--by", "biome"], "--n"),
        (["--preset", "paper", "--pool", "mmearth"], "NAME=PATH"),
        (["--preset", "paper", "--pool", "mmearth=/nowhere.json"], "no such file"),
        (["--preset", "paper", "--frame", "x.yaml"], "give one of"),
        (["--n", "3", "--bbox", "1,2,3,4", "--naip"], "no option of a frame"),
        (["--n", "3", "--by", "biome", "--biomes", "/nowhere.tif", "--url", "http://127.0.0.1:9"], "nowhere.tif"),
    ],
)
def test_options_that_do_not_go_together(args: list[str], message: str, capsys: Capture, tmp_path: Path) -> None:
    _, err = run(["anchors", "sample", *args, "--out", str(tmp_path / "f")], capsys, 2)
    assert message in err
