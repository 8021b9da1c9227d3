"""A contact sheet: one line a tile, the same few layers in every line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from geomeld_build.errors import ConfigError
from geomeld_build.pictures.panels import Panel, panels_of
from geomeld_build.pictures.tile import draw_image, place_text
from geomeld_build.pictures.view import TileView, load_view
from geomeld_build.store import Store

__all__ = ["save_sheet", "sheet"]

_ROWS = ("sentinel2", "sentinel1", "elevation", "canopy_height", "esa_worldcover", "dynamic_world")
_LEFT_OUT = ("canopy_height_std",)
_SIDE_IN = 1.45
_GAP_IN = 0.06
_TEXT_IN = 2.3
_HEAD_IN = 0.35
_MOST = 100


def sheet(store: Store, tile_ids: Sequence[str]) -> Figure:
    """The contact sheet of some tiles.

    Raises:
        ConfigError: no tile, more than 100, or one that the store does not have.
    """
    if not 1 <= len(tile_ids) <= _MOST:
        raise ConfigError(f"a sheet shows 1 to {_MOST} tiles, got {len(tile_ids)}: name fewer")
    lines = [(view, list(_panels(view))) for view in (load_view(store, tile_id) for tile_id in tile_ids)]
    # Absent rows give one panel where present ones may give two: columns go by key.
    keys = list(dict.fromkeys(panel.key for _, panels in lines for panel in panels))
    step = _SIDE_IN + _GAP_IN
    width, height = _TEXT_IN + step * len(keys) + _GAP_IN, _HEAD_IN + step * len(lines) + _GAP_IN
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    for column, key in enumerate(keys):
        x = _TEXT_IN + step * column
        figure.text(x / width, 1 - 0.24 / height, key.replace("_", " "), size=9, weight="bold")
    for number, (view, panels) in enumerate(lines):
        bottom = height - _HEAD_IN - step * (number + 1)
        figure.text(0.08 / width, (bottom + _SIDE_IN / 2) / height, _text(view), size=8, va="center", linespacing=1.5)
        for panel in panels:
            left = _TEXT_IN + step * keys.index(panel.key)
            draw_image(figure.add_axes((left / width, bottom / height, _SIDE_IN / width, _SIDE_IN / height)), panel)
    return figure


def save_sheet(store: Store, tile_ids: Sequence[str], path: Path) -> Path:
    """Write the contact sheet as PNG; returns the path.

    Raises:
        ConfigError: as ``sheet``.
    """
    sheet(store, tile_ids).savefig(path, format="png")
    return path


def _panels(view: TileView) -> Iterator[Panel]:
    for panel in panels_of(view, _ROWS):
        if panel.key not in _LEFT_OUT:
            yield replace(panel, reason=panel.reason.split("\n")[0])


def _text(view: TileView) -> str:
    when = view.record["datetime"]
    place = place_text(view).replace(" · ", "\n")
    return f"{view.record['tile_id']}\n{place}\n{when:%Y-%m-%d}" if when is not None else place
