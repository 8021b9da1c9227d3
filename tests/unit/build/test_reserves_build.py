"""Builds over scenes in memory where some anchors have no tile: the quotas hold in the store all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from geomeld_build.build import BuildConfig, BuildSummary, DaskConfig, SourceConfig, build_tiles, group, run
from geomeld_build.errors import ConfigError, SourceError
from geomeld_build.grid import Anchor
from geomeld_build.sources.base import Counters, Reading
from geomeld_build.store import Store, open_store
from tests.support.frames import RECIPE, reserves_table, strata_of, write_frame
from tests.support.scenes import CatalogSource, s2_scene

ANCHORS = strata_of({"desert": 4, "forest": 4})
RESERVES = strata_of({"desert": 3, "forest": 8}, lat=30.6)
FOREST_1, FOREST_2, FOREST_3, FOREST_4 = ANCHORS[4:]
SPARE = RESERVES[3:]
"""The reserves of the forest."""


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


class Ground(CatalogSource):
    """Scenes for every place but those named; what its pixels are like depends on the place."""

    def __init__(self, places: Sequence[Anchor], *, bare: set[str], masked: set[str], broken: set[str]) -> None:
        scenes = [
            # Not as far as the next place.
            replace(s2_scene(place, 1, name=f"s{number}"), footprint=place.polygon.buffer(0.002))
            for number, place in enumerate(places)
            if place.location_id not in bare
        ]
        super().__init__({"COPERNICUS/S2_SR_HARMONIZED": scenes})
        self.masked, self.broken = masked, broken
        self.read_places: list[str] = []
        self._lock = threading.Lock()

    @contextmanager
    def tally(self) -> Iterator[Ground]:
        yield self

    def snapshot(self) -> Counters:
        return Counters(bytes_received=1)

    def read(self, plan, modalities) -> Reading:
        place = plan.anchor.location_id
        with self._lock:
            self.read_places.append(place)
        if place in self.broken:
            raise SourceError("the answer broke off")
        return Reading({"sentinel2": np.full((12, 128, 128), 0 if place in self.masked else 800, "uint16")})

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Site:
    """A frame, a source and a store."""

    folder: Path
    source: Ground
    opened: int = 0
    told: list[tuple[str, int, int]] = field(default_factory=list)

    def config(self, **changes: object) -> BuildConfig:
        base = {"store": str(self.folder / "store"), "anchors": self.folder / "frame", "modalities": ("sentinel2",)}
        source, dask = SourceConfig(url="http://x"), DaskConfig(mode="sync")
        return BuildConfig(**{**base, "recipe": RECIPE, "source": source, "dask": dask, "workers": 2, **changes})

    def build(self, **changes: object) -> BuildSummary:
        return build_tiles(self.config(**changes), progress=self._tell)

    def _tell(self, stage: str, done: int, total: int, note: str = "") -> None:
        self.told.append((stage, done, total))

    @property
    def store(self) -> Store:
        return open_store(str(self.folder / "store"))

    def held(self) -> dict[str, str]:
        """Place to status."""
        rows = self.store.query("SELECT location_id, status FROM tiles").to_pylist()
        return {row["location_id"]: row["status"] for row in rows}

    def tiles_of(self, stratum: str) -> int:
        sql = f"SELECT count(*) AS n FROM tiles WHERE status = 'ok' AND stratum = '{stratum}'"
        return int(self.store.query(sql).column("n")[0].as_py())


def _ids(*anchors: Anchor) -> set[str]:
    return {anchor.location_id for anchor in anchors}


def _made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two forest anchors without a scene, one masked; of its reserves the first has no scene, the fourth is masked."""
    write_frame(folder / "frame", ANCHORS, RESERVES)
    source = Ground(
        [*ANCHORS, *RESERVES],
        bare=_ids(FOREST_1, FOREST_2, SPARE[0]),
        masked=_ids(FOREST_3, SPARE[3]),
        broken=set(),
    )
    made = Site(folder, source)

    def opened(_: object) -> Ground:
        made.opened += 1
        return made.source

    monkeypatch.setattr(run, "open_configured", opened)
    return made


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return _made(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, BuildSummary]:
    """Built in one go."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = _made(tmp_path_factory.mktemp("whole"), monkeypatch)
        return made, made.build()


def test_quotas_hold_in_the_store(whole: tuple[Site, BuildSummary]) -> None:
    site, summary = whole
    assert (site.tiles_of("forest"), site.tiles_of("desert")) == (4, 4)
    desert, forest = summary.quotas
    assert (desert.wanted, desert.built, desert.reserves_used, desert.lacking, desert.reserves_left) == (4, 4, 0, 0, 3)
    assert (forest.wanted, forest.built, forest.reserves_used, forest.lacking, forest.reserves_left) == (4, 4, 3, 0, 3)
    # Three are missing: 0, 1, 2 in the first round; 0 has no scene, so 3 follows; 3 is masked, so 4 does.
    assert _ids(*SPARE[:5]) <= site.held().keys()
    assert not _ids(*SPARE[5:], *RESERVES[:3]) & site.held().keys()
    assert (summary.anchors, summary.ok, summary.skipped, summary.exit_code) == (8, 8, 5, 0)
    assert len(summary.reserve_plans) == 3
    assert [done for stage, done, _ in site.told if stage == "reserves"][-1] == 5


def test_running_again_takes_nothing_more_and_asks_nobody(site: Site) -> None:
    first = site.build()
    held, opened = site.held(), site.opened
    again = site.build()
    assert (site.held(), site.opened) == (held, opened)
    assert (again.quotas, again.catalog_version) == (first.quotas, first.catalog_version)
    assert again.reserve_plans == ()


def test_without_reserves_nothing_is_made_up_for(site: Site) -> None:
    summary = site.build(anchors=site.folder / "frame" / "anchors.parquet")
    assert (summary.quotas, site.tiles_of("forest")) == ((), 1)
    assert site.build(reserves=site.folder / "frame").quotas[1].built == 4


def test_the_limit_is_one_of_anchors_and_bounds_the_quotas(site: Site) -> None:
    summary = site.build(limit=6)
    assert [(item.stratum, item.wanted, item.built) for item in summary.quotas] == [("desert", 4, 4), ("forest", 2, 2)]
    assert site.build().quotas[1].built == 4


@pytest.mark.parametrize("commits", [0, 3, 4, 5, 6, 7])
def test_a_killed_build_ends_with_the_catalog_of_one_that_was_not(
    site: Site, whole: tuple[Site, BuildSummary], monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    """Four commits of anchors, then three rounds of reserves in two commits, one and one."""
    monkeypatch.setattr(group, "GROUP_TILES", 2)
    kept = run.commit
    left = [commits]

    def dying(*arguments: object) -> object:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return kept(*arguments)

    monkeypatch.setattr(run, "commit", dying)
    with pytest.raises(Killed):
        site.build()
    monkeypatch.setattr(run, "commit", kept)
    assert site.build().quotas == whole[1].quotas
    assert site.held() == whole[0].held()
    _assert_equal_pixels(whole[0].store, site.store)


def _assert_equal_pixels(one: Store, other: Store) -> None:
    assert sorted(one.tile_ids()) == sorted(other.tile_ids())
    for tile_id in one.tile_ids():
        np.testing.assert_array_equal(one.raw(tile_id)["sentinel2"], other.raw(tile_id)["sentinel2"])


def test_used_up_reserves_are_told(site: Site) -> None:
    site.source = Ground([*ANCHORS, *RESERVES], bare=_ids(*ANCHORS, *RESERVES[1:5]), masked=set(), broken=set())
    summary = site.build()
    desert, forest = summary.quotas
    assert (desert.built, desert.lacking, desert.short, desert.reserves_left) == (1, 3, 3, 0)
    assert (forest.built, forest.lacking, forest.reserves_left) == (4, 0, 2)
    assert summary.exit_code == 0
    told = summary.to_json()["quotas"][0]
    assert told == {
        "stratum": "desert",
        **{"wanted": 4, "built": 1, "reserves_used": 1, "failed": 0, "lacking": 3, "reserves_left": 0},
    }


def test_what_a_rerun_may_mend_takes_no_reserve(site: Site, whole: tuple[Site, BuildSummary]) -> None:
    site.source.broken = _ids(FOREST_4, SPARE[1])
    first = site.build()
    forest = first.quotas[1]
    # Three skipped anchors, one failed; reserve 1 failed too and keeps its place as the anchor does.
    assert (forest.built, forest.failed, forest.lacking, forest.short) == (2, 2, 2, 0)
    assert (first.failed, first.exit_code) == (2, 3)
    assert not _ids(*SPARE[5:]) & site.held().keys()
    site.source.broken = set()
    second = site.build()
    assert (second.quotas[1].built, second.exit_code) == (4, 0)
    # The reserve that would have stood in for a tile that came after all was never taken.
    assert site.held() == whole[0].held()


def test_a_failure_that_ends_as_a_skip_is_made_up_for(site: Site) -> None:
    site.source.broken = _ids(FOREST_4)
    assert site.build().quotas[1].lacking == 1
    site.source.broken = set()
    site.source.masked = site.source.masked | _ids(FOREST_4)
    assert site.build().quotas[1].built == 4
    assert SPARE[5].location_id in site.held()


def test_unreadable_reserves_are_refused_before_anything_is_spent(site: Site) -> None:
    pq.write_table(reserves_table(RESERVES).drop_columns(["rank"]), site.folder / "frame" / "reserves.parquet")
    with pytest.raises(ConfigError, match="no column rank"):
        site.build()
    assert site.opened == 0
    assert not (site.folder / "store").exists()
