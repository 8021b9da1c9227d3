"""A sample of captions for people to judge, blind.

Captions are checked against the signals that they were written from, and maps are wrong in places: only people who look
at the picture can say how often a caption is true of the ground. The sample is stratified, so that rare strata are
judged too, and answers are weighted back. Some items are controls: captions of other tiles, which people who look call
false.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from geomeld_build.captions.agents.record import CaptionRecord
from geomeld_build.captions.agents.table import captions_of
from geomeld_build.errors import ConfigError
from geomeld_build.store import open_store

__all__ = ["AuditClaim", "AuditItem", "AuditKey", "draw_sample"]

_CONTROLS = 0.05
"""Share of the items that are captions of other tiles."""


@dataclass(frozen=True, slots=True)
class AuditClaim:
    """One thing to judge."""

    start: int
    end: int
    text: str
    type: str
    label: str
    """The verifier's, which is not shown."""


@dataclass(frozen=True, slots=True)
class AuditItem:
    """One picture with one caption."""

    item: str
    """Names it in the form; it does not give away the tile."""
    tile_id: str
    caption: str
    claims: tuple[AuditClaim, ...]
    stratum: str
    weight: float
    """Captions of the store that it stands for."""
    control_of: str | None = None
    """The tile whose caption this is, where it is not this tile's."""


@dataclass(frozen=True, slots=True)
class AuditKey:
    """What the form does not tell."""

    store: str
    producer: str
    seed: int
    items: tuple[AuditItem, ...]

    def to_json(self) -> str:
        """As a file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> AuditKey:
        """Read a file.

        Raises:
            ConfigError: it is no key.
        """
        try:
            plain = json.loads(text)
            items = tuple(
                AuditItem(**{**item, "claims": tuple(AuditClaim(**claim) for claim in item["claims"])})
                for item in plain["items"]
            )
            return cls(plain["store"], plain["producer"], plain["seed"], items)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"this is no key of an audit: {error}") from error


def draw_sample(uri: str, producer: str | None = None, *, count: int = 200, seed: int = 0) -> AuditKey:
    """Draw captions to be judged.

    Args:
        uri: the store.
        producer: whose captions; None where there is only one.
        count: captions, besides the controls.
        seed: another seed, other tiles.

    Raises:
        ConfigError: the producer is not clear, or there are fewer captions.
        StoreError: the store has no captions.
    """
    records = [one for one in captions_of(uri, producer) if one.caption is not None]
    if len(records) < count:
        raise ConfigError(f"{uri} has {len(records)} captions, fewer than the {count} to be judged: lower --n")
    store = open_store(uri)
    stratum = {row["tile_id"]: row["stratum"] for row in store.query("SELECT tile_id, stratum FROM tiles").to_pylist()}
    groups: dict[str, list[CaptionRecord]] = defaultdict(list)
    for one in sorted(records, key=lambda one: _draw(one.tile_id, seed)):
        groups[stratum[one.tile_id]].append(one)
    items = []
    for name, share in _shares({name: len(group) for name, group in groups.items()}, count).items():
        weight = len(groups[name]) / share
        items += [_item(one, name, weight, seed) for one in groups[name][:share]]
    items += _controls(items, max(1, round(_CONTROLS * count)), seed)
    items.sort(key=lambda item: item.item)
    return AuditKey(uri, records[0].producer, seed, tuple(items))


def _draw(tile_id: str, seed: int) -> str:
    return hashlib.blake2b(f"audit/{seed}/{tile_id}".encode(), digest_size=8).hexdigest()


def _shares(sizes: dict[str, int], count: int) -> dict[str, int]:
    """How many of each stratum: by the root of its size, which gives rare ones more than their part; never none."""
    left = dict.fromkeys(sizes, 0)
    for _ in range(min(count, sum(sizes.values()))):
        # One by one to whoever is farthest below its part: no rounding to mend afterwards.
        open_ones = [name for name, size in sizes.items() if left[name] < size]
        least = min(open_ones, key=lambda name: ((left[name] + 0.5) / sizes[name] ** 0.5, name))
        left[least] += 1
    return {name: share for name, share in left.items() if share}


def _item(record: CaptionRecord, stratum: str, weight: float, seed: int) -> AuditItem:
    assert record.caption is not None
    assert record.verification is not None
    claims = tuple(AuditClaim(one.start, one.end, one.text, one.type, one.label) for one in record.verification.claims)
    return AuditItem(
        _draw(f"item {record.tile_id}", seed)[:10], record.tile_id, record.caption, claims, stratum, weight
    )


def _controls(items: Sequence[AuditItem], count: int, seed: int) -> list[AuditItem]:
    """Pictures with the caption of the item that is halfway round the sample."""
    found = []
    for number, item in enumerate(items[:count]):
        other = items[(number + len(items) // 2) % len(items)]
        if other.tile_id != item.tile_id:
            name = _draw(f"control {item.tile_id}", seed)[:10]
            found.append(
                AuditItem(name, item.tile_id, other.caption, other.claims, item.stratum, 0.0, control_of=other.tile_id)
            )
    return found
