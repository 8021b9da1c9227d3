"""``caption run``: the four agents over every tile of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.output import bars, print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.build.config import DaskConfig
    from geomeld_build.captions.agents.record import CaptionRecord
    from geomeld_build.captions.agents.settings import CaptionSettings

__all__ = ["run"]


def run(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    count: Annotated[int, typer.Option("--k", min=1, max=64, help="Candidates a tile.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other words.")] = 0,
    withhold: Annotated[
        str | None, typer.Option(help="Signals that captions are not to stand on, e.g. biome,season.")
    ] = None,
    producer: Annotated[str, typer.Option(help="Name of these captions; several stand side by side.")] = "grammar",
    driver: Annotated[str, typer.Option(help="machine, or langgraph for the same steps in LangGraph.")] = "machine",
    dask: Annotated[str, typer.Option(help="sync, threads, local or address.")] = "sync",
    dask_address: Annotated[str | None, typer.Option(help="Scheduler, with --dask address.")] = None,
    dask_workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes, with --dask local.")] = 2,
    tile: Annotated[str | None, typer.Option(help="Show the caption of this tile.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a caption for every tile: candidates, ranked, checked against the signals, revised.

    Tiles that have a caption of the same settings and signals are left out; a run that is stopped goes on where it
    was. Captions are in the side table 'captions'; 'query' joins it.
    """
    options.existing_store(store)
    from geomeld_build.captions.agents.run import caption_store
    from geomeld_build.captions.context.sources import ContextSources
    from geomeld_build.captions.signals.table import measure_store

    settings = _settings(producer, count, seed, withhold, driver)
    with bars() as progress:
        measure_store(
            store, ContextSources(), again=False, progress=lambda done, total: progress("signals", done, total)
        )
        summary = caption_store(
            store,
            settings,
            _dask(dask, dask_address, dask_workers),
            progress=lambda done, total, note: progress("captions", done, total, note),
        )
    if tile is not None:
        _show(_caption_of(store, producer, tile), as_json)
        return
    if as_json:
        print_json(summary.to_json())
        return
    rows = [(name, value) for name, value in summary.to_json().items() if name != "statuses"]
    print_table(("captions", ""), [*rows, *sorted(summary.statuses.items())])
    say(f"next: geomeld-build query {store} 'SELECT tile_id, caption FROM captions LIMIT 5'")


def _settings(producer: str, count: int, seed: int, withhold: str | None, driver: str) -> CaptionSettings:
    from pydantic import ValidationError

    from geomeld_build.captions.agents.settings import CaptionSettings
    from geomeld_build.errors import ConfigError

    names = options.row_names(withhold) or ()
    try:
        return CaptionSettings(producer=producer, count=count, seed=seed, withhold=names, driver=driver)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from error


def _dask(mode: str, address: str | None, workers: int) -> DaskConfig:
    from pydantic import ValidationError

    from geomeld_build.build.config import DaskConfig
    from geomeld_build.errors import ConfigError

    try:
        return DaskConfig(mode=mode, address=address, n_workers=workers)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"--dask: {first['msg']}, got {mode!r}") from error


def _caption_of(store: str, producer: str, tile: str) -> CaptionRecord:
    from geomeld_build.captions.agents.table import captions_of
    from geomeld_build.errors import ConfigError

    for record in captions_of(store, producer):
        if record.tile_id == tile:
            return record
    raise ConfigError(f"{store} has no caption of tile {tile!r} by {producer!r}")


def _show(record: CaptionRecord, as_json: bool) -> None:
    if as_json:
        print_json(record.model_dump(mode="json"))
        return
    print_table(("caption", record.tile_id), [("text", record.caption), ("status", record.status)])
    if record.verification is not None:
        rows = [
            (claim.label, claim.type, claim.text, claim.evidence.get("observed"))
            for claim in record.verification.claims
        ]
        print_table(("label", "claim", "words", "observed"), rows)
