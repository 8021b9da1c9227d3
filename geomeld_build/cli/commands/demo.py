"""``demo``: the whole way from nothing to pictures, without an account, by the commands that a user would type."""

from __future__ import annotations

import io
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from geomeld_build.cli.commands.planet import context_options
from geomeld_build.cli.failures import FAILURE, OK, PARTIAL, CommandFailed
from geomeld_build.cli.output import amount, print_json, print_table, say
from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES

__all__ = ["OWN_PLACE", "register"]

OWN_PLACE = (-92.9, 41.3, "2019-08-07")
"""Lon, lat and date of the anchor that the demo imports: there and then the planet has an aerial image (NAIP)."""

_SQL = (
    "SELECT status, kind, round(lon, 2) AS lon, round(lat, 2) AS lat, CAST(datetime AS DATE) AS date, "
    "round(cloud_fraction, 2) AS cloud, round(s2_ref_offset_days, 1) AS days FROM tiles ORDER BY status, lon"
)
_RECIPE = """# One stratum a biome, as many anchors in each; four reserves an anchor, for places without a clear scene.
own:
  count: {count}
  by: biome
  allocation: equal
reserve: 4.0
"""
_MARK = ".geomeld-demo"
_START_S = 30.0
_MEASURED = 16
"""Tiles whose mean is taken, at most."""
_SHOWN = 24
"""Captions on the sheet, at most."""
_BATCH = 16
"""Tiles of the training batch that is drawn, at most."""
_COMMAND = [sys.executable, "-m", "geomeld_build.cli"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build demo --out build/demo --tiles 15")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the store and the pictures.")] = Path("geomeld-demo"),
    tiles: Annotated[int, typer.Option(min=2, max=500, help="How many tiles to build.")] = 15,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on from an earlier demo instead of starting afresh.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Build a small store from the simulated planet, draw and caption it: no account, a minute or two.

    Every step is a command that you can repeat; the demo prints each before it runs it.
    """
    begun = time.monotonic()
    _prepare(out, tiles, keep=keep)
    with _emulator() as url:
        code = _steps(out, tiles, url)
    drawn = _drawn_batch(out)
    summary = {**_summary(out), **drawn, "seconds": round(time.monotonic() - begun, 1)}
    if as_json:
        print_json(summary)
    else:
        _show(summary, out)
    raise typer.Exit(code)


def _prepare(out: Path, tiles: int, *, keep: bool) -> None:
    """An empty folder of our own; a folder with somebody's files in it is refused, never emptied.

    Raises:
        ConfigError: the folder exists and is no demo's.
    """
    mark = out / _MARK
    if out.exists() and any(out.iterdir()) and not mark.exists():
        raise ConfigError(f"{out} is not empty and not an earlier demo: choose another --out")
    if mark.exists() and not keep:
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text("made by 'geomeld-build demo', which may delete this folder\n", encoding="utf-8")
    lon, lat, date = OWN_PLACE
    (out / "frame.yaml").write_text(_RECIPE.format(count=tiles - 1), encoding="utf-8")
    (out / "places.csv").write_text(f"lon,lat,date\n{lon},{lat},{date}\n", encoding="utf-8")


@contextmanager
def _emulator() -> Iterator[str]:
    """A small Earth Engine in a process of its own, gone at the end; yields its URL.

    Raises:
        CommandFailed: it did not start.
    """
    command = ["emulator", "--world", "planet", "--port", "0"]
    say(f"\n$ geomeld-build {shlex.join(command)} &")
    process = subprocess.Popen([*_COMMAND, *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = _first_line(process)
        say(url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _first_line(process: subprocess.Popen[str]) -> str:
    import selectors

    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline().strip() if selector.select(_START_S) else ""
    if not line:
        raise CommandFailed(FAILURE, f"the emulator said nothing within {_START_S:.0f} s (exit code {process.poll()})")
    return line


def _steps(out: Path, tiles: int, url: str) -> int:
    recipe, frame, plan, imported, store = (
        str(out / name) for name in ("frame.yaml", "frame", "plan.parquet", "imported.parquet", "tiles.store")
    )
    _run("anchors", "sample", "--frame", recipe, "--out", frame, "--url", url)
    _run("anchors", "report", frame, "--out", str(out / "report" / "frame"))
    _run("plan", "--anchors", frame, "--out", plan, "--url", url)
    built = _run("build", "--store", store, "--anchors", frame, "--url", url, allowed=(OK, PARTIAL))
    _run("anchors", "import", str(out / "places.csv"), "--out", imported)
    added = _run("build", "--store", store, "--anchors", imported, "--url", url, allowed=(OK, PARTIAL))
    _run("query", store, _SQL)
    _run("show", store, "--out", str(out / "pictures"), "--sheet", "--limit", str(tiles))
    _run("anchors", "report", store, "--frame", frame, "--out", str(out / "report" / "store"))
    _captions(out, store, tiles)
    return max(built, added)


def _captions(out: Path, store: str, tiles: int) -> None:
    """Caption the tiles, with what surrounds them on the planet, and draw them with their claims."""
    around = out / "surroundings"
    _run("planet", store, "--out", str(around))
    _run("caption", "signals", store, *context_options(around))
    _run("caption", "run", store)
    shown = str(min(tiles, _SHOWN))
    _run("caption", "report", store, "--out", str(out / "report" / "captions"), "--shown", shown)


def _drawn_batch(out: Path) -> dict[str, Any]:
    """Draw a batch as training gets it; where the picture is, and how fast the loader is."""
    stream = io.StringIO()
    _run("show", str(out / "tiles.store"), "--out", str(out / "pictures"), "--batch", str(_BATCH), "--json", to=stream)
    told = json.loads(stream.getvalue())
    say(told["picture"])
    kept = ("loader_tiles_per_s", "loader_threads", "tile_bytes")
    return {"batch_picture": told["picture"], "batch": told["batch"], **{key: told[key] for key in kept}}


def _run(*args: str, allowed: tuple[int, ...] = (OK,), to: TextIO | None = None) -> int:
    """Run a command of this program in this process; what it prints is talk here, or goes to ``to``."""
    from geomeld_build.cli.app import main

    say(f"\n$ geomeld-build {shlex.join(args)}")
    with redirect_stdout(to or sys.stderr):
        code = main(args)
    if code not in allowed:
        raise CommandFailed(code, f"the demo stopped: 'geomeld-build {args[0]}' ended with exit code {code}")
    return code


def _summary(out: Path) -> dict[str, Any]:
    from geomeld_build.store import open_store

    store = str(out / "tiles.store")
    opened = open_store(store)
    status = opened.status()
    places = opened.query("SELECT row FROM tiles WHERE status = 'ok' ORDER BY row").column("row").to_pylist()
    size = sum(path.stat().st_size for path in Path(store).rglob("*") if path.is_file())
    tiles = status["tiles"]
    return {
        "store": store,
        "anchors": status["anchors"],
        "tiles": tiles,
        "skipped": status["skipped"],
        "failed": status["failed"],
        "requests": status["requests"],
        "requests_per_tile": round(status["requests"] / tiles, 2) if tiles else None,
        "bytes_received": status["bytes"],
        "bytes_on_disk": size,
        "rows": _read_with_xarray(store, places),
        "reports": [str(path) for path in sorted((out / "report").glob("*/report.html"))],
        "captions": opened.query("SELECT count(*) AS n FROM captions").column("n").to_pylist()[0],
        "pictures": [str(path) for path in sorted((out / "pictures").glob("*.png"))],
    }


def _read_with_xarray(store: str, places: list[int]) -> dict[str, dict[str, Any]]:
    """Means of every row, read by stock xarray, which knows nothing of this package.

    The arrays have room for whole groups of tiles: the catalog says at which places there is one.
    """
    say(f"\n>>> xarray.open_zarr('{store}', consolidated=False).isel(tile={places})")
    import xarray

    with xarray.open_zarr(store, consolidated=False) as dataset:
        tiles = dataset.isel(tile=places)
        return {name: _statistics(tiles[name]) for name in MODALITIES if name in tiles}


def _statistics(variable: Any) -> dict[str, Any]:
    import numpy as np

    # One row at a time and not all of a large demo: a tile of NAIP is 26 MB as floats.
    values = variable[:_MEASURED].to_numpy()
    finite = np.isfinite(values)
    classes = "flag_values" in variable.attrs
    return {
        "shape": list(variable.shape),
        "valid": round(float(finite.mean()), 4),
        "mean": None if classes or not finite.any() else round(float(values[finite].mean()), 4),
        "units": variable.attrs.get("units", ""),
    }


def _show(summary: dict[str, Any], out: Path) -> None:
    rows = summary["rows"].items()
    print_table(
        ("row", "shape", "valid", "mean", "unit"),
        [
            (name, " × ".join(map(str, r["shape"])), f"{100 * r['valid']:.1f} %", r["mean"], r["units"])
            for name, r in rows
        ],
        title="As stock xarray reads it",
    )
    print_table(
        ("demo", ""),
        [
            ("tiles built", summary["tiles"]),
            ("anchors without a tile", summary["skipped"] + summary["failed"]),
            ("requests of the build", summary["requests"]),
            ("of them for each tile", summary["requests_per_tile"]),
            ("received", amount(summary["bytes_received"])),
            ("store on disk", amount(summary["bytes_on_disk"])),
            ("seconds", summary["seconds"]),
            (f"loader, tiles/s with {summary['loader_threads']} threads", summary["loader_tiles_per_s"]),
            ("store", summary["store"]),
            ("pictures", out / "pictures"),
            ("the sampling frame", out / "report" / "frame" / "report.html"),
            ("what was built of it", out / "report" / "store" / "report.html"),
            ("all tiles at a glance", out / "pictures" / "sheet.png"),
            ("a training batch", summary["batch_picture"]),
            ("captions, with their claims", out / "report" / "captions" / "captions.png"),
            ("how true they are", out / "report" / "captions" / "report.html"),
        ],
    )
