"""Lazy collections: what a filter chain implies reaches the world as a search hint."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.filters import Filter, merge_hints
from geomeld_build.emulator.images import Image
from geomeld_build.emulator.values import Feature, Lambda
from geomeld_build.emulator.worlds.base import SearchHint, UnboundedSearch

__all__ = ["Collection", "Element", "element_index", "with_index"]

Element = Any
"""An :class:`Image`, a :class:`Feature`, or a :class:`Collection` that is to be flattened."""
Elements = Callable[[SearchHint], Iterator[Element]]
NO_HINT = SearchHint()


def element_index(element: Element) -> str | None:
    """The ``system:index`` of an element."""
    found = element.properties.get("system:index")
    if found is not None:
        return str(found)
    return None if element.id is None else element.id.rsplit("/", 1)[-1]


def with_index(element: Element, index: str) -> Element:
    """The element under another ``system:index``."""
    if isinstance(element, Feature):
        return replace(element, id=index) if element.id != index else element
    if element.properties.get("system:index") == index:
        return element
    return element.with_properties({**element.properties, "system:index": index})


class Collection:
    """An image or feature collection that enumerates itself when asked."""

    __slots__ = ("_elements", "_list", "id", "images", "properties", "version")

    def __init__(
        self,
        elements: Elements,
        *,
        images: bool,
        id: str | None = None,
        version: int | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        self._elements = elements
        self._list: list[Element] | None = None
        self.images = images
        self.id = id
        self.version = version
        self.properties: Mapping[str, Any] = properties or {}

    @classmethod
    def of(cls, elements: Sequence[Element], *, images: bool) -> Collection:
        """A collection of given elements, numbered where they have no index."""
        numbered = [
            with_index(element, str(position)) if element_index(element) is None else element
            for position, element in enumerate(elements)
        ]
        return cls(lambda _: iter(numbered), images=images)

    def iterate(self, hint: SearchHint = NO_HINT) -> Iterator[Element]:
        """All elements that satisfy the hint, and maybe others."""
        if self._list is not None:
            return iter(self._list)
        try:
            return self._guarded(self._elements(hint))
        except UnboundedSearch as exc:
            raise _unbounded(exc) from exc

    def elements(self) -> list[Element]:
        """All elements, enumerated once."""
        if self._list is None:
            self._list = list(self.iterate())
        return self._list

    @staticmethod
    def _guarded(elements: Iterator[Element]) -> Iterator[Element]:
        try:
            yield from elements
        except UnboundedSearch as exc:
            raise _unbounded(exc) from exc

    def _derived(self, elements: Elements) -> Collection:
        return Collection(elements, images=self.images, id=self.id, version=self.version, properties=self.properties)

    def filter(self, condition: Filter) -> Collection:
        """The elements that satisfy a filter, in order."""
        implied = condition.hint()

        def elements(hint: SearchHint) -> Iterator[Element]:
            matches = condition.matches
            return (element for element in self.iterate(merge_hints(hint, implied)) if matches(element))

        return self._derived(elements)

    def map(self, function: Lambda, drop_nulls: bool, *, images: bool | None = None) -> Collection:
        """Every element replaced by what the function returns; indices are kept."""

        def elements(_: SearchHint) -> Iterator[Element]:
            for element in self.iterate():
                index = element_index(element)
                result = _mapped(function, element, index)
                if result is None and drop_nulls:
                    continue
                yield _checked(result, index)

        found = self._derived(elements)
        if images is not None:
            found.images = images
        return found

    def limit(self, count: int | None, key: str | None, ascending: bool) -> Collection:
        """Sorted by a property (elements without it last), then the first ``count`` elements."""

        def elements(hint: SearchHint) -> Iterator[Element]:
            found = self.iterate(hint)
            if key is not None:
                found = iter(_ordered(found, key, ascending, count))
            return found if count is None else islice(found, count)

        return self._derived(elements) if count is None else self._derived(lambda _: elements(NO_HINT))

    def flatten(self) -> Collection:
        """Elements of the contained collections, indexed ``outer_inner``."""

        def elements(_: SearchHint) -> Iterator[Element]:
            for outer in self.iterate():
                if not isinstance(outer, Collection):
                    raise EvalError("Collection.flatten: elements must be collections.")
                for inner in outer.iterate():
                    yield with_index(inner, f"{outer.properties.get('system:index', '0')}_{element_index(inner)}")

        return self._derived(elements)

    def merge(self, other: Collection) -> Collection:
        """Both collections one after the other, indexed ``1_...`` and ``2_...``."""

        def elements(hint: SearchHint) -> Iterator[Element]:
            for number, part in ((1, self), (2, other)):
                for element in part.iterate(replace(hint, indices=None)):
                    yield with_index(element, f"{number}_{element_index(element)}")

        return Collection(elements, images=self.images)


def _unbounded(exc: UnboundedSearch) -> ServiceError:
    return ServiceError(f"Computation timed out. ({exc})")


def _mapped(function: Lambda, element: Element, index: str | None) -> Any:
    try:
        return function.apply(element)
    except ServiceError as exc:
        if exc.status != 400:
            raise
        raise ServiceError(f"Error in map(ID={index}):\n{exc.message}") from exc


def _checked(result: Any, index: str | None) -> Any:
    if isinstance(result, Image | Feature):
        return result if index is None else with_index(result, index)
    if isinstance(result, Collection):
        found = result._derived(result.iterate)
        found.properties = {**result.properties, "system:index": index}
        return found
    kind = "null" if result is None else type(result).__name__
    raise ServiceError(f"Collection.map: A mapped algorithm must return a Feature or Image, found {kind}.")


def _ordered(elements: Iterator[Element], key: str, ascending: bool, count: int | None) -> list[Element]:
    with_key: list[tuple[Any, Element]] = []
    without: list[tuple[Any, Element]] = []
    for element in elements:
        value = element.properties.get(key)
        (without if value is None else with_key).append((value, element))
    try:
        if count is not None and count < len(with_key) // 4:
            pick = heapq.nsmallest if ascending else heapq.nlargest
            ordered = pick(count, with_key, key=lambda pair: pair[0])
        else:
            ordered = sorted(with_key, key=lambda pair: pair[0], reverse=not ascending)
    except TypeError as exc:
        raise ServiceError(f"Collection.limit: Cannot compare values of property '{key}'.") from exc
    return [element for _, element in ordered + without]
