"""The captions of a store, as numbers by tile."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.errors import ConfigError
from geomeld_build.store import Store
from geomeld_build.train.text.vocabulary import PAD, Vocabulary

__all__ = ["CaptionTable", "Captions", "read_captions"]


@dataclass(frozen=True, slots=True)
class Captions:
    """Of a store."""

    texts: dict[str, str]
    """By tile."""
    until: str
    """When the newest of them was written."""


@dataclass(frozen=True, slots=True)
class CaptionTable:
    """Captions of tiles, tokenised once."""

    numbers: NDArray[np.int32]
    """``(text, token)``; texts that are alike have one row. The last row is empty: that of tiles without a caption."""
    rows: dict[str, int]
    """Row of ``numbers`` by tile."""
    truncated: int
    """Texts that were cut."""
    until: str
    """When the newest of them was written."""

    @classmethod
    def of(cls, captions: Captions, vocabulary: Vocabulary, length: int) -> CaptionTable:
        """Args:
        captions: by tile.
        vocabulary: numbers of parts of words.
        length: tokens of a row.
        """
        texts = sorted({_plain(text) for text in captions.texts.values()})
        row_of = {text: row for row, text in enumerate(texts)}
        found = vocabulary.numbers(texts, length)
        numbers = np.vstack((found.numbers, np.full((1, length), PAD))).astype(np.int32)
        rows = {tile: row_of[_plain(text)] for tile, text in captions.texts.items()}
        return cls(numbers, rows, found.truncated, captions.until)

    def of_tiles(self, tile_ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Tokens ``(tile, token)``, numbers of the texts ``(tile,)``, and which tiles have a caption ``(tile,)``.

        Texts that are alike have one number, tiles without a caption -1.
        """
        rows = np.array([self.rows.get(tile, -1) for tile in tile_ids], dtype=np.int64)
        return self.numbers[rows].astype(np.int64), rows, rows >= 0


def _plain(text: str) -> str:
    """Texts that differ in spaces only are one."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def read_captions(store: Store, producer: str | None = None, until: str | None = None) -> Captions | None:
    """Captions by tile, of each tile the newest; none where the store has none.

    Args:
        store: an open store.
        producer: whose captions; by default those of the only one.
        until: leave out what was written later, so that a run that goes on has the captions that it began with.

    Raises:
        ConfigError: there are several producers and none is named, or the named one has written nothing.
    """
    try:
        rows = store.query("SELECT tile_id, producer, caption, written FROM captions WHERE caption IS NOT NULL")
    except ConfigError:
        # No such table: nobody has written captions.
        return None
    table = [row for row in rows.sort_by("written").to_pylist() if until is None or _stamp(row) <= until]
    producers = sorted({row["producer"] for row in table})
    if producer is None and len(producers) > 1:
        raise ConfigError(f"{store.uri} has captions of {', '.join(producers)}: set itc.producer to one of them")
    if producer is not None and producer not in producers:
        raise ConfigError(f"itc.producer {producer!r}: {store.uri} has captions of {', '.join(producers) or 'nobody'}")
    if not table:
        return None
    return Captions(
        {row["tile_id"]: row["caption"] for row in table if producer in (None, row["producer"])}, _stamp(table[-1])
    )


def _stamp(row: dict[str, Any]) -> str:
    """Times as text sort like times."""
    stamp: str = row["written"].isoformat(timespec="microseconds")
    return stamp
