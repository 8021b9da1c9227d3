"""One picture a tile: every layer that it has on equal extents, north up, with legends, dates and reasons."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from geomeld_build.grid import CELL_M
from geomeld_build.pictures.panels import Panel, panels_of
from geomeld_build.pictures.view import TileView, days_text, load_view
from geomeld_build.store import Store

__all__ = ["draw_image", "place_text", "save_tile", "tile_figure"]

_COLUMNS = 5
_CELL_IN = (3.55, 2.8)
"""Size of a panel with its strip for legend or scale, inches."""
_HEAD_IN = 0.75
_DPI = 100
_EMPTY = "#f3f3f5"
_INK = "#30303a"


def tile_figure(store: Store, tile_id: str) -> Figure:
    """The picture of a tile.

    Raises:
        ConfigError: the store has no such tile.
    """
    view = load_view(store, tile_id)
    panels = panels_of(view)
    rows = math.ceil(len(panels) / _COLUMNS)
    width, height = _CELL_IN[0] * _COLUMNS, _CELL_IN[1] * rows + _HEAD_IN
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, view, height)
    for index, panel in enumerate(panels):
        _cell(figure, panel, index % _COLUMNS, index // _COLUMNS)
    return figure


def save_tile(store: Store, tile_id: str, path: Path) -> Path:
    """Write the picture of a tile as PNG; returns the path.

    Raises:
        ConfigError: the store has no such tile.
    """
    tile_figure(store, tile_id).savefig(path, format="png")
    return path


def place_text(view: TileView) -> str:
    """Where a tile is: ``30.1235° N 75.1235° E · UTM 43N``."""
    lon, lat = float(view.record["lon"]), float(view.record["lat"])
    epsg = int(str(view.record["proj_code"]).rsplit(":", 1)[-1])
    zone = f"{epsg % 100}{'N' if epsg // 100 == 326 else 'S'}"
    return f"{abs(lat):.4f}° {'N' if lat >= 0 else 'S'}  {abs(lon):.4f}° {'E' if lon >= 0 else 'W'} · UTM {zone}"


def _head(figure: Figure, view: TileView, height: float) -> None:
    record = view.record
    figure.text(0.01, 1 - 0.28 / height, record["tile_id"], size=15, weight="bold", color=_INK, family="monospace")
    figure.text(0.14, 1 - 0.28 / height, place_text(view), size=13, color=_INK)
    facts = [f"anchor {record['anchor_datetime']:%Y-%m-%d}"]
    if record["datetime"] is not None:
        offset = days_text(record["s2_ref_offset_days"])
        facts.append(f"reference {record['datetime']:%Y-%m-%d %H:%M} UTC ({offset} from the anchor)")
    if record["cloud_fraction"] is not None:
        facts.append(f"cloud and shadow {100 * record['cloud_fraction']:.0f} % ({record['cloud_test']})")
    if record["mgrs_tile"]:
        facts.append(f"granule {record['mgrs_tile']}{', another zone' if record['cross_zone'] else ''}")
    facts += [f"location {record['location_id']}", "days below are from the reference; north is up"]
    figure.text(0.01, 1 - 0.56 / height, " · ".join(facts), size=10, color=_INK)


def _cell(figure: Figure, panel: Panel, column: int, row: int) -> None:
    width, height = figure.get_size_inches()
    pad, title = 0.12, 0.42
    # The image is as high as the cell allows; what is left of the width is the strip.
    side = _CELL_IN[1] - title - pad
    left = column * _CELL_IN[0] + pad
    bottom = height - _HEAD_IN - (row + 1) * _CELL_IN[1] + pad
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    draw_image(axes, panel)
    axes.set_title(panel.title, size=9, loc="left", color=_INK, pad=3, linespacing=1.1)
    if panel.scale is not None:
        strip = figure.add_axes(
            ((left + side + 0.08) / width, (bottom + 0.1) / height, 0.11 / width, (side - 0.2) / height)
        )
        _scale_bar(figure, strip, panel)
    if panel.legend:
        _legend(axes, panel)


def draw_image(axes: Axes, panel: Panel) -> None:
    """Fill axes with a panel's image on its extent, or with the reason why there is none."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_edgecolor("#9a9aa5")
        spine.set_linewidth(0.6)
    if panel.image is None:
        axes.set_facecolor(_EMPTY)
        text = "\n".join(textwrap.fill(line, 30) for line in panel.reason.split("\n"))
        axes.text(0.5, 0.5, text, ha="center", va="center", size=8, color="#70707c", transform=axes.transAxes)
        return
    west, east, south, north = panel.extent_m
    axes.imshow(panel.image, extent=(west, east, south, north), origin="upper", interpolation="nearest")
    if east - west > CELL_M * 1.5:
        half = CELL_M / 2
        axes.add_patch(Rectangle((-half, -half), CELL_M, CELL_M, fill=False, edgecolor="#d0021b", linewidth=1.0))


def _scale_bar(figure: Figure, strip: Axes, panel: Panel) -> None:
    assert panel.scale is not None
    low, high = panel.scale.limits
    mappable = ScalarMappable(Normalize(low, high), colormaps.get_cmap(panel.scale.cmap))
    bar = figure.colorbar(mappable, cax=strip)
    bar.ax.tick_params(labelsize=7, length=2, colors=_INK)
    bar.outline.set_linewidth(0.4)
    bar.ax.set_title(panel.scale.unit, size=8, pad=3, color=_INK)


def _legend(axes: Axes, panel: Panel) -> None:
    handles = [
        Patch(facecolor=colour, edgecolor="#80808a", linewidth=0.4, label=textwrap.fill(text, 18))
        for text, colour in panel.legend
    ]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        fontsize=7,
        frameon=False,
        handlelength=1.0,
        handleheight=1.0,
        borderaxespad=0.0,
        labelspacing=0.35,
    )
