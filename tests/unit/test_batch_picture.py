"""The picture of a training batch: drawn from the batch's own pixels, so that what a loader gets wrong is visible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES
from geomeld_build.pictures import batch_figure, palette, save_batch
from geomeld_build.store import Batch, LoaderOptions, OrderRule, Store, TileLoader, append_side_table, open_store
from tests.support.small_store import made_up_arrays, make_store

PLACES = ((75.12, 30.13), (-60.5, -3.25), (9.3, 47.6))
NAMES = tuple(name for name, row in MODALITIES.items() if row.role in ("input", "target"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    uri = str(tmp_path_factory.mktemp("batch") / "store")
    arrays = [made_up_arrays(100 * number) for number in range(3)]
    arrays[1]["elevation"][0, :32] = MODALITIES["elevation"].nodata  # a quarter
    ids = make_store(Path(uri), PLACES, arrays)
    append_side_table(uri, "splits", pa.table({"tile_id": ids[:2], "split": ["train", "validation"]}))
    return open_store(uri)


@pytest.fixture
def batch(store: Store) -> Batch:
    return load(store)


def load(store: Store, **options: Any) -> Batch:
    options = {"names": NAMES, "columns": ("split",), **options}
    loader = TileLoader(store, LoaderOptions(**options), OrderRule(seed=3, batch=16, drop_last=False))
    (one,) = loader.epoch(0)
    return replace(one, pixels={name: pixels.copy() for name, pixels in one.pixels.items()})


def panels(figure: Figure, tolerance: float = 1e-6) -> list[list[Axes]]:
    """Axes with an image or a reason, line by line from above and column by column; bars are no panels."""
    size = max(axes.get_position().height for axes in figure.axes)
    found = [axes for axes in figure.axes if axes.get_position().height > size - tolerance]
    tops = sorted({round(axes.get_position().y0, 6) for axes in found}, reverse=True)
    lines = [[axes for axes in found if round(axes.get_position().y0, 6) == top] for top in tops]
    return [sorted(line, key=lambda axes: axes.get_position().x0) for line in lines]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def facts_of(figure: Figure, tile_id: str) -> str:
    """The text below a tile's id."""
    found = texts(figure)
    return found[found.index(tile_id) + 1].replace("\u00a0", " ")


def image(axes: Axes) -> np.ndarray:
    (drawn,) = axes.images
    return np.asarray(drawn.get_array(), float)[..., :3]


def true_colour(stored: np.ndarray) -> np.ndarray:
    b2, b3, b4 = stored[1:4].astype(float) * 1e-4
    return np.asarray(np.clip(np.stack([b4, b3, b2], axis=-1) / 0.30, 0, 1) ** (1 / 1.4))


def test_a_line_a_sample_and_a_column_a_layer(store: Store, batch: Batch) -> None:
    figure = batch_figure(store, batch, number=7, note="drawn from 3 tiles")
    assert [len(line) for line in panels(figure)] == [8, 8, 8]
    said = texts(figure)
    for head in ("true colour", "sentinel1 asc", "sentinel1 desc", "slope", "canopy height", "dynamic world"):
        assert head in said
    assert "A training batch of 3" in said
    assert f"catalog version {store.version} · seed 3 · epoch 0 · batch 7 · drawn from 3 tiles" in said
    assert [text for text in said if text in batch.tile_ids] == batch.tile_ids, "in the order of the batch"


def test_what_is_drawn_is_what_the_batch_holds(store: Store, batch: Batch) -> None:
    # As a loader would that mixes samples up: the store is right, the batch is not.
    order = [2, 0, 1]
    mixed = replace(batch, pixels={name: pixels[order] for name, pixels in batch.pixels.items()})
    for at, line in enumerate(panels(batch_figure(store, mixed))):
        assert image(line[0]) == pytest.approx(true_colour(batch.pixels["sentinel2"][order[at]]), abs=1e-5)
        classes = MODALITIES["esa_worldcover"].classes
        assert classes is not None
        labels = batch.pixels["esa_worldcover"][order[at]][0].astype(float)
        assert image(line[6]) == pytest.approx(palette.class_image(labels, classes), abs=1e-6)


