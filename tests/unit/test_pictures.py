"""Pictures: north up, equal extents, true colours, and a reason where there is no picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import LightSource
from PIL import Image

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES
from geomeld_build.pictures import palette, save_sheet, save_tile, sheet, tile_figure
from geomeld_build.pictures.panels import panels_of
from geomeld_build.pictures.view import Layer, TileView, load_view
from geomeld_build.store import Store, open_store
from tests.support.small_store import field, made_up_arrays, make_store


@pytest.fixture(scope="module")
def marked() -> dict[str, np.ndarray]:
    """Every layer marked in its north-west corner only."""
    arrays = made_up_arrays(0)
    for name, pixels in arrays.items():
        row = MODALITIES[name]
        low, high = {
            "sentinel2": (500, 6000), "elevation": (100, 900), "dem_context": (100, 900), "slope": (0, 6000),
            "sentinel1": (-2500, 0), "clear_score": (0, 254),
        }.get(name, (0, 100))  # fmt: skip
        if row.classes is not None:
            low, high = row.classes.values[0], row.classes.values[-1]
        valid = (pixels != row.nodata).any(axis=(1, 2))
        pixels[valid] = low
        third = row.grid.size // 3
        pixels[valid, :third, :third] = high
    return arrays


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, marked: dict[str, np.ndarray]) -> Store:
    uri = tmp_path_factory.mktemp("pictures") / "store"
    make_store(uri, [(75.12, 30.13), (-60.5, -3.25)], [marked, made_up_arrays(7)])
    return open_store(str(uri))


def tile_at(store: Store, lon: float) -> str:
    return str(store.query(f"SELECT tile_id FROM tiles WHERE round(lon) = {round(lon)}").column(0)[0].as_py())


def test_north_west_is_upper_left_in_every_panel(store: Store) -> None:
    figure = tile_figure(store, tile_at(store, 75))
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 13
    for drawn in images:
        pixels = np.asarray(drawn.get_array())[..., :3]
        size = pixels.shape[0]
        # Away from the edge of the mark, where slopes and interpolation mix.
        north_west, rest = pixels[size // 6, size // 6], pixels[-size // 6, -size // 6]
        assert not np.allclose(north_west, rest, atol=0.02)
        assert np.allclose(rest, pixels[size // 6, -size // 6], atol=0.02)
        assert np.allclose(rest, pixels[-size // 6, size // 6], atol=0.02)
        west, east, south, north = drawn.get_extent()
        assert west < east, "east is right"
        assert (south < north) == (drawn.origin == "upper"), "the first row is the northern one"


def test_extents_are_equal(store: Store) -> None:
    for panel in panels_of(load_view(store, tile_at(store, 75))):
        if panel.image is not None:
            half = 1920.0 if panel.key == "dem_context" else 640.0
            assert panel.extent_m == pytest.approx((-half, half, -half, half), abs=0.05)


def test_absent_layers_state_the_reason(store: Store) -> None:
    panels = {panel.key: panel for panel in panels_of(load_view(store, tile_at(store, -60)))}
    assert panels["naip"].image is None
    assert panels["naip"].reason.split("\n")[0] == "not_applicable"
    assert panels["sentinel1_asc"].image is None
    assert panels["sentinel1_asc"].reason.split("\n")[0] == "no_scene_in_window"
    assert panels["sentinel1_desc"].image is not None


def test_dates_and_offsets_are_in_the_titles(store: Store) -> None:
    titles = {panel.key: panel.title for panel in panels_of(load_view(store, tile_at(store, -60)))}
    assert "2020-06-04" in titles["true_colour"]
    assert "2020-06-01 (−2.4 d)" in titles["sentinel1_desc"]
    assert "2020-06-01 (−2.4 d)" in titles["dynamic_world"]
    assert "(" not in titles["elevation"], "static layers have no date"


def test_legends_name_the_classes_present_with_the_publishers_colours(store: Store) -> None:
    tile_id = tile_at(store, -60)
    panel = next(panel for panel in panels_of(load_view(store, tile_id)) if panel.key == "esa_worldcover")
    classes = MODALITIES["esa_worldcover"].classes
    assert classes is not None
    labels = store.raw(tile_id, ["esa_worldcover"])["esa_worldcover"][0]
    codes, counts = np.unique(labels, return_counts=True)
    expected = {
        classes.colours[classes.values.index(int(code))]: classes.meanings[classes.values.index(int(code))]
        for code in codes
    }
    assert {colour: text.rsplit(" ", 1)[0].replace(" ", "_") for text, colour in panel.legend} == expected
    most = classes.colours[classes.values.index(int(codes[counts.argmax()]))]
    assert panel.legend[0][1] == most, "the most frequent class comes first"
    row, column = np.argwhere(labels == codes[counts.argmax()])[0]
    assert panel.image is not None
    assert panel.image[row, column] == pytest.approx(palette.to_rgb(most))


def test_true_colour_is_red_green_blue(store: Store) -> None:
    tile_id = tile_at(store, -60)
    panel = next(panel for panel in panels_of(load_view(store, tile_id)) if panel.key == "true_colour")
    raw = store.raw(tile_id, ["sentinel2"])["sentinel2"].astype(float) * 1e-4
    b2, b3, b4 = raw[1], raw[2], raw[3]
    expected = np.clip(np.stack([b4, b3, b2], axis=-1) / 0.30, 0, 1) ** (1 / 1.4)
    assert panel.image == pytest.approx(expected, abs=1e-5)


def test_hillshade_agrees_with_matplotlib() -> None:
    # Gentle: nothing lies in its own shadow, where the two scale differently.
    elevation = 300 + 2 * field(3, 6)
    ours = palette.hillshade(elevation, 10.0)
    # Matplotlib takes the first row for the northern one too, and stretches what it returns: compare the pattern.
    theirs = LightSource(315, 45).hillshade(elevation, dx=10.0, dy=10.0)
    inside = (slice(1, -1), slice(1, -1))
    assert np.corrcoef(ours[inside].ravel(), theirs[inside].ravel())[0, 1] > 0.9999


def test_a_slope_to_the_north_west_is_bright() -> None:
    y, x = np.mgrid[0:20, 0:20].astype(float)
    towards, away = 10 * (x + y), -10 * (x + y)  # rising to the south-east faces the north-west
    assert palette.hillshade(towards, 10.0).mean() > 0.9
    assert palette.hillshade(away, 10.0).mean() < 0.1
    assert palette.hillshade(np.zeros((4, 4)), 10.0) == pytest.approx(np.sin(np.radians(45)))


def test_pixels_without_data_have_their_own_colour() -> None:
    band = np.array([[0.1, np.nan], [0.2, 0.3]])
    image = palette.compose(band, band * 0 + 0.5, band)
    assert tuple(image[0, 1]) == palette.INVALID
    assert image[1, 1] == pytest.approx([0.3, 0.5, 0.3])


def test_an_unknown_row_is_drawn_in_grey(store: Store) -> None:
    view = load_view(store, tile_at(store, -60))
    row = MODALITIES["clear_score"]
    from dataclasses import replace

    mine = Layer(replace(row, name="mine"), view.layers["elevation"].values, view.layers["elevation"].extent_m)
    panels = panels_of(TileView({**view.record, "mine_outcome": "ok"}, {"mine": mine}), ["mine"])
    assert [panel.key for panel in panels] == ["mine"]
    assert panels[0].image is not None
    assert np.allclose(panels[0].image[..., 0], panels[0].image[..., 1])


def test_files_are_png_of_the_expected_size(store: Store, tmp_path: Path) -> None:
    ids = [tile_at(store, 75), tile_at(store, -60)]
    with Image.open(save_tile(store, ids[0], tmp_path / "tile.png")) as picture:
        assert picture.format == "PNG"
        assert 1500 < picture.width < 2000
    with Image.open(save_sheet(store, ids, tmp_path / "sheet.png")) as picture:
        assert picture.format == "PNG"
    lines = {axes.get_position().y0 for axes in sheet(store, ids).axes}
    assert len(lines) == 2, "one line a tile"


def test_a_tile_that_is_not_there_is_the_callers_mistake(store: Store) -> None:
    with pytest.raises(ConfigError, match="no tile"):
        tile_figure(store, "0" * 16)
    with pytest.raises(ConfigError, match="1 to 100"):
        sheet(store, [])
