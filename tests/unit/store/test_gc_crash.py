"""kill -9 at points in append, commit, swap, compaction and gc: nothing committed is lost, nothing half shows.

After each kill the store is read as it is, and then the same work is done again, which has to end with the catalog that
an uninterrupted run ends with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomeld_build.modalities import MODALITIES
from geomeld_build.store import commit, open_store, records_to_table, reserve, write_group
from geomeld_build.store.verify import FindingKind, verify_store
from tests.support.kill_points import NEW, RETRIED, SWAPPED, WORK, Zygote
from tests.unit.store.making import FEW, anchor_of, failure_of, new_store, pixels, put_group, tile_of
from tests.unit.store.test_gc import move

_BASE = (*SWAPPED, 2, 4)
_NUMBERS = {anchor_of(number).tile_id: number for number in (*_BASE, RETRIED, *NEW)}
_PLACE = ("shard", "slot", "row", "objects")
# Four points of each work, spread over it: 20 in all.
_FIXED = [(work, share) for work in WORK for share in (0.1, 0.4, 0.7, 0.95)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four tiles, a failure, garbage of a swap and of a killed run, and some small files."""
    uri = new_store(tmp_path_factory.mktemp("crash"))
    put_group(uri, reserve(uri, 1, "run-1"), SWAPPED)
    put_group(uri, reserve(uri, 1, "run-1"), [2])
    commit(uri, records_to_table([failure_of(RETRIED)]), ())
    shard = reserve(uri, 1, "run-2")
    put_group(uri, shard, [4])
    move(uri, [4], reserve(uri, 1, "run-3"))
    write_group(uri, reserve(uri, 1, "killed"), [tile_of(77)], FEW)
    return uri


@pytest.fixture(scope="module")
def zygote(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    handle = Zygote(base, tmp_path_factory.mktemp("killed"))
    yield handle
    handle.close()


@pytest.fixture(scope="module")
def ends(zygote: Zygote) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Of each work: the catalog that it ends with, and its points."""
    found = {}
    for work in WORK:
        place, points = zygote.run(work)
        assert points is not None
        found[work] = (_content(place), points)
    return found


def _content(uri: str, version: int | None = None) -> dict[str, Any]:
    """The catalog by tile, without the places; the pixels are compared on the way."""
    store = open_store(uri, version)
    rows = {row["tile_id"]: row for row in store.query("SELECT * FROM tiles").to_pylist()}
    assert len(rows) == store.status()["anchors"], "every anchor once"
    for tile_id, row in rows.items():
        if row["status"] == "ok":
            for name, array in store.raw(tile_id).items():
                expected = pixels(MODALITIES[name], _NUMBERS[tile_id])
                assert np.array_equal(array, expected), (uri, tile_id, name)
        for column in _PLACE:
            del row[column]
    return rows


def _check_as_it_is(uri: str, base: str, work: str, end: dict[str, Any]) -> None:
    """After a kill: all of before or all of after, never a mixture; versions of before are whole."""
    start = _content(base)
    assert _content(uri) in (start, end)
    findings = verify_store(uri).findings
    assert {finding.kind for finding in findings} <= {FindingKind.SHORT_ARRAY}
    version = open_store(base).version
    if work != "gc":
        assert _content(uri, version) == start
        assert _content(uri, version - 1) == _content(base, version - 1)
    shards = open_store(uri).query(
        "SELECT DISTINCT shard FROM tiles WHERE tile_id IN ("
        + ", ".join(f"'{anchor_of(number).tile_id}'" for number in SWAPPED)
        + ")"
    )
    assert shards.num_rows == 1, "swapped together or not at all"


def _case(zygote: Zygote, base: str, ends: dict[str, Any], work: str, kill_at: int) -> None:
    end, points = ends[work]
    place, passed = zygote.run(work, kill_at)
    assert passed is None, f"not killed at {points[kill_at]}"
    _check_as_it_is(place, base, work, end)
    WORK[work](place)
    assert _content(place) == end, f"{work} killed at {kill_at}: {points[kill_at]}"
    assert verify_store(place).clean


@pytest.mark.parametrize(("work", "share"), _FIXED)
def test_killed_at_a_fixed_point(zygote: Zygote, base: str, ends: dict[str, Any], work: str, share: float) -> None:
    _case(zygote, base, ends, work, int(share * len(ends[work][1])))


def test_the_points_cover_all_kinds_of_writing(ends: dict[str, Any]) -> None:
    names = {point for _, points in ends.values() for point in points}
    kinds = ("fsync", "link", "replace", "unlink", "rmdir", "delta append", "delta merge", "delta compact")
    kinds += ("delta vacuum", "delta create_checkpoint")
    assert names == {f"{when} {kind}" for kind in kinds for when in ("before", "after")} | {
        "before write",
        "within write",
    }


@pytest.mark.soak
def test_killed_at_200_points(zygote: Zygote, base: str, ends: dict[str, Any]) -> None:
    cases = [(work, number) for work, (_, points) in ends.items() for number in range(len(points))]
    chosen = cases if len(cases) <= 200 else [cases[number * len(cases) // 200] for number in range(200)]
    for work, number in chosen:
        _case(zygote, base, ends, work, number)
    print(f"{len(chosen)} kills of {len(cases)} points in {', '.join(WORK)}")
    assert len(chosen) == 200
    assert Path(base).exists()
