"""The report of a store: what was built of a frame, as ``report.html``, ``summary.json`` and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from matplotlib.figure import Figure

from geomeld_build.pictures.frames.charts import date_chart
from geomeld_build.pictures.frames.frame_report import COUNTRIES, require_folder, write_pages
from geomeld_build.pictures.frames.land_cover import Progress
from geomeld_build.pictures.frames.page import Page
from geomeld_build.pictures.frames.store_charts import (
    cover_chart,
    month_chart,
    offset_chart,
    outcome_chart,
    strata_chart,
)
from geomeld_build.pictures.frames.store_summary import StoreSummary, store_report
from geomeld_build.pictures.frames.style import png
from geomeld_build.pictures.frames.world_map import density_map
from geomeld_build.store import Store

__all__ = ["write_store_report"]

_WORDS = {
    "density": "World map in the Equal Earth projection: tiles in squares of equal area",
    "strata": "Bars: anchors by stratum as they ended",
    "months": "Months planned and obtained, one panel a biome",
    "dates": "Tables of years and months of the reference scenes by pool",
    "offsets": "Histograms of days between dates",
    "land_cover": "Bars: share of tiles by most frequent class and by the three most frequent",
    "outcomes": "Bars: outcomes of the anchors by row",
}


def write_store_report(
    store: Store,
    folder: Path,
    progress: Progress | None = None,
    *,
    frame: pa.Table | None = None,
    title: str = "",
    countries: Path | None = COUNTRIES,
) -> list[Path]:
    """Write the report of a store.

    Args:
        store: at its version.
        folder: made if need be; files of an earlier report are replaced.
        progress: told while land cover is read from the pixels.
        frame: the anchors that were to be built, for quotas and biomes: see ``store_report``.
        title: of the page; by default the last part of the store's address.
        countries: GeoParquet with the outlines for the map.

    Returns:
        The files: the page, the figures, the pictures.

    Raises:
        ConfigError: the folder is a file, the frame lacks a column, or the store has no anchors.
        StoreError: a table or a shard object cannot be read.
    """
    require_folder(folder)
    title = title or f"{store.uri.rstrip('/').rsplit('/', 1)[-1]}, version {store.version}"
    summary = store_report(store, progress, frame)
    pictures = _pictures(store, summary, countries)
    page = Page(title)
    _headlines(page, summary)
    for name, heading in (("density", "Tiles"), ("strata", "Strata"), ("months", "Months planned and obtained")):
        if name in pictures:
            page.heading(heading)
            page.picture(pictures[name], _WORDS[name])
        if name == "strata":
            _table_strata(page, summary)
    _section_times(page, summary, pictures)
    _section_cover(page, summary, pictures)
    _section_outcomes(page, summary, pictures)
    return write_pages(folder, page, {"title": title, **summary.to_json()}, pictures)


def _pictures(store: Store, summary: StoreSummary, countries: Path | None) -> dict[str, bytes]:
    figures: dict[str, Figure] = {
        "strata": strata_chart(summary),
        "months": month_chart(summary),
        "outcomes": outcome_chart(summary, store.modalities),
    }
    if summary.tiles:
        places = store.query("SELECT lon, lat FROM tiles WHERE status = 'ok'")
        lon, lat = (places.column(name).to_numpy() for name in ("lon", "lat"))
        figures["density"] = density_map(lon, lat, f"{summary.tiles:,} tiles", countries, what="tiles")
        pools = sorted({pool for pool, *_ in summary.dates})
        figures["dates"] = date_chart(summary.dates, pools, "Reference scenes by year and month")
        figures["offsets"] = offset_chart(summary)
    if summary.land_cover is not None and summary.land_cover.tiles:
        figures["land_cover"] = cover_chart(summary.land_cover, f"Land cover of {summary.land_cover.tiles:,} tiles")
    return {name: png(figure) for name, figure in figures.items()}


def _headlines(page: Page, summary: StoreSummary) -> None:
    numbers = [
        ("tiles", f"{summary.tiles:,}"),
        ("anchors in the catalog", f"{summary.anchors:,}"),
        ("built", f"{summary.tiles / summary.anchors:.1%}"),
        ("catalog version", str(summary.catalog_version)),
    ]
    if summary.offsets[0].tiles:
        numbers.append(("within 30 days of the anchor's date", f"{summary.within_30_days:.1%}"))
    if any(item.wanted is not None for item in summary.strata):
        short = sum(max(0, (item.wanted or 0) - item.built) for item in summary.strata)
        numbers.append(("tiles below the frame", f"{short:,}"))
    page.headlines(numbers)


def _table_strata(page: Page, summary: StoreSummary) -> None:
    page.table(
        ["stratum", "in the frame", "tried", "built", "skipped", "failed"],
        [[s.stratum, s.wanted, s.attempted, s.built, s.skipped, s.failed] for s in summary.strata],
    )


def _section_times(page: Page, summary: StoreSummary, pictures: Mapping[str, bytes]) -> None:
    if "dates" not in pictures:
        return
    page.heading("Temporal distribution")
    page.picture(pictures["dates"], _WORDS["dates"])
    page.heading("Days between dates")
    page.picture(pictures["offsets"], _WORDS["offsets"])
    known = [item for item in summary.offsets if item.tiles]
    if known:
        page.table(
            ["from", "tiles", *(f"quantile {q}" for q in known[0].quantiles)],
            [
                [f"reference to {o.row}" if o.row else "anchor to reference", o.tiles, *o.quantiles.values()]
                for o in known
            ],
        )


def _section_cover(page: Page, summary: StoreSummary, pictures: Mapping[str, bytes]) -> None:
    page.heading("Land cover")
    if summary.land_cover is None:
        page.text("The store has no row of land cover.")
        return
    if "land_cover" in pictures:
        page.picture(pictures["land_cover"], _WORDS["land_cover"])
    page.table(
        ["class", "top-1, % of tiles", "top-3, % of tiles", "% of pixels"],
        [[name.replace("_", " "), 100 * a, 100 * b, 100 * c] for name, a, b, c in summary.land_cover.shares()],
    )


def _section_outcomes(page: Page, summary: StoreSummary, pictures: Mapping[str, bytes]) -> None:
    page.heading("Outcomes")
    page.picture(pictures["outcomes"], _WORDS["outcomes"])
    if summary.kinds:
        page.table(["anchors without a tile", "why", "anchors"], [list(row) for row in summary.kinds])
    kinds = sorted({kind for row in summary.outcomes.values() for kind in row})
    page.table(
        ["row", *(kind.replace("_", " ") for kind in kinds)],
        [[name, *(row.get(kind, 0) for kind in kinds)] for name, row in summary.outcomes.items()],
    )
