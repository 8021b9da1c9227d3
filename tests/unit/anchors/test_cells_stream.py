"""How cells are handed out: longer draws begin with shorter ones, however they are asked for, down to the last cell."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomeld_build.anchors import cells as engine
from geomeld_build.anchors import parse_region
from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.places import Places
from geomeld_build.draws import draw
from geomeld_build.errors import ConfigError
from tests.support.brute_cells import brute_cells, cells_of

SMALL = parse_region("29.5,-2,31,-1")
LARGE = parse_region("-20,-20,40,18")


@cache
def whole_draw() -> Places:
    return CellStream(SMALL, recipe="test").take(10**6)


@given(st.lists(st.integers(0, 700), max_size=8))
def test_any_chunks_are_the_beginning_of_the_one_order(counts: list[int]) -> None:
    stream = CellStream(SMALL, recipe="test")
    taken = [stream.take(count) for count in counts]
    assert [len(part) for part in taken] == counts
    keys = np.concatenate([part.key for part in taken] or [np.empty(0, np.uint64)])
    assert (keys == whole_draw().key[: len(keys)]).all()


def test_the_width_of_bands_changes_nothing_and_every_cell_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cells_of(whole_draw())  # one band
    monkeypatch.setattr(engine, "_FEWEST", 64)
    monkeypatch.setattr(engine, "_MOST", 400)
    monkeypatch.setattr(engine, "_SLICE", 100)
    stream = CellStream(SMALL, recipe="test")
    parts = []
    while not stream.exhausted:
        parts.append(stream.take(997))
    assert all(len(part) == 997 for part in parts[:-1])
    assert len(parts[-1]) > 0
    cells = [cell for part in parts for cell in cells_of(part)]
    assert cells == expected
    assert len(cells) == len(set(cells))
    assert set(cells) == brute_cells(SMALL.geometry)
    assert len(stream.take(1)) == 0


def test_chunks_of_a_large_area_are_its_beginning() -> None:
    once = CellStream(LARGE, recipe="test").take(60_000)
    stream = CellStream(LARGE, recipe="test")
    parts = [stream.take(count).key for count in (1, 9, 40_000, 0, 19_990)]
    assert (np.concatenate(parts) == once.key).all()
    assert not stream.exhausted
    assert len(np.unique(once.key)) == len(once)
    assert (np.diff(draw("test", "cell", once.key)) > 0).all()


def test_a_dense_draw_takes_all_cells_but_a_few_and_then_those() -> None:
    region = parse_region("96,48,101,51")
    stream = CellStream(region, recipe="test")
    dense = stream.take(70_000)
    assert len(dense) == 70_000
    assert not stream.exhausted
    rest = stream.take(10**6)
    assert 0 < len(rest) < 10_000
    assert stream.exhausted
    keys = np.concatenate([dense.key, rest.key])
    assert len(np.unique(keys)) == len(keys)
    assert (CellStream(region, recipe="test").take(10**6).key == keys).all()


def test_columns_agree_with_the_anchor_of_each_cell() -> None:
    from datetime import UTC, datetime

    from geomeld_build.grid import cell_anchor

    places = CellStream(LARGE, recipe="test").take(50)
    for index, (cell, name) in enumerate(zip(cells_of(places), places.location_ids(), strict=True)):
        anchor = cell_anchor(*cell, datetime(2020, 1, 15, tzinfo=UTC), recipe="test")
        assert (anchor.location_id, anchor.left, anchor.top) == (name, places.left[index], places.top[index])
        assert (anchor.lon, anchor.lat) == (places.lon[index], places.lat[index])


def test_other_recipes_give_other_orders() -> None:
    keys = [CellStream(SMALL, recipe=recipe).take(10**6).key for recipe in ("a", "b")]
    assert set(keys[0].tolist()) == set(keys[1].tolist())
    assert (keys[0] == keys[1]).mean() < 0.01


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot take -1 cells of 29.5,-2,31,-1"):
        CellStream(SMALL, recipe="test").take(-1)
