"""Tiles across 180 degrees, built like any others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pyproj import Transformer

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.store import open_store

PLACES = ((180.0, 66.4), (-179.999, 65.2), (179.99, 67.1))


def test_tiles_across_180_degrees_are_whole(serve: Callable, tmp_path: Path) -> None:
    world = PlanetWorld(map_error=0.0)
    server: EmulatorServer = serve(world)
    lines = [f"{lon},{lat},2020-07-1{day}" for day, (lon, lat) in enumerate(PLACES)]
    (tmp_path / "anchors.csv").write_text("\n".join(["lon,lat,date", *lines]))
    config = BuildConfig(
        store=str(tmp_path / "store"),
        anchors=str(tmp_path / "anchors.csv"),
        workers=2,
        source=SourceConfig(url=server.url, project="local"),
    )
    summary = build_tiles(config)
    assert summary.ok == len(PLACES), summary.outcomes
    crossed = 0
    store = open_store(config.store)
    for tile_id in store.tile_ids():
        cube = store.tile(tile_id)
        x, y = np.meshgrid(cube.x.values, cube.y.values)
        lon, lat = Transformer.from_crs(cube.rio.crs, 4326, always_xy=True).transform(x, y)
        crossed += bool(lon.min() < -179.0 and lon.max() > 179.0)
        step = np.s_[::9, ::9]
        truth = world.truth(lon[step], lat[step])
        found = cube["elevation"].values.squeeze()[step]
        assert np.isfinite(found).all()
        # Whole metres at 30 m, carried to 10 m by interpolation.
        assert np.abs(found - truth["elevation"]).max() < 6.0
        assert np.abs(found - truth["elevation"]).mean() < 1.0
    assert crossed >= 2
