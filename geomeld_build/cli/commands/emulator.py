"""``emulator``: serve a small Earth Engine on this machine."""

from __future__ import annotations

import gc
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli.failures import USAGE, CommandFailed
from geomeld_build.cli.output import say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.emulator.settings import EmulatorSettings
    from geomeld_build.emulator.worlds.base import World

__all__ = ["register"]

_PLANET = "planet"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build emulator --world planet --port 8765")(emulator)


def emulator(
    world: Annotated[
        str, typer.Option(help="'planet' for the simulated planet, or a folder of rasters with world.json.")
    ] = _PLANET,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated planet.")] = 0,
    map_error: Annotated[
        float, typer.Option(min=0, help="Factor on the errors of the planet's maps; 0 turns them off.")
    ] = 1.0,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that every request takes longer.")] = 0.0,
    jitter: Annotated[float, typer.Option(min=0, help="Up to so many seconds more, by the request's number.")] = 0.0,
    quota: Annotated[bool, typer.Option("--quota/--no-quota", help="Refuse as the real service does.")] = True,
    concurrent: Annotated[int, typer.Option(min=1, help="Quota: requests in flight.")] = 40,
    per_second: Annotated[int, typer.Option(min=1, help="Quota: requests within a second.")] = 100,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads that evaluate requests.")] = 4,
) -> None:
    """Serve a small Earth Engine on this machine until Ctrl-C. Its URL is the first line on stdout.

    The stock client talks to it: ee.Initialize(credentials, project='any', url=URL).
    """
    from geomeld_build.emulator.settings import EmulatorSettings, LatencySettings, QuotaSettings

    settings = EmulatorSettings(
        quota=QuotaSettings(concurrent, per_second) if quota else QuotaSettings(None, None),
        latency=LatencySettings(latency, jitter, seed),
        threads=threads,
    )
    _serve(_open_world(world, seed, map_error), settings, host, port)


def _open_world(name: str, seed: int, map_error: float) -> World:
    if name == _PLANET:
        from geomeld_build.emulator.worlds.planet import PlanetWorld

        return PlanetWorld(seed=seed, map_error=map_error)
    from geomeld_build.emulator.worlds.folder import FolderWorld, WorldError

    if not Path(name).is_dir():
        raise ConfigError(f"--world {name!r}: expected 'planet' or a folder of rasters with world.json")
    try:
        return FolderWorld.open(Path(name))
    except WorldError as error:
        raise ConfigError(f"--world {name}: {error}") from error


def _serve(world: World, settings: EmulatorSettings, host: str, port: int) -> None:
    from geomeld_build.emulator.serve import EmulatorServer

    server = EmulatorServer(world, settings, host=host, port=port)
    ended = threading.Event()
    # A supervisor's polite stop is an ordinary end; Ctrl-C comes as an exception.
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        server.start()
    except OSError as error:
        raise CommandFailed(USAGE, f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    # What was loaded stays: without this the collector walks over it with every few requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    try:
        # Data for whoever started this process; flushed, because it waits for the line.
        print(server.url, flush=True)
        say(f"serving {world.name}; Ctrl-C stops")
        while not ended.wait(1.0):
            pass
    finally:
        server.stop()
