"""``demo``: the whole way from nothing to pictures, without an account."""

from __future__ import annotations

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build demo --out build/demo --tiles 9")(demo)


def demo() -> None:
    """Build."""
