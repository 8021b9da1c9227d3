"""The command line. Heavy libraries are imported inside commands, so that ``--help`` answers at once."""

from geomeld_build.cli.app import app, main

__all__ = ["app", "main"]
