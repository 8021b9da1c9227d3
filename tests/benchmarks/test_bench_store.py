"""Reading tiles: our reader and loader against others and against the limits of codec and memory, in one run.

Figures are CPU milliseconds a sample of the whole process, which hardly depend on who else uses the machine, and ratios
of them. The engines take turns and each figure is the median over the turns. Rates are wall time, best of five.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from geomeld_build.store import LoaderOptions, OrderRule, open_store
from geomeld_build.train.data import TorchLoader
from tests.support.bench_formats import (
    BLOCK,
    StoredTiles,
    as_is,
    decode_only,
    hdf5,
    memcpy,
    own,
    tar_of_h5,
    tensorstore,
    zarr_python,
)
from tests.support.bench_tiles import NAMES, RAW_BYTES, compact_store, planet_tiles
from tests.support.small_store import made_up_arrays

FULL = "GEOMELD_BENCH" in os.environ
TILES = 256 if FULL else 2
COPIES = 16 if FULL else 1
TURNS = 7 if FULL else 1
EPOCHS = 5 if FULL else 1
CATALOG = 2_500_000 if FULL else 3000
OUT = Path(os.environ.get("GEOMELD_BENCH_OUT", tempfile.gettempdir()))
ROOT = Path(__file__).parents[2]

Figures = dict[str, Any]


@pytest.fixture(scope="module")
def tiles() -> list[dict[str, Any]]:
    if not FULL:
        return [{name: array for name, array in made_up_arrays(n).items() if name in NAMES} for n in range(TILES)]
    # Minutes of emulated Earth Engine: kept in build/bench/tiles for the next run.
    return planet_tiles(OUT / "tiles", TILES)


def test_reading(tiles: list[dict[str, Any]], tmp_path: Path) -> None:
    assert len(tiles) == TILES
    uri = str(tmp_path / "store")
    compact_store(uri, tiles, COPIES)
    figures: Figures = {"machine": _machine(), "load_average_at_start": os.getloadavg()[0], "tiles": TILES}
    figures |= _sizes(uri)
    figures |= _reads(uri, tiles, tmp_path)
    figures |= _loader(uri)
    figures |= json.loads(_child(_MEMORY, uri))
    catalog = str(tmp_path / "catalog")
    if FULL:
        _child(_MAKE_CATALOG, catalog, str(CATALOG))
    # In one process where its memory is not the question.
    figures |= json.loads(_child(_CATALOG if FULL else _MAKE_CATALOG + _CATALOG, catalog, str(CATALOG)))
    figures["load_average_at_end"] = os.getloadavg()[0]
    assert figures["reader_vs_zarr_single"] > 1
    if FULL:
        (OUT / "store.json").write_text(json.dumps(figures, indent=2))
        print(json.dumps(figures, indent=2))


def _machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = models[0].split(":")[1].strip() if models else "unknown processor"
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Python {sys.version.split()[0]}"


def _sizes(uri: str) -> Figures:
    sizes = {
        name: sum(p.stat().st_size for p in (Path(uri) / name / "c/0").rglob("*") if p.is_file()) for name in NAMES
    }
    bytes_of = {f"bytes_{name}": sizes[name] / TILES for name in NAMES}
    return {"bytes_vs_raw": sum(sizes.values()) / TILES / RAW_BYTES, **bytes_of}


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _reads(uri: str, tiles: list[dict[str, Any]], folder: Path) -> Figures:
    block = min(BLOCK, TILES)
    engines = {
        "reader": own(uri),
        "zarr": zarr_python(uri),
        "tensorstore": tensorstore(uri),
        "hdf5": hdf5(folder / "tiles.h5", tiles),
        "tar": tar_of_h5(folder / "plain.tar", tiles, None),
        "tar_gz": tar_of_h5(folder / "gzip.tar", tiles, "gzip"),
    }
    for name, read in engines.items():
        _assert_same(name, read([0, 1]), tiles)
    blocks = [list(range(start, start + block)) for start in range(0, TILES - block + 1, block)]
    singles = np.random.default_rng(1).permutation(TILES)[:BLOCK].tolist()
    decodes = [decode_only(uri, rows) for rows in blocks]
    copy = memcpy(tiles)
    spent: dict[str, list[float]] = {}
    for turn in range(TURNS + 1):
        seen: dict[str, float] = {}
        for name, read in engines.items():
            seen[f"{name}_block_cpu_ms"] = _cpu(lambda read=read: [read(rows) for rows in blocks]) / len(blocks) / block
            seen[f"{name}_single_cpu_ms"] = _cpu(lambda read=read: [read([row]) for row in singles]) / len(singles)
        seen["decode_only_cpu_ms"] = _cpu(lambda: [decode() for decode in decodes]) / len(blocks) / block
        seen["memcpy_cpu_ms"] = _cpu(lambda: [copy() for _ in range(4)]) / 4 / block
        for name, seconds in seen.items() if turn else ():  # the first turn warms caches
            spent.setdefault(name, []).append(1000 * seconds)
    ms = {name: median(values) for name, values in spent.items()}
    ratios: Figures = {"reader_vs_decode_only": ms["decode_only_cpu_ms"] / ms["reader_block_cpu_ms"]}
    for name in ("zarr", "tensorstore", "hdf5", "tar", "tar_gz"):
        for kind in ("block", "single"):
            # The plain name of HDF5 is that of blocks; a tar has no blocks, and is compared in single reads.
            ratios[f"reader_vs_{name}_{kind}"] = ms[f"{name}_{kind}_cpu_ms"] / ms[f"reader_{kind}_cpu_ms"]
    ratios["reader_vs_hdf5"] = ratios["reader_vs_hdf5_block"]
    ratios["reader_vs_tar"] = ratios["reader_vs_tar_single"]
    ratios["reader_vs_tar_gz"] = ratios["reader_vs_tar_gz_single"]
    return ratios | ms


def _assert_same(name: str, found: Any, tiles: list[dict[str, Any]]) -> None:
    for row in NAMES:
        for at in (0, 1):
            assert np.array_equal(np.asarray(found[row][at]), tiles[at][row]), f"{name} reads other pixels of {row}"


def _loader(uri: str) -> Figures:
    store = open_store(uri)
    batch = BLOCK if FULL else 1
    rule = OrderRule(batch=batch, window=256)
    figures: Figures = {}
    loaders = {n: TorchLoader(store, LoaderOptions(names=NAMES, threads=n), rule) for n in (1, 2)}
    rates: dict[int, list[float]] = {1: [], 2: []}
    spent: list[float] = []
    for epoch in range(EPOCHS + 1):
        for threads, loader in loaders.items():
            wall, cpu, samples = time.perf_counter(), time.process_time(), 0
            for one in loader.epoch(epoch):
                samples += len(one)
            if epoch:
                rates[threads].append(samples / (time.perf_counter() - wall))
                spent.append(1000 * (time.process_time() - cpu) / samples)
    figures["loader_samples_per_s_1_thread"] = max(rates[1])
    figures["loader_samples_per_s_2_threads"] = max(rates[2])
    figures["loader_2_vs_1_threads"] = max(rates[2]) / max(rates[1])
    figures["decode_2_vs_1_threads"] = _decode_scaling(uri)
    figures["loader_median_samples_per_s_1_thread"] = median(rates[1])
    figures["loader_cpu_ms"] = median(spent)
    for workers in (0, 2) if FULL else (0,):
        figures[f"dataloader_{workers}_workers_samples_per_s"] = _data_loader(uri, workers, batch)
    figures["loader_vs_dataloader_2_workers"] = figures["loader_samples_per_s_2_threads"] / figures.get(
        "dataloader_2_workers_samples_per_s", figures["dataloader_0_workers_samples_per_s"]
    )
    return figures


def _decode_scaling(uri: str) -> float:
    """How much more two threads decode than one, with nothing else to do: what this machine grants a loader."""
    block = min(BLOCK, TILES)
    decodes = [decode_only(uri, list(range(block))) for _ in range(2)]

    def rate(threads: int) -> float:
        counts = [0, 0]
        ends = time.perf_counter() + (1.0 if FULL else 0.01)

        def work(number: int) -> None:
            while time.perf_counter() < ends:
                decodes[number]()
                counts[number] += 1

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return max(1, sum(counts))

    best = {threads: max(rate(threads) for _ in range(EPOCHS)) for threads in (1, 2)}
    return best[2] / best[1]


def _data_loader(uri: str, workers: int, batch: int) -> float:
    # Groups are 256 places apart, and full only where TILES is 256.
    dataset = StoredTiles(uri, COPIES * 256 if FULL else TILES)
    settings: dict[str, Any] = (
        {"multiprocessing_context": "spawn", "prefetch_factor": 2, "persistent_workers": True} if workers else {}
    )
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=batch, shuffle=True, num_workers=workers, collate_fn=as_is, **settings
    )
    rates = []
    for _ in range(1 + min(EPOCHS, 3)):
        wall, samples = time.perf_counter(), 0
        for one in loader:
            samples += len(one[NAMES[0]])
        rates.append(samples / (time.perf_counter() - wall))
    return max(rates[1:])


def _child(code: str, *arguments: str) -> str:
    """Run code in a process of its own, for the sake of its memory; the last line it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


