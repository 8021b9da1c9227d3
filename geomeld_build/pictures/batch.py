"""A training batch: one line a sample, one column a layer, drawn from the batch's own pixels.

Nothing here reads pixels from the store: what a loader mixes up, shifts or loses is visible. Places, dates and the
reasons why a layer is absent are the catalog's.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES, REFERENCE, modality
from geomeld_build.pictures import palette
from geomeld_build.pictures.panels import Panel, panels_of
from geomeld_build.pictures.tile import draw_image, place_text
from geomeld_build.pictures.view import TileView, view_of
from geomeld_build.store import Batch, Store

__all__ = ["batch_figure", "save_batch"]

_LEFT_OUT = ("false_colour", "canopy_height_std")
_SIDE_IN = 1.45
_CAPTION_IN = 0.3
_GAP_IN = 0.07
_TEXT_IN = 2.3
_HEAD_IN = 1.2
_BAR_IN = 0.08
_LEGEND_IN = 0.24
_LEGEND_MOST = 8
"""Classes beside each other."""
_MOST = 100
_INK = "#30303a"
_PALE = "#70707c"


@dataclass(frozen=True, slots=True)
class _Line:
    """One tile of the batch."""

    view: TileView
    panels: Mapping[str, Panel]
    split: str
    nodata: Mapping[str, float]
    """By row: share of the batch's values, over all bands, that are nodata."""


def batch_figure(store: Store, batch: Batch, *, number: int = 0, note: str = "") -> Figure:
    """The picture of a batch.

    Args:
        store: at the version that the batch was loaded from.
        batch: with all bands of its rows. Where its table has a column ``split``, that is shown.
        number: which batch of its epoch it is, from 0.
        note: for the line below the title, e.g. the condition by which tiles were selected.

    Raises:
        ConfigError: the batch is of another version, has more than 100 tiles, or not all bands of a row.
    """
    lines = list(_lines(store, batch))
    # Absent rows give one panel where present ones may give two: columns go by key.
    keys = list(dict.fromkeys(key for line in lines for key in line.panels))
    legends = _legends(lines)
    step = _SIDE_IN + _GAP_IN
    foot = _LEGEND_IN * sum(map(_legend_rows, legends.values())) + 0.2
    width = _TEXT_IN + step * len(keys) + _GAP_IN
    height = _HEAD_IN + (step + _CAPTION_IN) * len(lines) + foot
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, batch, number, note)
    for column, key in enumerate(keys):
        _column_head(figure, _TEXT_IN + step * column, key, lines)
    for at, line in enumerate(lines):
        top = height - _HEAD_IN - (step + _CAPTION_IN) * at
        _text(figure, 0.1, top - 0.02, line.view.record["tile_id"], va="top", weight="bold", family="monospace")
        _text(figure, 0.1, top - 0.2, "\n".join(_facts(line)), va="top", linespacing=1.45)
        for panel in line.panels.values():
            _cell(figure, line, panel, _TEXT_IN + step * keys.index(panel.key), top - _SIDE_IN)
    _foot(figure, legends, foot)
    return figure


def save_batch(store: Store, batch: Batch, path: Path, *, number: int = 0, note: str = "") -> Path:
    """Write the picture of a batch as PNG; returns the path.

    Raises:
        ConfigError: as ``batch_figure``.
    """
    batch_figure(store, batch, number=number, note=note).savefig(path, format="png")
    return path


def _lines(store: Store, batch: Batch) -> Iterator[_Line]:
    """One line a tile; of samples of several dates, one a date."""
    if batch.state.version != store.version:
        raise ConfigError(f"the batch is of catalog version {batch.state.version}, the store of {store.version}")
    ids = batch.tile_ids
    if len(ids) > _MOST:
        raise ConfigError(f"a picture shows at most {_MOST} tiles, the batch has {len(ids)}: load a smaller one")
    tiles = {name: pixels.reshape(len(ids), *pixels.shape[-3:]) for name, pixels in batch.pixels.items()}
    for name, pixels in tiles.items():
        if pixels.shape[1] != (bands := len(modality(name).bands)):
            raise ConfigError(f"a picture needs all {bands} bands of {name}, the batch has {pixels.shape[1]}")
    has_split = "split" in batch.table.column_names
    splits = batch.table.column("split").to_pylist() if has_split else [None] * len(ids)
    for at, tile_id in enumerate(ids):
        stored = {name: pixels[at] for name, pixels in tiles.items()}
        view = view_of(store.record(tile_id), stored)
        panels = {panel.key: _short(panel) for panel in panels_of(view, list(stored)) if panel.key not in _LEFT_OUT}
        yield _Line(view, panels, str(splits[at] or ""), {name: _nodata(name, array) for name, array in stored.items()})


def _short(panel: Panel) -> Panel:
    """With the kind alone as the reason: a small panel has no room for the detail."""
    return replace(panel, reason=panel.reason.split("\n")[0])


def _nodata(name: str, stored: NDArray[Any]) -> float:
    return float((stored == modality(name).nodata).mean())


def _facts(line: _Line) -> list[str]:
    """What stands beside the panels: from the catalog, but for nodata, which is counted in the batch."""
    record = line.view.record
    facts = place_text(line.view).split(" · ")
    facts.append(" · ".join([f"{record['datetime']:%Y-%m-%d}", *([f"split {line.split}"] if line.split else [])]))
    if f"{REFERENCE}_valid" in record and record[f"{REFERENCE}_valid"] is not None:
        facts.append(f"valid {_percent(record[f'{REFERENCE}_valid'])}, cloud {_percent(record['cloud_fraction'])}")
    rows = [f"{_label(name)} {_percent(share)}" for name, share in line.nodata.items() if share > 0]
    return [*facts, *textwrap.wrap(f"nodata: {', '.join(rows) or 'none'}", 34)]


