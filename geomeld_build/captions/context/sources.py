"""Extracts and layers of a run, and what they add to the signals of tiles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from geomeld_build.captions.context.extract import Extract, read_extract
from geomeld_build.captions.context.geography import Atlas
from geomeld_build.captions.context.levels import levels_of
from geomeld_build.captions.signals.footprint import Footprint
from geomeld_build.captions.signals.record import Geo, MappedGroup, Osm, Provenance, Signals
from geomeld_build.errors import ConfigError

__all__ = ["ContextSources", "Surroundings"]


@dataclass(frozen=True)
class ContextSources:
    """Where what is known from elsewhere comes from.

    Args:
        osm: extracts of OpenStreetMap. The first that covers a tile tells of it.
        osm_complete: whether what these lack is not there: some countries map every building.
        atlas: countries, states and ecoregions.
    """

    osm: tuple[Path, ...] = ()
    osm_complete: bool = False
    atlas: Atlas = field(default_factory=Atlas)

    def key(self) -> str:
        """A hash of what the sources are: names, sizes and times of change, since extracts are large.

        Raises:
            ConfigError: a file does not exist.
        """
        files = [*self.osm, self.atlas.countries, self.atlas.admin1, self.atlas.ecoregions]
        parts = [str(self.osm_complete), *(_stamp(path) for path in files)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def read(self, tiles: Sequence[Footprint]) -> Surroundings:
        """Read what there is of some tiles.

        Args:
            tiles: their squares. Every extract is read once.

        Raises:
            ConfigError: a file cannot be read.
        """
        provenance = Provenance(osm=tuple(path.name for path in self.osm), layers=self.atlas.describe())
        osm: dict[str, Osm] = {}
        for path in self.osm:
            extract = read_extract(path, [tile for tile in tiles if tile.tile_id not in osm])
            for tile in tiles:
                if tile.tile_id in extract.covered:
                    osm[tile.tile_id] = _osm(tile, extract, self.osm_complete)
        return Surroundings(self.atlas, osm, bool(self.osm), provenance)


@dataclass(frozen=True)
class Surroundings:
    """What the sources have of some tiles."""

    atlas: Atlas
    osm: Mapping[str, Osm]
    asked: bool
    """Whether there were extracts."""
    provenance: Provenance

    def add(self, signals: Sequence[Signals]) -> list[Signals]:
        """The signals of some of the tiles with geography and OpenStreetMap."""
        places = self.atlas.locate([one.lon for one in signals], [one.lat for one in signals])
        nothing = Osm(status="unavailable") if self.asked else None
        return [
            one.model_copy(
                update={
                    "osm": self.osm.get(one.tile_id, nothing),
                    "geo": Geo.model_validate(asdict(place)),
                    "provenance": self.provenance,
                }
            )
            for one, place in zip(signals, places, strict=True)
        ]


def _osm(tile: Footprint, extract: Extract, complete: bool) -> Osm:
    found = levels_of(tile, extract.features.get(tile.tile_id, ()))
    return Osm(
        status="ok" if found.surrounding else "empty",
        snapshot_date=None if extract.snapshot is None else extract.snapshot.date(),
        complete=complete,
        centre=tuple(dict(tags) for tags in found.centre),
        surrounding=tuple(MappedGroup.model_validate(asdict(one)) for one in found.surrounding),
        area=tuple(dict(tags) for tags in found.area),
        names=found.names,
    )


def _stamp(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        about = path.stat()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    return f"{path.name} {about.st_size} {about.st_mtime_ns}"
