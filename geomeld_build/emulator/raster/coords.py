"""Exact coordinate transforms between CRSs, per point, with one transformer per thread."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from geomeld_build.emulator.errors import EvalError

__all__ = ["check_crs", "is_geographic", "metres_per_unit", "transform_points"]

_LOCAL = threading.local()
_MOST_TRANSFORMERS = 256


@lru_cache(maxsize=512)
def check_crs(crs: str) -> CRS:
    """The CRS behind a code or WKT.

    Raises:
        EvalError: unknown to PROJ.
    """
    try:
        return CRS.from_user_input(crs)
    except CRSError as exc:
        raise EvalError(f"The CRS of a map projection could not be parsed: {crs!r}.") from exc


def is_geographic(crs: str) -> bool:
    """Whether coordinates are degrees."""
    return bool(check_crs(crs).is_geographic)


def metres_per_unit(crs: str) -> float:
    """Metres per coordinate unit of a projected CRS."""
    info = check_crs(crs).axis_info
    return float(info[0].unit_conversion_factor) if info else 1.0


def _transformer(source: str, target: str) -> Transformer:
    # PROJ contexts must not be shared between threads.
    cache: dict[tuple[str, str], Transformer] | None = getattr(_LOCAL, "transformers", None)
    if cache is None:
        cache = _LOCAL.transformers = {}
    key = (source, target)
    found = cache.get(key)
    if found is None:
        if len(cache) >= _MOST_TRANSFORMERS:
            cache.clear()
        found = cache[key] = Transformer.from_crs(check_crs(source), check_crs(target), always_xy=True)
    return found


def transform_points(
    source: str, target: str, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Coordinates of points in another CRS (x first); points outside its domain become infinite."""
    if source == target:
        return x, y
    out = _transformer(source, target).transform(x, y)
    return np.asarray(out[0]), np.asarray(out[1])
