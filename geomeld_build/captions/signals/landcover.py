"""Fractions of land cover classes, and which of them dominates."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geomeld_build.captions.classes import harmonised

__all__ = ["Dominance", "disagreement", "dominance_of", "fractions_of"]

Dominance = Literal["single", "co-dominant", "mixed"]


def fractions_of(label: NDArray[Any], names: dict[int, str], nodata: int) -> tuple[dict[str, float], float]:
    """Share of every class among the valid pixels, and the share of valid pixels.

    Args:
        label: ``(y, x)`` class codes.
        names: code to class.
        nodata: code of pixels without a class.
    """
    valid = label[label != nodata]
    share = valid.size / label.size
    if not valid.size:
        return dict.fromkeys(names.values(), 0.0), 0.0
    counts = np.bincount(valid.astype(np.int64), minlength=max(names) + 1)
    return {name: float(counts[code]) / valid.size for code, name in names.items()}, share


def dominance_of(fractions: dict[str, float]) -> tuple[str, Dominance]:
    """The class with the largest share, and whether it stands alone.

    Alone with 60 %, or with 40 % and 15 points ahead; co-dominant when the next one is within 10 points.
    """
    ranked = sorted(fractions.items(), key=lambda item: -item[1])
    (top, first), (_, second) = ranked[0], ranked[1]
    if first >= 0.60 or (first >= 0.40 and first - second >= 0.15):
        return top, "single"
    return top, "co-dominant" if first - second < 0.10 else "mixed"


def disagreement(worldcover: dict[str, float], dynamic_world: dict[str, float]) -> float:
    """How much two maps differ: half the summed difference of their fractions, 0..1."""
    merged = harmonised(worldcover)
    return 0.5 * sum(abs(merged[name] - dynamic_world.get(name, 0.0)) for name in merged)
