"""Lattice cells for what a quota lacks, and for reserves: the next of each stratum's order that overlap nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.exclusions import ExclusionLayer
from geomeld_build.anchors.overlap import overlaps_any
from geomeld_build.anchors.places import Places, concatenate
from geomeld_build.anchors.world import Stratum

__all__ = ["CellFiller"]

_FIRST_POINT = np.uint64(1 << 63)
_MARGIN, _MORE = 1.06, 32
"""Cells that are drawn beyond what is lacking: some overlap a tile that is there."""


class CellFiller:
    """Draws cells stratum by stratum; no cell is given twice, and none overlaps a tile that is there.

    Strata may share ground: what one takes, the others skip. Which cells a stratum gets depends on the order of the
    calls of ``fill``, never on the number of workers.
    """

    def __init__(
        self,
        strata: Sequence[Stratum],
        *,
        recipe: str,
        there: Places,
        exclusions: Sequence[ExclusionLayer] = (),
        workers: int = 1,
    ) -> None:
        """Prepare the streams.

        Args:
            strata: whose areas cells may come from.
            recipe: keys the draws.
            there: tiles that no cell may overlap.
            exclusions: layers to keep away from; only those whose action is drop count.
            workers: strata that are drawn at once.
        """
        self._streams = {stratum.name: CellStream(stratum.area, recipe=recipe) for stratum in strata}
        self._left: dict[str, Places] = {}
        self._there = there
        self._drop = [layer for layer in exclusions if layer.rule.action == "drop"]
        # Only cells can be cells: imported centres have keys of their own.
        self._used: set[int] = set(there.key[there.key < _FIRST_POINT].tolist())
        self._workers = workers

    def fill(
        self, wanted: Mapping[str, int], *, on_progress: Callable[[int, int], None] | None = None
    ) -> dict[str, Places]:
        """The next cells of some strata, in the order of each; fewer where a stratum has no more.

        Args:
            wanted: cells by name of the stratum.
            on_progress: called with cells found and wanted in all.
        """
        found: dict[str, Places] = {name: self._fresh(name, count) for name, count in wanted.items() if count > 0}
        total = sum(wanted.values())
        while True:
            lacking = {name: wanted[name] - len(places) for name, places in found.items()}
            lacking = {name: n for name, n in lacking.items() if n > 0 and not self._streams[name].exhausted}
            if on_progress is not None:
                on_progress(sum(map(len, found.values())), total)
            if not lacking:
                return found
            for name, places in self._drawn(lacking).items():
                self._left[name] = places
                found[name] = concatenate([found[name], self._fresh(name, lacking[name])])

    def _drawn(self, lacking: Mapping[str, int]) -> dict[str, Places]:
        """Cells that overlap nothing, somewhat more than are lacking."""
        names = list(lacking)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="geomeld-cells") as pool:
            parts = list(pool.map(lambda name: self._streams[name].take(int(lacking[name] * _MARGIN) + _MORE), names))
        cells = concatenate(parts)
        # One look at what is there for all strata together: preparing it costs more than the look.
        bad = overlaps_any(cells, self._there)
        for layer in self._drop:
            bad |= layer.hits(cells)
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return {name: part.take(~mask) for name, part, mask in zip(names, parts, np.split(bad, ends), strict=True)}

    def _fresh(self, name: str, count: int) -> Places:
        """Up to so many of the cells that were drawn and not yet given, without those that another stratum took."""
        left = self._left.get(name)
        if left is None:
            return self._there.take(np.zeros(0, np.int64))
        left = left.take(np.array([key not in self._used for key in left.key.tolist()], np.bool_))
        given, self._left[name] = left.take(np.arange(min(count, len(left)))), left.take(np.arange(count, len(left)))
        self._used.update(given.key.tolist())
        return given
