"""Charts of a caption report."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from geomeld_build.captions.report.summary import CaptionReport
from geomeld_build.pictures.captions.spans import COLOURS
from geomeld_build.pictures.frames.charts import stacked_bars
from geomeld_build.pictures.frames.style import PALETTE, line_axes, new_figure

__all__ = ["claims_chart", "length_chart"]

_LABELS = ("supported", "contradicted", "unverifiable")
_FEW, _MANY = 20, 45


def claims_chart(report: CaptionReport) -> Figure:
    """Bars: claims by type and verdict."""
    names = list(report.by_type)
    figure = new_figure(9.0, 1.0 + 0.3 * max(1, len(names)))
    axes = line_axes(figure.add_subplot(), "Claims by type")
    table = {label: np.array([report.by_type[name].get(label, 0) for name in names]) for label in _LABELS}
    stacked_bars(axes, [name.replace("_", " ") for name in names], table, COLOURS)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def length_chart(report: CaptionReport) -> Figure:
    """A histogram of words, with the length that is aimed at."""
    figure = new_figure(9.0, 2.8)
    axes = line_axes(figure.add_subplot(), "Words of a caption", along="y")
    words = [len(one.caption.split()) for one in report.records if one.caption]
    top = max([_MANY + 5, *words])
    axes.axvspan(_FEW, _MANY, color="#eef4f8", zorder=0)
    axes.hist(words, bins=np.arange(0.5, top + 1.5).tolist(), color=PALETTE[0])
    axes.set_ylabel("captions")
    return figure
