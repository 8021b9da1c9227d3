"""``stats``: count, mean, deviation and quantiles of every band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.store import StoreStatistics

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build stats tiles.store --where 'lat > 60' --json")(stats)


def stats(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    where: Annotated[str | None, typer.Option(help="Only tiles that meet this SQL condition on 'tiles'.")] = None,
    split: Annotated[str | None, typer.Option(help="Only tiles of this split.")] = None,
    version: Annotated[int | None, typer.Option("--version", help="Catalog version. Default: the newest.")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="First keep, by split, what the store has not kept.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Say how the valid pixels of each band are distributed, in physical units."""
    options.existing_store(store)
    from geomeld_build.store import open_store, update_statistics

    if update:
        say(f"counted {update_statistics(store)} shard groups")
    found = open_store(store, version=version).statistics(where=where, split=split)
    if as_json:
        print_json(found.to_json())
        return
    _print_figures(found)
    _print_classes(found)
    say(f"{found.tiles} tiles of catalog version {found.catalog_version}; the pixels of {found.tiles_read} were read")


def _print_figures(found: StoreStatistics) -> None:
    shares = ("0.01", "0.5", "0.99")
    rows = []
    for name, bands in found.bands.items():
        for band in bands:
            if band.row.classes is None:
                told = band.to_json([float(share) for share in shares])
                figures = (told["mean"], told["std"], told["min"], *told["quantiles"].values(), told["max"])
                rows.append((name, band.band, band.row.units, told["count"], *figures))
    print_table(
        ("row", "band", "unit", "pixels", "mean", "std", "min", *(f"q{share}" for share in shares), "max"), rows
    )


def _print_classes(found: StoreStatistics) -> None:
    rows = [
        (name, band.band, label, pixels, pixels / band.count)
        for name, bands in found.bands.items()
        for band in bands
        for label, pixels in band.classes.items()
        if pixels
    ]
    print_table(("row", "band", "class", "pixels", "share"), rows)
