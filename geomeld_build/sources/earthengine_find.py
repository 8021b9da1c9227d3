"""Batched search: the expression that asks for scenes at many places at once, and the reading of its answer.

Everything one call asks goes out as one value: a dictionary of mapped collections of places, and in each place one
list of candidates per question. Candidates are *mapped over*, never picked with ``first()``: a null inside a map
fails the whole batch, an empty list does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ee
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry

from geomeld_build.errors import SourceError
from geomeld_build.grid import Scene, Window
from geomeld_build.modalities import Modality, Part
from geomeld_build.sources.base import SceneQuery
from geomeld_build.sources.earthengine_products import identity, product, where_filters

__all__ = ["Question", "ask", "origin_part", "table_bands", "understand"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MAX_ERROR_M = 1.0
_COMPANION_SLACK = timedelta(minutes=30)
"""Companion products are named by index; their times may differ a little from those of the scene."""

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """What differs from place to place: outline, times, indexes."""

    region: Ring | None
    start_ms: int | None
    end_ms: int | None
    near_ms: float | None
    indices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is the same at every place: collection, filters, what to return."""

    part: Part
    wanted: tuple[str, ...]
    """Bands of the whole table that come from the part's collection: a scene says which of them it lacks."""
    limit: int
    max_cloud: float | None
    contains: bool
    placed: bool
    timed: bool
    near: bool
    indexed: bool


def origin_part(modalities: Mapping[str, Modality], row: str, name: str) -> Part:
    """The Earth Engine part of a row.

    Raises:
        SourceError: the row has no such part at this source.
    """
    parts = modalities[row].origins.get("earthengine", ()) if row in modalities else ()
    for part in parts:
        if part.name == name:
            return part
    raise SourceError(f"row {row!r} has no part {name!r} at Earth Engine: its parts are {[p.name for p in parts]}")


def table_bands(modalities: Mapping[str, Modality], collection: str) -> tuple[str, ...]:
    """The bands that any row of the table takes from a collection."""
    parts = (part for row in modalities.values() for part in row.origins.get("earthengine", ()))
    return tuple(dict.fromkeys(band for part in parts if part.collection == collection for band in part.bands))


def split_query(query: SceneQuery, part: Part, wanted: tuple[str, ...]) -> tuple[Question, Place]:
    """Separates what a question shares with others from what is its own.

    Args:
        query: what a caller asks.
        part: the part of the table it asks for.
        wanted: bands whose absence is worth knowing.
    """
    question = Question(
        part=part,
        wanted=wanted,
        limit=query.limit,
        max_cloud=query.max_cloud_percent,
        contains=query.contains,
        placed=query.region is not None,
        timed=query.window is not None,
        near=query.near is not None,
        indexed=bool(query.indices),
    )
    window = query.window
    if window is not None and query.indices:
        window = Window(window.start - _COMPANION_SLACK, window.end + _COMPANION_SLACK)
    # Scene times are whole milliseconds and filterDate excludes its end: a closed interval ends one later.
    place = Place(
        region=None if query.region is None else unwrapped(query.region),
        start_ms=None if window is None else math.ceil((window.start - _EPOCH) / _MS),
        end_ms=None if window is None else math.floor((window.end - _EPOCH) / _MS) + 1,
        near_ms=None if query.near is None else (query.near - _EPOCH) / _MS,
        indices=query.indices,
    )
    return question, place


def unwrapped(ring: Ring) -> Ring:
    """The ring closed, with longitudes above 180 where it crosses the antimeridian."""
    lons = [lon for lon, _ in ring]
    if max(lons) - min(lons) > 180.0:
        ring = tuple((lon + 360.0 if lon < 0.0 else lon, lat) for lon, lat in ring)
    return ring if ring[0] == ring[-1] else (*ring, ring[0])


Asked = dict[tuple[Place, ...], list[Question]]


def arrange(pairs: Sequence[tuple[Question, Place]]) -> Asked:
    """Groups questions that are asked at the same places."""
    places_of: dict[Question, dict[Place, None]] = {}
    for question, place in pairs:
        places_of.setdefault(question, {})[place] = None
    asked: Asked = {}
    for question, places in places_of.items():
        asked.setdefault(tuple(places), []).append(question)
    return asked


def ask(asked: Asked) -> Any:
    """The expression of a whole batch."""
    return ee.Dictionary(
        {f"p{n}": _at_places(places, questions) for n, (places, questions) in enumerate(asked.items())}
    )


def understand(answer: Any, asked: Asked) -> dict[tuple[Question, Place], list[Scene]]:
    """Scenes by question and place.

    Raises:
        SourceError: the answer does not have the form of the question.
    """
    found: dict[tuple[Question, Place], list[Scene]] = {}
    try:
        for n, (places, questions) in enumerate(asked.items()):
            features = answer[f"p{n}"]["features"]
            if [feature["properties"]["q"] for feature in features] != list(range(len(places))):
                raise SourceError(f"Earth Engine answered {len(features)} of {len(places)} places, or out of order")
            for place, feature in zip(places, features, strict=True):
                for m, question in enumerate(questions):
                    candidates = feature["properties"].get(f"g{m}") or ()
                    found[question, place] = [
                        _scene(one["properties"], one.get("geometry"), question, place) for one in candidates
                    ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"Earth Engine's answer to a search has an unexpected form: {error!r}") from error
    return found


