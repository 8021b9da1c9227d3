"""``doctor``: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from geomeld_build.cli.failures import FAILURE
from geomeld_build.cli.output import print_json, print_table

__all__ = ["Check", "register"]

_LIBRARIES = (
    "numpy", "xarray", "zarr", "rasterio", "shapely", "pyproj", "geopandas", "odc-geo", "pyarrow", "deltalake",
    "dask", "earthengine-api", "pydantic", "typer", "matplotlib",
)  # fmt: skip
_LOW_DISK_GB = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``missing`` fails the command; ``optional`` does not."""

    name: str
    state: Literal["ok", "optional", "missing"]
    detail: str
    advice: str = ""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: geomeld-build doctor --root /data/stores")(doctor)


def doctor(
    root: Annotated[Path, typer.Option(help="Folder that stores will be written to.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check this machine: Python, libraries, projection data, login, disk. Exit 1 when something needed is missing."""
    checks = list(_checks(root))
    failed = any(check.state == "missing" for check in checks)
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    else:
        print_table(("check", "state", "detail", "advice"), [(c.name, c.state, c.detail, c.advice) for c in checks])
    if failed:
        raise typer.Exit(FAILURE)


def _checks(root: Path) -> Iterator[Check]:
    yield _python()
    for library in _LIBRARIES:
        yield _library(library)
    yield _attempt("libexpat", _expat, "install the system package libexpat1 (Debian, Ubuntu) or expat")
    yield _attempt("gdal data", _gdal, "reinstall rasterio from a wheel, and unset GDAL_DATA and PROJ_LIB")
    yield _attempt("proj data", _proj, "reinstall pyproj from a wheel, and unset PROJ_DATA and PROJ_LIB")
    yield _attempt("prefect server", _prefect, "pip install -c constraints/py311.txt: it needs fastapi < 0.151")
    yield _extra("train", ("torch", "safetensors", "tokenizers"))
    yield _extra("ee", ("geemap", "xee"))
    yield _credentials()
    yield _disk(root)
    yield _attempt("write access", lambda: _writable(root), f"choose another --root, or make {root} writable")


def _python() -> Check:
    return Check("python", "ok", f"{sys.version.split()[0]} in {sys.prefix}")


def _library(name: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "missing", "not installed", "pip install -c constraints/py311.txt -e .")


def _attempt(name: str, probe: Callable[[], str], advice: str) -> Check:
    try:
        return Check(name, "ok", probe())
    except Exception as error:
        # A diagnosis reports whatever a broken installation raises, and goes on.
        reason = " ".join(str(error).split()) or "failed"
        return Check(name, "missing", f"{type(error).__name__}: {reason}"[:200], advice)


def _expat() -> str:
    import rasterio

    return f"GDAL {rasterio.__gdal_version__} loads"


def _gdal() -> str:
    from rasterio.crs import CRS

    return str(CRS.from_epsg(32643).to_string())


def _proj() -> str:
    import pyproj

    easting, northing = pyproj.Transformer.from_crs(4326, 32643, always_xy=True).transform(75.0, 30.0)
    if abs(easting - 500_000) > 1 or not 3_318_000 < northing < 3_320_000:
        raise ValueError(f"75 E 30 N became {easting:.0f}, {northing:.0f} in UTM 43 N")
    return str(pyproj.datadir.get_data_dir())


def _prefect() -> str:
    import prefect.server.api.server  # noqa: F401  # the import is the test: it breaks with a newer FastAPI

    return f"prefect {version('prefect')}, fastapi {version('fastapi')}"


def _extra(name: str, modules: tuple[str, ...]) -> Check:
    absent = [module for module in modules if find_spec(module) is None]
    if absent:
        advice = f"pip install -c constraints/py311.txt -e '.[{name}]'"
        return Check(f"extra {name}", "optional", f"without {', '.join(absent)}", advice)
    return Check(f"extra {name}", "ok", ", ".join(f"{module} {version(module)}" for module in modules))


def _credentials() -> Check:
    import os

    given = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    default = Path("~/.config/earthengine/credentials").expanduser()
    for path in [Path(given)] if given else [default]:
        if path.is_file():
            return Check("earth engine login", "ok", str(path))
    advice = "'earthengine authenticate', or --credentials FILE; not needed for the emulator and the demo"
    return Check("earth engine login", "optional", "none found", advice)


def _disk(root: Path) -> Check:
    at = root.absolute()
    while not at.exists():
        at = at.parent
    free = shutil.disk_usage(at).free / 1e9
    if free < _LOW_DISK_GB:
        return Check("disk", "optional", f"{free:.1f} GB free at {at}", "a million tiles need about 0.35 TB")
    return Check("disk", "ok", f"{free:.0f} GB free at {at}")


def _writable(root: Path) -> str:
    with tempfile.TemporaryFile(dir=root):
        return f"{root.absolute()} is writable"
