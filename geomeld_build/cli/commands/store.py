"""``status``, ``query``, ``show``: look into a store."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.output import amount, print_json, print_outcomes, print_table, say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.store import Batch, Store, TileLoader

__all__ = ["register"]

_AT = Annotated[int | None, typer.Option("--version", help="Catalog version to look at. Default: the newest.")]
_MOST = 24
_TRAINED = ("input", "target")
"""Roles of rows that a model is trained on."""
_WINDOW = 1024
"""Tiles that are shuffled among each other: a picture of one batch need not read the 8,192 of a training run first."""
_WARM_S = 0.3
_MEASURE_S = 1.0


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: geomeld-build status tiles.store --json")(status)
    example = "geomeld-build query tiles.store 'SELECT status, count(*) AS n FROM tiles GROUP BY status'"
    app.command(epilog=f"Example: {example}")(query)
    app.command(epilog="Example: geomeld-build show tiles.store --out pictures --batch 16")(show)


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
    batch: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Instead of tiles: one shuffled training batch of so many, and the rate."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="With --batch: seed of the order. [default: 0]")] = None,
    where: Annotated[str | None, typer.Option(help="With --batch: SQL condition that its tiles meet.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw one picture a tile with every modality of it, north up; or one of a training batch.

    With --batch the picture shows what the loader gives to training, pixel by pixel, and the loader's rate is measured
    for about a second. A store of a few tiles has a lower rate: its epochs begin again and again.
    """
    options.existing_store(store)
    from geomeld_build.store import open_store

    if batch is None:
        if seed is not None or where is not None:
            raise ConfigError("--seed and --where choose a batch: give --batch too")
        _show_tiles(open_store(store), list(tile_ids or ()), out, sheet=sheet, limit=limit, as_json=as_json)
        return
    if tile_ids or sheet:
        raise ConfigError("a batch is drawn by seed and condition: leave out TILE_ID and --sheet, or --batch")
    told = _show_batch(open_store(store), out, batch, seed or 0, where or "")
    if as_json:
        print_json(told)
    else:
        typer.echo(told["picture"])
    say(_rate_text(told))


def _show_tiles(store: Store, tile_ids: list[str], out: Path, *, sheet: bool, limit: int, as_json: bool) -> None:
    from geomeld_build.pictures import save_sheet, save_tile

    first = f"SELECT tile_id FROM tiles WHERE status = 'ok' ORDER BY tile_id LIMIT {int(limit)}"
    chosen = tile_ids or [row["tile_id"] for row in store.query(first).to_pylist()]
    if not chosen:
        raise ConfigError(f"the store {store.uri} has no tile to draw")
    written: list[Path] = []
    with writing():
        out.mkdir(parents=True, exist_ok=True)
        for tile_id in chosen:
            written.append(save_tile(store, tile_id, out / f"{tile_id}.png"))
        if sheet:
            written.append(save_sheet(store, chosen, out / "sheet.png"))
    if as_json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            typer.echo(str(path))
    say(f"{len(written)} pictures in {out}")


def _show_batch(store: Store, out: Path, size: int, seed: int, where: str) -> dict[str, Any]:
    """Load the first batch of epoch 0, draw it, then measure the loader that loaded it."""
    from geomeld_build.pictures import save_batch

    loader = _training_loader(store, size, seed, where)
    with writing():
        out.mkdir(parents=True, exist_ok=True)
    note = f"drawn from {loader.tiles.samples:,} tiles" + (f" where {where}" if where else "")
    with _ended(loader.epoch(0)) as batches:
        drawn = next(batches)
        with writing():
            path = save_batch(store, drawn, out / "batch.png", note=note)
        samples, tile_ids = len(drawn), drawn.tile_ids
    return {
        "picture": str(path),
        "version": store.version,
        "seed": seed,
        "epoch": 0,
        "batch": samples,
        "tile_ids": tile_ids,
        "tiles": loader.tiles.samples,
        "loader_tiles_per_s": round(_tiles_per_second(loader), 1),
        "loader_threads": loader.options.threads,
        "tile_bytes": sum(array[0].nbytes for array in loader.buffers[0].values()),
    }


def _training_loader(store: Store, size: int, seed: int, where: str) -> TileLoader:
    """The loader as training makes it, of all rows of the store that a model is trained on."""
    from geomeld_build.modalities import modality
    from geomeld_build.store import LoaderOptions, OrderRule, TileLoader
    from geomeld_build.store.catalog import side_tables
    from geomeld_build.store.statistics_splits import SPLITS

    names = tuple(name for name in store.modalities if modality(name).role in _TRAINED)
    if not names:
        raise ConfigError(f"the store {store.uri} has no row to train on, only {', '.join(store.modalities)}")
    columns = ("split",) if SPLITS in side_tables(store.uri) else ()
    rule = OrderRule(seed=seed, batch=size, window=_WINDOW, drop_last=False)
    return TileLoader(store, LoaderOptions(names=names, where=where, columns=columns), rule)


def _tiles_per_second(loader: TileLoader) -> float:
    """Wall-clock rate over a second or more; epochs follow each other where one is shorter."""

    def read(at_least_s: float) -> float:
        start, samples = time.perf_counter(), 0
        for epoch in count():
            with _ended(loader.epoch(epoch)) as batches:
                for batch in batches:
                    samples += len(batch)
                    if time.perf_counter() - start >= at_least_s:
                        return samples / (time.perf_counter() - start)
        raise AssertionError("epochs do not end")

    read(_WARM_S)
    return read(_MEASURE_S)


@contextmanager
def _ended(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """An epoch that is left early is ended, so that the loader may begin another."""
    try:
        yield batches
    finally:
        if isinstance(batches, Generator):
            batches.close()


def _rate_text(told: dict[str, Any]) -> str:
    return (
        f"loader: {told['loader_tiles_per_s']:,.0f} tiles/s with {told['loader_threads']} threads "
        f"(batch {told['batch']}, {told['tile_bytes'] / 1e6:.2f} MB a tile decoded)"
    )
