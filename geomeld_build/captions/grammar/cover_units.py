"""What covers the tile: shares, dominance, comparisons, and what is only just there."""

from __future__ import annotations

from collections.abc import Iterator

from geomeld_build.captions.classes import LAND_CLASSES
from geomeld_build.captions.grammar.shares import Worded, share_words, vague_words
from geomeld_build.captions.grammar.unit import Scene, Unit, cover_claim, holds, propose
from geomeld_build.captions.grammar.words import SPREAD, adjective_for, noun_for, verb

__all__ = ["absence_unit", "cover_units", "ranked"]

_LEAST = 0.03
"""Smaller classes are only mentioned, without their share."""
_APART = 0.35
"""Where two maps differ by more, neither can say what is not there."""
_MINOR, _SEEN = 0.2, 0.005
"""A class up to this share must be seen by the second map too, this much of it."""
_THERE = 0.008
"""So much that a class is there for every rule."""


def ranked(scene: Scene) -> list[tuple[str, float]]:
    """Classes and their shares, the largest first; without minor ones of which the second map sees nothing."""
    cover = scene.facts.cover or {}
    known = [(name, cover.get(name, 0.0)) for name in LAND_CLASSES]
    told = [one for one in known if one[1] >= _THERE and (one[1] > _MINOR or not _is_alone(scene, one[0]))]
    return sorted(told, key=lambda one: -one[1])


def _is_alone(scene: Scene, name: str) -> bool:
    second = scene.facts.dynamic_share((name,))
    return second is not None and second < _SEEN


def cover_units(scene: Scene) -> Iterator[Unit]:
    """Units about shares, the largest class first."""
    order = [one for one in ranked(scene) if one[0] != "water" or _wet(scene)]
    for rank, (name, share) in enumerate(order[:4]):
        if share >= _LEAST or rank == 0:
            yield from _share(scene, name, share, rank)
    if len(order) > 1:
        yield from _compared(scene, order)
    minor = [name for name, share in order[1:] if share <= 0.2 and name != "water"]
    if minor:
        yield from _minor(scene, minor)


def _wet(scene: Scene) -> bool:
    """Water is only spoken of where both maps see it."""
    return scene.facts.water is not None and bool(scene.facts.water.get("detected"))


def _fits(scene: Scene, name: str, share: float) -> Worded | None:
    for _ in range(4):
        words = share_words(share, scene.rng)
        claim = cover_claim("landcover_fraction", name, "within", low=words.low, high=words.high, value=words.value)
        if holds(claim, scene.facts):
            return words
    return None


def _share(scene: Scene, name: str, share: float, rank: int) -> Iterator[Unit]:
    words = _fits(scene, name, share)
    if words is None:
        return
    noun = noun_for(name, share, scene.biome, scene.rng)
    claim = cover_claim("landcover_fraction", name, "within", low=words.low, high=words.high, value=words.value)
    values = {
        "n": noun.text,
        "q": words.text,
        "spread": verb(SPREAD[int(scene.rng.random() * len(SPREAD))], noun),
        "is": "are" if noun.plural else "is",
        "has": "have" if noun.plural else "has",
        "does": "do" if noun.plural else "does",
    }
    mains = (
        "$n $spread $q of $scene",
        "$q of $scene is {|under |given over to |covered by |taken up by |occupied by |left to |claimed by }$n",
        "$scene is $q $n",
    )
    subs = (
        "with $n {on|covering|filling|taking|occupying|spreading over} $q",
        "{and|while} $q is {|under }$n",
        "{while|and} $n $spread $q",
        "{followed by|next to|beside|alongside|then|plus} $n on $q",
        "$n {coming next|coming second|following}, on $q" if rank == 1 else "$n {following|adding to it}, on $q",
        "{and|while} $q {goes to|belongs to|falls to|is left to} $n",
    )
    if rank == 0:
        yield Unit("cover", (claim,), 1.0, (*mains, *_dominant(scene, name, share, noun.plural)), (), (), values, name)
    else:
        yield Unit("cover", (claim,), 0.9 - 0.12 * rank + 0.3 * share, mains[:2], subs, (), values, name)


def _dominant(scene: Scene, name: str, share: float, plural: bool) -> tuple[str, ...]:
    """Further wordings of the largest class, where it is that large."""
    found: list[str] = []
    if holds(cover_claim("landcover_dominance", name, "most"), scene.facts):
        verbs = "{dominate|predominate|prevail}" if plural else "{dominates|predominates|prevails}"
        found += [
            f"$n {verbs}, {{covering|filling|taking|occupying|claiming}} $q of $scene",
            "$scene is {mostly|mainly|largely|predominantly|chiefly|primarily} $n, {on|at} $q",
            f"$n {verbs} here with $q of $scene",
        ]
    if holds(cover_claim("landcover_dominance", name, "largest"), scene.facts):
        found.append("$n $is the {largest|most extensive|most widespread|most common} {class|cover}, on $q of $scene")
    if share >= 0.88:
        word = vague_words("nearly_all", scene.rng).text
        if word.startswith(("nearly", "almost", "virtually", "practically")) and word.endswith(("whole", "all")):
            found.append(f"{word} of $scene is $n")
        found.append("$n $spread {almost|nearly|virtually} {everything|all of $scene}")
    return tuple(found)


