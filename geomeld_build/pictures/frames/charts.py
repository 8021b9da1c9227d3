"""Charts of a frame's summary: biomes, continents, distances, drops, dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geomeld_build.anchors.summary import FrameSummary
from geomeld_build.pictures.frames.style import (
    INK,
    MONTHS,
    PALETTE,
    biome_label,
    colours_of,
    line_axes,
    new_figure,
    short_number,
)

__all__ = ["biome_chart", "continent_chart", "date_chart", "draw_months", "drop_chart", "nearest_chart", "stacked_bars"]

_TILE_KM = 1.28
_FATES = {
    "kept": "#0072b2",
    "reserve": "#56b4e9",
    "surplus": "#009e73",
    "overlap": "#e69f00",
    "duplicate": "#f0e442",
    "excluded": "#cc79a7",
    "at_sea": "#7f7f7f",
    "beyond_utm": "#000000",
}
_NO_FATE = "unaccounted"


def biome_chart(summary: FrameSummary) -> Figure:
    """Anchors by biome and pool; a mark shows what the quotas asked for."""
    got, wanted = summary.total(1), summary.wanted_by_biome()
    biomes = sorted({*got, *wanted})
    table = _table(summary, 1, biomes)
    figure = new_figure(9.5, 0.34 * len(biomes) + 1.7)
    axes = line_axes(figure.add_subplot(), "Anchors by biome")
    stacked_bars(axes, [biome_label(biome) for biome in biomes], table, colours_of(summary.pools))
    marks = [(position, wanted[biome]) for position, biome in enumerate(biomes) if biome in wanted]
    for position, number in marks:
        (line,) = axes.plot([number] * 2, [position - 0.46, position + 0.46], color="black", linewidth=2.2)
        line.set_label("quota" if position == marks[0][0] else "_again")
    for position, biome in enumerate(biomes):
        reached = max(got.get(biome, 0), wanted.get(biome, 0))
        axes.annotate(
            short_number(got.get(biome, 0)), (reached, position), (6, 0), textcoords="offset points", va="center",
            size=8, color=INK,
        )  # fmt: skip
    axes.set_xlim(0, 1.1 * max(*got.values(), *wanted.values(), 1))
    _legend_below(figure, axes)
    return figure


def continent_chart(summary: FrameSummary) -> Figure:
    """Share of each continent in every pool, and in all of them."""
    totals = summary.total(2)
    continents = sorted(totals, key=lambda name: (-totals[name], name))
    table = {continent: np.zeros(len(summary.pools) + 1) for continent in continents}
    for pool, _, continent, number in summary.counts:
        table[continent][1 + summary.pools.index(pool)] += number
        table[continent][0] += number
    sums = np.sum(list(table.values()), axis=0)
    figure = new_figure(9.5, 0.42 * len(sums) + 1.9)
    axes = line_axes(figure.add_subplot(), "Share of continents")
    labels = [f"{name}  ({short_number(number)})" for name, number in zip(("all", *summary.pools), sums, strict=True)]
    shares = {continent or "none": 100 * values / sums for continent, values in table.items()}
    stacked_bars(axes, labels, shares, colours_of(list(shares)), inside=lambda share: f"{share:.0f}", least=4.0)
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    _legend_below(figure, axes)
    return figure


def nearest_chart(summary: FrameSummary) -> Figure:
    """Histogram of the distance to the nearest other anchor, on a logarithmic axis."""
    nearest = summary.nearest
    figure = new_figure(9.5, 3.9)
    axes = line_axes(figure.add_subplot(), "Distance to the nearest other anchor", along="y")
    edges, counts = np.array(nearest.edges_km), np.array(nearest.counts)
    first, last = _span(counts)
    edges[0] = edges[1] / 10**0.1
    axes.stairs(counts[first:last], edges[first : last + 1], fill=True, color=PALETTE[4])
    axes.set_xscale("log")
    axes.set_ylim(0, 1.22 * max(int(counts.max(initial=0)), 1))
    lines = [(_TILE_KM, "side of a tile: 1.28 km", "right", "#d55e00")]
    if nearest.quantiles_km:
        median = nearest.quantiles_km["0.5"]
        lines.append((median, f"median: {median:.3g} km", "left", INK))
    for value, text, side, colour in lines:
        axes.axvline(value, color=colour, linewidth=1.4, linestyle="--")
        axes.annotate(
            text, (value, 0.99), (4 if side == "left" else -4, 0), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha=side, va="top", size=9, color=colour,
        )  # fmt: skip
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.12), max(high, 12.0))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} km")
    axes.yaxis.set_major_formatter(lambda value, _: short_number(value))
    axes.set_ylabel("anchors", fontsize=10)
    return figure


def drop_chart(summary: FrameSummary) -> Figure | None:
    """What became of the points of every imported pool; None where nothing was imported."""
    accounts = [account for account in summary.accounts if account.accounted or account.offered]
    if not accounts:
        return None
    fates = list(dict.fromkeys([*_FATES, *(reason for account in accounts for reason in account.dropped), _NO_FATE]))
    rows = [{"kept": a.kept, "reserve": a.reserve, **a.dropped, _NO_FATE: max(a.unaccounted, 0)} for a in accounts]
    sums = np.array([sum(row.values()) for row in rows], float)
    shares = {
        fate.replace("_", " "): 100 * np.array([row.get(fate, 0) for row in rows]) / np.maximum(sums, 1)
        for fate in fates
        if any(row.get(fate) for row in rows)
    }
    colours = {fate.replace("_", " "): _FATES.get(fate, "#d55e00") for fate in fates}
    figure = new_figure(9.5, 0.5 * len(accounts) + 1.7)
    axes = line_axes(figure.add_subplot(), "What became of the points that were offered")
    labels = [f"{account.pool}  ({short_number(total)})" for account, total in zip(accounts, sums, strict=True)]
    stacked_bars(axes, labels, shares, colours, inside=lambda share: f"{share:.3g} %", least=7.0)
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    _legend_below(figure, axes)
    return figure


def date_chart(dates: Sequence[tuple[str, int, int, int]], pools: Sequence[str], title: str) -> Figure:
    """One table of years and months for every pool; the darker, the more of its anchors.

    Args:
        dates: pool, year, month, anchors.
        pools: in the order of the panels, at least one.
        title: of the whole picture.
    """
    years = sorted({year for _, year, _, _ in dates})
    columns = min(2, len(pools))
    rows = -(-len(pools) // columns)
    figure = new_figure(6.3 * columns, rows * (0.36 * len(years) + 0.85) + 0.45)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, pool in zip(panels, pools, strict=False):
        counts = np.zeros((len(years), 12), np.int64)
        for owner, year, month, number in dates:
            if owner == pool:
                counts[years.index(year), month - 1] += number
        draw_months(axes, counts, [str(year) for year in years], f"{pool}: {int(counts.sum()):,}")
    for axes in panels[len(pools) :]:
        axes.set_axis_off()
    return figure


def draw_months(axes: Axes, counts: NDArray[np.int64], labels: Sequence[str], title: str) -> None:
    """A heat map ``(label, month)`` with its numbers written in the cells."""
    most = max(int(counts.max(initial=0)), 1)
    axes.imshow(np.ma.masked_equal(counts, 0), cmap="YlGnBu", vmin=0, vmax=1.4 * most, aspect="auto")
    for (row, month), number in np.ndenumerate(counts):
        if number:
            colour = "white" if number > 0.75 * most else INK
            axes.text(month, row, short_number(float(number)), ha="center", va="center", size=7.5, color=colour)
    axes.set_xticks(range(12), MONTHS, fontsize=9)
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.tick_params(length=0, colors=INK)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    for side in axes.spines.values():
        side.set_visible(False)


def stacked_bars(
    axes: Axes,
    labels: Sequence[str],
    table: Mapping[str, NDArray[Any]],
    colours: Mapping[str, str],
    *,
    inside: Callable[[float], str] | None = None,
    least: float = 0.0,
) -> None:
    """Horizontal bars, the first on top.

    Args:
        axes: where to draw.
        labels: of the bars.
        table: by part, its length in every bar.
        colours: by part.
        inside: writes a length into its part.
        least: length below which nothing is written.
    """
    left = np.zeros(len(labels))
    for name, lengths in table.items():
        axes.barh(
            range(len(labels)), lengths, left=left, height=0.74, color=colours[name], label=name, edgecolor="white",
            linewidth=0.4,
        )  # fmt: skip
        if inside is not None:
            for position in np.flatnonzero(lengths >= least):
                middle = float(left[position] + lengths[position] / 2)
                axes.text(
                    middle, float(position), inside(float(lengths[position])), ha="center", va="center", size=8,
                    color=_ink_on(colours[name]),
                )  # fmt: skip
        left = left + lengths
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.xaxis.set_major_formatter(lambda value, _: short_number(value))


def _table(summary: FrameSummary, axis: int, values: Sequence[Any]) -> dict[str, NDArray[np.int64]]:
    """Anchors by pool, in the order of some values of an axis of the counts."""
    table = {pool: np.zeros(len(values), np.int64) for pool in summary.pools}
    for row in summary.counts:
        table[row[0]][values.index(row[axis])] += row[3]
    return table


def _span(counts: NDArray[np.int64]) -> tuple[int, int]:
    """First and last + 1 of the bins that hold anything; all of them where none does."""
    found = np.flatnonzero(counts)
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, len(counts))


def _ink_on(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else INK


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False, fontsize=9)
