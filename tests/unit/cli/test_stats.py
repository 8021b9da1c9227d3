"""``stats`` prints what numpy finds in the pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.cli import main
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import open_store
from tests.support.small_store import made_up_arrays, make_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = tmp_path_factory.mktemp("stats") / "store"
    make_store(uri)
    return str(uri)


def test_json(store: str, capsys: Capture) -> None:
    assert main(["stats", store, "--where", "lon > 75", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["tiles"], told["tiles_read"], told["catalog_version"]) == (1, 1, 1)
    assert set(told["modalities"]) == set(MODALITIES)
    wanted = made_up_arrays(0)
    red = told["modalities"]["sentinel2"]["bands"]["B4"]
    assert red["mean"] == pytest.approx(wanted["sentinel2"][3].mean() / 1e4)
    assert red["quantiles"]["0.5"] == pytest.approx(np.median(wanted["sentinel2"][3]) / 1e4)
    assert told["modalities"]["sentinel1"]["bands"]["HH_asc"]["mean"] is None
    classes = told["modalities"]["esa_worldcover"]["bands"]["label"]["classes"]
    assert classes["permanent_water"] == (wanted["esa_worldcover"] == 80).sum()


def test_table_and_update(store: str, capsys: Capture) -> None:
    assert main(["stats", store, "--update"]) == 0
    printed = capsys.readouterr()
    assert "counted 1 shard groups" in printed.err
    assert "the pixels of 0 were read" in printed.err
    assert "tree_cover" in printed.out
    assert open_store(store).statistics().tiles_read == 0


def test_wrong_input(store: str, tmp_path: Path, capsys: Capture) -> None:
    for args, said in (
        ([store, "--where", "nonsense = 1"], "nonsense"),
        ([store, "--split", "train"], "no side table splits"),
        ([str(tmp_path / "none")], "no store at"),
    ):
        assert main(["stats", *args]) == 2
        assert said in capsys.readouterr().err
