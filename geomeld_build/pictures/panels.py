"""What a picture shows: a list of panels, each an image on the ground with its legend or scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from geomeld_build.modalities import MODALITIES, Modality
from geomeld_build.pictures import palette
from geomeld_build.pictures.view import Layer, TileView

__all__ = ["Panel", "Scale", "panels_of"]

Image = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Scale:
    """A colour bar: colour map, range, unit."""

    cmap: str | Colormap
    limits: palette.Range
    unit: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One image with its title; without an image it states why there is none."""

    key: str
    title: str
    image: Image | None
    """``(y, x, 3)`` colours 0..1, first row north."""
    extent_m: tuple[float, float, float, float] = (-640.0, 640.0, -640.0, 640.0)
    scale: Scale | None = None
    legend: Sequence[tuple[str, str]] = ()
    """Text and ``#rrggbb`` colour."""
    reason: str = ""


Painter = Callable[[TileView, Layer], list[Panel]]


def panels_of(view: TileView, rows: Sequence[str] | None = None) -> list[Panel]:
    """Every panel of a tile in table order; a row that is absent gives one panel with the typed reason."""
    panels: list[Panel] = []
    for name in rows or MODALITIES:
        layer = view.layers.get(name)
        if layer is None:
            panels.extend(_absent(view, name))
        else:
            panels.extend(_PAINTERS.get(name, _paint_any)(view, layer))
    return panels


def _absent(view: TileView, name: str) -> list[Panel]:
    """The panels that a row would have had: one for each group of its parts."""
    parts = MODALITIES[name].origins.values()
    groups = list(dict.fromkeys(part.group for origin in parts for part in origin if part.group))
    if not groups:
        return [Panel(name, _label(name), None, reason=view.why_absent(name))]
    return [Panel(f"{name}_{g}", f"{_label(name)} {g}", None, reason=view.why_absent(name, g)) for g in groups]


def _label(name: str) -> str:
    return name.replace("_", " ")


def _title(view: TileView, layer: Layer, what: str, group: str = "") -> str:
    when = view.when(layer.row.name, group)
    return f"{what}\n{when}" if when else what


def _paint_reference(view: TileView, layer: Layer) -> list[Panel]:
    red, green, blue, nir = (layer.band(name) for name in ("B4", "B3", "B2", "B8"))
    limits, gamma = palette.VISIBLE, palette.GAMMA
    true = palette.compose(*(palette.stretch(band, limits, gamma) for band in (red, green, blue)))
    false = palette.compose(
        palette.stretch(nir, palette.NIR, gamma),
        palette.stretch(red, limits, gamma),
        palette.stretch(green, limits, gamma),
    )
    return [
        Panel("true_colour", _title(view, layer, "sentinel2 true colour"), true, layer.extent_m),
        Panel("false_colour", _title(view, layer, "sentinel2 near infrared"), false, layer.extent_m),
    ]


def _paint_radar(view: TileView, layer: Layer) -> list[Panel]:
    return [_radar_panel(view, layer, short) for short in ("asc", "desc")]


def _radar_panel(view: TileView, layer: Layer, short: str) -> Panel:
    key = f"{layer.row.name}_{short}"
    for co_pol, cross_pol in (("VV", "VH"), ("HH", "HV")):
        co, cross = layer.band(f"{co_pol}_{short}"), layer.band(f"{cross_pol}_{short}")
        if np.isfinite(co).any() or np.isfinite(cross).any():
            title = _title(view, layer, f"{layer.row.name} {short} {co_pol}, {cross_pol}, {co_pol}−{cross_pol}", short)
            return Panel(key, title, palette.radar(co, cross), layer.extent_m)
    return Panel(key, f"{layer.row.name} {short}", None, reason=view.why_absent(layer.row.name, short))


