"""The report on captions as a page: figures, charts, groups, and tiles with their claims in colour."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from geomeld_build.captions.agents.record import CaptionRecord
from geomeld_build.captions.report.summary import CaptionReport
from geomeld_build.captions.report.truth import TruthFigures
from geomeld_build.captions.signals.record import Signals
from geomeld_build.captions.vision.image import images_of
from geomeld_build.pictures.captions.charts import claims_chart, length_chart
from geomeld_build.pictures.captions.sheet import save_caption_sheet
from geomeld_build.pictures.captions.spans import COLOURS, spans_of
from geomeld_build.pictures.frames.frame_report import require_folder, write_pages
from geomeld_build.pictures.frames.page import Cell, Page
from geomeld_build.pictures.frames.style import png
from geomeld_build.store import Store

__all__ = ["shown_records", "write_caption_report"]

_COLUMNS = ("", "captions", "claims", "G", "H1", "H2", "U", "C")


def write_caption_report(store: Store, report: CaptionReport, folder: Path, *, shown: int = 24) -> list[Path]:
    """Write ``report.html``, ``summary.json``, charts and ``captions.png``; returns the paths.

    Args:
        store: of the tiles.
        report: what was measured.
        folder: made if need be; files of an earlier report are replaced.
        shown: tiles with their captions.

    Raises:
        ConfigError: the folder is a file.
    """
    require_folder(folder)
    page = Page(f"Captions by {report.producer}")
    _headlines(page, report)
    _truth(page, report)
    pictures = {"claims": png(claims_chart(report)), "words": png(length_chart(report))}
    page.picture(pictures["claims"], "Bars: claims by type and verdict")
    _variety(page, report, pictures["words"])
    for kind, group in report.groups.items():
        page.heading(f"By {kind}")
        page.table((kind, *_COLUMNS[1:]), [_row(name, figures) for name, figures in group.items()])
    records = shown_records(report, shown)
    page.heading("Tiles")
    page.text("Chosen by a hash of their names. Point at a claim to read what it stands on.")
    for record in records:
        _tile(page, store, record)
    page.heading("Settings")
    page.settings({"captioner": report.captioner, "evaluator": report.evaluator})
    files = write_pages(folder, page, report.to_json(), pictures)
    signals = {one.tile_id: Signals.model_validate(report.signals[one.tile_id]) for one in records}
    return [*files, save_caption_sheet(store, records, signals, folder / "captions.png")]


def shown_records(report: CaptionReport, count: int) -> list[CaptionRecord]:
    """Captions to look at: drawn by a hash, the same ones every time."""
    return sorted(report.records, key=lambda one: hashlib.blake2b(one.tile_id.encode()).hexdigest())[:count]


def _headlines(page: Page, report: CaptionReport) -> None:
    kept = report.captions
    page.headlines(
        [
            ("captions", f"{kept.texts:,}"),
            ("groundedness G", _percent(kept.groundedness)),
            ("with a contradicted claim H1", _percent(kept.h1)),
            ("claims that cannot be told U", _percent(kept.unverifiable)),
            ("coverage C", _percent(kept.coverage)),
            ("different texts", "–" if report.diversity is None else f"{report.diversity.unique:,}"),
        ]
    )
    looked = report.evaluator.get("looks_at_image", False)
    page.text(
        f"Written by: {report.captioner.get('model', report.captioner.get('kind'))}. The evaluator "
        f"{'looked' if looked else 'did not look'} at the images. Groundedness is measured against the same signals "
        "that the captions were written from, and the maps behind them are wrong in places: 'caption audit' asks "
        "people, 'caption held-out' a second map."
    )


def _truth(page: Page, report: CaptionReport) -> None:
    page.heading("Truth by the signals")
    page.table(
        _COLUMNS,
        [
            _row("first candidates, before verification", report.proposed),
            _row("captions", report.captions),
        ],
    )
    page.text(
        "G: supported of supported and contradicted claims. H1: captions with a contradicted claim. H2: contradicted "
        "claims. U: claims that no signal tells. C: share of what should be told (large classes, water, landform, the "
        "object in the middle) that is told. They belong together: a text that says nothing has G 1 and C 0."
    )
    page.table(("ended as", "captions"), _counts(report.statuses))
    if report.edits:
        page.table(("edit", "times"), _counts(report.edits))


def _counts(counts: Mapping[str, int]) -> list[tuple[Cell, ...]]:
    """The most frequent first."""
    return [(name.replace("_", " "), count) for name, count in sorted(counts.items(), key=lambda item: -item[1])]


def _variety(page: Page, report: CaptionReport, words: bytes) -> None:
    page.heading("Variety")
    if report.diversity is not None:
        page.settings(report.diversity.to_json())
    page.picture(words, "Histogram of the number of words")


def _row(name: str, figures: TruthFigures) -> list[Cell]:
    return [
        name, figures.texts, figures.claims, figures.groundedness, figures.h1, figures.h2, figures.unverifiable,
        figures.coverage,
    ]  # fmt: skip


def _tile(page: Page, store: Store, record: CaptionRecord) -> None:
    rows = tuple(name for name in ("sentinel2",) if name in store.modalities)
    images = images_of(store.raw(record.tile_id, rows))
    claims = () if record.verification is None else record.verification.claims
    text = record.caption or f"Rejected: {record.events[-1]}"
    spans = [(span.text, COLOURS[span.label], span.note) for span in spans_of(text, claims)]
    page.card(None if images is None else images.main, f"Tile {record.tile_id}", spans, _about(record))


def _about(record: CaptionRecord) -> Mapping[str, str]:
    about = {"tile": record.tile_id, "ended as": record.status.replace("_", " ")}
    if record.edits:
        about["edits"] = "; ".join(f"{edit.op} '{edit.before.strip()}'" for edit in record.edits)
    return about


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %".replace(".00 %", " %")
