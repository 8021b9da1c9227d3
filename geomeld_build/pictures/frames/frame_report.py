"""The report of a sampling frame: ``report.html``, ``summary.json`` and the pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from geomeld_build.anchors.summary import SURELY_OVERLAP_M, FrameSummary, Quotas, summarise
from geomeld_build.errors import ConfigError
from geomeld_build.pictures.frames.charts import biome_chart, continent_chart, date_chart, drop_chart, nearest_chart
from geomeld_build.pictures.frames.page import Cell, Page
from geomeld_build.pictures.frames.style import biome_label, png
from geomeld_build.pictures.frames.world_map import density_map, split_map

__all__ = ["COUNTRIES", "require_folder", "write_frame_report", "write_pages"]

COUNTRIES = Path(__file__).parents[2] / "anchors" / "world" / "countries.parquet"
"""Outlines of the maps; maps are drawn without where the file is missing."""

_WORDS = {
    "density": "World map in the Equal Earth projection: anchors in squares of equal area",
    "biomes": "Bars: anchors by biome and pool, with a mark at the quota",
    "continents": "Bars: share of the continents in every pool",
    "nearest": "Histogram of the distance to the nearest other anchor",
    "drops": "Bars: what became of the points that were offered, by pool",
    "dates": "Tables of years and months by pool",
    "splits": "World map of the splits, and a close view of the densest area",
}


def write_frame_report(
    folder: Path,
    anchors: pa.Table,
    reserves: pa.Table,
    dropped: pa.Table,
    quotas: Quotas,
    leakage: Mapping[str, Any] | None,
    recipe: Mapping[str, Any],
    *,
    title: str,
    offered: Mapping[str, int] | None = None,
    countries: Path | None = COUNTRIES,
) -> list[Path]:
    """Write the report of a frame.

    Args:
        folder: made if need be; files of an earlier report are replaced.
        anchors: columns of ``FRAME_SCHEMA``.
        reserves: the same.
        dropped: columns of ``DROPPED_SCHEMA``.
        quotas: anchors that were wanted, by pool and stratum.
        leakage: any JSON-like mapping about the splits, shown as it is. ``overlapping_pairs``, a number of pairs of
            tiles of two splits that overlap (or a mapping of such numbers), becomes a verdict.
        recipe: the settings, shown as they are.
        title: of the page.
        offered: points that were read, by imported pool, counted where they were read.
        countries: GeoParquet with the outlines for the maps.

    Returns:
        The files: the page, the figures, the pictures.

    Raises:
        ConfigError: the folder is a file, a table lacks a column, or there are no anchors.
    """
    require_folder(folder)
    summary = summarise(anchors, reserves, dropped, quotas, offered)
    pictures = _pictures(summary, anchors, title, countries)
    page = Page(title)
    _headlines(page, summary)
    page.picture(pictures["density"], _WORDS["density"])
    _section_strata(page, summary, pictures)
    _section_drops(page, summary, pictures)
    _section_distances(page, summary, pictures)
    _section_splits(page, summary, pictures, leakage)
    _section_dates(page, summary, pictures)
    page.heading("Recipe")
    page.settings(recipe)
    document = {"title": title, "recipe": recipe, "leakage": leakage, **summary.to_json()}
    return write_pages(folder, page, document, pictures)


def require_folder(folder: Path) -> None:
    """Make the folder of a report, before anything is computed for it.

    Raises:
        ConfigError: it is a file, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigError(f"cannot write a report to {folder}: it is a file, expected the name of a folder") from None
    except OSError as error:
        raise ConfigError(f"cannot write a report to {folder}: {error}") from error


def write_pages(folder: Path, page: Page, document: Mapping[str, Any], pictures: Mapping[str, bytes]) -> list[Path]:
    """Write ``report.html``, ``summary.json`` and the pictures, each by its name; returns their paths."""
    files = {"report.html": page.render().encode(), "summary.json": _json(document)}
    files |= {f"{name}.png": data for name, data in pictures.items()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, default=str, ensure_ascii=False) + "\n").encode()


