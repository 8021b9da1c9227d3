"""What the commands print, and that it is data on stdout."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from geomeld_build.cli import main
from geomeld_build.cli.commands import store as commands
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import Batch, LoaderOptions, OrderRule, TileLoader, open_store
from tests.support.small_store import make_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = tmp_path_factory.mktemp("cli") / "store"
    make_store(uri)
    return str(uri)


def output(args: list[str], capsys: Capture) -> str:
    assert main(args) == 0
    return capsys.readouterr().out


def test_status(store: str, capsys: Capture) -> None:
    found = json.loads(output(["status", store, "--json"], capsys))
    assert {"tiles", "outcomes", "requests", "retries", "bytes", "catalog_version"} <= set(found)
    assert (found["tiles"], found["requests"], found["bytes"]) == (3, 5, 123_456)
    assert set(found["outcomes"]) == set(MODALITIES)
    assert all(sum(kinds.values()) == 3 for kinds in found["outcomes"].values())
    table = output(["status", store], capsys)
    assert "not_applicable" in table
    assert "123.5 kB" in table


def test_query(store: str, capsys: Capture) -> None:
    sql = "SELECT tile_id, lon, datetime, geometry FROM tiles ORDER BY lon"
    rows = json.loads(output(["query", store, sql, "--json"], capsys))
    assert [round(row["lon"], 1) for row in rows] == [-60.5, 9.3, 75.1]
    assert rows[0]["datetime"].startswith("2020-06-04T05:46:39")
    told = list(csv.DictReader(io.StringIO(output(["query", store, sql, "--csv"], capsys))))
    assert [row["tile_id"] for row in told] == [row["tile_id"] for row in rows]
    assert bytes.fromhex(told[0]["geometry"])[0] == 1, "WKB, little endian"
    assert rows[2]["tile_id"] in output(["query", store, sql], capsys)


def test_a_wrong_query_is_usage(store: str, capsys: Capture) -> None:
    assert main(["query", store, "SELECT nonsense FROM tiles"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_a_version_that_the_store_lacks_is_usage(store: str, capsys: Capture) -> None:
    for args in (["status", store], ["query", store, "SELECT 1"]):
        assert main([*args, "--version", "99"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_values_that_json_lacks_are_null(store: str, capsys: Capture) -> None:
    assert main(["query", store, "SELECT 1.0 / 0.0 AS a, [0.0 / 0.0] AS b, 1.5 AS c", "--json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text, parse_constant=lambda word: pytest.fail(word)) == [{"a": None, "b": [None], "c": 1.5}]


def test_show(store: str, tmp_path: Path, capsys: Capture) -> None:
    tile = json.loads(output(["query", store, "SELECT tile_id FROM tiles LIMIT 1", "--json"], capsys))[0]["tile_id"]
    paths = output(["show", store, tile, "--out", str(tmp_path / "p"), "--sheet"], capsys).splitlines()
    assert [Path(path).name for path in paths] == [f"{tile}.png", "sheet.png"]
    for path in paths:
        with Image.open(path) as picture:
            picture.verify()
    assert main(["show", store, "nonsense", "--out", str(tmp_path / "p")]) == 2


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates of a moment: these tests are not about them."""
    monkeypatch.setattr(commands, "_WARM_S", 0.0)
    monkeypatch.setattr(commands, "_MEASURE_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_show_a_batch(store: str, tmp_path: Path, capsys: Capture) -> None:
    args = ["show", store, "--batch", "16", "--out", str(tmp_path / "p")]
    assert main(args) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(tmp_path / "p" / "batch.png")]
    with Image.open(said.out.strip()) as picture:
        picture.verify()
    rate = re.search(r"^loader: ([\d,]+) tiles/s with 2 threads \(batch 3, 0.79 MB a tile decoded\)$", said.err, re.M)
    assert rate is not None, said.err
    assert int(rate[1].replace(",", "")) > 0
    told = json.loads(output([*args, "--json"], capsys))
    assert told["picture"] == said.out.strip()
    assert (told["batch"], told["tiles"], told["seed"], told["loader_threads"]) == (3, 3, 0, 2)
    assert told["loader_tiles_per_s"] > 0
    ids = {
        row["tile_id"] for row in json.loads(output(["query", store, "SELECT tile_id FROM tiles", "--json"], capsys))
    }
    assert set(told["tile_ids"]) == ids