def test_a_single_wrong_pixel_shows(store: Store, batch: Batch) -> None:
    before = image(panels(batch_figure(store, batch))[1][0])
    batch.pixels["sentinel2"][1, :, 5, 9] = MODALITIES["sentinel2"].nodata
    after = image(panels(batch_figure(store, batch))[1][0])
    assert np.argwhere((before != after).any(axis=-1)).tolist() == [[5, 9]]
    assert after[5, 9] == pytest.approx(palette.INVALID, abs=1e-6)


def test_facts_are_the_catalogs_and_nodata_is_counted(store: Store, batch: Batch) -> None:
    figure = batch_figure(store, batch)
    by_lon = {row["tile_id"]: row for row in store.query("SELECT tile_id, lon, row FROM tiles").to_pylist()}
    holed = next(tile for tile, row in by_lon.items() if row["lon"] < 0)
    whole = next(tile for tile, row in by_lon.items() if row["lon"] > 70)
    facts = facts_of(figure, holed)
    assert "3.25" in facts
    assert "UTM 20S" in facts
    assert "2020-06-04 · split validation" in facts
    assert "valid 100 %, cloud 3.0 %" in facts
    # VV and VH of one pass of two are there; the others of the eight bands are not.
    assert "nodata: sentinel1 75.0 %" in facts
    assert "elevation 25.0 %" in " ".join(facts.split())
    assert "elevation" not in facts_of(figure, whole)
    last = next(tile for tile in by_lon if tile not in (holed, whole))
    assert "split" not in facts_of(figure, last), "it has none"
    batch.pixels["sentinel2"][batch.tile_ids.index(whole), :, :64] = 0
    assert "sentinel2 50.0 %" in facts_of(batch_figure(store, batch), whole), "what the catalog says does not count"


def test_an_absent_layer_says_why(store: Store, batch: Batch) -> None:
    line = panels(batch_figure(store, batch))[0]
    assert not line[1].images
    assert [text.get_text() for text in line[1].texts] == ["no_scene_in_window"]
    assert line[2].images


def test_pixels_that_the_catalog_does_not_know_are_drawn(store: Store, batch: Batch) -> None:
    batch.pixels["sentinel1"][0, :2] = -900
    assert panels(batch_figure(store, batch))[0][1].images


def test_legends_name_the_classes_of_the_whole_batch(store: Store, batch: Batch) -> None:
    batch.pixels["esa_worldcover"][2, 0, 0, 0] = 70
    classes = MODALITIES["esa_worldcover"].classes
    assert classes is not None
    codes = set(np.unique(batch.pixels["esa_worldcover"]).tolist())
    expected = [
        name.replace("_", " ") for value, name in zip(classes.values, classes.meanings, strict=True) if value in codes
    ]
    legend = batch_figure(store, batch).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == expected
    assert "snow and ice" in expected


def test_a_batch_without_splits_and_of_few_rows(store: Store) -> None:
    batch = load(store, names=("elevation",), columns=())
    figure = batch_figure(store, batch)
    assert [len(line) for line in panels(figure)] == [1, 1, 1]
    assert not figure.legends
    assert not any("split" in text for text in texts(figure))


def test_it_is_a_png(store: Store, batch: Batch, tmp_path: Path) -> None:
    path = save_batch(store, batch, tmp_path / "batch.png")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1300
        assert picture.height > 3 * 150


def test_what_cannot_be_drawn_is_said(store: Store, batch: Batch) -> None:
    with pytest.raises(ConfigError, match="all 12 bands of sentinel2, the batch has 3"):
        batch_figure(store, load(store, bands={"sentinel2": ("B2", "B3", "B4")}))
    with pytest.raises(ConfigError, match="catalog version 9"):
        batch_figure(store, replace(batch, state=replace(batch.state, version=9)))
    many = pa.concat_tables([batch.table] * 34)
    with pytest.raises(ConfigError, match="at most 100 tiles, the batch has 102"):
        batch_figure(store, replace(batch, table=many))
