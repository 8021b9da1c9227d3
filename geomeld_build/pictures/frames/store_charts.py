"""Charts of what a store holds: land cover, months, offsets, outcomes, strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from geomeld_build.pictures.frames.charts import stacked_bars
from geomeld_build.pictures.frames.land_cover import LandCover
from geomeld_build.pictures.frames.store_summary import StoreSummary
from geomeld_build.pictures.frames.style import INK, MONTHS, PALETTE, colours_of, line_axes, new_figure, short_number

__all__ = ["cover_chart", "month_chart", "offset_chart", "outcome_chart", "strata_chart"]

_MOST_PANELS = 16
_MOST_BARS = 30
_STATUS_COLOURS = {"built": "#0072b2", "skipped": "#e69f00", "failed": "#cc79a7"}


def cover_chart(cover: LandCover, title: str) -> Figure:
    """Share of tiles in which a class is the most frequent, and one of the three most frequent; share of pixels."""
    rows = cover.shares()
    names = [name.replace("_", " ") for name, *_ in rows]
    figure = new_figure(9.5, 0.5 * len(rows) + 1.5)
    axes = line_axes(figure.add_subplot(), title)
    places = np.arange(len(rows))
    top1, top3, pixels = (100 * np.array([row[at] for row in rows]) for at in (1, 2, 3))
    axes.barh(places - 0.2, top1, height=0.38, color=PALETTE[0], label="most frequent class of the tile (top-1)")
    axes.barh(places + 0.2, top3, height=0.38, color=PALETTE[4], label="among its three most frequent (top-3)")
    axes.scatter(pixels, places - 0.2, s=26, color="white", edgecolors="black", zorder=4, label="share of pixels")
    for shift, shares in ((-0.2, np.maximum(top1, pixels)), (0.2, top3)):
        for place, share, text in zip(places, shares, top1 if shift < 0 else top3, strict=True):
            axes.annotate(
                f"{text:.1f} %", (share, place + shift), (7, 0), textcoords="offset points", va="center", size=8,
                color=INK,
            )  # fmt: skip
    axes.set_yticks(places, names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(float(top3.max(initial=0)), 1.0))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def month_chart(summary: StoreSummary) -> Figure:
    """Months of the anchors' dates and of the reference scenes, one panel a biome, the largest first."""
    totals: dict[str, int] = {}
    for group, _, number in summary.planned:
        totals[group] = totals.get(group, 0) + number
    groups = sorted(totals, key=lambda name: (-totals[name], name))[:_MOST_PANELS]
    columns = min(4, len(groups))
    lines = -(-len(groups) // columns)
    figure = new_figure(3.1 * columns + 0.4, 1.75 * lines + 0.9)
    title = "Months planned and obtained"
    if len(totals) > len(groups):
        title += f" ({len(groups)} largest of {len(totals)} groups)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    edges = np.arange(0.5, 13.0)
    for axes, group in zip(panels, groups, strict=False):
        planned, obtained = (_months(rows, group) for rows in (summary.planned, summary.obtained))
        line_axes(axes, "", along="y")
        axes.set_title(f"{group}: {obtained.sum():,} of {planned.sum():,}", loc="left", fontsize=9, color=INK)
        axes.stairs(obtained, edges, fill=True, color=PALETTE[4], label="obtained: reference scenes of tiles")
        axes.stairs(planned, edges, color=INK, linewidth=1.3, label="planned: dates of anchors")
        axes.set_xlim(0.5, 12.5)
        axes.set_ylim(0, 1.1 * max(int(planned.max()), int(obtained.max()), 1))
        axes.set_xticks(range(1, 13), [name[0] for name in MONTHS], fontsize=8)
        axes.yaxis.set_major_locator(_few_whole_ticks())
        axes.yaxis.set_major_formatter(lambda value, _: short_number(value))
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9
    )
    return figure