def _percent(share: float | None) -> str:
    """A share in percent; one that is not quite nothing or everything never reads as if it were."""
    if share is None:
        return "unknown"
    return f"{min(max(100 * share, 0.1), 99.9):.1f}\u00a0%" if 0 < share < 1 else f"{100 * share:.0f}\u00a0%"


def _label(name: str) -> str:
    return name.replace("_", " ")


def _caption(line: _Line, panel: Panel) -> str:
    """Two lines below a panel: what its colours mean here, and when it was taken."""
    first, _, when = panel.title.partition("\n")
    if panel.legend:
        first = panel.legend[0][0]
    elif panel.scale is not None:
        first = _numbers(panel, line.view)
    else:
        first = first.partition(_label(panel.key))[2].strip()
    return "\n".join(text for text in (first, when) if text)


def _numbers(panel: Panel, view: TileView) -> str:
    assert panel.scale is not None
    unit = _unit(panel.scale.unit)
    if _has_own_range(panel):
        return "{:.0f} to {:.0f}".format(*panel.scale.limits) + unit
    values = view.layers[panel.key].values[0]
    return f"mean {np.nanmean(values):.1f}{unit}" if np.isfinite(values).any() else ""


def _unit(unit: str) -> str:
    return unit if unit in ("°", "") else f"\u00a0{unit}"


def _has_own_range(panel: Panel) -> bool:
    return panel.scale is not None and panel.scale.cmap is palette.HEIGHTS


def _legends(lines: Sequence[_Line]) -> dict[str, list[tuple[str, str]]]:
    """By class row: names and colours of the classes that occur anywhere in the batch, in the table's order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for key in dict.fromkeys(key for line in lines for key in line.panels):
        seen = {colour for line in lines if key in line.panels for _, colour in line.panels[key].legend}
        classes = MODALITIES[key].classes if seen else None
        if classes is not None:
            named = zip(classes.meanings, classes.colours, strict=True)
            found[key] = [(_label(meaning), colour) for meaning, colour in named if colour in seen]
    return found


def _text(figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
    """Text at inches from the lower left corner."""
    width, height = figure.get_size_inches()
    figure.text(left / width, bottom / height, text, **{"size": 8, "color": _INK, **style})


def _head(figure: Figure, batch: Batch, number: int, note: str) -> None:
    height = float(figure.get_size_inches()[1])
    state = batch.state
    _text(figure, 0.1, height - 0.3, f"A training batch of {len(batch)}", size=13, weight="bold")
    told = f"catalog version {state.version} · seed {state.seed} · epoch {state.epoch} · batch {number}"
    _text(figure, 0.1, height - 0.53, " · ".join(text for text in (told, note) if text), size=9)
    about = "valid, cloud: the reference by the catalog\nnodata: all bands, counted in the batch"
    _text(figure, 0.1, height - _HEAD_IN + 0.12, about, size=7, color=_PALE, linespacing=1.4)


def _column_head(figure: Figure, left: float, key: str, lines: Sequence[_Line]) -> None:
    """Name of a column, with a bar of its colours where it has a scale."""
    width, height = figure.get_size_inches()
    _text(figure, left, height - _HEAD_IN + 0.34, _label(key), size=9, weight="bold")
    shown = [line.panels[key] for line in lines if key in line.panels and line.panels[key].image is not None]
    scale = shown[0].scale if shown else None
    if scale is None:
        return
    bottom = height - _HEAD_IN + 0.22
    axes = figure.add_axes((left / width, bottom / height, _SIDE_IN / width, _BAR_IN / height))
    axes.imshow(np.linspace(0, 1, 128)[np.newaxis], cmap=colormaps.get_cmap(scale.cmap), aspect="auto")
    axes.set_axis_off()
    unit = _unit(scale.unit)
    low, high = f"{scale.limits[0]:g}{unit}", f"{scale.limits[1]:g}{unit}"
    if _has_own_range(shown[0]):
        low, high = "lowest", "highest of the tile"
    _text(figure, left, bottom - 0.13, low, size=7)
    _text(figure, left + _SIDE_IN, bottom - 0.13, high, size=7, ha="right")


def _cell(figure: Figure, line: _Line, panel: Panel, left: float, bottom: float) -> None:
    width, height = figure.get_size_inches()
    draw_image(figure.add_axes((left / width, bottom / height, _SIDE_IN / width, _SIDE_IN / height)), panel)
    if panel.image is not None:
        _text(figure, left, bottom - 0.03, _caption(line, panel), size=6.5, va="top", linespacing=1.25)


def _foot(figure: Figure, legends: Mapping[str, list[tuple[str, str]]], foot: float) -> None:
    width, height = figure.get_size_inches()
    top = foot
    for key, classes in legends.items():
        _text(figure, 0.1, top - 0.05, _label(key), size=8, weight="bold", va="top")
        figure.legend(
            handles=[Patch(facecolor=c, edgecolor="#80808a", linewidth=0.4, label=text) for text, c in classes],
            loc="upper left",
            bbox_to_anchor=(_TEXT_IN / width, top / height),
            ncols=math.ceil(len(classes) / _legend_rows(classes)),
            fontsize=8,
            frameon=False,
            handlelength=1.0,
            handleheight=1.0,
            borderaxespad=0.0,
            borderpad=0.1,
        )
        top -= _LEGEND_IN * _legend_rows(classes)


def _legend_rows(classes: Sequence[tuple[str, str]]) -> int:
    return math.ceil(len(classes) / _LEGEND_MOST)
