"""What a fetch will cost, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from geomeld_build.grid import TilePlan
from geomeld_build.modalities import MODALITIES, TILE_GRID

__all__ = ["Estimate", "estimate"]

_STORED_SHARE = 0.42
"""Compressed share of raw bytes of real tiles with bilinear Sentinel-2 (measured 0.39 to 0.44)."""
_SECONDS_A_REQUEST = 2.0
"""Assumed time of one pixel request; the service publishes none, so the first tiles of a run tell better."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost of fetching a plan."""

    tiles: int
    """Anchors with a reference scene."""
    skipped: int
    """Anchors without one."""
    requests: int
    """Pixel requests when no candidate fails: one a tile, one more where a row has a grid of its own."""
    bytes_raw: int
    """Decoded size of the pixels."""
    bytes_stored: int
    """Expected size on disk."""
    hours_at_quota: float
    """At the quota: the slower of the rate limit and the concurrency limit at 2 s a request."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return asdict(self)


def estimate(plans: Sequence[TilePlan], *, max_in_flight: int = 40, requests_per_second: float = 95.0) -> Estimate:
    """Cost of a plan, counting only the best candidate of every tile."""
    first = [plan for plan in plans if plan.rank == 0]
    built = [plan for plan in first if plan.reference is not None]
    requests = raw = 0
    for plan in built:
        rows = {part.row for part in plan.parts if part.skip is None}
        raw += sum(_raw_bytes(row) for row in rows)
        requests += 1 + sum(_needs_own_request(row) for row in rows)
    rate = min(requests_per_second, max_in_flight / _SECONDS_A_REQUEST)
    return Estimate(
        tiles=len(built),
        skipped=len(first) - len(built),
        requests=requests,
        bytes_raw=raw,
        bytes_stored=round(raw * _STORED_SHARE),
        hours_at_quota=round(requests / rate / 3600, 4),
    )


def _raw_bytes(name: str) -> int:
    row = MODALITIES[name]
    return len(row.bands) * row.grid.size**2 * np.dtype(row.dtype).itemsize


def _needs_own_request(name: str) -> bool:
    return MODALITIES[name].grid.size != TILE_GRID.size
