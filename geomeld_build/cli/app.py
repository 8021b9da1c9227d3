"""The application: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from geomeld_build.cli.commands import (
    anchors,
    build,
    caption,
    demo,
    doctor,
    emulator,
    flows,
    maintenance,
    plan,
    planet,
    stats,
    store,
    tables,
    train,
)
from geomeld_build.cli.failures import FAILURE, INTERRUPTED, explain

__all__ = ["app", "main"]

_DEBUG = "GEOMELD_DEBUG"

app = typer.Typer(
    name="geomeld-build",
    help="Builds aligned multimodal Earth-observation tile datasets from Earth Engine.",
    epilog="New here? 'geomeld-build demo' builds a small store without an account. 'COMMAND --help' shows an example.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"geomeld-build {version('geomeld-build')}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help=f"Show tracebacks. Also: {_DEBUG}=1.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ[_DEBUG] = "1"


demo.register(app)
doctor.register(app)
tables.register(app)
emulator.register(app)
planet.register(app)
anchors.register(app)
plan.register(app)
build.register(app)
store.register(app)
maintenance.register(app)
stats.register(app)
caption.register(app)
train.register(app)
flows.register(app)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 ok, 1 failure, 2 usage, 3 partial, 4 service, 130 interrupted.

    A failure is one line on stderr; with ``--debug`` or ``GEOMELD_DEBUG=1`` the traceback follows.
    """
    command = typer.main.get_command(app)
    try:
        code = command.main(args=None if args is None else list(args), prog_name="geomeld-build", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _end_of_pipe()
    except SystemExit as stop:
        # Typer itself ends the process when a pipe closes.
        return _end_of_pipe() if isinstance(stop.__context__, BrokenPipeError) else int(stop.code or 0)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # the rim of the program: one line and an exit code, a traceback with --debug
        return _report(error)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _end_of_pipe() -> int:
    """The reader of a pipe (head, less) has seen enough: no failure. Keeps the interpreter's last flush silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _report(error: Exception) -> int:
    code, line = explain(error)
    if line:
        print(line, file=sys.stderr)
    if os.environ.get(_DEBUG, "0") not in ("", "0"):
        traceback.print_exception(error)
    elif code == FAILURE:
        print("('geomeld-build --debug ...' shows where it came from)", file=sys.stderr)
    return code
