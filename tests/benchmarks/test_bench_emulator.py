"""What the simulated planet costs: tiles a second at random places on land, cold, from two server processes.

Places are planned as a build plans them, on a server of its own, so that the measured ones have never seen them. Each
measured request is the one that a build sends for a tile: the same expression, built by the same code, once.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import ee
import numpy as np

from geomeld_build.emulator.worlds.planet import PlanetWorld
from geomeld_build.grid import Anchor, TilePlan, place_anchor
from geomeld_build.modalities import MODALITIES
from geomeld_build.sources import Source, open_source
from geomeld_build.sources.earthengine_layout import errands, reads
from geomeld_build.sources.earthengine_pixels import errand_expression, grid_request
from geomeld_build.tiles import plan_anchors

FULL = "GEOMELD_BENCH" in os.environ
TILES = 160 if FULL else 2
CACHED = 40 if FULL else 2
"""Tiles that are asked for again: no more than the servers remember."""
SERVERS = 2
IN_FLIGHT = 2
"""Requests in flight to each server."""
ECOREGIONS = "RESOLVE/ECOREGIONS/2017"
FIRST_DAY, DAYS = datetime(2019, 1, 1, tzinfo=UTC), 2000

Request = tuple[bytes, int]
"""Body, and how many bands it asks for."""


def _cpu_of(pid: int) -> float:
    """User and system seconds of a process (Linux: fields 14 and 15 of /proc/PID/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server() -> Iterator[tuple[str, int, float]]:
    """An emulator process: its URL, its process id, and the seconds until it answered."""
    command = [sys.executable, "-m", "geomeld_build.cli", "emulator", "--world", "planet", "--no-quota"]
    start = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip(), server.pid, time.perf_counter() - start
    finally:
        server.terminate()
        server.wait(20)
        if server.stdout is not None:
            server.stdout.close()


def _places(count: int) -> list[Anchor]:
    """Places on land, uniform over the Earth between 56 S and 78 N, each at a date of its own."""
    rng = np.random.default_rng(2024)
    south, north = np.sin(np.radians((-56.0, 78.0)))
    lon, lat = rng.uniform(-180, 180, 8 * count), np.degrees(np.arcsin(rng.uniform(south, north, 8 * count)))
    land = np.flatnonzero(PlanetWorld(0).biomes(lon, lat))[:count]
    days = rng.integers(0, DAYS, count)
    return [
        place_anchor(float(lon[i]), float(lat[i]), FIRST_DAY + timedelta(days=int(day)), recipe="bench")
        for i, day in zip(land, days, strict=True)
    ]


def _planned(source: Source) -> tuple[list[TilePlan], int]:
    """The best plan of ``TILES`` anchors that have a reference, and how many anchors were asked."""
    found, asked = [], 0
    anchors = _places(3 * TILES)
    for batch in plan_anchors(anchors, source, [n for n in MODALITIES if n != "naip"], batch=max(8, TILES // 2)):
        first = {plan.anchor.tile_id: plan for plan in reversed(batch)}
        asked += len(first)
        found += [plan for plan in first.values() if plan.reference is not None]
        if len(found) >= TILES:
            break
    return found[:TILES], asked


def _request(plan: TilePlan) -> Request:
    """What a build sends for the pixels of a tile."""
    # Building expressions needs the client that the search has initialised, and sends nothing.
    errand = errands(reads(plan, MODALITIES), context_rides=True)[0]
    body = {
        "expression": ee.serializer.encode(errand_expression(errand, plan.anchor), for_cloud_api=True),
        "fileFormat": "NPY",
        "grid": grid_request(plan.anchor, errand.grid),
    }
    return json.dumps(body).encode(), sum(len(read.data_names) for read in errand.reads)


def _send(url: str, waiting: deque[Request], sent: list[Request]) -> int:
    """Send requests one after the other over one connection until none waits: bytes received."""
    connection, received = http.client.HTTPConnection(urlsplit(url).netloc, timeout=300), 0
    while True:
        try:
            request = waiting.popleft()
        except IndexError:
            connection.close()
            return received
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/projects/local/image:computePixels", request[0], headers)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data[:500]
        received += len(data)
        sent.append(request)


def _serve(waiting: Sequence[tuple[str, deque[Request]]]) -> tuple[float, int, list[list[Request]]]:
    """Ask every server for the requests that wait for it: seconds, bytes received, and what each server was asked."""
    sent: list[list[Request]] = [[] for _ in waiting]
    start = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT * len(waiting)) as pool:
        lanes = [(*pair, done) for pair, done in zip(waiting, sent, strict=True)] * IN_FLIGHT
        received = sum(pool.map(lambda lane: _send(*lane), lanes))
    return time.perf_counter() - start, received, sent


def _table_seconds(url: str) -> float:
    source = open_source("earthengine", url=url, project="local")
    start = time.perf_counter()
    rows = source.table(ECOREGIONS, ["ECO_ID", "BIOME_NUM"]).num_rows
    assert rows > 100
    return time.perf_counter() - start


def test_the_planet() -> None:
    with ExitStack() as stack:
        planner = stack.enter_context(_server())
        source = open_source("earthengine", url=planner[0], project="local")
        before, start = _cpu_of(planner[1]), time.perf_counter()
        plans, asked = _planned(source)
        search, search_wall = _cpu_of(planner[1]) - before, time.perf_counter() - start
        requests = [_request(plan) for plan in plans]
        servers = [stack.enter_context(_server()) for _ in range(SERVERS)]
        urls, pids = [one[0] for one in servers], [one[1] for one in servers]
        cpu = sum(map(_cpu_of, pids))
        everything = deque(requests)
        wall, received, asked_of = _serve([(url, everything) for url in urls])
        cold = sum(map(_cpu_of, pids)) - cpu
        last = [deque(done[-CACHED // SERVERS :]) for done in asked_of]
        again = sum(map(len, last))
        cached_wall, _, _ = _serve(list(zip(urls, last, strict=True)))
        figures = {
            "tiles": len(requests),
            "bands_a_tile": round(sum(bands for _, bands in requests) / len(requests), 1),
            "tiles_per_second": round(len(requests) / wall, 2),
            "cpu_ms_a_tile": round(1000 * cold / len(requests), 1),
            "cores_busy": round(cold / wall, 2),
            "cached_tiles_per_second": round(again / cached_wall, 2),
            "kilobytes_a_tile": round(received / 1000 / len(requests), 1),
            "search_cpu_ms_a_place": round(1000 * search / asked, 1),
            "search_places_per_second": round(asked / search_wall, 1),
            "start_seconds": round(max(one[2] for one in (planner, *servers)), 2),
            "ecoregion_table_seconds": round(_table_seconds(urls[0]), 2) if FULL else None,
        }
    assert figures["tiles"] == TILES
    if FULL:
        out = Path(os.environ["GEOMELD_BENCH_OUT"]) / "emulator.json"
        out.write_text(json.dumps(figures, indent=2))
        print(json.dumps(figures, indent=2))