@pytest.mark.usefixtures("quick")
def test_a_batch_goes_by_seed_and_condition(store: str, tmp_path: Path, capsys: Capture) -> None:
    def ids(*more: str) -> tuple[str, ...]:
        args = ["show", store, "--batch", "3", "--out", str(tmp_path), "--json", *more]
        return tuple(json.loads(output(args, capsys))["tile_ids"])

    assert ids() == ids("--seed", "0")
    assert len({ids("--seed", str(seed)) for seed in range(6)}) > 1, "other seeds, other orders"
    assert len(ids("--where", "lon > 0")) == 2


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--seed", "1"], "give --batch too"),
        (["--where", "lon > 0"], "give --batch too"),
        (["--batch", "2", "--sheet"], "leave out TILE_ID and --sheet"),
        (["some-tile", "--batch", "2"], "leave out TILE_ID and --sheet"),
        (["--batch", "2", "--where", "lon > 999"], "no tile"),
        (["--batch", "2", "--where", "nonsense = 1"], "nonsense"),
        (["--batch", "0"], "--batch"),
    ],
)
def test_a_batch_that_cannot_be_is_usage(
    store: str, tmp_path: Path, capsys: Capture, more: list[str], told: str
) -> None:
    assert main(["show", store, "--out", str(tmp_path / "p"), *more]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_the_rate_is_tiles_by_wall_time(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A loader that takes 5 ms a batch of 3 gives 600 a second at most, however short its epochs are.
    monkeypatch.setattr(commands, "_WARM_S", 0.0)
    loader = TileLoader(open_store(store), LoaderOptions(names=("slope",)), OrderRule(batch=3))
    quick, epochs = loader.epoch, []

    def slow(epoch: int) -> Iterator[Batch]:
        epochs.append(epoch)
        time.sleep(0.005)
        yield from quick(epoch)

    monkeypatch.setattr(loader, "epoch", slow)
    assert 30 < commands._tiles_per_second(loader) < 600
    warm, *measured = epochs
    assert warm == 0
    assert measured == list(range(len(measured)))
    assert len(measured) > 1, "an epoch of three tiles is over long before the second is"


def test_anchors(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "new" / "anchors.parquet"
    args = ["anchors", "sample", "--n", "9", "--bbox", "75,30,76,31", "--out", str(out), "--years", "2019", "--json"]
    told = json.loads(output(args, capsys))
    table = pq.read_table(out).to_pylist()
    assert [row["tile_id"] for row in told] == [row["tile_id"] for row in table]
    assert len(table) == len({row["location_id"] for row in table}) == 9
    assert all(75 < row["lon"] < 76 and 30 < row["lat"] < 31 and row["datetime"].year == 2019 for row in table)
    assert json.loads(output(args, capsys)) == told, "the same call draws the same places"
    copy = tmp_path / "copy.parquet"
    again = json.loads(output(["anchors", "import", str(out), "--out", str(copy), "--json"], capsys))
    assert again == told


def test_regions_may_be_west_and_south(tmp_path: Path, capsys: Capture) -> None:
    out = str(tmp_path / "a.parquet")
    told = json.loads(
        output(["anchors", "sample", "--n", "2", "--bbox", "-61,-4,-60,-3", "--out", out, "--json"], capsys)
    )
    assert all(-61 < row["lon"] < -60 and -4 < row["lat"] < -3 for row in told)


def test_modalities(capsys: Capture) -> None:
    table = output(["modalities"], capsys)
    assert all(name in table for name in MODALITIES)
    told = json.loads(output(["modalities", "naip", "--json"], capsys))
    assert told["shape"] == [4, 1280, 1280]
    assert set(json.loads(output(["modalities", "--json"], capsys))["modalities"]) == set(MODALITIES)


def test_schemas(capsys: Capture, tmp_path: Path) -> None:
    assert json.loads(output(["schemas", "config"], capsys))["title"] == "BuildConfig"
    assert set(json.loads(output(["schemas", "--json"], capsys))) == {
        "caption", "catalog", "config", "frame", "modalities", "signals", "skip_kinds", "world",
    }  # fmt: skip
    assert main(["schemas", "--check", "--root", str(tmp_path)]) == 1
    assert main(["schemas", "--write", "--root", str(tmp_path)]) == 0
    assert main(["schemas", "--check", "--root", str(tmp_path)]) == 0


def test_doctor(capsys: Capture, tmp_path: Path) -> None:
    assert main(["doctor", "--json", "--root", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    states = {check["name"]: check["state"] for check in told["checks"]}
    assert told["ok"] is True
    assert {"python", "libexpat", "gdal data", "proj data", "prefect server", "disk", "write access"} <= set(states)
    assert main(["doctor", "--json", "--root", str(tmp_path / "absent")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in told["checks"] if check["state"] == "missing"] == ["write access"]


def test_progress_is_plain_lines_without_a_terminal(capsys: Capture) -> None:
    from geomeld_build.cli.output import bars

    with bars() as progress:
        for done in range(101):
            progress("tiles", done, 100)
        progress("tiles", 100, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["tiles: 0/100", "tiles: 100/100"], "at once and at the end; in between every few seconds"
