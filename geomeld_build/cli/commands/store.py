"""``status``, ``query``, ``show``: look into a store."""

from __future__ import annotations

import csv
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.output import amount, print_json, print_outcomes, print_table, say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.store import Store

__all__ = ["register"]

_AT = Annotated[int | None, typer.Option("--version", help="Catalog version to look at. Default: the newest.")]
_MOST = 24


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: geomeld-build status tiles.store --json")(status)
    example = "geomeld-build query tiles.store 'SELECT status, count(*) AS n FROM tiles GROUP BY status'"
    app.command(epilog=f"Example: {example}")(query)
    app.command(epilog="Example: geomeld-build show tiles.store --out pictures --sheet")(show)


def _opened(store: str, version: int | None) -> Store:
    """The store at a version; one that it does not have is a mistake of the caller."""
    options.existing_store(store)
    from geomeld_build.store import open_store

    with writing() if version is not None else nullcontext():
        return open_store(store, version=version)


def status(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    version: _AT = None,
    as_json: options.AsJson = False,
) -> None:
    """Say what a store holds and what it has cost: tiles, outcomes, requests, bytes."""
    found = _opened(store, version).status()
    if as_json:
        print_json(found)
        return
    rows = [(key, value) for key, value in found.items() if key != "outcomes"]
    print_table((store, ""), [(key, amount(value) if key == "bytes" else value) for key, value in rows])
    print_outcomes(found["outcomes"])


def query(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    sql: Annotated[str, typer.Argument(help="One SELECT over the table 'tiles' and the side tables.")],
    version: _AT = None,
    as_json: options.AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the result as CSV.")] = False,
) -> None:
    """Ask the catalog in SQL."""
    if as_json and as_csv:
        raise ConfigError("give at most one of --json and --csv")
    table = _opened(store, version).query(sql)
    rows = table.to_pylist()
    if as_json:
        print_json([{key: _plain(value) for key, value in row.items()} for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows([_plain(value) for value in row.values()] for row in rows)
    else:
        print_table(table.column_names, [[_text(value) for value in row.values()] for row in rows])
        say(f"{len(rows)} rows")


def _plain(value: object) -> object:
    """Binary columns (WKB) as hex, times as ISO text; the rest as it is."""
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _text(value: object) -> object:
    """As ``_plain``; numbers with all their digits and without separators, because a catalog holds ids and degrees."""
    plain = _plain(value)
    return str(plain) if isinstance(plain, int | float) else plain


def show(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    tile_ids: Annotated[list[str] | None, typer.Argument(metavar="TILE_ID", help="Tiles to draw.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("pictures"),
    sheet: Annotated[bool, typer.Option("--sheet", help="Also draw one contact sheet of all these tiles.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Without TILE_ID: the first so many tiles.")] = _MOST,
    as_json: options.AsJson = False,
) -> None:
    """Draw one picture a tile with every modality of it, north up."""
    options.existing_store(store)
    from geomeld_build.pictures import save_sheet, save_tile
    from geomeld_build.store import open_store

    opened = open_store(store)
    chosen = list(tile_ids or ()) or [
        row["tile_id"]
        for row in opened.query(
            f"SELECT tile_id FROM tiles WHERE status = 'ok' ORDER BY tile_id LIMIT {int(limit)}"
        ).to_pylist()
    ]
    if not chosen:
        raise ConfigError(f"the store {store} has no tile to draw")
    written: list[Path] = []
    with writing():
        out.mkdir(parents=True, exist_ok=True)
        for tile_id in chosen:
            written.append(save_tile(opened, tile_id, out / f"{tile_id}.png"))
        if sheet:
            written.append(save_sheet(opened, chosen, out / "sheet.png"))
    if as_json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            typer.echo(str(path))
    say(f"{len(written)} pictures in {out}")