def _pictures(summary: FrameSummary, anchors: pa.Table, title: str, countries: Path | None) -> dict[str, bytes]:
    lon, lat = (anchors.column(name).to_numpy() for name in ("lon", "lat"))
    split = np.asarray(pc.fill_null(anchors.column("split"), "").to_pylist())
    figures: dict[str, Figure | None] = {
        "density": density_map(lon, lat, f"{title}: {len(lon):,} anchors", countries),
        "biomes": biome_chart(summary),
        "continents": continent_chart(summary),
        "drops": drop_chart(summary),
        "nearest": nearest_chart(summary),
        "splits": split_map(lon, lat, split, countries) if (split != "").any() else None,
        "dates": date_chart(summary.dates, summary.pools, "Anchors by year and month"),
    }
    return {name: png(figure) for name, figure in figures.items() if figure is not None}


def _headlines(page: Page, summary: FrameSummary) -> None:
    overlapping = sum(number for _, number in summary.overlaps)
    numbers = [
        ("anchors", f"{summary.anchors:,}"),
        ("reserves", f"{summary.reserves:,}"),
        ("points dropped", f"{summary.dropped:,}"),
        ("strata", f"{len(summary.strata):,}"),
        ("below quota", f"{summary.missing:,}"),
        ("flagged as overlapping", f"{overlapping:,}"),
        ("at a zone seam", f"{sum(number for _, number in summary.seams) / summary.anchors:.2%}"),
    ]
    if summary.nearest.quantiles_km:
        numbers.append(("median distance to the nearest", f"{summary.nearest.quantiles_km['0.5']:.3g} km"))
    page.headlines(numbers)


def _section_strata(page: Page, summary: FrameSummary, pictures: Mapping[str, bytes]) -> None:
    page.heading("Strata: wanted and got")
    short = [stratum for stratum in summary.strata if stratum.missing]
    if any(stratum.wanted for stratum in summary.strata):
        told = f"{summary.missing:,} anchors missing in {len(short):,} strata"
        page.verdict(not short, f"every stratum has its quota ({told})")
    page.picture(pictures["biomes"], _WORDS["biomes"])
    pools = summary.pools
    rows: list[list[Cell]] = []
    for stratum in summary.strata:
        wanted, got = sum(stratum.wanted.values()), sum(stratum.got.values())
        by_pool = [stratum.got.get(pool) for pool in pools]
        biome = "" if stratum.biome is None else biome_label(stratum.biome)
        rows.append(
            [
                stratum.stratum,
                biome,
                wanted if stratum.wanted else None,
                got,
                stratum.missing,
                *by_pool,
                stratum.reserves,
            ]
        )
    asked = [sum(stratum.wanted.values()) for stratum in summary.strata]
    totals = summary.total(0)
    page.table(
        ["stratum", "biome", "wanted", "got", "missing", *pools, "reserves"],
        rows,
        ["all", "", sum(asked), summary.anchors, summary.missing, *(totals[pool] for pool in pools), summary.reserves],
    )
    page.heading("Pools, biomes and continents")
    page.picture(pictures["continents"], _WORDS["continents"])
    page.table(
        ["pool", "biome", "continent", "anchors"],
        [[pool, biome_label(biome), continent, number] for pool, biome, continent, number in summary.counts],
    )


