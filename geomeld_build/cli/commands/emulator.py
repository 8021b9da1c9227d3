"""``emulator``: serve a small Earth Engine on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geomeld_build.cli.output import say
from geomeld_build.errors import ConfigError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build emulator --world planet --port 8765")(emulator)


def emulator(
    world: Annotated[str, typer.Option(help="'planet' for the simulated planet, or a folder with world.json.")] = (
        "planet"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated planet.")] = 0,
    latency: Annotated[float, typer.Option(min=0, help="Seconds that a pixel request takes at least.")] = 0.0,
    quota: Annotated[bool, typer.Option("--quota/--no-quota", help="Refuse as the real service does.")] = True,
) -> None:
    """Serve a small Earth Engine on this machine until Ctrl-C. Its URL is the first line on stdout.

    Any Earth Engine client can talk to it: ee.Initialize(url=URL, credentials=..., project='any').
    """
