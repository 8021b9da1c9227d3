"""A frame of the paper's size from made-up pools of its density: seconds, memory, and whether every promise holds.

Pools are read from Parquet files, the biome map is the real one where the sample data is, and everything up to the
written folder counts. Each preset runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.transform import from_origin

from geomeld_build.anchors.frame_folder import read_frame
from geomeld_build.anchors.overlap import overlapping_pairs
from geomeld_build.anchors.places import places_from_columns
from tests.support.made_pools import Kind, biome_raster, made_points

FULL = "GEOMELD_BENCH" in os.environ
PART = 1 if FULL else 2000
COUNTS = {"mmearth": 1_200_000 // PART, "skyscript": 699_540 // PART, "own": 666_000 // PART}
OFFERED: dict[Kind, int] = {"mmearth": COUNTS["mmearth"], "skyscript": 5_000_000 // PART}
MANGROVES = 100_000 // PART
OUT = Path(os.environ.get("GEOMELD_BENCH_OUT", tempfile.gettempdir()))
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pools and the biome map as files."""
    path = tmp_path_factory.mktemp("anchors")
    for kind, count in OFFERED.items():
        lon, lat = made_points(kind, count, 0)
        pq.write_table(
            pa.table({"id": [f"{n}" for n in range(count)], "lon": lon, "lat": lat}), path / f"{kind}.parquet"
        )
    pixels = biome_raster()
    height, width = pixels.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8", "crs": 4326}
    with rasterio.open(path / "biomes.tif", "w", transform=from_origin(-180, 90, 0.1, 0.1), **profile) as file:
        file.write(pixels, 1)
    return path


def sampled(folder: Path, preset: str, **changes: Any) -> dict[str, Any]:
    """Make a frame in a process of its own: its summary, seconds and peak."""
    paths = {kind: str(folder / f"{kind}.parquet") for kind in OFFERED}
    arguments = json.dumps([preset, paths, COUNTS, str(folder / "biomes.tif"), str(folder / preset), changes])
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_frames(folder: Path) -> None:
    load = os.getloadavg()[0]
    told = sampled(folder, "independent")
    frame = read_frame(folder / "independent")
    places = places_from_columns(frame.anchors)
    pairs = len(overlapping_pairs(places))
    wanted = {name: sum(quota.values()) for name, quota in frame.facts["quotas"].items()}
    assert wanted == COUNTS
    assert len(places) == sum(COUNTS.values())
    assert (pairs, told["leaking_pairs"], told["lacking"]) == (0, 0, {})
    _assert_quotas(frame.anchors, frame.facts["quotas"])
    mangroves = json.loads(_run_child(_MANGROVES, str(folder / "biomes.tif"), str(MANGROVES)))
    assert mangroves["cells"] == MANGROVES
    if not FULL:
        return  # the preset of the paper has a small test of its own
    paper = sampled(folder, "paper")
    assert paper["by_pool"]["mmearth"] == COUNTS["mmearth"] - sum(paper["by_reason"]["mmearth"].values())
    assert "overlap" not in paper["by_reason"]["mmearth"]
    assert paper["by_pool"]["own"] == COUNTS["own"]
    figures = {
        "load_average_at_start": load,
        "frame_seconds": told["seconds"],
        "frame_anchors": len(places),
        "overlap_pairs": pairs,
        "peak_rss_mb": told["peak_mb"],
        **{f"{name}_offered": count for name, count in told["offered"].items()},
        **{f"independent_{name}": count for name, count in told["by_pool"].items()},
        **{f"independent_{name}_overlaps_dropped": told["by_reason"][name].get("overlap", 0) for name in OFFERED},
        "paper_seconds": paper["seconds"],
        **{f"paper_{name}": count for name, count in paper["by_pool"].items()},
        "paper_overlapping_anchors": paper["overlapping"],
        "paper_leaking_pairs": paper["leaking_pairs"],
        "mangrove_cells": mangroves["cells"],
        "mangrove_seconds": mangroves["seconds"],
        "load_average_at_end": os.getloadavg()[0],
    }
    (OUT / "anchors.json").write_text(json.dumps(figures, indent=2))
    print(json.dumps(figures, indent=2))


def _assert_quotas(anchors: pa.Table, quotas: dict[str, dict[str, int]]) -> None:
    """Biome by biome, what the imported pools wanted is there, as points or as cells that top up."""
    imported = anchors.filter(pa.compute.not_equal(anchors["pool"], "own"))
    found = {line["values"]: line["counts"] for line in imported["stratum"].value_counts().to_pylist()}
    for biome in quotas["mmearth"]:
        assert found[biome] == quotas["mmearth"][biome] + quotas["skyscript"][biome], biome
    shares = np.array(list(quotas["mmearth"].values()))
    assert shares.max() - shares.min() <= 1, "MMEarth's quota is equal in every biome"


def _run_child(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


_CHILD = """
import json, sys, time
from pathlib import Path
from geomeld_build.anchors.recipe import FrameConfig, preset_recipe
from geomeld_build.build.frames import sample_frame
preset, paths, counts, biomes, out, changes = json.loads(sys.argv[1])
recipe = preset_recipe(preset, {name: Path(path) for name, path in paths.items()}, biomes=biomes).model_dump()
for pool in recipe["pools"]:
    pool["format"] = "table"
    pool["count"] = counts[pool["name"]] if pool["count"] else None
recipe["own"]["count"] = counts["own"]
config = FrameConfig.model_validate({**recipe, **changes})
started = time.perf_counter()
summary = sample_frame(config, Path(out), progress=lambda step, done, total: print(step, done, total, file=sys.stderr))
seconds = time.perf_counter() - started
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({**summary.to_json(), "seconds": seconds, "peak_mb": peak}))
"""

_MANGROVES = """
import json, sys, time
from pathlib import Path
from geomeld_build.anchors.cells import CellStream
from geomeld_build.anchors.world import World, load_biomes
started = time.perf_counter()
(stratum,) = [s for s in World(load_biomes(Path(sys.argv[1]))).strata("biome") if s.name == "mangroves"]
cells = CellStream(stratum.area, recipe="bench").take(int(sys.argv[2]))
print(json.dumps({"cells": len(cells), "seconds": time.perf_counter() - started}))
"""