def _section_drops(page: Page, summary: FrameSummary, pictures: Mapping[str, bytes]) -> None:
    page.heading("Account of what was offered")
    known = [account for account in summary.accounts if account.offered is not None]
    if known:
        told = "; ".join(
            f"{a.pool}: {a.offered:,} offered, {a.kept:,} kept, {a.reserve:,} in reserve, "
            f"{sum(a.dropped.values()):,} dropped, {a.unaccounted:,} unaccounted"
            for a in known
        )
        page.verdict(summary.adds_up, f"every point that was read is kept, in reserve, or dropped for a reason. {told}")
    else:
        page.text("Points were not counted where they were read: the sums below are those of the frame's own tables.")
    if "drops" in pictures:
        page.picture(pictures["drops"], _WORDS["drops"])
    reasons = sorted({reason for account in summary.accounts for reason in account.dropped})
    rows: list[list[Cell]] = [
        [
            *(a.pool, a.offered, a.kept, a.reserve),
            *(a.dropped.get(reason, 0) for reason in reasons),
            *(a.accounted, a.cells, None if a.land_share is None else 100 * a.land_share),
        ]
        for a in summary.accounts
    ]
    columns = ["pool", "offered", "kept", "reserve", *(r.replace("_", " ") for r in reasons), "sum", "lattice cells"]
    page.table([*columns, "on land, %"], rows)


def _section_distances(page: Page, summary: FrameSummary, pictures: Mapping[str, bytes]) -> None:
    nearest = summary.nearest
    page.heading("Distances, overlaps and seams")
    page.picture(pictures["nearest"], _WORDS["nearest"])
    if nearest.quantiles_km:
        page.table([f"quantile {q}" for q in nearest.quantiles_km], [list(nearest.quantiles_km.values())])
    flagged = sum(number for _, number in summary.overlaps)
    page.verdict(
        nearest.surely_overlapping <= flagged,
        f"anchors nearer than {SURELY_OVERLAP_M:,.0f} m to another overlap it, so there are no more of them "
        f"({nearest.surely_overlapping:,}) than are flagged ({flagged:,})",
    )
    totals, overlaps, seams = summary.total(0), dict(summary.overlaps), dict(summary.seams)
    page.table(
        ["pool", "anchors", "flagged as overlapping", "at a zone seam", "at a zone seam, %"],
        [
            [pool, totals[pool], overlaps.get(pool, 0), seams.get(pool, 0), 100 * seams.get(pool, 0) / totals[pool]]
            for pool in summary.pools
        ],
    )
    if summary.excluded:
        page.table(["exclusion layer", "anchors flagged"], [list(row) for row in summary.excluded])


def _section_splits(
    page: Page, summary: FrameSummary, pictures: Mapping[str, bytes], leakage: Mapping[str, Any] | None
) -> None:
    page.heading("Splits and leakage")
    if "splits" in pictures:
        page.picture(pictures["splits"], _WORDS["splits"])
    splits = list(dict.fromkeys(split for split, _, _ in summary.splits))
    table: dict[int, dict[str, int]] = {}
    for split, biome, number in summary.splits:
        table.setdefault(biome, {})[split] = number
    rows: list[list[Cell]] = []
    for biome, row in sorted(table.items()):
        total = sum(row.values())
        shares = [100 * row.get(split, 0) / total for split in splits]
        rows.append([biome_label(biome), total, *(row.get(split, 0) for split in splits), *shares])
    sums = [sum(row.get(split, 0) for row in table.values()) for split in splits]
    names = [split or "no split" for split in splits]
    page.table(
        ["biome", "anchors", *names, *(f"{name}, %" for name in names)],
        rows,
        ["all", summary.anchors, *sums, *(100 * number / summary.anchors for number in sums)],
    )
    page.table(["split", "blocks"], [list(row) for row in summary.blocks])
    if leakage is None:
        page.text("Leakage between the splits was not examined.")
        return
    if "overlapping_pairs" in leakage:
        pairs = _sum(leakage["overlapping_pairs"])
        page.verdict(pairs == 0, f"no tile overlaps a tile of another split ({pairs:,} pairs do)")
    page.settings(leakage)


def _section_dates(page: Page, summary: FrameSummary, pictures: Mapping[str, bytes]) -> None:
    page.heading("Dates")
    page.picture(pictures["dates"], _WORDS["dates"])
    page.table(["pool", "rule", "anchors"], [list(row) for row in summary.date_rules])


def _sum(value: Any) -> int:
    return sum(_sum(item) for item in value.values()) if isinstance(value, Mapping) else int(value)
