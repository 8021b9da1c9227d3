"""How hard the simulated planet is to learn, and how its classes look beside real ones.

A linear learner sees the mean and the deviation of each band of whole tiles and names the biome of tiles in 100 km
blocks it has not seen. Were it nearly always right, or hardly ever, nothing could be learned from a model's score on
the planet.
The confusion matrices become a picture, ``planet-confusion.png``.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.biomes import BIOME_NAMES
from geomeld_build.emulator.worlds.planet.ground.truth import GroundModel
from tests.support.biome_tiles import ALL_NAMES, OPTICAL_NAMES, BiomeTile, Learned, biome_tiles, learn
from tests.support.planet_medians import class_medians, land_tiles, water_tiles
from tests.support.ranges import RANGES

FULL = "GEOMELD_BENCH" in os.environ
EACH = 200 if FULL else 4
OUT = Path(os.environ.get("GEOMELD_BENCH_OUT", tempfile.gettempdir()))
LEAST, MOST = 0.40, 0.85
"""Accuracy, the mean over biomes, of a planet that is neither a riddle nor a giveaway."""
SHOWN = (5, 50, 95)


@pytest.fixture(scope="module")
def world() -> PlanetWorld:
    return PlanetWorld(0)


def test_biomes_are_neither_given_away_nor_a_riddle(world: PlanetWorld) -> None:
    started = time.perf_counter()
    tiles = [tile for biome in BIOME_NAMES for tile in biome_tiles(world, biome, EACH, everything=True)]
    seconds = time.perf_counter() - started
    _assert_balanced(tiles)
    optical, everything = learn(tiles, len(OPTICAL_NAMES)), learn(tiles)
    assert optical.confusion.sum() == everything.confusion.sum() == len(tiles)
    assert everything.accuracy > 2 / len(BIOME_NAMES), "features that say nothing"
    if not FULL:
        return
    figures = {
        "tiles": len(tiles),
        "blocks": len({tile.block for tile in tiles}),
        "seconds_to_read_tiles": round(seconds, 1),
        "sentinel2_features": len(OPTICAL_NAMES),
        "sentinel2_macro_accuracy": round(optical.accuracy, 4),
        "all_features": len(ALL_NAMES),
        "all_modalities_macro_accuracy": round(everything.accuracy, 4),
        **{f"sentinel2_recall_{biome:02d}": round(float(optical.recall[biome - 1]), 3) for biome in BIOME_NAMES},
        **{f"all_recall_{biome:02d}": round(float(everything.recall[biome - 1]), 3) for biome in BIOME_NAMES},
        **_class_figures(world),
    }
    (OUT / "planet.json").write_text(json.dumps(figures, indent=2))
    _draw(optical, everything, OUT / "planet-confusion.png")
    print(json.dumps(figures, indent=2))
    assert LEAST <= optical.accuracy <= MOST
    assert LEAST <= everything.accuracy <= MOST


def _assert_balanced(tiles: list[BiomeTile]) -> None:
    counts = np.bincount([tile.biome for tile in tiles], minlength=15)
    assert counts[1:].tolist() == [EACH] * 14
    values = np.array([tile.features for tile in tiles])
    assert values.shape == (len(tiles), len(ALL_NAMES))
    assert np.isfinite(values[:, : len(OPTICAL_NAMES)]).all()
    # A place may lack a radar pass or a Dynamic World image, none lacks both passes everywhere.
    assert np.isfinite(values).mean() > 0.8


def _class_figures(world: PlanetWorld) -> dict[str, str]:
    """Quantiles of the classes' medians over tiles, for the tables in the documentation."""
    model = GroundModel(world.seed)
    medians = class_medians(world, model, [*land_tiles(world, 520, 20), *water_tiles(world, model, 30)])
    return {
        f"{kind}_{quantity}": " ".join(f"{value:.2f}" for value in np.percentile(medians[kind][quantity], SHOWN))
        for kind in RANGES
        for quantity in ("ndvi", "ndwi", "vv", "vh", "vv_vh")
    }


def _draw(optical: Learned, everything: Learned, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 7), dpi=100)
    FigureCanvasAgg(figure)
    for place, (title, learned) in enumerate((("Sentinel-2", optical), ("all modalities", everything)), start=1):
        axes = figure.add_subplot(1, 2, place)
        share = learned.confusion / learned.confusion.sum(axis=1, keepdims=True)
        axes.imshow(share, vmin=0, vmax=1, cmap="viridis")
        for row, column in np.argwhere(learned.confusion):
            colour = "black" if share[row, column] > 0.6 else "white"
            axes.text(column, row, learned.confusion[row, column], ha="center", va="center", size=7, color=colour)
        ticks = range(len(BIOME_NAMES))
        axes.set_xticks(ticks, list(map(str, BIOME_NAMES)))
        axes.set_yticks(ticks, [f"{number} {name[:34]}" for number, name in BIOME_NAMES.items()], size=7)
        axes.set_xlabel("predicted biome")
        axes.set_title(f"{title}: macro accuracy {100 * learned.accuracy:.1f} %")
    figure.tight_layout()
    figure.savefig(path)