def _compared(scene: Scene, order: list[tuple[str, float]]) -> Iterator[Unit]:
    (a, first), (b, second) = order[0], order[1]
    if second < 0.08:
        return
    one, two = (noun_for(name, share, scene.biome, scene.rng) for name, share in (order[0], order[1]))
    values = {"a": one.text, "b": two.text, "is": "are" if one.plural else "is"}
    mains: tuple[str, ...]
    if first - second <= 0.06:
        claim = cover_claim("landcover_compare", a, "equal")
        mains = (
            "$a and $b are {evenly matched|equally matched|on a par|in balance|neck and neck}",
            "$a and $b {share|divide} $scene {in equal parts|in equal measure|in equal shares}",
        )
    elif 1.8 <= first / second <= 2.3:
        claim = cover_claim("landcover_compare", a, "times", value=2.0)
        mains = ("there $is {about |roughly |}twice as much $a as $b",)
    else:
        claim = cover_claim("landcover_compare", a, "more")
        verbs = ("outweigh", "outstrip", "surpass", "overshadow", "eclipse")
        doing = "|".join(
            verbs if one.plural else tuple(f"{word}{'es' if word.endswith('s') else 's'}" for word in verbs)
        )
        mains = (
            f"$a {{{doing}|$is more extensive than|$is more widespread than|$is ahead of|$is more common than}} $b",
            "there $is more $a than $b",
        )
    claim = propose(claim.type, *claim.subject, op=claim.op, value=claim.value, other=_other(b))
    if holds(claim, scene.facts):
        yield Unit("compare", (claim,), 0.45, mains, (), (), values, a)


def _other(name: str) -> tuple[str, ...]:
    return cover_claim("landcover_presence", name).subject


def _minor(scene: Scene, names: list[str]) -> Iterator[Unit]:
    """Patches of this and that."""
    cover = scene.facts.cover or {}
    chosen = names[:2] if scene.rng.random() < 0.6 else names[:1]
    if "built" in chosen and len(chosen) > 1 and scene.rng.random() < 0.5:
        chosen = [name for name in chosen if name != "built"]
    claims = tuple(cover_claim("landcover_fraction", name, "within", low=0.005, high=0.25) for name in chosen)
    if not all(holds(claim, scene.facts) for claim in claims):
        return
    nouns = [noun_for(name, cover.get(name, 0.0), scene.biome, scene.rng) for name in chosen]
    joined = " and ".join(noun.text for noun in nouns)
    values = {"list": joined, "adj": adjective_for(chosen[0], scene.rng) or chosen[0]}
    pieces = "{patches|pockets|strips|bits|fragments|islands|scraps} of $list"
    mains = (
        pieces + " {remain|are left|occur|show|lie in between|break $it up|add variety}",
        pieces + " {are scattered about|complete the picture|can be seen too}",
        "$scene {also |}{contains|includes|shows|has} {patches|pockets|small patches|small areas|bits} of $list",
        "{scattered|isolated|occasional} $list {remain|occur|show|appear}"
        if nouns[0].plural
        else pieces + " {dot|interrupt|punctuate|accompany} $it",
    )
    subs = (
        "{with|and} " + pieces,
        "{dotted with|interspersed with|sprinkled with|studded with|broken by patches of} $list",
        "{besides|between|among|around} " + pieces,
    )
    weight = 0.35 + 0.05 * len(chosen) + (0.15 if "built" in chosen else 0.0)
    yield Unit("minor", claims, weight, mains, subs, (), values, chosen[0])


def absent_names(scene: Scene) -> list[str]:
    """Classes that are not there for any rule and whose absence says something."""
    cover = scene.facts.cover
    if cover is None:
        return []
    candidates = ["built", "crop", "tree", "wetland", "grass", "shrub"]
    if scene.facts.season == "winter" or abs(scene.facts.lat or 0.0) > 45:
        candidates.append("snow")
    found = []
    for name in candidates:
        claim = cover_claim("built" if name == "built" else "landcover_presence", name, positive=False)
        if cover.get(name, 0.0) == 0.0 and holds(claim, scene.facts):
            found.append(name)
    return found


def absence_unit(scene: Scene) -> Iterator[Unit]:
    """No built-up land, no cropland."""
    names = absent_names(scene)
    if not names or (scene.facts.disagreement or 0.0) > _APART:
        return
    scene.rng.shuffle(names)
    chosen = names[: 1 + int(scene.rng.random() < 0.5)]
    claims = tuple(
        cover_claim("built" if name == "built" else "landcover_presence", name, positive=False) for name in chosen
    )
    nouns = [noun_for(name, 0.05, None, scene.rng).text for name in chosen]
    shows = "{is seen|shows|appears|is mapped|is found|can be made out}"
    if len(nouns) == 1:
        mains = (f"no {nouns[0]} {_number(shows, nouns[0])}", f"there {_is(nouns[0])} no {nouns[0]}")
        subs = (f"{{without|and no|with no|but no}} {nouns[0]}", f"{{without any|free of|devoid of}} {nouns[0]}")
    else:
        mains = (
            f"neither {nouns[0]} nor {nouns[1]} {{occurs|appears|shows|is seen}}",
            f"there {_is(nouns[0])} no {nouns[0]} and no {nouns[1]}",
        )
        subs = (f"without {nouns[0]} or {nouns[1]}", f"{{free of|devoid of|with no}} {nouns[0]} or {nouns[1]}")
    yield Unit("absence", claims, 0.2, mains, subs, (), {}, chosen[0])


def _is(noun: str) -> str:
    return "are" if _number("is", noun) != "is" else "is"


def _number(template: str, noun: str) -> str:
    """Verbs for a noun that may be plural."""
    if not noun.endswith("s") or noun.endswith(("moss", "grass")):
        return template
    return "{are seen|show|appear|are mapped|are found|can be made out}"
