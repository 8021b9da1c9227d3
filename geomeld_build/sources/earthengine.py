"""The ``earthengine`` source: finds scenes, reads pinned tiles and loads tables through the stock ``ee`` client.

Only the URL and the credentials tell the real service from an emulator; nothing here knows which one answers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.errors import SkipKind, SourceError, TileSkipped
from geomeld_build.grid import Anchor, Scene, TilePlan
from geomeld_build.modalities import MODALITIES, Modality
from geomeld_build.sources.base import Counters, Reading, SceneQuery
from geomeld_build.sources.earthengine_decode import decode, fields_of
from geomeld_build.sources.earthengine_find import (
    Place,
    Question,
    arrange,
    ask,
    origin_part,
    split_query,
    table_bands,
    understand,
)
from geomeld_build.sources.earthengine_layout import Errand, errands, reads
from geomeld_build.sources.earthengine_pixels import Interpolate, errand_expression, grid_request
from geomeld_build.sources.earthengine_retry import Refused, Verdict, missing_asset
from geomeld_build.sources.earthengine_session import Session
from geomeld_build.sources.earthengine_table import read_table
from geomeld_build.sources.meter import Tally

__all__ = ["MAX_PLACES", "EarthEngineSource"]

_log = logging.getLogger(__name__)

MAX_PLACES = 500
"""Places in one search request; the service stops at 5,000 elements and five minutes."""

Pair = tuple[Question, Place]
_SMALLER = (Verdict.TOO_BIG, Verdict.AGGREGATIONS)


class EarthEngineSource:
    """Earth Engine as a source.

    Args:
        session: the client, its endpoint and its transport.
        modalities: the table that queries refer to.
        dem_context_request: ``together`` moves the coarser elevation window onto the tile's pixels and reads it with
            them; ``separate`` asks for it in a request of its own.
        s1_interpolation: interpolate radar as linear ``power``, or in ``db`` to reproduce older datasets.
        max_places: places in one search request.
    """

    name: str = "earthengine"
    """Key of ``Modality.origins``; the same when answers are replayed."""

    def __init__(
        self,
        session: Session,
        *,
        modalities: Mapping[str, Modality] = MODALITIES,
        dem_context_request: Literal["together", "separate"] = "together",
        s1_interpolation: Interpolate = "power",
        max_places: int = MAX_PLACES,
    ) -> None:
        self._session = session
        self._modalities = modalities
        self._context_rides = dem_context_request == "together"
        self._interpolate: Interpolate = s1_interpolation
        self._max_places = max_places
        self._absent: set[str] = set()
        self._static: dict[Pair, list[Scene]] = {}

    def __enter__(self) -> EarthEngineSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.transport.close()

    def counters(self) -> Counters:
        """A snapshot of what was spent through this object."""
        return self._session.transport.meter.total()

    def tally(self) -> AbstractContextManager[Tally]:
        """Counts what is spent through this object inside the ``with`` block, in this context only."""
        return self._session.transport.meter.tally()

    def find(self, queries: Sequence[SceneQuery]) -> Sequence[Sequence[Scene]]:
        """One answer a query, in order, nearest in time first; all queries in one request per 500 places.

        A collection that does not exist gives empty answers, at the price of one more request for each in a run.

        Raises:
            SourceError: the service failed after retries, or answered something else than was asked.
        """
        pairs = [self._pair(query) for query in queries]
        found: dict[Pair, list[Scene]] = {}
        for batch in _batches((pair for pair in pairs if pair not in self._static), self._max_places):
            found.update(self._ask(batch, repeated=False))
        self._static.update({pair: scenes for pair, scenes in found.items() if _is_static(pair)})
        answers = (found.get(pair, self._static.get(pair, [])) for pair in pairs)
        return [_ordered(scenes, query) for scenes, query in zip(answers, queries, strict=True)]

    def read(self, plan: TilePlan, modalities: Mapping[str, Modality]) -> Reading:
        """Every pinned row of a plan: one request, and one more for each companion grid.

        Raises:
            TileSkipped: ``asset_changed`` when a pinned asset is gone or has another version.
            SourceError: the service failed after retries.
        """
        fields: dict[str, NDArray[Any]] = {}
        for errand in errands(reads(plan, modalities), context_rides=self._context_rides):
            fields.update(self._fetch(errand, plan.anchor, repeated=False))
        return decode(fields, plan, modalities)

    def table(self, name: str, columns: Sequence[str]) -> pa.Table:
        """A feature collection: the asked columns and ``geometry`` (WKB, lon/lat).

        Raises:
            SourceError: the service failed after retries, or no feature has one of the columns.
        """
        return self._session.run("search", lambda: read_table(self._session, name, columns))

    def _pair(self, query: SceneQuery) -> Pair:
        part = origin_part(self._modalities, query.row, query.part)
        return split_query(query, part, table_bands(self._modalities, part.collection))

    def _ask(self, pairs: Sequence[Pair], *, repeated: bool) -> dict[Pair, list[Scene]]:
        todo = [pair for pair in pairs if pair[0].part.collection not in self._absent]
        if not todo:
            return {}
        asked = arrange(todo)
        try:
            answer = self._session.run("search", lambda: self._session.value(ask(asked)), repeated=repeated)
        except Refused as refusal:
            return self._ask_differently(refusal, todo)
        return understand(answer, asked)

    def _ask_differently(self, refusal: Refused, pairs: Sequence[Pair]) -> dict[Pair, list[Scene]]:
        if refusal.verdict is Verdict.MISSING:
            asset = missing_asset(refusal.message)
            if asset is not None and any(question.part.collection == asset for question, _ in pairs):
                _log.warning("Earth Engine has no asset %s, or this account may not read it", asset)
                self._absent.add(asset)
                return self._ask(pairs, repeated=True)
        places = len({place.region for _, place in pairs})
        if refusal.verdict not in _SMALLER or places < 2:
            raise refusal
        _log.info("a search at %d places is too big (%s): asking in halves", places, refusal.message)
        found: dict[Pair, list[Scene]] = {}
        for half in _batches(pairs, (places + 1) // 2):
            found.update(self._ask(half, repeated=True))
        return found

    def _fetch(self, errand: Errand, anchor: Anchor, *, repeated: bool) -> dict[str, NDArray[Any]]:
        kind: Literal["pixel", "companion"] = "companion" if errand.companion else "pixel"

        def send() -> bytes:
            expression = errand_expression(errand, anchor, self._interpolate)
            return self._session.pixels(expression, grid_request(anchor, errand.grid))

        try:
            body = self._session.run(kind, send, repeated=repeated)
        except Refused as refusal:
            halves = errand.halves()
            if refusal.verdict is Verdict.MISSING:
                asset = missing_asset(refusal.message) or "a pinned asset"
                detail = f"{asset} is gone or no longer has its pinned version"
                raise TileSkipped(SkipKind.ASSET_CHANGED, detail) from refusal
            if refusal.verdict not in _SMALLER or halves is None:
                raise
            _log.info("the rows of tile %s are too big for one request (%s)", anchor.tile_id, refusal.message)
            fields: dict[str, NDArray[Any]] = {}
            for half in halves:
                fields.update(self._fetch(half, anchor, repeated=True))
            return fields
        return fields_of(body, errand)


def _is_static(pair: Pair) -> bool:
    question, _ = pair
    return not (question.placed or question.timed or question.indexed)


def _batches(pairs: Iterable[Pair], places: int) -> list[list[Pair]]:
    """Pairs by place, at most ``places`` places a batch; questions without a place go with the first batch."""
    by_region: dict[Any, list[Pair]] = {}
    for pair in dict.fromkeys(pairs):
        by_region.setdefault(pair[1].region, []).append(pair)
    anywhere = by_region.pop(None, [])
    groups = list(by_region.values())
    batches = [[p for group in groups[n : n + places] for p in group] for n in range(0, len(groups), places)]
    if anywhere:
        batches = [anywhere + batches[0], *batches[1:]] if batches else [anywhere]
    return batches


def _ordered(scenes: Sequence[Scene], query: SceneQuery) -> list[Scene]:
    """Scenes in the promised order, checked against the query.

    Raises:
        SourceError: the service returned a scene that the query excludes.
    """
    for scene in scenes:
        # A scene named by its index is the right one; its product may date it a little differently.
        window = None if query.indices else query.window
        if window is not None and (scene.datetime is None or not window.contains(scene.datetime)):
            raise SourceError(f"Earth Engine returned {scene.id} of {scene.datetime}, outside {window}")
        limit = query.max_cloud_percent
        if limit is not None and scene.cloud_cover is not None and not scene.cloud_cover < limit:
            raise SourceError(f"Earth Engine returned {scene.id} with {scene.cloud_cover} % cloud, limit {limit}")
    near = query.near
    if near is None:
        return sorted(scenes, key=lambda scene: scene.id)
    return sorted(
        scenes, key=lambda s: (abs((s.datetime - near).total_seconds()) if s.datetime is not None else 0.0, s.id)
    )