_MEMORY = """
import json, sys
from geomeld_build.store import LoaderOptions, OrderRule, open_store
from geomeld_build.train.data import TorchLoader
from tests.support.bench_tiles import NAMES
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
store = open_store(sys.argv[1])
count = len(store.tile_ids())
before = peak()
loader = TorchLoader(store, LoaderOptions(names=NAMES, threads=2), OrderRule(batch=min(64, count), window=256))
for epoch in range(2):
    for batch in loader.epoch(epoch):
        pass
windows = sum(arena.size for arena in loader.loader._ring.arenas) / 2**20
print(json.dumps({"loader_peak_mb_beyond_windows": peak() - before - windows, "loader_windows_mb": windows}))
"""

_MAKE_CATALOG = """
import sys
import numpy as np, pyarrow as pa
from deltalake import write_deltalake
from geomeld_build.store import create_store, records_to_table
from geomeld_build.store.catalog import load_table
from tests.support.bench_tiles import NAMES
from tests.unit.store.making import RECIPE, record_of
uri, count = sys.argv[1], int(sys.argv[2])
create_store(uri, modalities=NAMES, recipe=RECIPE)
one = records_to_table([record_of(0, 0, 0, NAMES)])
for start in range(0, count, 250_000):
    rows = np.arange(start, min(start + 250_000, count))
    table = one.take(pa.array(np.zeros(len(rows), np.int64)))
    changed = {
        "tile_id": pa.array([f"{row:016x}" for row in rows]),
        "location_id": pa.array([f"p{row // 2}" for row in rows]),
        "row": pa.array(rows), "shard": pa.array((rows // 256).astype("i4")),
        "slot": pa.array((rows % 256).astype("i2")), "cloud_fraction": pa.array((rows % 10 / 10).astype("f4")),
    }
    for name, values in changed.items():
        table = table.set_column(table.schema.get_field_index(name), one.schema.field(name), values)
    write_deltalake(load_table(uri, "tiles"), table, mode="append")
print("made")
"""

_CATALOG = """
import json, sys, time
from geomeld_build.store import LoaderOptions, OrderRule, TileLoader, open_store
from tests.support.bench_tiles import NAMES
uri, count = sys.argv[1], int(sys.argv[2])
started = time.perf_counter()
store = open_store(uri)
loader = TileLoader(store, LoaderOptions(names=NAMES, where="cloud_fraction < 0.85"), OrderRule(batch=1))
steps = loader.steps(1)
assert steps == loader.tiles.samples == count * 9 // 10, (steps, loader.tiles.samples)
seconds = time.perf_counter() - started
started = time.perf_counter()
loader.plan(2)
print(json.dumps({
    "catalog_rows": count, "catalog_open_filter_order_s": seconds, "epoch_order_s": time.perf_counter() - started,
    # Not getrusage: its peak includes that of the process that started this one.
    "catalog_peak_mb": int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024,
}))
"""
