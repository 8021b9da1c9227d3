"""Writes the reference landforms that the tests compare with: needs GRASS GIS (`apt-get install grass-core`).

    python scripts/freeze_geomorphons.py tests/unit/captions/geomorphons_grass.npz

GRASS leaves the outer cells null and never reads the last row of a grid, so every grid is handed over with its last row
twice. Made with GRASS 8.2.1.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SIDE, CELL_M = 96, 30
GRIDS = {"mild": (1, 120.0, 1 / 64), "rough": (2, 900.0, 1 / 64), "whole": (3, 120.0, 1.0), "plain": (4, 12.0, 1 / 64)}
"""Name to seed, relief in m, and the step that heights are rounded to: GRASS keeps them in single precision."""
# search, skip, flat, dist (cells and degrees, as r.geomorphon takes them), comparison
CASES = (
    *((grid, 3, 0, 1.0, 0, "anglev1") for grid in ("mild", "whole")),
    ("mild", 10, 0, 1.0, 0, "anglev1"),
    ("mild", 20, 3, 2.0, 0, "anglev1"),
    ("rough", 30, 0, 0.5, 0, "anglev1"),
    ("rough", 15, 0, 1.5, 10, "anglev1"),
    ("whole", 10, 3, 2.0, 8, "anglev1"),
    ("plain", 20, 3, 0.4, 0, "anglev1"),
    ("plain", 10, 0, 0.5, 0, "anglev1"),
    *((grid, 10, 0, 1.0, 0, "anglev2") for grid in ("mild", "rough", "whole")),
    ("whole", 20, 3, 1.0, 8, "anglev2"),
    ("plain", 12, 0, 0.5, 0, "anglev2"),
    *((grid, 12, 3, 0.5, 0, "anglev2_distance") for grid in ("mild", "rough", "whole")),
    ("rough", 20, 0, 2.0, 8, "anglev2_distance"),
    ("plain", 30, 0, 1.0, 0, "anglev2_distance"),
)


def heights(seed: int, relief: float, step: float) -> Any:
    """A fractal surface ``(SIDE, SIDE)``, as whole steps."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = 1.0
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    surface = np.fft.ifft2(np.fft.fft2(noise) * frequency**-1.9).real
    return np.rint(((surface - surface.min()) / np.ptp(surface) * relief + 300.0) / step).astype(np.int32)


def grass_forms(surface: Any, search: int, skip: int, flat: float, dist: int, comparison: str) -> Any:
    """The output of r.geomorphon; 0 where it is null."""
    with tempfile.TemporaryDirectory() as folder:
        grid, forms, script = (Path(folder) / name for name in ("grid.asc", "forms.asc", "run.sh"))
        padded = np.vstack((surface, surface[-1:]))
        lines = [f"north: {(SIDE + 1) * CELL_M}", "south: 0", f"east: {SIDE * CELL_M}", "west: 0"]
        lines += [f"rows: {SIDE + 1}", f"cols: {SIDE}", *(" ".join(map(repr, map(float, row))) for row in padded)]
        grid.write_text("\n".join(lines) + "\n")
        commands = (
            f"r.in.ascii --q type=DCELL input={grid} output=z",
            "g.region raster=z",
            f"r.geomorphon --q elevation=z forms=f search={search} skip={skip} flat={flat} dist={dist} "
            f"comparison={comparison}",
            f"r.out.ascii --q input=f output={forms} null_value=0",
        )
        script.write_text("set -e\n" + "\n".join(commands) + "\n")
        subprocess.run(
            ["grass", "--tmp-location", "XY", "--exec", "bash", str(script)], check=True, capture_output=True
        )
        rows = [line.split() for line in forms.read_text().splitlines() if line and not line[0].isalpha()]
    return np.array(rows, dtype=np.uint8)[:SIDE]


def main() -> None:
    """Run every case and write one file."""
    surfaces = {name: heights(*how) for name, how in GRIDS.items()}
    frozen = {f"grid_{name}": surface for name, surface in surfaces.items()}
    for number, (name, *how) in enumerate(CASES):
        frozen[f"forms_{number}"] = grass_forms(surfaces[name] * GRIDS[name][2], *how)
    frozen["cases"] = np.array([",".join(map(str, case)) for case in CASES])
    frozen["steps"] = np.array([f"{name},{step}" for name, (_, _, step) in GRIDS.items()])
    np.savez_compressed(sys.argv[1], **frozen)


if __name__ == "__main__":
    main()
