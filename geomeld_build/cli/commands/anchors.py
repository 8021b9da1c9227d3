"""``anchors``: draw places and dates, or take a list of them."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.output import bars, print_json, print_table, say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.grid import Anchor

__all__ = ["ImportFormat", "Strata", "register"]

_app = typer.Typer(help="Draw or import places and dates.", no_args_is_help=True, rich_markup_mode=None)


class ImportFormat(StrEnum):
    """What a file of points is."""

    ANCHORS = "anchors"
    AUTO = "auto"
    MMEARTH = "mmearth"
    SKYSCRIPT = "skyscript"
    GEOMELD = "geomeld"
    TABLE = "table"


class Strata(StrEnum):
    """What the strata of a frame are."""

    BIOME = "biome"
    ECOREGION = "ecoregion"
    CONTINENT_BIOME = "continent-biome"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    from geomeld_build.cli.commands import frames

    frames.register(_app)
    app.add_typer(_app, name="anchors")


@_app.command(
    epilog="Example: geomeld-build anchors sample --n 9 --bbox 75,30,76,31 --out anchors.parquet; "
    "of the Earth: geomeld-build anchors sample --n 10000 --by biome --out frame --project my-project"
)
def sample(
    out: Annotated[Path, typer.Option(help="Parquet file to write; of a frame: its folder.")],
    n: Annotated[int | None, typer.Option("--n", "-n", min=1, help="How many anchors to draw.")] = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    region: Annotated[Path | None, typer.Option(help="Instead of --bbox: a polygon file (GeoJSON, GPKG, ...).")] = None,
    by: Annotated[Strata | None, typer.Option(help="Instead of a region: strata of the whole Earth.")] = None,
    frame: Annotated[Path | None, typer.Option(help="Instead: the recipe of a frame (YAML).")] = None,
    preset: Annotated[str | None, typer.Option(help="Instead: independent or paper, with --pool.")] = None,
    pool: Annotated[list[str] | None, typer.Option(help="NAME=PATH of a preset's pool; repeat.")] = None,
    biomes: Annotated[str | None, typer.Option(help="File of biomes. [default: the source's table]")] = None,
    grow: Annotated[Path | None, typer.Option(help="Earlier frame, all of whose anchors stay.")] = None,
    naip: Annotated[bool | None, typer.Option("--naip", help="Date the US by aerial images of the source.")] = None,
    years: Annotated[str | None, typer.Option(help="Years of drawn dates, first-last. [default: 2018-2021]")] = None,
    source: options.SourceName = None,
    url: options.Url = None,
    project: options.Project = None,
    credentials: options.Credentials = None,
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw anchors: cells of the 1,280 m lattice without replacement, each with a date.

    In a region, an anchors file comes out. Over the Earth, a frame: a folder with anchors in strata, reserves, splits,
    and the account of every point that was offered and dropped.
    """
    first_last = _years(years) if years else None
    if bbox is not None or region is not None:
        if n is None or (bbox is None) == (region is None) or by or frame or preset or pool or grow or naip:
            raise ConfigError("a region needs --n and one of --bbox and --region, and no option of a frame")
        _sample_region(bbox or str(region), n, out, recipe, first_last or (2018, 2021), as_json=as_json)
        return
    from geomeld_build.cli.commands.frames import frame_config, make_frame

    if (by is None) != (n is None):
        raise ConfigError("give --n together with --bbox, --region or --by; the recipe of a frame has its own counts")
    given = {"recipe": recipe, "biomes": biomes, "naip": naip, "years": first_last}
    config = frame_config(frame, preset, pool or [], given, {"count": n, "by": str(by)} if by else None)
    settings = options.source_config(options.source_values(source, url, project, credentials))
    make_frame(config, out, settings, grow, as_json=as_json)


def _sample_region(
    region: str, n: int, out: Path, recipe: str | None, years: tuple[int, int], *, as_json: bool
) -> None:
    from geomeld_build.anchors import parse_region, sample_anchors

    drawn = sample_anchors(parse_region(region), n, recipe=recipe or options.DEFAULT_RECIPE, years=years)
    _save(drawn, out, as_json=as_json)


@_app.command("import", epilog="Example: geomeld-build anchors import places.csv --out anchors.parquet")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet of lon, lat, date; or another format's file.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    format: Annotated[
        ImportFormat, typer.Option(help="Other than anchors: only coordinates are taken.")
    ] = ImportFormat.ANCHORS,
    years: Annotated[
        str | None, typer.Option(help="With --format: years of drawn dates where the file has none.")
    ] = None,
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Turn a list of places and dates into anchors; each keeps its centre, snapped to 20 m.

    With --format, other people's datasets: MMEarth, SkyScript, the released GeoMeld, or any table of points. Their
    points get a date of a pseudo-random month where the file has none.
    """
    name = recipe or options.DEFAULT_RECIPE
    if format is ImportFormat.ANCHORS:
        if years is not None:
            raise ConfigError("--years needs --format: a list of anchors has dates of its own")
        from geomeld_build.anchors import read_anchors

        _save(read_anchors(file, recipe=name), out, as_json=as_json)
        return
    from geomeld_build.anchors.import_pool import import_pool

    with writing(), bars() as progress:
        count = import_pool(
            file,
            out,
            format=str(format),
            recipe=name,
            years=_years(years) if years else (2018, 2021),
            progress=lambda done, total: progress("reading", done, total),
        )
    if as_json:
        print_json({"out": str(out), "anchors": count})
    say(f"{count} anchors in {out}")


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
