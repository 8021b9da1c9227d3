"""``caption run``: the four agents over every tile of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geomeld_build.cli import options
from geomeld_build.cli.output import bars, print_json, print_table, say

if TYPE_CHECKING:
    from pydantic import ValidationError

    from geomeld_build.build.config import DaskConfig
    from geomeld_build.captions.agents.record import CaptionRecord
    from geomeld_build.captions.agents.settings import CaptionSettings, ScorerSettings
    from geomeld_build.captions.vision.settings import VisionSettings

__all__ = ["run"]


def run(
    store: Annotated[str, typer.Argument(help="Folder or URL of the store.")],
    count: Annotated[int, typer.Option("--k", min=1, max=64, help="Candidates a tile.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other words.")] = 0,
    withhold: Annotated[
        str | None, typer.Option(help="Signals that captions are not to stand on, e.g. biome,season.")
    ] = None,
    producer: Annotated[
        str | None, typer.Option(help="Name of these captions; several stand side by side. Default: who writes.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="OpenAI-compatible server of a vision model, e.g. http://localhost:8000/v1.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Its model, e.g. OpenGVLab/InternVL2_5-78B.")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Tiles in flight at the server, a process.")] = 16,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for an answer.")] = 120.0,
    false_colour: Annotated[
        bool, typer.Option("--false-colour", help="Show the model near infrared, red and green too.")
    ] = False,
    answers: Annotated[
        Path | None, typer.Option(help="Folder that keeps the model's answers; nothing is asked twice.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use kept answers only.")] = False,
    retry_fallbacks: Annotated[
        bool, typer.Option("--retry-fallbacks", help="Caption tiles again that the model had no answer for.")
    ] = False,
    price: Annotated[
        str, typer.Option(help="USD per million tokens read and written, for the account, e.g. 0.5,1.5.")
    ] = "0,0",
    remoteclip: Annotated[
        Path | None, typer.Option(help="Weights of RemoteCLIP, e.g. RemoteCLIP-ViT-L-14.pt, to rank candidates.")
    ] = None,
    clip_vocab: Annotated[
        Path | None, typer.Option(help="CLIP's vocabulary, bpe_simple_vocab_16e6.txt.gz, with --remoteclip.")
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(help="Compares candidates with the picture: module:function that opens an ImageScorer."),
    ] = None,
    scorer_option: Annotated[
        list[str] | None, typer.Option(help="Keyword argument of the scorer, name=value; repeat.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="paper: refuse unless a vision model writes and RemoteCLIP ranks.")
    ] = None,
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

    settings = _settings(
        vision=_vision(url, model, at_once, timeout, false_colour, answers, offline, price),
        image_scorer=_scorer(scorer, scorer_option or [], remoteclip, clip_vocab),
        producer=producer or ("grammar" if model is None else model),
        preset=preset,
        count=count,
        seed=seed,
        withhold=options.row_names(withhold) or (),
        driver=driver,
    )
    if settings.vision is not None and not offline:
        _check(settings.vision)
    with bars() as progress:
        measure_store(
            store, ContextSources(), again=False, progress=lambda done, total: progress("signals", done, total)
        )
        summary = caption_store(
            store,
            settings,
            _dask(dask, dask_address, dask_workers),
            retry_fallbacks=retry_fallbacks,
            progress=lambda done, total, note: progress("captions", done, total, note),
        )
    if tile is not None:
        _show(_caption_of(store, settings.producer, tile), as_json)
        return
    if as_json:
        print_json(summary.to_json())
        return
    hidden = {"statuses", "account"} if settings.vision is not None else {"statuses", "account", "cost_usd"}
    rows = [(name, value) for name, value in summary.to_json().items() if name not in hidden]
    asked = list(summary.account.to_json().items()) if settings.vision is not None else []
    print_table(("captions", ""), [*rows, *sorted(summary.statuses.items()), *asked])
    say(f"next: geomeld-build caption report {store} --out report")


def _settings(**values: Any) -> CaptionSettings:
    from pydantic import ValidationError

    from geomeld_build.captions.agents.settings import CaptionSettings
    from geomeld_build.errors import ConfigError

    try:
        return CaptionSettings(**values)
    except ValidationError as error:
        raise ConfigError(_first(error)) from error


def _vision(
    url: str | None,
    model: str | None,
    at_once: int,
    timeout: float,
    false_colour: bool,
    answers: Path | None,
    offline: bool,
    price: str,
) -> VisionSettings | None:
    from pydantic import ValidationError

    from geomeld_build.captions.vision.settings import VisionSettings
    from geomeld_build.errors import ConfigError

    if url is None and model is None:
        return None
    if url is None or model is None:
        raise ConfigError("a vision model needs both --url and --model")
    try:
        read, written = (float(part) for part in price.split(","))
    except ValueError as error:
        raise ConfigError(f"--price {price!r}: expected two numbers with a comma, e.g. 0.5,1.5") from error
    folder = answers or Path.home() / ".cache" / "geomeld-build" / "answers"
    try:
        return VisionSettings(
            url=url,
            model=model,
            at_once=at_once,
            timeout_s=timeout,
            false_colour=false_colour,
            cache=str(folder),
            offline=offline,
            usd_per_million_in=read,
            usd_per_million_out=written,
        )
    except ValidationError as error:
        raise ConfigError(_first(error)) from error


def _scorer(
    opener: str | None, given: list[str], remoteclip: Path | None, vocabulary: Path | None
) -> ScorerSettings | None:
    from pydantic import ValidationError

    from geomeld_build.captions.agents.settings import REMOTECLIP, ScorerSettings
    from geomeld_build.errors import ConfigError

    pairs = [(name, value) for name, _, value in (one.partition("=") for one in given)]
    if remoteclip is not None or vocabulary is not None:
        if remoteclip is None or vocabulary is None or opener is not None:
            raise ConfigError("RemoteCLIP needs both --remoteclip and --clip-vocab, and no other --scorer")
        opener = REMOTECLIP
        pairs += [("weights", str(remoteclip)), ("vocabulary", str(vocabulary))]
    if opener is None:
        return None
    try:
        return ScorerSettings(opener=opener, options=tuple(pairs))
    except ValidationError as error:
        raise ConfigError(_first(error)) from error


def _first(error: ValidationError) -> str:
    """The first problem, in the words of the command line."""
    first = error.errors()[0]
    option = f"--{first['loc'][0]}: " if first["loc"] else ""
    got = f", got {first['input']!r}" if first["loc"] else ""
    return f"{option}{first['msg'].removeprefix('Value error, ')}{got}"


def _check(vision: VisionSettings) -> None:
    """Before many tiles are captioned without it: whether the server is there and has the model."""
    from geomeld_build.captions.vision.client import VisionClient

    VisionClient(vision).check()


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
