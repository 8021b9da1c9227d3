"""Is a tile good enough? Pure functions over stored arrays: shape, ranges, valid share, cloud.

Scene percentages say nothing about 1.28 km, and masks can be wrong; so a tile is tested on its own pixels, by its
mask product first and by the reflectances as a second opinion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import SourceError
from geomeld_build.modalities import MODALITIES, REFERENCE, Modality

__all__ = ["CloudTest", "cloud_test", "out_of_range", "reflectance_clouds", "require_form", "valid_fraction"]

_SCL_CLOUD = (3, 8, 9, 10)
"""Scene classification codes of cloud shadow, medium and high cloud probability, thin cirrus."""


@dataclass(frozen=True, slots=True)
class CloudTest:
    """Cloud and shadow over the valid pixels of a tile."""

    fraction: float
    by: Literal["clear_score", "scl", "reflectance"]
    """Which test gave the figure: the one that saw more cloud."""


def require_form(row: Modality, array: NDArray[Any]) -> None:
    """Refuse an array that is not what the table says.

    Raises:
        SourceError: wrong shape or dtype, which means that the source and the table disagree.
    """
    shape = (len(row.bands), row.grid.size, row.grid.size)
    if array.shape != shape or array.dtype != np.dtype(row.dtype):
        raise SourceError(f"{row.name}: got {array.dtype} {array.shape} from the source, expected {row.dtype} {shape}")


def valid_fraction(row: Modality, bands: NDArray[Any]) -> float:
    """Share of pixels that are not nodata, over all given bands."""
    return float(np.mean(bands != row.nodata)) if bands.size else 0.0


def out_of_range(row: Modality, bands: NDArray[Any]) -> str | None:
    """What is physically impossible in valid pixels, as one line; None when everything is possible."""
    values = bands[bands != row.nodata]
    if values.size == 0:
        return None
    if row.classes is not None:
        strange = np.setdiff1d(values, np.array(row.classes.values, dtype=values.dtype))
        return f"{row.name}: codes {strange.tolist()} are no class" if strange.size else None
    if row.limits is None:
        return None
    low, high = (float(edge) * row.scaling.scale + row.scaling.offset for edge in (values.min(), values.max()))
    tolerance = row.scaling.scale / 2
    if low < row.limits[0] - tolerance or high > row.limits[1] + tolerance:
        return f"{row.name}: {low:g}..{high:g} {row.units} is outside {row.limits[0]:g}..{row.limits[1]:g}"
    return None


def cloud_test(arrays: Mapping[str, NDArray[Any]], clear_score_threshold: float) -> CloudTest:
    """Cloud and shadow share by the best mask there is and by the reflectances; the larger one counts.

    Args:
        arrays: stored rows ``(band, y, x)``; the reference must be among them, masks may be.
        clear_score_threshold: cs_cdf from which a pixel is clear (0.5 to 0.65 recommended by the product's page).
    """
    reference = arrays[REFERENCE]
    valid = (reference != MODALITIES[REFERENCE].nodata).all(axis=0)
    tests = [CloudTest(_share(reflectance_clouds(reference), valid), "reflectance")]
    score, scl = arrays.get("clear_score"), arrays.get("scl")
    if score is not None and _present("clear_score", score):
        row = MODALITIES["clear_score"]
        seen = valid & (score[0] != row.nodata)
        tests.append(CloudTest(_share(score[0] * row.scaling.scale < clear_score_threshold, seen), "clear_score"))
    elif scl is not None and _present("scl", scl):
        seen = valid & (scl[0] != MODALITIES["scl"].nodata)
        tests.append(CloudTest(_share(np.isin(scl[0], _SCL_CLOUD), seen), "scl"))
    return max(reversed(tests), key=lambda test: test.fraction)


def reflectance_clouds(reference: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Bright, whitish, not snow: ``(12, y, x) uint16`` to ``(y, x) bool``.

    Thresholds of Braaten, Cohen and Yang (2015, Remote Sensing of Environment 169): green above 0.39, or above
    0.175 and brighter than red, while B11 above 0.1 keeps snow and water out. They published them for
    top-of-atmosphere reflectance; at the surface values are slightly lower, so the test errs towards clear.
    """
    row = MODALITIES[REFERENCE]
    green, red, swir = (
        reference[row.bands.index(name)].astype(np.float32) * np.float32(row.scaling.scale)
        for name in ("B3", "B4", "B11")
    )
    flagged: NDArray[np.bool_] = (swir > 0.1) & ((green > 0.39) | ((green > 0.175) & (green > red)))
    return flagged


def _present(name: str, array: NDArray[Any]) -> bool:
    return bool((array != MODALITIES[name].nodata).any())


def _share(flag: NDArray[np.bool_], where: NDArray[np.bool_]) -> float:
    total = int(where.sum())
    return float((flag & where).sum() / total) if total else 0.0
