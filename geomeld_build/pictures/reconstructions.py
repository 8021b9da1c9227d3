"""What a model makes of hidden patches: a line a row, with what it saw, what is there, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geomeld_build.modalities import REFERENCE, Regression, modality
from geomeld_build.pictures import palette
from geomeld_build.train.reconstruct import Reconstruction

__all__ = ["reconstruction_figure", "save_reconstructions"]

_SIDE_IN, _HEAD_IN, _LEFT_IN = 1.75, 0.75, 1.55
_INK = "#30303a"
_COLUMNS = ("seen", "target", "reconstructed", "both together")
Image = NDArray[np.floating[Any]]


def reconstruction_figure(found: Sequence[Reconstruction], note: str = "") -> Figure:
    """The picture of one tile.

    Args:
        found: its rows.
        note: for the head, e.g. the step of the run.
    """
    width, height = _LEFT_IN + _SIDE_IN * len(_COLUMNS), _HEAD_IN + _SIDE_IN * len(found)
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.02, 1 - 0.3 / height, found[0].tile_id, size=12, weight="bold", color=_INK, family="monospace")
    figure.text(0.42, 1 - 0.3 / height, note, size=10, color=_INK)
    for at, one in enumerate(found):
        bottom = 1 - (_HEAD_IN + _SIDE_IN * (at + 1)) / height
        figure.text(0.02, bottom + 0.5 * _SIDE_IN / height, _label(one), size=9, color=_INK, va="center")
        for column, image in enumerate(_images(one)):
            left = (_LEFT_IN + _SIDE_IN * column) / width
            axes = figure.add_axes((left, bottom, 0.97 * _SIDE_IN / width, 0.97 * _SIDE_IN / height))
            _draw(axes, image)
            if at == 0:
                axes.set_title(_COLUMNS[column], size=10, color=_INK)
    return figure


def save_reconstructions(found: Sequence[Reconstruction], folder: Path, note: str = "") -> list[Path]:
    """Write a PNG for every tile; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for tile_id in dict.fromkeys(one.tile_id for one in found):
        path = folder / f"{tile_id}.png"
        reconstruction_figure([one for one in found if one.tile_id == tile_id], note).savefig(path, format="png")
        paths.append(path)
    return paths


def _draw(axes: Axes, image: Image) -> None:
    axes.imshow(np.clip(image, 0, 1), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def _label(one: Reconstruction) -> str:
    row = modality(one.row)
    unit = "" if row.classes is not None or row.units == "1" else f"\n{row.units}"
    within = isinstance(row.target, Regression) and row.target.centred
    return one.row.replace("_", " ") + unit + ("\nfrom the tile's mean" if within else "")


def _images(one: Reconstruction) -> tuple[Image, ...]:
    """Seen, target, reconstructed, and the target with the reconstruction where it was hidden."""
    target, guess = _painted(one, one.target), _painted(one, one.guess)
    return _true_colour(one.shown), target, guess, np.where(one.hidden[..., None], guess, target)


def _true_colour(values: NDArray[np.float32]) -> Image:
    bands = modality(REFERENCE).bands
    chosen = [values[bands.index(name)] for name in ("B4", "B3", "B2")] if len(values) == len(bands) else values[:3]
    stretched = [palette.stretch(band, palette.VISIBLE, palette.GAMMA) for band in chosen]
    return palette.compose(*(stretched if len(stretched) == 3 else [stretched[0]] * 3))


def _painted(one: Reconstruction, values: NDArray[np.float32]) -> Image:
    row = modality(one.row)
    if row.classes is not None:
        return palette.class_image(values[0], row.classes)
    if one.row == REFERENCE:
        return _true_colour(values)
    if row.units == "dB":
        return _radar(one, values)
    known = one.target[0][np.isfinite(one.target[0])]
    low, high = np.percentile(known, [2, 98]) if known.size else (0.0, 1.0)
    return _coloured(values[0], (float(low), float(max(high, low + 1.0))))


def _radar(one: Reconstruction, values: NDArray[np.float32]) -> Image:
    """The pass that has pixels; the target decides, so that all pictures of a line show the same bands."""
    bands = modality(one.row).bands
    for short in ("desc", "asc"):
        for co_pol, cross_pol in (("VV", "VH"), ("HH", "HV")):
            co, cross = (bands.index(f"{name}_{short}") for name in (co_pol, cross_pol))
            if np.isfinite(one.target[co]).any():
                return palette.radar(values[co], values[cross])
    nothing = np.full(values.shape[1:], np.nan)
    return palette.compose(nothing, nothing, nothing)


def _coloured(values: NDArray[np.float32], limits: palette.Range) -> Image:
    colours = colormaps["viridis"](palette.stretch(np.nan_to_num(values, nan=limits[0]), limits))[..., :3]
    return np.where(np.isfinite(values)[..., None], colours, palette.INVALID)
