"""``deploy`` and ``run``: hand over to ``python -m flows.control``, the only Prefect client."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import NoReturn

import typer

from geomeld_build.errors import MissingExtra

__all__ = ["register"]

_PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(context_settings=_PASS_THROUGH, epilog="Example: geomeld-build deploy --set store=tiles.store")(deploy)
    example = "geomeld-build run build-tiles --set anchors=anchors.parquet --watch"
    app.command(context_settings=_PASS_THROUGH, epilog=f"Example: {example}")(run)


def deploy(context: typer.Context) -> None:
    """Register the deployments of flows/prefect.yaml with a Prefect server.

    Every argument is passed on to 'python -m flows.control deploy'; '-- --help' lists them.
    """
    _hand_over("deploy", context.args)


def run(context: typer.Context) -> None:
    """Start a deployment by its bare name.

    Every argument is passed on to 'python -m flows.control run'; '-- --help' lists them.
    """
    _hand_over("run", context.args)


def _hand_over(verb: str, args: list[str]) -> NoReturn:
    if find_spec("flows") is None:
        raise MissingExtra("the package 'flows' is not installed: install geomeld-build from its repository")
    sys.stdout.flush()
    sys.stderr.flush()
    # exec, not a child: signals and the exit code go straight through.
    os.execv(sys.executable, [sys.executable, "-m", "flows.control", verb, *args])
