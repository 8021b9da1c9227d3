"""Extracts of OpenStreetMap (``.osm.pbf``, ``.osm``), read through pyosmium.

A file is read once for all tiles; of its features only those that reach into a tile are kept. How much memory that
takes depends on the tiles, not on the file, apart from osmium's own table of the positions of nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geomeld_build.captions.context.vocabulary import KEYS, NAME_KEYS, is_area, kept_tags
from geomeld_build.captions.signals.footprint import Footprint
from geomeld_build.errors import ConfigError

__all__ = ["Extract", "MappedFeature", "read_extract"]

_BATCH = 20_000
_ADMIN = "administrative"
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class MappedFeature:
    """A node, way or area with tags that count, or a boundary that has none but gives its name."""

    tags: Mapping[str, str]
    names: tuple[str, ...]
    shape: Any
    """shapely geometry in lon/lat degrees."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What an extract has of some tiles."""

    path: str
    snapshot: datetime | None
    """When OpenStreetMap was like this: by the file's header, else the newest edit in it."""
    covered: frozenset[str]
    """Tiles that lie wholly in the extract."""
    features: Mapping[str, tuple[MappedFeature, ...]]
    """By tile, in the order of the file."""


def read_extract(path: Path, tiles: Sequence[Footprint], *, progress: Progress | None = None) -> Extract:
    """Read what an extract has in and around tiles.

    Args:
        path: ``.osm.pbf``, ``.osm`` or whatever osmium reads.
        tiles: which squares count.
        progress: called now and then with the number of features read.

    Raises:
        ConfigError: the file does not exist or cannot be read, or pyosmium is not installed.
    """
    if not path.is_file():
        raise ConfigError(f"extract {path} does not exist")
    osmium = _osmium()
    outlines = np.array([tile.outline for tile in tiles], dtype=object)
    tree = shapely.STRtree(outlines)
    found: dict[str, list[MappedFeature]] = defaultdict(list)
    newest: datetime | None = None
    box, count = _Box(), 0
    try:
        box, snapshot = _header(osmium, path)
        for batch in _batches(osmium, path):
            shapes = shapely.from_wkb([one[2] for one in batch], on_invalid="ignore")
            box.grow(shapes)
            at, which = tree.query(shapes, predicate="intersects")
            for feature, tile in sorted(zip(at.tolist(), which.tolist(), strict=True)):
                tags, names, _, _ = batch[feature]
                found[tiles[tile].tile_id].append(MappedFeature(tags, names, shapes[feature]))
            newest = max([newest, *(one[3] for one in batch)], key=lambda one: one.timestamp() if one else 0.0)
            count += len(batch)
            if progress is not None:
                progress(count)
    except RuntimeError as error:
        raise ConfigError(f"cannot read {path} as an extract of OpenStreetMap: {error}") from error
    covered = frozenset(
        tile.tile_id for tile, outline in zip(tiles, outlines, strict=True) if box.shape.contains(outline)
    )
    features = {tile_id: tuple(of) for tile_id, of in found.items() if tile_id in covered}
    return Extract(str(path), snapshot or newest, covered, features)


def _osmium() -> Any:
    try:
        import osmium
    except ImportError as error:
        raise ConfigError("extracts of OpenStreetMap need pyosmium: pip install 'geomeld-build[osm]'") from error
    return osmium


class _Box:
    """The extract's own bounds; without them, those of its features."""

    def __init__(self, bounds: tuple[float, float, float, float] | None = None) -> None:
        self._fixed = bounds
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def grow(self, shapes: Any) -> None:
        west, south, east, north = shapely.bounds(shapes).T
        lower = np.nanmin(np.column_stack((west, south)), axis=0)
        upper = np.nanmax(np.column_stack((east, north)), axis=0)
        self._bounds = np.concatenate((np.minimum(self._bounds[:2], lower), np.maximum(self._bounds[2:], upper)))

    @property
    def shape(self) -> shapely.Polygon:
        bounds = self._bounds if self._fixed is None else self._fixed
        return shapely.box(*bounds) if np.isfinite(bounds).all() else shapely.Polygon()


def _header(osmium: Any, path: Path) -> tuple[_Box, datetime | None]:
    reader = osmium.io.Reader(str(path))
    try:
        header = reader.header()
        box = header.box()
        stamp = header.get("osmosis_replication_timestamp") or header.get("timestamp")
        low, high = box.bottom_left, box.top_right
        bounds = (low.lon, low.lat, high.lon, high.lat) if box.valid() else None
    finally:
        reader.close()
    return _Box(bounds), datetime.fromisoformat(stamp) if stamp else None


_Raw = tuple[dict[str, str], tuple[str, ...], str, datetime]


def _batches(osmium: Any, path: Path) -> Iterator[list[_Raw]]:
    batch: list[_Raw] = []
    for one in _raw(osmium, path):
        batch.append(one)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _raw(osmium: Any, path: Path) -> Iterator[_Raw]:
    """Tags, names, WKB in hexadecimal and time of every feature that counts."""
    wanted = osmium.filter.KeyFilter(*KEYS)
    factory = osmium.geom.WKBFactory()
    for item in osmium.FileProcessor(str(path)).with_areas(wanted).with_filter(wanted):
        tags = dict(item.tags)
        kept = kept_tags(tags)
        names = tuple(dict.fromkeys(tags[key] for key in NAME_KEYS if key in tags))
        if not kept and not (tags.get("boundary") == _ADMIN and names):
            continue
        try:
            shape = _shape(factory, item, tags)
        except (RuntimeError, ValueError):
            # Nodes of a way that the extract cut off: what is left of it cannot be placed.
            continue
        if shape is not None:
            yield kept, names, shape, item.timestamp


def _shape(factory: Any, item: Any, tags: Mapping[str, str]) -> str | None:
    """WKB; None for a relation, whose area comes by itself, and for a closed way that is an area."""
    if item.is_area():
        return factory.create_multipolygon(item) if _surface(item, tags) else None
    if item.is_node():
        return str(factory.create_point(item))
    if item.is_way() and not (item.is_closed() and is_area(tags)):
        return str(factory.create_linestring(item))
    return None


def _surface(item: Any, tags: Mapping[str, str]) -> bool:
    return not item.from_way() or is_area(tags)
