"""A tile as the painters want it: physical values with NaN, north up, and where each layer lies on the ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geomeld_build.modalities import MODALITIES, AtAnchor, Modality
from geomeld_build.store import Store
from geomeld_build.store.decode import tile_dataset

__all__ = ["Layer", "TileView", "days_text", "load_view", "view_of"]

_PRESENT = ("ok", "partial")


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of a tile."""

    row: Modality
    values: NDArray[np.floating[Any]]
    """``(band, y, x)`` in physical units (class codes as they are), NaN where invalid; y runs from north to south."""
    extent_m: tuple[float, float, float, float]
    """West, east, south, north edges in metres from the centre of the tile."""

    def band(self, name: str) -> NDArray[np.floating[Any]]:
        """One band by name, ``(y, x)``."""
        index = self.row.bands.index(name)
        return self.values[index, :, :]


@dataclass(frozen=True, slots=True)
class TileView:
    """A tile's catalog row and its layers; a layer is absent where the catalog says so."""

    record: Mapping[str, Any]
    layers: Mapping[str, Layer]

    def why_absent(self, name: str, group: str = "") -> str:
        """The typed reason why a row (or one group of its parts) is absent, with the first detail that is known."""
        parts = [part for part in self.record["parts"] if part["row"] == name and group in ("", part["group"])]
        kind = str(parts[0]["outcome"] if group and parts else self.record[f"{name}_outcome"])
        details = [part["detail"] for part in parts if part["detail"]]
        return f"{kind}\n{details[0]}" if details else kind

    def when(self, name: str, group: str = "") -> str:
        """Date and signed day offset of a dated row (of one group of its parts); empty for static ones."""
        for part in self.record["parts"]:
            if part["row"] == name and part["outcome"] in _PRESENT and group in ("", part["group"]):
                dated = [scene["datetime"] for scene in part["scenes"] if scene["datetime"] is not None]
                if dated:
                    return f"{min(dated):%Y-%m-%d}{_offset_text(name, part['offset_days'])}"
        return ""


def _offset_text(name: str, days: float | None) -> str:
    """Distance in time in brackets; rows that are dated by the anchor say so, all others count from the reference."""
    if days is None:
        return ""
    since = " from the anchor" if isinstance(MODALITIES[name].when, AtAnchor) else ""
    return f" ({days_text(days)}{since})"


def days_text(days: float) -> str:
    """Signed days with one decimal and a true minus: ``−2.4 d``; never a negative zero."""
    return f"{round(days, 1) + 0.0:+.1f} d".replace("-", "−")


def load_view(store: Store, tile_id: str) -> TileView:
    """Read one tile.

    Raises:
        ConfigError: the store has no such tile.
    """
    record = store.record(tile_id)
    dataset = store.tile(tile_id)
    present = [name for name in dataset.data_vars if record[f"{name}_outcome"] in _PRESENT]
    return TileView(record, {str(name): _layer(dataset[name], record) for name in present})


def view_of(record: Mapping[str, Any], stored: Mapping[str, NDArray[Any]]) -> TileView:
    """A view of pixels that come from elsewhere, e.g. from a batch.

    Args:
        record: the tile's catalog row.
        stored: row name to ``(band, y, x)`` in the stored dtype. A row is absent only when it is nodata here and absent
            by the catalog: pixels that should not be there are shown.
    """
    dataset = tile_dataset(record, stored)
    layers = {name: _layer(dataset[name], record) for name in stored}
    kept = [name for name in stored if record[f"{name}_outcome"] in _PRESENT or np.isfinite(layers[name].values).any()]
    return TileView(record, {name: layers[name] for name in kept})


def _layer(variable: xr.DataArray, record: Mapping[str, Any]) -> Layer:
    row = MODALITIES[str(variable.name)]
    y_dim, x_dim = variable.dims[-2:]
    # The coordinates decide what is up, not the order on disk.
    upright = variable.sortby(y_dim, ascending=False).sortby(x_dim)
    values = upright.to_numpy().astype(np.float32)
    if row.classes is not None:
        values[values == row.nodata] = np.nan
    half = row.grid.gsd_m / 2
    x, y = upright[x_dim].to_numpy(), upright[y_dim].to_numpy()
    centre_x, centre_y = _centre(record)
    extent = (x[0] - half - centre_x, x[-1] + half - centre_x, y[-1] - half - centre_y, y[0] + half - centre_y)
    return Layer(row, values, (float(extent[0]), float(extent[1]), float(extent[2]), float(extent[3])))


def _centre(record: Mapping[str, Any]) -> tuple[float, float]:
    from geomeld_build.grid import to_utm

    epsg = int(str(record["proj_code"]).rsplit(":", 1)[-1])
    # The catalog's lon/lat are of the centre, rounded to 1e-7 degrees: a hand's breadth.
    x, y = to_utm(epsg, record["lon"], record["lat"])
    return float(x), float(y)
