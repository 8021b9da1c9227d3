"""The seam to providers: batched search, reading of a pinned plan, and vector tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.grid import Scene, TilePlan, Window
from geomeld_build.modalities import Modality

__all__ = ["Counters", "Reading", "SceneQuery", "Share", "Source"]


@dataclass(frozen=True, slots=True)
class SceneQuery:
    """One question to a source: which scenes can serve this part of this row here and then."""

    row: str
    part: str
    region: tuple[tuple[float, float], ...] | None = None
    """Lon/lat ring of the tile (closed or not). None for static assets: asked once for all tiles."""
    window: Window | None = None
    near: datetime | None = None
    """Answers come sorted by distance in time to this instant."""
    limit: int = 12
    max_cloud_percent: float | None = None
    """Only scenes strictly below."""
    contains: bool = False
    """True: the footprint must contain the region; False: it must intersect it."""
    indices: tuple[str, ...] = ()
    """Only these scene indexes (companion products)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Pixels of one tile as a source delivered them."""

    arrays: Mapping[str, NDArray[Any]]
    """Row name to ``(band, y, x)`` in the row's stored dtype, nodata where invalid. Rows wholly skipped are absent."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Scalars read along, e.g. ``sentinel1.asc_vv.incidence_deg`` in degrees."""


@dataclass(slots=True)
class Counters:
    """What a run has cost so far. Adding two gives the cost of both.

    ``requests`` is the sum of the search, pixel, companion and setup requests and of ``retries_fault``.
    """

    requests: int = 0
    """Everything sent, retries included."""
    search_requests: int = 0
    pixel_requests: int = 0
    companion_requests: int = 0
    """Pixel requests for rows on a grid of their own that need a request of their own (NAIP)."""
    setup_requests: int = 0
    retries_fault: int = 0
    """Requests repeated after an error of the service or the network."""
    bytes_received: int = 0
    """On the wire, before decompression."""
    busy_s: float = 0.0
    """Seconds that requests were in flight, summed over requests that ran side by side."""

    def __add__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def __sub__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, name) - getattr(other, name) for name in self.__slots__))


class Share(Protocol):
    """What one context has spent so far."""

    def snapshot(self) -> Counters:
        """The figures up to now."""
        ...


class Source(Protocol):
    """A provider of scenes. Batched, because the network is the cost."""

    name: str

    def find(self, queries: Sequence[SceneQuery]) -> Sequence[Sequence[Scene]]:
        """One answer a query, in order; an empty answer means that there is no such scene.

        Raises:
            SourceError: the provider failed after retries.
        """
        ...

    def read(self, plan: TilePlan, modalities: Mapping[str, Modality]) -> Reading:
        """Every pinned row of a plan, with about one request.

        Raises:
            TileSkipped: ``asset_changed`` when a pinned asset is gone or has another version.
            SourceError: the provider failed after retries.
        """
        ...

    def table(self, name: str, columns: Sequence[str]) -> pa.Table:
        """A vector table: the asked columns and ``geometry`` (WKB, lon/lat).

        Raises:
            SourceError: the provider failed after retries.
        """
        ...

    def counters(self) -> Counters:
        """A snapshot of what was spent through this object."""
        ...

    def tally(self) -> AbstractContextManager[Share]:
        """Counts what is spent through this object inside the ``with`` block, in this context only."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
