"""Sampling frames from recipes: opens what a recipe names, composes, and writes the folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from geomeld_build.anchors.compose import Frame, Progress, compose
from geomeld_build.anchors.exclusions import ExclusionRule, read_exclusions
from geomeld_build.anchors.frame_folder import read_frame, write_frame
from geomeld_build.anchors.imports import Pool, PoolFormat, read_pool
from geomeld_build.anchors.leakage import leakage
from geomeld_build.anchors.places import places_from_columns
from geomeld_build.anchors.recipe import FrameConfig, PoolConfig
from geomeld_build.anchors.world import (
    RESOLVE_COLUMNS,
    BiomeLayer,
    World,
    biomes_from_table,
    cached_biomes,
    load_biomes,
    load_countries,
)
from geomeld_build.build.config import SourceConfig
from geomeld_build.build.executor import open_configured
from geomeld_build.errors import ConfigError
from geomeld_build.tiles.naip_vintages import naip_vintages

if TYPE_CHECKING:
    import pyarrow as pa

    from geomeld_build.anchors.naip_dates import VintageLookUp

__all__ = ["FrameSummary", "open_world", "sample_frame"]


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """What a frame holds, in figures."""

    folder: Path
    anchors: int
    reserves: int
    dropped: int
    by_pool: dict[str, int]
    by_reason: dict[str, dict[str, int]]
    """Dropped points by pool and reason."""
    offered: dict[str, int]
    lacking: dict[str, int]
    overlapping: int
    """Anchors whose tile overlaps another one (preset ``paper``)."""
    splits: dict[str, int]
    leaking_pairs: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__} | {"folder": str(self.folder)}


def sample_frame(
    config: FrameConfig,
    folder: Path,
    source: SourceConfig | None = None,
    *,
    grow: Path | None = None,
    workers: int = 2,
    progress: Progress = lambda _step, _done, _total: None,
) -> FrameSummary:
    """Make a frame and write it.

    Args:
        config: the recipe.
        folder: where the frame goes.
        source: provider of the biome table and of the dates of aerial images, where the recipe needs one.
        grow: folder of an earlier frame, all of whose anchors stay.
        workers: strata that are drawn at once.
        progress: told of every step.

    Raises:
        ConfigError: the recipe cannot be followed, or a file of it is broken.
        SourceError: the provider failed after retries.
    """
    base = read_frame(grow).anchors if grow is not None else None
    rules = [ExclusionRule(item.path, item.name, item.buffer_m, item.action) for item in config.exclusions]
    frame = compose(
        config,
        open_world(config.biomes, source),
        _pools(config, progress),
        exclusions=read_exclusions(rules),
        look_up=_look_up(config, source),
        base=base,
        workers=workers,
        progress=progress,
    )
    progress("checking splits", 0, 1)
    found = leakage(
        places_from_columns(frame.anchors),
        np.array(frame.anchors.column("split").to_pylist()),
        frame.anchors.column("biome").to_numpy(),
    )
    progress("writing", 0, 1)
    write_frame(folder, frame, config.model_dump(mode="json"), found.to_json())
    progress("writing", 1, 1)
    return _summary(folder, frame, sum(found.overlaps.values()))


def open_world(biomes: str, source: SourceConfig | None) -> World:
    """Biomes from a file or from a table of the provider, and the countries that come with this package.

    Raises:
        ConfigError: no such file, and no source to ask for the table.
        SourceError: the provider failed after retries.
    """
    return World(_biomes(biomes, source), load_countries())


def _biomes(name: str, source: SourceConfig | None) -> BiomeLayer:
    if Path(name).exists():
        return load_biomes(Path(name))
    # Tables of a provider have no suffix: RESOLVE/ECOREGIONS/2017.
    if source is None or Path(name).suffix:
        raise ConfigError(
            f"biomes {name!r} is no file, and as a table it needs the source: give its --url or --project"
        )

    def fetch() -> pa.Table:
        opened = open_configured(source)
        try:
            return opened.table(name, RESOLVE_COLUMNS)
        finally:
            opened.close()

    if source.url is not None:
        # Another endpoint is another Earth, such as the emulator's planet, and another one tomorrow.
        return biomes_from_table(fetch())
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cached_biomes(fetch, cache / "geomeld-build" / "tables")


def _pools(config: FrameConfig, progress: Callable[[str, int, int], None]) -> Iterator[tuple[PoolConfig, Pool]]:
    for pool in config.pools:
        yield pool, _read(pool, progress)


def _read(pool: PoolConfig, progress: Progress) -> Pool:
    step = f"reading {pool.name}"
    progress(step, 0, 1)
    return read_pool(
        pool.path,
        format=PoolFormat(pool.format),
        name=pool.name,
        progress=lambda done, total: progress(step, done, total),
    )


def _look_up(config: FrameConfig, source: SourceConfig | None) -> VintageLookUp | None:
    if not config.naip or source is None:
        return None
    return naip_vintages(open_configured(source))


def _summary(folder: Path, frame: Frame, leaking: int) -> FrameSummary:
    by_reason: dict[str, dict[str, int]] = {}
    for line in frame.dropped.group_by(["pool", "reason"]).aggregate([([], "count_all")]).to_pylist():
        by_reason.setdefault(line["pool"], {})[line["reason"]] = line["count_all"]
    return FrameSummary(
        folder=folder,
        anchors=len(frame.anchors),
        reserves=len(frame.reserves),
        dropped=len(frame.dropped),
        by_pool=_counts(frame.anchors, "pool"),
        by_reason=by_reason,
        offered=frame.offered,
        lacking=frame.lacking,
        overlapping=int(pc.sum(frame.anchors.column("overlaps")).as_py() or 0),
        splits=_counts(frame.anchors, "split"),
        leaking_pairs=leaking,
    )


def _counts(table: pa.Table, column: str) -> dict[str, int]:
    found = table.column(column).value_counts().to_pylist()
    return dict(sorted((item["values"], item["counts"]) for item in found))
