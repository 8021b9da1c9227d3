"""``planet``: what the simulated planet knows of the tiles of a store, as files that users would have of the Earth."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geomeld_build.cli import options
from geomeld_build.cli.output import print_json, say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.emulator.worlds.planet import PlanetWorld
    from geomeld_build.emulator.worlds.planet.facts.measure import Extent

__all__ = ["context_options", "register"]

_COUNTRIES = "USDOS/LSIB_SIMPLE/2017"
_STEP_DEG = 0.1
_SIZE_M = 1280.0


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build planet tiles.store --out surroundings")(planet)


def planet(
    store: Annotated[str, typer.Argument(help="A store that was built from the simulated planet.")],
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the planet.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Write what surrounds a store's tiles on the simulated planet, and what is really in them.

    planet.osm.pbf, countries.gpkg and biomes.gpkg are what 'caption signals' takes of the Earth; facts.jsonl is the
    truth behind the maps, a line a tile, to measure captions and maps against.
    """
    options.existing_store(store)
    from geomeld_build.emulator.worlds.planet import PlanetWorld
    from geomeld_build.emulator.worlds.planet.facts.measure import Extent
    from geomeld_build.store import open_store

    sql = "SELECT tile_id, datetime, proj_code, proj_transform FROM tiles WHERE status = 'ok' ORDER BY row"
    rows = open_store(store).query(sql).to_pylist()
    if not rows:
        raise ConfigError(f"{store} has no tiles")
    out.mkdir(parents=True, exist_ok=True)
    world = PlanetWorld(seed)
    extract = out / "planet.osm.pbf"
    features = _write_extract(world, [Extent(*_square(row), _SIZE_M) for row in rows], extract)
    with (out / "facts.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            facts = world.facts(*_square(row), row["datetime"].timestamp() * 1000.0)
            file.write(json.dumps({"tile_id": row["tile_id"], **_plain(asdict(facts))}) + "\n")
    countries = _write_countries(world, out / "countries.gpkg")
    biomes = _write_biomes(world, out / "biomes.gpkg")
    told = {"tiles": len(rows), "features": features, "countries": countries, "biomes": biomes, "folder": str(out)}
    if as_json:
        print_json(told)
    say(
        f"wrote {features} mapped features around {len(rows)} tiles and the truth about them to {out}\n"
        f"next: geomeld-build caption signals {store} {shlex.join(context_options(out))}"
    )


def context_options(out: Path) -> list[str]:
    """Options of ``caption signals`` for the files in a folder."""
    found = ["--countries", str(out / "countries.gpkg"), "--ecoregions", str(out / "biomes.gpkg")]
    extract = out / "planet.osm.pbf"
    return [*found, "--osm", str(extract)] if extract.exists() else found


def _write_extract(world: PlanetWorld, squares: Sequence[Extent], path: Path) -> int:
    """How many features; none where pyosmium, an extra, is not installed."""
    path.unlink(missing_ok=True)
    try:
        return world.write_osm(squares, path)
    except ImportError:
        say("no extract of OpenStreetMap: it needs pyosmium (pip install 'geomeld-build[osm]')")
        return 0


def _square(row: dict[str, Any]) -> tuple[int, float, float]:
    _, _, left, _, _, top = row["proj_transform"][:6]
    return int(row["proj_code"].removeprefix("EPSG:")), left, top


def _plain(value: Any) -> Any:
    """Facts as JSON takes them: shapes as text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.wkt if hasattr(value, "wkt") else value


def _write_countries(world: PlanetWorld, path: Path) -> int:
    from geomeld_build.emulator.worlds.base import TableAsset

    table = world.find(_COUNTRIES)
    assert isinstance(table, TableAsset), f"the planet has {_COUNTRIES}"
    rows = [row for row in table.features() if row.geometry is not None]
    return _write_layer([dict(row.properties) for row in rows], [row.geometry for row in rows], path)


def _write_biomes(world: PlanetWorld, path: Path) -> int:
    """Biomes every tenth of a degree. The table of ecoregions that the emulator serves is coarser."""
    import numpy as np
    from rasterio.features import shapes
    from rasterio.transform import from_origin
    from shapely import unary_union
    from shapely.geometry import shape

    from geomeld_build.anchors.world.biomes import BIOMES

    lon = np.arange(-180.0 + _STEP_DEG / 2, 180.0, _STEP_DEG)
    lat = np.arange(90.0 - _STEP_DEG / 2, -90.0, -_STEP_DEG)
    number = np.stack([world.biomes(lon, np.full_like(lon, north)) for north in lat])
    parts: dict[int, list[Any]] = {}
    for geometry, value in shapes(number, transform=from_origin(-180.0, 90.0, _STEP_DEG, _STEP_DEG)):
        parts.setdefault(int(value), []).append(shape(geometry))
    kept = [biome for biome in BIOMES.values() if biome.number in parts]
    columns = [{"BIOME_NUM": biome.number, "BIOME_NAME": biome.name} for biome in kept]
    return _write_layer(columns, [unary_union(parts[biome.number]) for biome in kept], path)


def _write_layer(columns: list[dict[str, Any]], shapes: list[Any], path: Path) -> int:
    import geopandas

    path.unlink(missing_ok=True)
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=4326).to_file(path)
    return len(shapes)
