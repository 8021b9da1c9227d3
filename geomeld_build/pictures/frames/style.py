"""What all pictures of a report share: colours, names, numbers in words, and how a figure becomes a file.

Colours are those of Okabe and Ito (2008), which people with any common colour vision tell apart; maps and heat maps
use viridis and its like, whose lightness grows with the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["BIOMES", "GRID", "INK", "LAND", "MONTHS", "PALETTE", "SPLIT_COLOURS", "biome_label", "colours_of"]
__all__ += ["line_axes", "new_figure", "png", "short_number"]

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")
"""In the order in which pools take them."""
SPLIT_COLOURS = {"train": "#56b4e9", "val": "#e69f00", "test": "#a0307a", "guard": "#404040"}
INK, GRID, LAND = "#222222", "#d9d9d9", "#ececec"

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

BIOMES = {
    1: "Tropical moist broadleaf",
    2: "Tropical dry broadleaf",
    3: "Tropical conifer",
    4: "Temperate broadleaf & mixed",
    5: "Temperate conifer",
    6: "Boreal forests / taiga",
    7: "Tropical savannas",
    8: "Temperate grasslands",
    9: "Flooded grasslands",
    10: "Montane grasslands",
    11: "Tundra",
    12: "Mediterranean",
    13: "Deserts & xeric",
    14: "Mangroves",
}
"""Short names of the biomes of RESOLVE 2017 by their numbers."""

_DPI = 130


def biome_label(number: int) -> str:
    """Number and short name of a biome; what is no biome says so."""
    return f"{number} {BIOMES[number]}" if number in BIOMES else "none"


def colours_of(names: Sequence[str]) -> Mapping[str, str]:
    """A colour for each name, by its position; after eight they come again."""
    return {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(names)}


def short_number(value: float) -> str:
    """A count in at most five characters: ``999``, ``12.3k``, ``2.57M``."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        # What rounds up to the next unit is written in it.
        if value >= limit * 0.9995:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.0f}"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, laid out so that labels do not overlap."""
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def line_axes(axes: Axes, title: str, *, along: Literal["x", "y"] = "x") -> Axes:
    """Quiet axes: no box, a grid across the bars, title to the left."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=along, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=INK)
    return axes


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same figure."""
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