def offset_chart(summary: StoreSummary) -> Figure:
    """Days from the anchor's date to the reference scene, and from it to the scenes of the rows near a date."""
    kinds = [item for item in summary.offsets if item.tiles]
    figure = new_figure(9.5, 2.0 * max(len(kinds), 1) + 0.5)
    panels = figure.subplots(max(len(kinds), 1), 1, squeeze=False).ravel()
    if not kinds:
        panels[0].set_axis_off()
        panels[0].text(0.5, 0.5, "no tile has a time of its own", ha="center", va="center", fontsize=11, color=INK)
    for axes, item, colour in zip(panels, kinds, PALETTE * len(kinds), strict=False):
        row = item.row.replace("_", " ")
        title = f"{row} after the reference scene" if row else "Reference scene after the anchor's date"
        line_axes(axes, f"{title}, days", along="y")
        days, numbers = (np.array(column) for column in zip(*item.days, strict=True))
        axes.bar(days, numbers, width=0.86, color=colour)
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=":")
        reach = max(15, int(np.abs(days).max())) + 1
        axes.set_xlim(-reach, reach)
        axes.yaxis.set_major_locator(_few_whole_ticks())
        axes.yaxis.set_major_formatter(lambda value, _: short_number(value))
    return figure


def outcome_chart(summary: StoreSummary, rows: Sequence[str]) -> Figure:
    """How the anchors ended in some rows of the table of modalities."""
    outcomes = {name: summary.outcomes[name] for name in rows}
    kinds = list(dict.fromkeys(["ok", "partial", *sorted({k for row in outcomes.values() for k in row})]))
    kinds = [kind for kind in kinds if any(row.get(kind) for row in outcomes.values())]
    shares = {
        kind.replace("_", " ").replace("-", " "): np.array(
            [100 * row.get(kind, 0) / max(sum(row.values()), 1) for row in outcomes.values()]
        )
        for kind in kinds
    }
    figure = new_figure(9.5, 0.36 * len(outcomes) + 1.7)
    axes = line_axes(figure.add_subplot(), "Outcomes by row")
    names = [name.replace("_", " ") for name in outcomes]
    stacked_bars(axes, names, shares, colours_of(list(shares)), inside=lambda share: f"{share:.0f} %", least=6.0)
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    figure.legend(loc="outside lower center", ncols=min(len(kinds), 5), frameon=False, fontsize=9)
    return figure


def strata_chart(summary: StoreSummary) -> Figure:
    """Anchors by stratum as they ended, the largest strata; a mark where the frame says how many were wanted."""
    strata = sorted(summary.strata, key=lambda item: (-max(item.attempted, item.wanted or 0), item.stratum))
    shown = strata[:_MOST_BARS]
    figure = new_figure(9.5, 0.32 * len(shown) + 1.7)
    title = "Strata: wanted and built" if any(item.wanted is not None for item in shown) else "Strata: tried and built"
    if len(strata) > len(shown):
        title += f" ({len(shown)} largest of {len(strata)})"
    axes = line_axes(figure.add_subplot(), title)
    table = {name: np.array([getattr(item, name) for item in shown]) for name in _STATUS_COLOURS}
    table = {name: numbers for name, numbers in table.items() if numbers.any()}
    stacked_bars(axes, [item.stratum for item in shown], table, _STATUS_COLOURS)
    marked = [(place, item.wanted) for place, item in enumerate(shown) if item.wanted is not None]
    for place, wanted in marked:
        (line,) = axes.plot([wanted] * 2, [place - 0.44, place + 0.44], color="black", linewidth=2.2)
        line.set_label("in the frame" if place == marked[0][0] else "_again")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _months(rows: Sequence[tuple[str, int, int]], group: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counts = np.zeros(12, np.int64)
    for name, month, number in rows:
        if name == group:
            counts[month - 1] += number
    return counts


def _few_whole_ticks() -> MaxNLocator:
    return MaxNLocator(nbins=4, integer=True)
