"""Invented names of places."""

from __future__ import annotations

from geomeld_build.emulator.worlds.planet.ground.noise import unit_of

__all__ = ["name_of"]

_FIRST = ("Ar", "Bel", "Cor", "Dun", "El", "Far", "Gal", "Hor", "Il", "Jar", "Kel", "Lor", "Mor", "Nar", "Or", "Per")
_MIDDLE = ("a", "e", "i", "o", "an", "en", "in", "on")
_LAST = ("dor", "ford", "gan", "lun", "mar", "nia", "rath", "sia", "tor", "via")


def name_of(*key: int | str, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """A name keyed by integers and strings.

    Args:
        key: of the place.
        taken: names to keep clear of; the name grows until it is none of them.
    """
    picks = [unit_of("name", *key, i) for i in range(3)]
    name = "".join(words[int(pick * len(words))] for words, pick in zip((_FIRST, _MIDDLE, _LAST), picks, strict=True))
    while name in taken:
        name += _LAST[int(unit_of(name) * len(_LAST))]
    return name
