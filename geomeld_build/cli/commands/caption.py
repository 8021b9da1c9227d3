"""``caption``: what tiles show, measured and put into words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.commands.caption_report import answers, audit, held_out, report
from geomeld_build.cli.commands.caption_run import run
from geomeld_build.cli.commands.caption_verify import verify
from geomeld_build.cli.output import bars, print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.captions.signals.record import Signals

__all__ = ["register"]

_group = typer.Typer(
    help="Measure what tiles show, write captions that are true of it, check and judge captions.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    _group.command(epilog="Example: geomeld-build caption signals tiles.store --tile 0d99138e1776d1e6")(signals)
    _group.command(epilog="Example: geomeld-build caption run tiles.store --withhold biome,season")(run)
    _group.command(epilog="Example: geomeld-build caption verify captions.jsonl --json")(verify)
    _group.command(epilog="Example: geomeld-build caption report tiles.store --out report")(report)
    _group.command(epilog="Example: geomeld-build caption audit tiles.store --out audit --n 200")(audit)
    _group.command(epilog="Example: geomeld-build caption answers audit/key.json answers-ann.json answers-bo.json")(
        answers
    )
    _group.command("held-out", epilog="Example: geomeld-build caption held-out tiles.store")(held_out)
    app.add_typer(_group, name="caption")


def signals(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    tile: Annotated[str | None, typer.Option(help="Show the signals of this tile.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads that measure.")] = 2,
    osm: Annotated[
        list[Path] | None, typer.Option(help="Extract of OpenStreetMap (.osm.pbf) to add mapped objects from; repeat.")
    ] = None,
    osm_complete: Annotated[
        bool, typer.Option("--osm-complete", help="What the extracts lack is not there: the region is fully mapped.")
    ] = False,
    countries: Annotated[
        Path | None, typer.Option(help="Polygons of countries instead of the package's coarse map.")
    ] = None,
    admin1: Annotated[Path | None, typer.Option(help="Polygons of states and provinces.")] = None,
    ecoregions: Annotated[Path | None, typer.Option(help="Polygons of RESOLVE Ecoregions 2017: biome, realm.")] = None,
    released: Annotated[
        Path | None, typer.Option(help="Also write the metadata keys that GeoMeld released, a line of JSON a tile.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure land cover, layout, indices, radar, terrain, canopy and water of every tile; keep them in the store.

    Country and continent are added, and mapped objects, states, biomes where there are files of them. Tiles that have
    all of it are left out. The signals are in the side table 'signals'; 'query' joins it.
    """
    options.existing_store(store)
    from geomeld_build.captions.context.geography import Atlas
    from geomeld_build.captions.context.released import write_released
    from geomeld_build.captions.context.sources import ContextSources
    from geomeld_build.captions.signals.table import measure_store, signals_by_tile
    from geomeld_build.errors import ConfigError

    with bars() as progress:
        summary = measure_store(
            store,
            ContextSources(tuple(osm or ()), osm_complete, Atlas(countries, admin1, ecoregions)),
            again=bool(osm or osm_complete or countries or admin1 or ecoregions),
            threads=threads,
            progress=lambda done, total: progress("signals", done, total),
        )
    if released is not None:
        say(f"wrote {released}: {write_released(store, released)} records")
    if tile is None:
        if as_json:
            print_json(summary.to_json())
        else:
            print_table(("signals", ""), list(summary.to_json().items()))
        return
    found = signals_by_tile(store, [tile]).get(tile)
    if found is None:
        raise ConfigError(f"{store} has no tile {tile!r}: 'geomeld-build query {store} \"SELECT tile_id FROM tiles\"'")
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found)
    say(f"measured {summary.measured} tiles, {summary.already} were known")


def _show(found: Signals) -> None:
    rows: list[tuple[str, object]] = [
        ("date", f"{found.acquisition_date} ({found.season})"),
        ("place", f"{found.lat:.4f}, {found.lon:.4f}"),
    ]
    if found.geo is not None:
        where = [found.geo.admin1, found.geo.country, found.geo.continent, found.geo.biome, found.geo.ecoregion]
        rows.append(("lies in", ", ".join(name for name in where if name) or "not known"))
    if found.osm is not None:
        rows.append(("mapped", f"{sum(one.count for one in found.osm.surrounding)} features, {found.osm.status}"))
    if found.landcover is not None:
        shares = sorted(found.landcover.fractions.items(), key=lambda item: -item[1])
        rows.append(("land cover", ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005)))
        rows.append(("dominance", f"{found.landcover.dominant}, {found.landcover.dominance}"))
    if found.dynamic_world is not None and found.dynamic_world.disagreement is not None:
        rows.append(("maps differ by", f"{found.dynamic_world.disagreement:.0%}"))
    if found.layout is not None:
        rows.append(("patches", len(found.layout.objects)))
    if found.terrain is not None:
        height, slope = found.terrain.elevation_m, found.terrain.slope_deg
        rows.append(("terrain", f"{found.terrain.terrain_class}, {height.min:.0f} to {height.max:.0f} m"))
        rows.append(("slope, deg", f"{slope.mean:.1f}, p90 {slope.p90:.1f}"))
    if found.canopy_height_m is not None:
        rows.append(("canopy", f"{found.canopy_height_m.mean:.1f} m, p95 {found.canopy_height_m.p95:.1f} m"))
    if found.water_analysis is not None:
        rows.append(("water", f"{found.water_analysis.percentage:.1f} %, {found.water_analysis.status}"))
    if found.indices is not None and "ndvi" in found.indices:
        rows.append(("NDVI", round(found.indices["ndvi"].p50, 2)))
    print_table(("signals", found.tile_id), rows)
