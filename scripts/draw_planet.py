"""Draws the pictures of the simulated planet for the documentation.

    python scripts/draw_planet.py docs/images

Writes ``planet-world.png``, a map of its biomes and great rivers, and ``planet-biomes.jpg``, a tile of each biome as a
build finds it. Places and dates are drawn by a fixed seed; whoever runs it again gets the same pictures.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles
from geomeld_build.emulator.serve import EmulatorServer
from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.emulator.worlds.planet.ground.biomes import BIOME_NAMES
from geomeld_build.emulator.worlds.planet.ground.drainage.coarse import rivers_of
from geomeld_build.pictures.sheet import sheet
from geomeld_build.store import open_store

# The colours in which Dinerstein et al. 2017 (doi:10.1093/biosci/bix014) print the biomes.
COLOURS = [
    "#e9f1f7",
    "#38a700",
    "#cccd65",
    "#88ce66",
    "#00734c",
    "#458970",
    "#7ab6f5",
    "#feaa01",
    "#feff73",
    "#bee7ff",
    "#d6c39d",
    "#9ed7c2",
    "#fe0000",
    "#cc6767",
    "#fe01c4",
    "#d3d3d3",
]
CANDIDATES = 6
"""Places tried for each biome: some have no image without clouds."""
GREAT_M3_S = 800.0


def draw_world(world: PlanetWorld, path: Path) -> None:
    """The map of biomes, with rivers by how much water they carry."""
    lon, lat = np.meshgrid(np.arange(-180.0, 180.0, 0.25) + 0.125, np.arange(84.0, -84.0, -0.25) - 0.125)
    figure = Figure(figsize=(13, 6.4), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.01, 0.16, 0.98, 0.83))
    axes.imshow(world.biomes(lon, lat), cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=15.5, extent=(-180, 180, -84, 84))
    rivers = rivers_of(world.seed)
    for cell in np.flatnonzero((rivers.downstream >= 0) & (rivers.discharge > GREAT_M3_S)):
        after = int(rivers.downstream[cell])
        if rivers.downstream[after] >= 0 and abs(rivers.lon[cell] - rivers.lon[after]) < 5.0:
            ends = [rivers.lon[cell], rivers.lon[after]], [rivers.lat[cell], rivers.lat[after]]
            width = 0.35 * (rivers.discharge[cell] / GREAT_M3_S) ** 0.3
            axes.plot(*ends, color="#1c4e9c", linewidth=width, solid_capstyle="round")
    axes.set(xlim=(-180, 180), ylim=(-60, 84), xticks=[], yticks=[])
    names = {number: f"{number} {name}" for number, name in BIOME_NAMES.items()} | {15: "Rock and ice"}
    marks = [Patch(color=COLOURS[number], label=name) for number, name in names.items()]
    figure.legend(handles=marks, loc="lower center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(path)


def draw_biomes(world: PlanetWorld, path: Path) -> None:
    """One tile of each biome."""
    rng = np.random.default_rng(14)
    lon, lat = rng.uniform(-180, 180, 60_000), np.degrees(np.arcsin(rng.uniform(-0.82, 0.94, 60_000)))
    biomes = world.biomes(lon, lat)
    lines, wanted = ["lon,lat,date"], []
    for number in BIOME_NAMES:
        for at in np.flatnonzero(biomes == number)[:CANDIDATES]:
            day = "2020-07-10" if lat[at] > 0 else "2020-01-15"
            lines.append(f"{lon[at]:.5f},{lat[at]:.5f},{day}")
            wanted.append((number, float(lon[at]), float(lat[at])))
    with tempfile.TemporaryDirectory() as folder, EmulatorServer(world) as server:
        anchors = Path(folder) / "anchors.csv"
        anchors.write_text("\n".join(lines) + "\n", encoding="utf-8")
        source = SourceConfig(url=server.url, project="local")
        build_tiles(BuildConfig(store=f"{folder}/store", anchors=str(anchors), source=source, workers=4))
        store = open_store(f"{folder}/store")
        tiles = store.query("SELECT tile_id, lon, lat FROM tiles WHERE status = 'ok'").to_pylist()
        chosen = {}
        for number, x, y in wanted:
            near = [tile for tile in tiles if np.hypot(tile["lon"] - x, tile["lat"] - y) < 1e-3]
            if near and number not in chosen:
                chosen[number] = near[0]["tile_id"]
        figure = sheet(store, list(chosen.values()))
        labels = [text for text in figure.texts if "UTM" in text.get_text()]
        for text, number in zip(labels, chosen, strict=True):
            name = textwrap.fill(f"{number} {BIOME_NAMES[number]}", 27)
            text.set_text("\n".join([name, *text.get_text().split("\n")[1:]]))
            text.set_fontsize(7.5)
        # Speckle does not compress without loss; at this quality class colours stay what they are.
        figure.savefig(path, dpi=72, pil_kwargs={"quality": 90, "subsampling": 0})


def main() -> None:
    """Draw both."""
    target = Path(sys.argv[1])
    world = PlanetWorld()
    draw_world(world, target / "planet-world.png")
    draw_biomes(world, target / "planet-biomes.jpg")


if __name__ == "__main__":
    main()
