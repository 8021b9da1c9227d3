"""From units to a text: what to say, in which order, in how many sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from geomeld_build.captions.claims.revise.clauses import tidy
from geomeld_build.captions.grammar.context_units import object_units, place_units, time_units
from geomeld_build.captions.grammar.cover_units import absence_unit, cover_units
from geomeld_build.captions.grammar.ground_units import canopy_unit, green_unit, ground_units
from geomeld_build.captions.grammar.place_units import layout_units, water_units
from geomeld_build.captions.grammar.template import choose, expand
from geomeld_build.captions.grammar.unit import Scene, Unit
from geomeld_build.captions.grammar.words import SCENES

__all__ = ["MOST_WORDS", "compose", "units_of"]

LEAST_WORDS, MOST_WORDS = 20, 45
_TARGET = (25, 40)
_PLANS: dict[str, tuple[str, ...]] = {
    "area first": (
        "geo",
        "biome",
        "cover",
        "compare",
        "minor",
        "layout",
        "water",
        "object",
        "terrain",
        "ground",
        "detail",
    ),
    "object first": ("object", "water", "cover", "layout", "minor", "terrain", "ground", "geo", "biome", "detail"),
    "terrain first": (
        "terrain",
        "ground",
        "cover",
        "compare",
        "layout",
        "minor",
        "water",
        "object",
        "detail",
        "geo",
        "biome",
    ),
    "contrast": (
        "compare",
        "cover",
        "layout",
        "minor",
        "absence",
        "water",
        "terrain",
        "ground",
        "detail",
        "geo",
        "biome",
    ),
    "place first": ("layout", "cover", "minor", "water", "detail", "terrain", "ground", "object", "geo", "biome"),
    "water first": ("water", "cover", "layout", "minor", "terrain", "ground", "detail", "object", "geo", "biome"),
    "season first": ("detail", "cover", "minor", "layout", "water", "terrain", "ground", "object", "geo", "biome"),
}
_GROUPS = {
    "texture": "layout", "altitude": "ground", "slope": "ground", "relief": "ground", "forms": "ground",
    "aspect": "ground", "height": "ground", "summit": "ground",
    "canopy": "detail", "green": "detail", "time": "detail",
}  # fmt: skip
_ALONE = frozenset(
    {"time", "geo", "biome", "terrain", "slope", "relief", "height", "summit", "canopy", "green", "compare", "texture"}
)
"""Kinds that are said once."""
_OPENERS = (
    "overall", "on the whole", "all in all", "at a glance", "at first sight", "seen from above", "in plan view",
    "as the map has it", "by area", "by extent", "taken as a whole", "broadly speaking", "in the main",
)  # fmt: skip
_LINKS = (
    "besides", "in addition", "beyond that", "further", "apart from that", "otherwise", "meanwhile", "what is more",
    "in detail", "looking closer", "on closer inspection", "here too", "likewise",
)  # fmt: skip
_COVERING = frozenset({"cover", "minor", "layout", "compare", "absence", "water"})
_DOUBTED = _COVERING - {"water"}
"""What two maps of land cover may disagree on; for water there is a consensus of its own."""
_APART = 0.35
"""Where the maps differ by more, nothing is said of cover without a doubt."""
_DOUBTS = ("apparently", "presumably", "probably", "seemingly")
_JOINTS = ("; ", ", while ", ", and ", "; ", ", whereas ")


def units_of(scene: Scene) -> list[Unit]:
    """All that can truly be said of a tile."""
    return list(_units(scene))


def _units(scene: Scene) -> Iterator[Unit]:
    yield from cover_units(scene)
    yield from layout_units(scene)
    yield from water_units(scene)
    yield from ground_units(scene)
    yield from canopy_unit(scene)
    yield from green_unit(scene)
    yield from time_units(scene)
    yield from place_units(scene)
    yield from object_units(scene)
    yield from absence_unit(scene)


def compose(scene: Scene, units: Sequence[Unit]) -> str:
    """A text of 20 to 45 words where there is that much to say."""
    rng = scene.rng
    plan = _PLANS[choose(rng, tuple(_PLANS))]
    order = {kind: at for at, kind in enumerate(plan)}
    target = rng.randint(*_TARGET)
    ranked = sorted(units, key=lambda unit: -unit.salience - 0.45 * rng.random())
    chosen: list[Unit] = []
    text = ""
    for unit in ranked:
        if any(_repeats(unit, one) for one in chosen):
            continue
        attempt = sorted([*chosen, unit], key=lambda one: order.get(_GROUPS.get(one.kind, one.kind), len(order)))
        written = _Writer(scene, attempt, rng).text()
        length = len(written.split())
        if length > MOST_WORDS:
            continue
        chosen, text = attempt, written
        if length >= target:
            break
    return text


def _repeats(unit: Unit, other: Unit) -> bool:
    """Whether two units say the same, or of the same class how much of it there is."""
    if unit.kind in _ALONE and unit.kind == other.kind:
        return True
    if {unit.kind, other.kind} == {"cover", "minor"} or (unit.kind == other.kind == "absence"):
        mine, yours = ({name for claim in one.claims for name in claim.subject} for one in (unit, other))
        return bool(mine & yours)
    return False


class _Writer:
    """Sentences of units in a given order."""

    def __init__(self, scene: Scene, units: Sequence[Unit], rng: Random) -> None:
        self._scene, self._units, self._rng = scene, list(units), rng
        self._mentioned = False
        self._sentences = 0
        self._doubted = 0
        """Sentence that carries a doubt already."""

    def text(self) -> str:
        """All sentences."""
        sentences = []
        while self._units:
            sentences.append(self._sentence())
        return tidy(" ".join(sentences))

    def _sentence(self) -> str:
        self._sentences += 1
        front = self._front()
        head = self._units.pop(0)
        words = self._main(head)
        if front and not head.mains:
            return f"{front}."
        opener = front or self._opener(head)
        if opener:
            words = f"{opener}, {words}"
        words += self._tail(head)
        return f"{words[0].upper()}{words[1:]}."

    def _front(self) -> str:
        """An opening phrase, of the first unit or of any later one that has one."""
        if len(self._units) < 2 or self._rng.random() < 0.35:
            return ""
        for at, unit in enumerate(self._units[:3]):
            if unit.fronts and self._units[1 if at == 0 else 0].kind not in {unit.kind, "time", "geo", "biome"}:
                del self._units[at]
                return self._said(unit.fronts, unit)
        return ""

    def _opener(self, head: Unit) -> str:
        """A word or two that tie a sentence to the text."""
        if self._rng.random() < 0.85 or head.kind in {"time", "geo", "biome"}:
            return ""
        return choose(self._rng, _LINKS if self._sentences > 1 else _OPENERS)

    def _tail(self, head: Unit) -> str:
        """What hangs on a clause, or a second clause."""
        if not self._units:
            return ""
        following = self._units[0]
        draw = self._rng.random()
        if following.subs and draw < 0.55 and self._may_hang(head, following):
            del self._units[0]
            words = f", {self._said(following.subs, following)}"
            if self._units and self._units[0].kind in {"cover", "minor", "absence"} and self._rng.random() < 0.4:
                more = self._units.pop(0)
                words += f"{self._joint(head, more)}{self._main(more)}"
            return words
        if draw < 0.85 and following.mains:
            del self._units[0]
            return f"{self._joint(head, following)}{self._main(following)}"
        return ""

    def _joint(self, head: Unit, following: Unit) -> str:
        """Only what is of one kind is set against each other."""
        alike = head.kind in _COVERING and following.kind in _COVERING
        return choose(self._rng, _JOINTS if alike else ("; ", ", and "))

    @staticmethod
    def _may_hang(head: Unit, following: Unit) -> bool:
        """A phrase about plants does not hang on a clause about roads."""
        if following.kind in {"canopy", "green"}:
            return head.kind in {"cover", "layout"} and head.about == "tree"
        if following.kind in {"summit", "relief"}:
            return head.about == "ground"
        if following.kind in {"slope", "forms", "aspect", "height", "altitude"}:
            return head.about == "ground" or head.kind in {"cover", "layout"}
        if following.kind in {"time", "geo", "biome", "terrain"}:
            return head.kind in {"cover", "compare", "layout"} or head.about == "ground"
        return True

    def _main(self, unit: Unit) -> str:
        """A clause. Where the maps disagree, the first one about cover of each sentence is doubted."""
        words = self._said(unit.mains, unit)
        disputed = (self._scene.facts.disagreement or 0.0) > _APART
        if disputed and unit.kind in _DOUBTED and words and self._doubted < self._sentences:
            self._doubted = self._sentences
            return f"{choose(self._rng, _DOUBTS)} {words}"
        return words

    def _said(self, templates: tuple[str, ...], unit: Unit) -> str:
        scene = "it" if self._mentioned and self._rng.random() < 0.3 else choose(self._rng, SCENES)
        it = "it" if self._mentioned else scene
        words = expand(choose(self._rng, templates), self._rng, {**unit.values, "scene": scene, "it": it})
        if scene in words:
            self._mentioned = True
        return words
