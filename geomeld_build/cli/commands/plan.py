"""``plan``: pin scenes, and say what a fetch will cost before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.output import amount, bars, print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.build.config import SourceConfig
    from geomeld_build.grid import Anchor, TilePlan

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    example = "geomeld-build plan --anchors anchors.parquet --out plan.parquet --project my-project"
    app.command(epilog=f"Example: {example}")(plan)


def plan(
    anchors: Annotated[Path, typer.Option(help="Anchors: Parquet or CSV of lon, lat, date; or a frame's folder.")],
    out: Annotated[Path, typer.Option(help="Plan to write; 'build --plan' replays it.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many anchors.")] = None,
    modalities: options.Modalities = None,
    source: options.SourceName = None,
    url: options.Url = None,
    project: options.Project = None,
    credentials: options.Credentials = None,
    batch: Annotated[int, typer.Option(min=1, max=500, help="Anchors in one search request.")] = 500,
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Choose scenes for every anchor, pin them in a plan, and print what a fetch will cost.

    Planning needs two search requests for each batch of anchors and reads no pixels. An interrupted planning run goes
    on where it stopped.
    """
    settings = options.source_config(options.source_values(source, url, project, credentials))
    from geomeld_build.anchors import read_anchors
    from geomeld_build.build.reserves import frame_files
    from geomeld_build.tiles import estimate

    file, _ = frame_files(anchors, None)
    places = read_anchors(file, recipe=recipe or options.DEFAULT_RECIPE)[:limit]
    with writing():
        plans = _plan(places, out, settings, options.row_names(modalities), batch)
    cost = estimate(plans, max_in_flight=settings.max_in_flight, requests_per_second=settings.requests_per_second)
    if as_json:
        print_json({"plan": str(out), "anchors": len(places), **cost.to_json()})
        return
    print_table(
        ("plan", ""),
        [
            ("anchors", len(places)),
            ("tiles to fetch", cost.tiles),
            ("without a reference scene", cost.skipped),
            ("pixel requests", cost.requests),
            ("raw pixels", amount(cost.bytes_raw)),
            ("on disk, about", amount(cost.bytes_stored)),
            ("hours at the quota", cost.hours_at_quota),
        ],
    )
    say(f"next: geomeld-build build --store STORE --plan {out}")


def _plan(
    places: list[Anchor], out: Path, settings: SourceConfig, rows: tuple[str, ...] | None, batch: int
) -> list[TilePlan]:
    from geomeld_build.build.executor import open_configured
    from geomeld_build.build.planning import plan_to_file
    from geomeld_build.modalities import MODALITIES
    from geomeld_build.tiles import read_plan
    from geomeld_build.tiles.plan_file import plan_fingerprint

    wanted = rows or tuple(MODALITIES)
    # The same anchors, rows and endpoint are the same job: its finished batches are kept after an interruption.
    fingerprint = plan_fingerprint(places, settings.name, settings.url, wanted, batch)
    source = open_configured(settings)
    try:
        with bars() as progress:
            plan_to_file(
                places, source, wanted, out, fingerprint, batch, lambda done, total: progress("plan", done, total)
            )
    finally:
        source.close()
    return read_plan(out)
