"""Sampling frames: ``anchors frame`` behind ``anchors sample``, and merging, splitting and reporting anchors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import writing
from geomeld_build.cli.output import bars, print_json, print_table, say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.anchors.recipe import FrameConfig
    from geomeld_build.build.config import SourceConfig
    from geomeld_build.build.frames import FrameSummary

__all__ = ["frame_config", "make_frame", "register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``anchors``."""
    app.command(epilog="Example: geomeld-build anchors merge first.parquet second.parquet --out anchors.parquet")(merge)
    app.command(epilog="Example: geomeld-build anchors split anchors.parquet --out split.parquet")(split)
    app.command(epilog="Example: geomeld-build anchors report frame/ --out report")(report)


def frame_config(
    file: Path | None, preset: str | None, pools: list[str], given: dict[str, Any], own: dict[str, Any] | None
) -> FrameConfig:
    """The recipe of a frame from a file, a preset, or options alone.

    Args:
        file: YAML.
        preset: name of a preset.
        pools: ``NAME=PATH`` of a preset's pools.
        given: top-level settings from the command line; None = not given.
        own: cells to draw, when there is neither file nor preset.

    Raises:
        ConfigError: none or several of them, or a setting is refused.
    """
    from geomeld_build.anchors.recipe import FrameConfig, preset_recipe, read_recipe

    changes = {key: value for key, value in given.items() if value is not None}
    if file is not None and preset is None and not pools:
        return FrameConfig.model_validate({**read_recipe(file).model_dump(), **changes})
    if preset is not None and file is None:
        return preset_recipe(preset, _paths(pools), **changes)
    if file is None and own is not None and not pools:
        return FrameConfig.model_validate({"own": own, **changes})
    raise ConfigError("give one of --frame FILE, --preset NAME with --pool NAME=PATH, and --n with --by")


def _paths(pools: list[str]) -> dict[str, Path]:
    paths = {}
    for text in pools:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise ConfigError(f"--pool {text!r}: expected NAME=PATH, such as mmearth=tile_info.json")
        if not Path(path).exists():
            raise ConfigError(f"--pool {text!r}: no such file or folder")
        paths[name] = Path(path)
    return paths


def make_frame(config: FrameConfig, out: Path, source: SourceConfig, grow: Path | None, *, as_json: bool) -> None:
    """Sample a frame, tell what is in it."""
    from geomeld_build.build.frames import sample_frame

    with writing(), bars() as progress:
        summary = sample_frame(config, out, source, grow=grow, progress=progress)
    if as_json:
        print_json(summary.to_json())
    else:
        _show(summary)
    say(f"next: geomeld-build anchors report {out}, or geomeld-build build --anchors {out} --store STORE")


def _show(summary: FrameSummary) -> None:
    print_table(
        ("pool", "offered", "anchors", *_REASONS),
        [
            (
                name,
                summary.offered.get(name),
                summary.by_pool.get(name, 0),
                *(summary.by_reason.get(name, {}).get(reason) for reason in _REASONS),
            )
            for name in sorted({*summary.by_pool, *summary.offered})
        ],
        title=f"{summary.anchors:,} anchors, {summary.reserves:,} reserves",
    )
    rows = [(f"split {name}", count) for name, count in summary.splits.items()]
    rows += [("overlapping anchors", summary.overlapping), ("overlaps between splits", summary.leaking_pairs)]
    rows += [(f"lacking in {name}", count) for name, count in summary.lacking.items()]
    print_table(("frame", ""), rows)


_REASONS = ("overlap", "surplus", "duplicate", "excluded", "at_sea", "beyond_utm")


def merge(
    files: Annotated[list[Path], typer.Argument(help="Anchors, in the order of their priority.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    keep_overlaps: Annotated[bool, typer.Option("--keep-overlaps", help="Keep tiles that overlap each other.")] = False,
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Join lists of anchors; where tiles overlap, the earlier list's stays, and within a list a keyed draw decides."""
    from geomeld_build.anchors import read_anchors, write_anchors
    from geomeld_build.anchors.merge import merge_anchors

    name = recipe or options.DEFAULT_RECIPE
    lists = [read_anchors(path, recipe=name) for path in files]
    merged = merge_anchors(lists, recipe=name, keep_overlaps=keep_overlaps)
    with writing():
        write_anchors(out, merged.anchors)
    if as_json:
        print_json(
            {
                "out": str(out),
                "anchors": len(merged.anchors),
                "overlapping": merged.overlapping,
                "repeated": merged.repeated,
            }
        )
    left_out = f"{merged.overlapping} that overlap, {merged.repeated} that repeat a place and date"
    say(f"{len(merged.anchors)} anchors in {out}; left out: {left_out}")


def split(
    anchors: Annotated[Path, typer.Argument(help="Anchors file, or the folder of a frame.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: tile_id, location_id, block, split.")],
    train: Annotated[float, typer.Option(min=0, max=1, help="Share of blocks.")] = 0.8,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of blocks; the rest is test.")] = 0.1,
    block_km: Annotated[float, typer.Option(min=5, max=1000, help="Side of a block.")] = 100.0,
    guard_m: Annotated[float, typer.Option(min=0, help="Nearer to another split, a tile is left out.")] = 1280.0,
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Put anchors into train, val and test by blocks of the Earth, and check that no tile of two splits overlaps."""
    from geomeld_build.anchors.split_file import write_splits
    from geomeld_build.anchors.splits import SplitRule

    name = recipe or options.DEFAULT_RECIPE
    test = max(0.0, round(1.0 - train - val, 12))
    with writing():
        found = write_splits(anchors, out, SplitRule(name, train, val, test, block_km, guard_m), name)
    if as_json:
        print_json(found.to_json())
    else:
        print_table(("split", "tiles"), list(found.tiles.items()))
    say(f"{out} and {out.with_suffix('.leakage.json')}: {sum(found.overlaps.values())} overlaps between splits")


def report(
    what: Annotated[str, typer.Argument(help="Folder of a frame, or a store.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report. [default: report/ in the frame]")] = None,
    frame: Annotated[Path | None, typer.Option(help="Of a store: the frame that it was built from.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw a frame: map, counts, quotas, drops, splits. Of a store: what was built of it, when, and what it shows."""
    from geomeld_build.anchors.frame_folder import is_frame, read_frame
    from geomeld_build.pictures.frames import write_frame_report, write_store_report

    folder = Path(what)
    with writing():
        if is_frame(folder):
            made = read_frame(folder)
            target = out or folder / "report"
            written = write_frame_report(
                target,
                made.anchors,
                made.reserves,
                made.dropped,
                made.facts["quotas"],
                made.leakage,
                made.facts["recipe"],
                title=folder.resolve().name,
                offered=made.facts["offered"],
            )
        else:
            from geomeld_build.store import open_store

            target = out or Path("report")
            with bars() as progress:
                written = write_store_report(
                    open_store(options.existing_store(what)),
                    target,
                    lambda done, total: progress("tiles", done, total),
                    frame=read_frame(frame).anchors if frame is not None else None,
                )
    if as_json:
        print_json([str(path) for path in written])
    else:
        for path in written:
            typer.echo(str(path))
    say(f"open {target / 'report.html'}")