def _paint_elevation(view: TileView, layer: Layer) -> list[Panel]:
    elevation = layer.values[0]
    limits = _own_range(elevation)
    colours = _coloured(elevation, palette.HEIGHTS, limits)
    light = palette.hillshade(elevation, layer.row.grid.gsd_m)
    # Half the light at least, so that the colour still tells the height on the shaded side.
    shaded = colours * (0.5 + 0.7 * np.nan_to_num(light, nan=0.7))[..., np.newaxis]
    image = np.where(np.isfinite(elevation)[..., np.newaxis], np.clip(shaded, 0, 1), palette.INVALID)
    title = _title(view, layer, f"{_label(layer.row.name)}, lit from the north-west")
    return [Panel(layer.row.name, title, image, layer.extent_m, Scale(palette.HEIGHTS, limits, "m"))]


def _own_range(values: Image) -> palette.Range:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    # A plain must not look like mountains: at least 20 m from the lowest to the highest colour.
    return (low, max(high, low + 20.0))


def _coloured(values: Image, cmap: str | Colormap, limits: palette.Range) -> Image:
    image = np.array(colormaps.get_cmap(cmap)(palette.stretch(values, limits))[..., :3])
    image[~np.isfinite(values)] = palette.INVALID
    return image


def _paint_naip(view: TileView, layer: Layer) -> list[Panel]:
    bands = (palette.stretch(layer.band(name), (0.0, 255.0)) for name in ("R", "G", "B"))
    return [Panel(layer.row.name, _title(view, layer, "naip 1 m"), palette.compose(*bands), layer.extent_m)]


def _scaled(cmap: str, *limits: palette.Range) -> Painter:
    """One panel a band with a fixed range; the last range serves the remaining bands."""

    def paint(view: TileView, layer: Layer) -> list[Panel]:
        panels = []
        for index, band in enumerate(layer.row.bands):
            bounds = limits[min(index, len(limits) - 1)]
            panels.append(_scalar_panel(view, layer, index, band, cmap, bounds))
        return panels

    return paint


def _scalar_panel(view: TileView, layer: Layer, index: int, band: str, cmap: str, limits: palette.Range) -> Panel:
    row = layer.row
    name = _label(row.name)
    what = name if len(row.bands) == 1 or index == 0 else f"{name} {band}"
    image = _coloured(layer.values[index], cmap, limits)
    unit = {"1": "", "percent": "%", "degree": "°"}.get(row.units, row.units)
    key = row.name if index == 0 else f"{row.name}_{band}"
    return Panel(key, _title(view, layer, what), image, layer.extent_m, Scale(cmap, limits, unit))


def _paint_classes(view: TileView, layer: Layer) -> list[Panel]:
    classes = layer.row.classes
    assert classes is not None
    labels = layer.values[0]
    legend = [
        # No-break spaces keep the number in one line of a wrapped legend.
        (f"{name} {100 * share:.0f}\u00a0%" if share >= 0.005 else f"{name} <\u00a01\u00a0%", colour)
        for name, colour, share in palette.present_classes(labels, classes)
    ]
    image = palette.class_image(labels, classes)
    return [Panel(layer.row.name, _title(view, layer, _label(layer.row.name)), image, layer.extent_m, legend=legend)]


def _paint_any(view: TileView, layer: Layer) -> list[Panel]:
    """A row that this module does not know: classes in their colours, values in grey over their own range."""
    row: Modality = layer.row
    if row.classes is not None:
        return _paint_classes(view, layer)
    return _scaled("gray", *(_own_range(band) for band in layer.values))(view, layer)


_PAINTERS: dict[str, Painter] = {
    "sentinel2": _paint_reference,
    "sentinel1": _paint_radar,
    "elevation": _paint_elevation,
    "slope": _scaled("magma", palette.SLOPE_DEG),
    "canopy_height": _scaled("YlGn", palette.HEIGHT_M, palette.HEIGHT_STD_M),
    "clear_score": _scaled("cividis", palette.CLEAR),
    "jrc_occurrence": _scaled("Blues", palette.WATER_PERCENT),
    "dem_context": _paint_elevation,
    "naip": _paint_naip,
}
