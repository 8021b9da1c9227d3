"""Tiles a second from the emulator through the whole build, and who spent the time.

Client and emulator share the machine, so the honest figures are CPU seconds a tile on each side; the rate is what
both together reach here.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from geomeld_build.build import BuildConfig, SourceConfig, build_tiles

FULL = "GEOMELD_BENCH" in os.environ
TILES = 192 if FULL else 2
REGION = "75.0,30.2,75.4,30.5"


def _cpu_of(pid: int) -> float:
    """User and system seconds of a process (Linux: fields 14 and 15 of /proc/PID/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_whole_build(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "geomeld_build.cli", "emulator", "--world", "planet", "--no-quota"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        figures = _measure(url, server.pid, tmp_path / "store")
    finally:
        server.terminate()
        server.wait(20)
        if server.stdout is not None:
            server.stdout.close()
    assert figures["tiles"] + figures["skipped"] == TILES
    if FULL:
        out = Path(os.environ["GEOMELD_BENCH_OUT"]) / "build.json"
        out.write_text(json.dumps(figures, indent=2))
        print(json.dumps(figures, indent=2))


def _measure(url: str, pid: int, store: Path) -> dict[str, float]:
    config = BuildConfig(
        store=str(store), region=REGION, limit=TILES, source=SourceConfig(url=url, project="local"), workers=8
    )
    ours, theirs, wall = _own_cpu(), _cpu_of(pid), time.perf_counter()
    summary = build_tiles(config)
    ours, theirs, wall = _own_cpu() - ours, _cpu_of(pid) - theirs, time.perf_counter() - wall
    reads = max(1, summary.counters.pixel_requests)
    return {
        "tiles": summary.ok,
        "skipped": summary.skipped,
        "tiles_per_second": round(summary.ok / wall, 3),
        "pixel_requests_per_second": round(reads / wall, 3),
        "emulator_cpu_ms_per_request": round(1000 * theirs / reads, 1),
        "build_cpu_ms_per_request": round(1000 * ours / reads, 1),
        "emulator_share_of_cpu": round(theirs / (ours + theirs), 3),
        "requests_per_tile": round(summary.counters.requests / max(1, summary.ok), 4),
        "megabytes_received_per_tile": round(summary.counters.bytes_received / 1e6 / max(1, summary.ok), 3),
    }


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
