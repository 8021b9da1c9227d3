"""``anchors``: draw places and dates, or take a list of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.output import print_json, print_table, say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.grid import Anchor

__all__ = ["register"]

_app = typer.Typer(help="Draw or import places and dates.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(_app, name="anchors")


@_app.command(epilog="Example: geomeld-build anchors sample --n 9 --bbox 75,30,76,31 --out anchors.parquet")
def sample(
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many anchors to draw.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    region: Annotated[Path | None, typer.Option(help="Instead of --bbox: a polygon file (GeoJSON, GPKG, ...).")] = None,
    years: Annotated[str, typer.Option(help="Years of the dates, first-last.")] = "2018-2021",
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw anchors in a region: cells of the 1,280 m lattice without replacement, each with a date."""
    if (bbox is None) == (region is None):
        raise ConfigError("give exactly one of --bbox and --region")
    first_last = _years(years)
    from geomeld_build.anchors import parse_region, sample_anchors

    drawn = sample_anchors(
        parse_region(bbox or str(region)), n, recipe=recipe or options.DEFAULT_RECIPE, years=first_last
    )
    _save(drawn, out, as_json=as_json)


@_app.command("import", epilog="Example: geomeld-build anchors import places.csv --out anchors.parquet")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with the columns lon, lat, date.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Turn a list of places and dates into anchors; each keeps its centre, snapped to 20 m."""
    from geomeld_build.anchors import read_anchors

    _save(read_anchors(file, recipe=recipe or options.DEFAULT_RECIPE), out, as_json=as_json)


def _years(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text.strip())
    if found is None:
        raise ConfigError(f"--years {text!r}: expected a year or first-last, such as 2018-2021")
    first = int(found[1])
    last = int(found[2] or first)
    if last < first:
        raise ConfigError(f"--years {text!r}: the first year is after the last")
    return first, last


def _save(found: list[Anchor], out: Path, *, as_json: bool) -> None:
    from geomeld_build.anchors import write_anchors

    with writing():
        write_anchors(out, found)
    rows = [(a.tile_id, a.location_id, a.lon, a.lat, a.epsg, a.datetime.date().isoformat(), a.stratum) for a in found]
    columns = ("tile_id", "location_id", "lon", "lat", "epsg", "date", "stratum")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        shown = [(*row[:2], f"{row[2]:.5f}", f"{row[3]:.5f}", str(row[4]), *row[5:]) for row in rows[:20]]
        print_table(columns, shown)
        if len(rows) > len(shown):
            say(f"... and {len(rows) - len(shown)} more")
    say(f"{len(found)} anchors in {out}")
