"""``build``: anchors, a region or a plan into a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.interrupts import twice_to_leave
from geomeld_build.cli.output import amount, bars, print_json, print_outcomes, print_table, say

if TYPE_CHECKING:
    from geomeld_build.build import BuildSummary
    from geomeld_build.build.reserves import StratumQuota

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    example = "geomeld-build build --store tiles.store --anchors anchors.parquet --project my-project"
    app.command(epilog=f"Example: {example}")(build)


def build(
    store: Annotated[str | None, typer.Option(help="Folder or URL of the store; created when absent.")] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="Anchors: Parquet or CSV of lon, lat, date; or a frame's folder.")
    ] = None,
    reserves: Annotated[
        Path | None, typer.Option(help="A frame's reserves, for anchors without a tile. Default: of the folder.")
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="Instead of anchors: a plan to replay exactly.")] = None,
    region: Annotated[
        str | None, typer.Option(help="Instead of anchors: west,south,east,north or a polygon file to sample in.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many anchors; how many to sample in a region.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with these keys and more; options win.")] = None,
    modalities: options.Modalities = None,
    source: options.SourceName = None,
    url: options.Url = None,
    project: options.Project = None,
    credentials: options.Credentials = None,
    workers: Annotated[int | None, typer.Option(help="Threads a process that wait for pixels.")] = None,
    dask: Annotated[str | None, typer.Option(help="threads, sync, local or address.")] = None,
    dask_address: Annotated[str | None, typer.Option(help="Scheduler, with --dask address.")] = None,
    dask_workers: Annotated[int | None, typer.Option(help="Processes, with --dask local.")] = None,
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Build tiles into a store. Run it again to resume: what is there already is not fetched twice.

    With reserves, an anchor that ends without a tile (no scene, clouds) is made up for by the next reserve of its
    stratum, until every stratum has as many tiles as anchors or its reserves are used up.

    Exit 3 when some tiles failed: the store is valid, and the next run tries those again.
    """
    given = {
        "store": store,
        "anchors": anchors,
        "reserves": reserves,
        "plan": plan,
        "region": region,
        "limit": limit,
        "modalities": options.row_names(modalities),
        "source": options.source_values(source, url, project, credentials),
        "workers": workers,
        "dask": {"mode": dask, "address": dask_address, "n_workers": dask_workers},
        "recipe": recipe,
    }
    settings = options.build_config(config, given)
    from geomeld_build.build import build_tiles

    with writing(), twice_to_leave(), bars() as progress:
        summary = build_tiles(settings, progress=progress)
    if as_json:
        print_json(summary.to_json())
    else:
        _show(summary)
    raise typer.Exit(summary.exit_code)


def _show(summary: BuildSummary) -> None:
    counters = summary.counters
    print_table(
        ("build", ""),
        [
            ("store", summary.store),
            ("catalog version", summary.catalog_version),
            ("anchors", summary.anchors),
            ("there already", summary.already),
            ("built", summary.ok),
            ("skipped", summary.skipped),
            ("failed", summary.failed),
            ("requests", counters.requests),
            ("of them repeated after faults", counters.retries_fault),
            ("next candidate scenes tried", summary.retries_cloud),
            ("received", amount(counters.bytes_received)),
            ("seconds", summary.seconds),
        ],
    )
    print_outcomes(summary.outcomes)
    if summary.quotas:
        _show_quotas(summary.quotas)
    if summary.failed:
        say(f"{summary.failed} tiles failed; run the same command again to retry them")


def _show_quotas(quotas: Sequence[StratumQuota]) -> None:
    from geomeld_build.build.reserves import quota_notes

    columns = ("stratum", "wanted", "built", "reserves used", "lacking", "failed", "reserves left")
    fields = ("stratum", "wanted", "built", "reserves_used", "lacking", "failed", "reserves_left")
    print_table(columns, [tuple(getattr(item, name) for name in fields) for item in quotas])
    for note in quota_notes(quotas):
        say(note)
