"""A build keeps the statistics of what it commits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.build import BuildConfig, DaskConfig, SourceConfig, build_tiles
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import open_store


@pytest.mark.parametrize("mode", ["threads", "local"])
def test_a_build_counts_its_pixels_once(serve: Callable, tmp_path: Path, mode: str) -> None:
    server = serve(PlanetWorld())
    uri = str(tmp_path / "store")
    names = ("sentinel2", "elevation", "esa_worldcover")
    for limit in (2, 4):
        config = BuildConfig(
            store=uri,
            region="75.0,30.2,75.4,30.5",
            limit=limit,
            modalities=names,
            workers=2,
            source=SourceConfig(url=server.url, project="local"),
            dask=DaskConfig(mode=mode, n_workers=1),
        )
        build_tiles(config)
    store = open_store(uri)
    found = store.statistics()
    ids = store.tile_ids()
    assert (found.tiles, found.tiles_read) == (len(ids), 0)
    assert ids
    for name in names:
        row = MODALITIES[name]
        stored = np.stack([store.raw(tile_id)[name] for tile_id in ids])
        for i, band in enumerate(row.bands):
            valid = stored[:, i][stored[:, i] != row.nodata].astype(float)
            mine = found.band(name, band).stored
            assert mine.count == valid.size
            np.testing.assert_allclose([mine.mean, mine.std], [valid.mean(), valid.std()], rtol=1e-12)
            assert mine.quantile(0.25) == np.quantile(valid, 0.25)
