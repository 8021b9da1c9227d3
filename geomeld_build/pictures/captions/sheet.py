"""A sheet of tiles with their captions, every claim in the colour of its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from geomeld_build.captions.agents.record import CaptionRecord
from geomeld_build.captions.signals.record import Signals
from geomeld_build.errors import ConfigError
from geomeld_build.pictures.captions.spans import COLOURS, Span, spans_of
from geomeld_build.pictures.panels import panels_of
from geomeld_build.pictures.tile import draw_image, place_text
from geomeld_build.pictures.view import TileView, load_view
from geomeld_build.store import Store

__all__ = ["caption_sheet", "save_caption_sheet"]

_ROWS = ("sentinel2", "esa_worldcover", "elevation")
_SIDE_IN, _GAP_IN, _HEAD_IN = 1.7, 0.08, 0.4
_TEXT_IN = 5.2
_LINE_IN = 0.215
_DPI = 110
_MOST = 60
_FONT = FontProperties(size=10.5)


def caption_sheet(store: Store, records: Sequence[CaptionRecord], signals: dict[str, Signals]) -> Figure:
    """Draw captions, a line a tile: true colour, land cover, elevation, the text, what was measured.

    Args:
        store: of the tiles.
        records: their captions.
        signals: by tile.

    Raises:
        ConfigError: no caption, or more than 60.
    """
    if not 1 <= len(records) <= _MOST:
        raise ConfigError(f"a sheet shows 1 to {_MOST} captions, got {len(records)}")
    step = _SIDE_IN + _GAP_IN
    width = step * len(_ROWS) + _TEXT_IN + 3 * _GAP_IN
    height = _HEAD_IN + step * len(records) + _GAP_IN
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _legend(figure, width, height)
    for number, record in enumerate(records):
        bottom = height - _HEAD_IN - step * (number + 1)
        view = load_view(store, record.tile_id)
        for column, name in enumerate(_ROWS):
            box = (_GAP_IN + step * column, bottom, _SIDE_IN, _SIDE_IN)
            draw_image(figure.add_axes(_relative(box, width, height)), panels_of(view, (name,))[0])
        left = step * len(_ROWS) + 2 * _GAP_IN
        _text(figure, record, view, signals.get(record.tile_id), left, bottom + _SIDE_IN)
    return figure


def save_caption_sheet(store: Store, records: Sequence[CaptionRecord], signals: dict[str, Signals], path: Path) -> Path:
    """Write the sheet as PNG; returns the path.

    Raises:
        ConfigError: as ``caption_sheet``.
    """
    figure = caption_sheet(store, records, signals)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    return path


def _relative(box: tuple[float, ...], width: float, height: float) -> tuple[float, float, float, float]:
    left, bottom, across, up = box
    return left / width, bottom / height, across / width, up / height


def _legend(figure: Figure, width: float, height: float) -> None:
    x = _GAP_IN
    for column, name in enumerate(_ROWS):
        figure.text(
            (_GAP_IN + column * (_SIDE_IN + _GAP_IN)) / width, 1 - 0.25 / height, name.replace("_", " "), size=9,
            weight="bold",
        )  # fmt: skip
    x = len(_ROWS) * (_SIDE_IN + _GAP_IN) + 2 * _GAP_IN
    for label in ("supported", "contradicted", "unverifiable"):
        figure.text(x / width, 1 - 0.25 / height, label, size=9, weight="bold", color=COLOURS[label])
        x += 1.15


def _text(
    figure: Figure, record: CaptionRecord, view: TileView, signals: Signals | None, left: float, top: float
) -> None:
    """Where and when, the caption, and what was measured."""
    width, height = figure.get_size_inches()
    head = f"{place_text(view)}, {view.record['datetime']:%Y-%m-%d}  ·  {record.status.replace('_', ' ')}"
    figure.text(left / width, (top - 0.14) / height, head.replace("\n", ", "), size=8, color="#777777")
    claims = () if record.verification is None else record.verification.claims
    spans = spans_of(record.caption, claims) if record.caption else [Span(record.events[-1], "unverifiable")]
    last = _wrapped(figure, spans, left, top - 0.4)
    if signals is not None:
        figure.text(left / width, (last - 0.24) / height, _measured(signals), size=7.5, color="#777777", va="top")


def _wrapped(figure: Figure, spans: Sequence[Span], left: float, top: float) -> float:
    """Write words one by one in their colours; returns the height of the last line in inches."""
    width, height = figure.get_size_inches()
    x, y = left, top
    space = _long(" ")
    for word, glued, label in _words(spans):
        long = _long(word)
        ahead = 0.0 if glued or x == left else space
        if x + ahead + long > left + _TEXT_IN and not glued:
            x, y, ahead = left, y - _LINE_IN, 0.0
        figure.text((x + ahead) / width, y / height, word, fontproperties=_FONT, color=COLOURS[label], va="baseline")
        x += ahead + long
    return y


def _long(word: str) -> float:
    """Inches that a word takes, with the space around its letters: between two bars, less the bars."""
    framed, bars = (TextPath((0, 0), f"|{text}|", prop=_FONT).get_extents().width for text in (word, ""))
    return float(framed - bars) / 72


def _words(spans: Sequence[Span]) -> list[tuple[str, bool, str]]:
    """Words, whether they hang on the one before, and their label."""
    found, open_end = [], False
    for span in spans:
        for at, word in enumerate(span.text.split()):
            glued = at == 0 and open_end and not span.text[0].isspace()
            found.append((word, glued, span.label))
        if span.text:
            open_end = not span.text[-1].isspace()
    return found


def _measured(signals: Signals) -> str:
    """Two lines of signals."""
    lines = []
    if signals.landcover is not None:
        shares = sorted(signals.landcover.fractions.items(), key=lambda item: -item[1])
        lines.append(", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.01)[:110])
    rest = []
    if signals.water_analysis is not None:
        rest.append(f"water {signals.water_analysis.percentage:.1f} % ({signals.water_analysis.status})")
    if signals.terrain is not None:
        terrain = signals.terrain
        height = terrain.elevation_m
        rest.append(
            f"{terrain.terrain_class}, {height.min:.0f}-{height.max:.0f} m, slope {terrain.slope_deg.mean:.1f}°"
        )
    if signals.canopy_height_m is not None:
        rest.append(f"canopy p95 {signals.canopy_height_m.p95:.0f} m")
    lines.append(", ".join(rest))
    return "\n".join(lines)
