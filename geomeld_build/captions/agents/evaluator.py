"""Who ranks: by what the signals bear out, and by how much of the tile is told."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Protocol

from geomeld_build.captions.agents.state import Candidate, Score, TileJob
from geomeld_build.captions.claims.facts import Facts
from geomeld_build.captions.claims.lexicon.features import FEATURES, has_tags
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.verify import tally

__all__ = ["GroundedScorer", "ImageScorer", "Scorer", "coverage_of"]

_GROUNDED, _COVERAGE, _IMAGE, _LENGTH = 0.5, 0.2, 0.2, 0.1
_FEW, _MANY = 20, 45
_WORTH = 0.15
"""A class of this share should be in a caption."""


class Scorer(Protocol):
    """Ranks candidates."""

    def describe(self) -> dict[str, Any]:
        """Its kind, whether it looks at the image, and what decides its scores."""
        ...

    def score(self, job: TileJob, candidates: Sequence[Candidate]) -> tuple[Score, ...]:
        """A score each, in order."""
        ...


class ImageScorer(Protocol):
    """Compares texts with a picture."""

    def describe(self) -> dict[str, Any]:
        """What it is."""
        ...

    def similarities(self, png: bytes, texts: Sequence[str]) -> list[float]:
        """One number a text, higher is nearer."""
        ...


class GroundedScorer:
    """Groundedness, coverage and length; with an image scorer also likeness. Without one it sees no image."""

    def __init__(self, image: ImageScorer | None = None) -> None:
        self._image = image

    def describe(self) -> dict[str, Any]:
        """Kind and weights; ``looks_at_image`` says whether the picture counts."""
        weights = {"grounded": _GROUNDED, "coverage": _COVERAGE, "length": _LENGTH}
        if self._image is None:
            return {"kind": "grounded", "looks_at_image": False, "weights": weights}
        with_image = {**weights, "image": _IMAGE}
        return {
            "kind": "grounded+image",
            "looks_at_image": True,
            "weights": with_image,
            "image": self._image.describe(),
        }

    def score(self, job: TileJob, candidates: Sequence[Candidate]) -> tuple[Score, ...]:
        """``0.5 G + 0.2 C + 0.2 z(image) + 0.1 length``, scaled to 1 where a part is missing."""
        likeness = self._likeness(job, candidates)
        found = []
        for candidate, image in zip(candidates, likeness, strict=True):
            grounded = tally(candidate.checked).groundedness or 0.0
            coverage, length = coverage_of(candidate.checked, job.facts), _length(candidate.text)
            total = _GROUNDED * grounded + _COVERAGE * coverage + _LENGTH * length
            if image is None:
                total /= _GROUNDED + _COVERAGE + _LENGTH
            else:
                total += _IMAGE * image
            found.append(Score(round(grounded, 4), round(coverage, 4), round(length, 4), round(total, 6), image))
        return tuple(found)

    def _likeness(self, job: TileJob, candidates: Sequence[Candidate]) -> list[float | None]:
        if self._image is None or job.images is None or not candidates:
            return [None] * len(candidates)
        raw = self._image.similarities(job.images.main, [candidate.text for candidate in candidates])
        spread = statistics.pstdev(raw)
        mean = statistics.fmean(raw)
        return [0.0 if spread == 0 else round((value - mean) / spread, 4) for value in raw]


def _length(text: str) -> float:
    """1 within 20 to 45 words, falling to 0 at none and at twice as many."""
    words = len(text.split())
    if words < _FEW:
        return words / _FEW
    return 1.0 if words <= _MANY else max(0.0, 1.0 - (words - _MANY) / _MANY)


def coverage_of(checked: Sequence[Checked], facts: Facts) -> float:
    """Share of what a reader should be told of that is told: large classes, water, landform, the object in the middle.

    Source: the metric C of the specification of captions; docs/captions.md.
    """
    wanted = _wanted(facts)
    if not wanted:
        return 1.0
    told: set[str] = set()
    for one in checked:
        claim = one.claim
        if one.label != "supported" or not claim.positive:
            continue
        told.update(claim.subject)
        if claim.type in {"terrain", "slope", "relief", "aspect"}:
            told.add("landform")
        if claim.type in {"water", "water_count", "width", "direction"}:
            told.add("water")
        if claim.type in {"osm_feature", "osm_count", "road"} and _is_central(claim.subject, facts):
            told.add("centre")
    return sum(bool(group & told) for group in wanted) / len(wanted)


def _wanted(facts: Facts) -> list[set[str]]:
    """What should be told; of each group one word is enough."""
    wanted: list[set[str]] = []
    cover = facts.cover or {}
    if cover:
        top = max(cover, key=lambda name: cover[name])
        wanted += [{name} for name, share in cover.items() if name == top or share >= _WORTH]
    if facts.water is not None and facts.water.get("detected") and {"water"} not in wanted:
        wanted.append({"water"})
    if facts.landform is not None:
        wanted.append({"landform"})
    if any(_is_central((kind,), facts) for kind in FEATURES):
        wanted.append({"centre"})
    return wanted


def _is_central(subject: Sequence[str], facts: Facts) -> bool:
    centre = [one.tags for one in facts.features if one.level == "centre"]
    return any(
        has_tags(tags, tag) for name in subject if name in FEATURES for tags in centre for tag in FEATURES[name].tags
    )
