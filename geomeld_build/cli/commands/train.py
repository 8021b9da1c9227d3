"""``train``: pretrain GeoMeld-FM. ``reconstruct``: what it makes of hidden patches. ``export``: its encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import INTERRUPTED
from geomeld_build.cli.output import Bars, bars, print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.train.config import TrainConfig
    from geomeld_build.train.loop.run import Callback, Moment, TrainSummary

__all__ = ["register"]

_TOLD = ("total", "itc", "jepa")
_DEVICE = typer.Option(help="cpu or cuda; by default CUDA where there is one.")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: geomeld-build train tiny data.store=tiles.store run.batch=256 run.out=runs/one")(train)
    app.command(epilog="Example: geomeld-build reconstruct runs/one --out pictures")(reconstruct)
    group = typer.Typer(name="export", help="Write what others can use.", no_args_is_help=True, rich_markup_mode=None)
    group.command("encoder", epilog="Example: geomeld-build export encoder runs/one --out encoder")(export_encoder)
    app.add_typer(group, name="export")


def train(
    config: Annotated[str, typer.Argument(help="A YAML file, or a preset: tiny, base, test, paper, paper-atto, ...")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Settings on top: part.key=value ...")] = None,
    resume: Annotated[
        str, typer.Option(help="auto goes on from the newest checkpoint in run.out; or the path of one.")
    ] = "auto",
    anew: Annotated[bool, typer.Option("--no-resume", help="Refuse a folder that has checkpoints.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell weights, operations, memory, steps and hours.")
    ] = False,
    device: Annotated[str | None, _DEVICE] = None,
    as_json: options.AsJson = False,
) -> None:
    """Pretrain GeoMeld-FM on a store: reconstruction of its rows, prediction of hidden tokens, contrast with captions.

    Stopped at any point, the same command goes on from the last checkpoint, exactly. Under torchrun it trains on as
    many processes as there are. SIGTERM ends a run after the step, with a checkpoint.
    """
    from geomeld_build.train.needs import require_torch
    from geomeld_build.train.presets import load_config

    require_torch()
    settings = load_config(config, overrides or ())
    options.existing_store(settings.data.store)
    if dry_run:
        _tell_cost(settings, device, as_json=as_json)
        return
    from geomeld_build.train.loop.run import train as run

    with bars() as progress:
        callbacks: list[Callback] = [_bar(progress), *_pictures(settings)]
        summary = run(settings, resume=None if anew else resume, device=device, callbacks=callbacks, say=say)
    if os.environ.get("RANK", "0") == "0":
        # Of many processes one speaks.
        _tell(summary, settings, as_json=as_json)
    if summary.stopped:
        say(f"stopped after step {summary.steps}: the same command goes on from {summary.checkpoint}")
        raise typer.Exit(INTERRUPTED)


def _bar(progress: Bars) -> Callback:
    note = ""

    def told(moment: Moment) -> Mapping[str, float] | None:
        nonlocal note
        if moment.line is not None:
            note = "  ".join(f"{name} {moment.line[name]:.3f}" for name in _TOLD if name in moment.line)
        progress("train", moment.step, moment.steps, note)
        return None

    return told


def _pictures(settings: TrainConfig) -> list[Callback]:
    every = settings.run.pictures_every
    if not every:
        return []

    def draw(moment: Moment) -> Mapping[str, float] | None:
        if moment.step % every and moment.step != moment.steps:
            return None
        from geomeld_build.pictures.reconstructions import save_reconstructions
        from geomeld_build.train.reconstruct import reconstructions

        found = reconstructions(moment.model, moment.batch.model, moment.tile_ids, 4)
        folder = Path(settings.run.out) / "pictures" / f"step-{moment.step:08d}"
        save_reconstructions(found, folder, f"step {moment.step}")
        return None

    return [draw]


def _tell(summary: TrainSummary, settings: TrainConfig, *, as_json: bool) -> None:
    if as_json:
        print_json(summary.to_json())
        return
    rate = summary.samples / max(1e-9, summary.seconds)
    rows: list[tuple[str, Any]] = [
        ("steps", summary.steps),
        ("epochs", round(summary.epochs, 2)),
        ("seconds", round(summary.seconds, 1)),
        ("samples/s", round(rate, 1)),
        *((f"loss: {name}", round(value, 4)) for name, value in summary.losses.items()),
        ("checkpoint", summary.checkpoint),
        ("log", str(Path(settings.run.out) / "log.jsonl")),
    ]
    print_table(("train", ""), rows)


def _tell_cost(settings: TrainConfig, device: str | None, *, as_json: bool) -> None:
    from geomeld_build.store import open_store
    from geomeld_build.train.cost import cost_of
    from geomeld_build.train.pixels.scales import condition_of

    world = int(os.environ.get("WORLD_SIZE", "1"))
    store = open_store(settings.data.store)
    condition = condition_of(settings.data.split, settings.data.where)
    tiles = len(store.tile_ids()) if not condition else None
    found = cost_of(settings, world=world, device=device)
    batch = settings.run.batch
    steps = settings.run.steps or (None if tiles is None else (settings.run.epochs or 1) * (tiles // batch))
    hours = None if steps is None else steps * batch * found.seconds_per_sample / world / 3600
    if as_json:
        print_json({**found.to_json(), "tiles": tiles, "steps": steps, "hours_here": hours})
        return
    rows: list[tuple[str, Any]] = [
        *((f"weights: {name}", f"{count:,}") for name, count in found.parameters.items()),
        ("GFLOP a sample, forward and backward", round(found.gflop_per_sample, 2)),
        ("MB kept a sample", round(found.activation_mb_per_sample, 1)),
        ("GB of weights, gradients and moments", round(found.fixed_gb, 2)),
        (f"GB a process, with {settings.run.micro or -(-batch // world)} samples at once", round(found.memory_gb, 1)),
        ("tiles", "by the condition" if tiles is None else tiles),
        ("steps", "by the condition" if steps is None else steps),
        ("hours on this device, at the rate of one step", "-" if hours is None else f"{hours:.3g}"),
    ]
    print_table(("dry run", ""), rows)


def export_encoder(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, or the folder of a run.")],
    out: Annotated[Path, typer.Option(help="A folder that is not there yet, or empty.")],
    as_json: options.AsJson = False,
) -> None:
    """Write the encoder of a checkpoint: weights, what they mean, what they were made of, a card.

    'geomeld_build.load_encoder' opens it.
    """
    from geomeld_build.train.needs import require_torch

    require_torch()
    from geomeld_build.train.export import export_encoder as export

    paths = export(Path(checkpoint), out)
    if as_json:
        print_json([str(path) for path in paths])
        return
    for path in paths:
        print(path)


def reconstruct(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, or the folder of a run.")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    store: Annotated[str | None, typer.Option(help="Tiles of this store; by default of the run's own.")] = None,
    where: Annotated[str | None, typer.Option(help="SQL condition on the catalog.")] = None,
    tiles: Annotated[int, typer.Option(min=1, max=256, help="How many.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of tiles and masks.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Draw what a model makes of hidden patches: what it saw, what is there, and what it says, in every row."""
    from geomeld_build.train.needs import require_torch

    require_torch()
    from geomeld_build.pictures.reconstructions import save_reconstructions
    from geomeld_build.train.loop.restore import batch_of, restored
    from geomeld_build.train.reconstruct import reconstructions

    model, config, step = restored(Path(checkpoint))
    batch, tile_ids = batch_of(config, store=store, where=where, count=tiles, seed=seed)
    paths = save_reconstructions(reconstructions(model, batch, tile_ids, tiles), out, f"step {step}")
    if as_json:
        print_json([str(path) for path in paths])
        return
    for path in paths:
        print(path)