def _at_places(places: Sequence[Place], questions: Sequence[Question]) -> Any:
    features = []
    for n, place in enumerate(places):
        known = {"s": place.start_ms, "e": place.end_ms, "n": place.near_ms, "x": list(place.indices) or None}
        outline = None if place.region is None else ee.Geometry.Polygon([[list(point) for point in place.region]])
        features.append(ee.Feature(outline, {"q": n, **{k: v for k, v in known.items() if v is not None}}))

    def at_place(feature: Any) -> Any:
        answers = {f"g{m}": _candidates(question, feature) for m, question in enumerate(questions)}
        return ee.Feature(None, {"q": feature.get("q"), **answers})

    return ee.FeatureCollection(features).map(at_place)


def _candidates(question: Question, feature: Any) -> Any:
    part = question.part
    if part.layout == "image":
        return ee.List([_described(ee.Image.load(part.collection), question, feature)])
    scenes = _filtered(ee.ImageCollection(part.collection), question, feature)
    if question.near:
        near = ee.Number(feature.get("n"))
        scenes = scenes.map(
            lambda scene: scene.set("d", ee.Number(scene.get("system:time_start")).subtract(near).abs())
        ).limit(question.limit, "d")
    else:
        scenes = scenes.limit(question.limit)
    return scenes.map(lambda scene: _described(scene, question, feature)).toList(question.limit)


def _filtered(scenes: Any, question: Question, feature: Any) -> Any:
    if question.timed:
        scenes = scenes.filter(ee.Filter.date(ee.Date(feature.get("s")), ee.Date(feature.get("e"))))
    if question.placed:
        outline = feature.geometry()
        scenes = scenes.filterBounds(outline)
        if question.contains:
            scenes = scenes.filter(ee.Filter.contains(".geo", outline))
    if question.indexed:
        scenes = scenes.filter(ee.Filter.inList("system:index", feature.get("x")))
    cloud = product(question.part.collection).cloud_cover
    if question.max_cloud is not None and cloud:
        scenes = scenes.filter(ee.Filter.lt(cloud, question.max_cloud))
    for operator, name, value in where_filters(question.part):
        make = ee.Filter.eq if operator == "equals" else ee.Filter.listContains
        scenes = scenes.filter(make(name, value))
    return scenes


def _described(scene: Any, question: Question, feature: Any) -> Any:
    """A candidate as a small feature: what selection needs, and the part of its outline inside the place."""
    part = question.part
    said = {
        "i": scene.get("system:index"),
        "v": scene.get("system:version"),
        "t": scene.get("system:time_start"),
        "m": ee.List(list(question.wanted)).removeAll(scene.bandNames()),
        **{name: scene.get(prop) for name, prop in product(part.collection).fields.items()},
    }
    outline = None
    if question.placed and not question.contains and part.layout == "collection":
        outline = scene.geometry(_MAX_ERROR_M).intersection(feature.geometry(), _MAX_ERROR_M)
    return ee.Feature(outline, said)


def _scene(said: Mapping[str, Any], geometry: Any, question: Question, place: Place) -> Scene:
    part = question.part
    static = part.layout == "image"
    index = str(said.get("i") or part.collection.rsplit("/", 1)[-1])
    version = said.get("v")
    if version is None:
        raise SourceError(f"Earth Engine gave no version for {part.collection} {index}: it cannot be pinned")
    known = identity(index, str(said.get("datatake") or ""))
    footprint = None if static else _footprint(geometry, question, place)
    taken = said.get("t") if question.timed or question.indexed else None
    pass_ = str(said.get("orbit_pass") or "").lower()
    return Scene(
        id=part.collection if static else f"{part.collection}/{index}",
        version=int(version),
        collection=part.collection,
        datetime=None if taken is None else _EPOCH + int(taken) * _MS,
        cloud_cover=_number(said.get("cloud_cover")),
        footprint=footprint,
        missing_bands=tuple(str(band) for band in said.get("m") or ()),
        platform=known.get("platform") or str(said.get("platform") or ""),
        orbit_pass="ascending" if pass_ == "ascending" else "descending" if pass_ == "descending" else "",
        relative_orbit=None if said.get("relative_orbit") is None else int(said["relative_orbit"]),
        datatake=known.get("datatake", ""),
        polarisations=tuple(str(one) for one in said.get("polarisations") or ()),
        grid_code=str(said.get("grid_code") or known.get("grid_code", "")),
        baseline=str(said.get("baseline") or ""),
        sun_zenith=_number(said.get("sun_zenith")),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _footprint(geometry: Any, question: Question, place: Place) -> BaseGeometry | None:
    if place.region is None:
        return None
    if question.contains:
        # The outline covers the place, so the place is what is known of it; the service did not send it again.
        return Polygon(place.region)
    return Polygon() if geometry is None else shape(geometry)
