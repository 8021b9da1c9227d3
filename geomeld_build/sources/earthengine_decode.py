"""From the bands of an answer to the arrays of a tile: NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import SourceError
from geomeld_build.grid import TilePlan
from geomeld_build.modalities import Modality
from geomeld_build.sources.base import Reading
from geomeld_build.sources.earthengine_layout import ANGLE_SCALE, Errand, PartRead, reads

__all__ = ["decode", "fields_of"]

Fields = Mapping[str, NDArray[Any]]


def fields_of(body: bytes, errand: Errand) -> dict[str, NDArray[Any]]:
    """The bands of an NPY answer, ``(y, x)`` each, checked against what was asked.

    Raises:
        SourceError: not an array, or of another shape, or with other bands or types.
    """
    try:
        pixels = np.load(BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise SourceError(f"Earth Engine's pixels are no NPY array ({error}): {body[:80]!r}") from error
    wanted = {name: dtype for read in errand.reads for name, dtype in read.dtypes.items()}
    got = {name: str(pixels.dtype[name]) for name in pixels.dtype.names or ()}
    if got != wanted:
        differ = sorted(set(wanted.items()) ^ set(got.items()))
        raise SourceError(f"Earth Engine answered other bands or types than asked: {differ}")
    size = errand.grid.size
    if pixels.shape != (size, size):
        raise SourceError(f"Earth Engine answered {pixels.shape} pixels, asked were {(size, size)}")
    return {name: pixels[name] for name in wanted}


def decode(fields: Fields, plan: TilePlan, modalities: Mapping[str, Modality]) -> Reading:
    """Arrays and facts of a tile.

    Validity comes from the mask bits, never from the value. A valid value that equals the row's nodata becomes the
    nearest legal one (a reflectance of 0 is stored as 1); where the row holds classes it is no class, so invalid.

    Args:
        fields: band name to ``(y, x)``, as :func:`fields_of` gives them, of all requests of the tile.
        plan: what was read.
        modalities: the table.

    Raises:
        SourceError: a band that the plan needs is not among the fields.
    """
    arrays: dict[str, NDArray[Any]] = {}
    facts: dict[str, float] = {}
    for read in reads(plan, modalities):
        absent = [name for name in read.dtypes if name not in fields]
        if absent:
            raise SourceError(f"bands {absent} of tile {plan.anchor.tile_id} were not read")
        row = read.row
        if row.name not in arrays:
            shape = (len(row.bands), row.grid.size, row.grid.size)
            arrays[row.name] = np.full(shape, row.nodata, dtype=row.dtype)
        _fill(arrays[row.name], fields, read)
        angle = _incidence(fields, read)
        if angle is not None:
            facts[f"{row.name}.{read.part.name}.incidence_deg"] = angle
    return Reading(arrays, facts)


def _fill(array: NDArray[Any], fields: Fields, read: PartRead) -> None:
    row = read.row
    bits = fields[read.valid_name]
    for bit, (position, name) in enumerate(zip(read.present, read.data_names, strict=True)):
        values = fields[name]
        valid = (bits >> bit) & 1 == 1
        if row.classes is None:
            values = np.where(values == row.nodata, _neighbour(row), values)
        target = array[row.bands.index(read.bands[position])]
        target[valid] = values[valid]


def _neighbour(row: Modality) -> int:
    """The legal value nearest to nodata."""
    return row.nodata + 1 if row.nodata < np.iinfo(row.dtype).max else row.nodata - 1


def _incidence(fields: Fields, read: PartRead) -> float | None:
    if read.angle_name is None:
        return None
    angles = fields[read.angle_name]
    known = angles[angles > 0]
    return float(known.mean(dtype=np.float64)) / ANGLE_SCALE if known.size else None
