"""Options that several commands share, and how they become a validated configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.build.config import BuildConfig, SourceConfig

__all__ = [
    "DEFAULT_RECIPE",
    "AsJson",
    "Credentials",
    "Modalities",
    "Project",
    "Recipe",
    "SourceName",
    "Url",
    "build_config",
    "existing_store",
    "load_yaml",
    "row_names",
    "source_config",
    "source_values",
]

DEFAULT_RECIPE = "geomeld-1"
"""Recipe of anchors and builds when none is named."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SourceName = Annotated[str | None, typer.Option("--source", help="Provider of the scenes. [default: earthengine]")]
Project = Annotated[str | None, typer.Option(help="Cloud project that is charged.", envvar="GEOMELD_PROJECT")]
Url = Annotated[str | None, typer.Option(help="Endpoint, e.g. an emulator's address.", envvar="GEOMELD_SOURCE_URL")]
Credentials = Annotated[Path | None, typer.Option(help="Service-account JSON. Default: your earthengine login.")]
Modalities = Annotated[str | None, typer.Option(help="Rows to build, separated by commas. Default: all.")]
Recipe = Annotated[
    str | None, typer.Option(help=f"Names the rules; part of every tile id. [default: {DEFAULT_RECIPE}]")
]


def row_names(text: str | None) -> tuple[str, ...] | None:
    """``a,b`` as names; None stays None."""
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def load_yaml(path: Path) -> dict[str, Any]:
    """A configuration file as nested mappings.

    Raises:
        ConfigError: unreadable, no YAML, or no mapping at the top.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"the configuration {path} must be a mapping of keys, got {type(document).__name__}")
    return document


def source_values(
    name: str | None, url: str | None, project: str | None, credentials: Path | None
) -> dict[str, object]:
    """The keys of ``source`` that were given on the command line."""
    given = {"name": name, "url": url, "project": project, "credentials": credentials}
    return {key: value for key, value in given.items() if value is not None}


def source_config(values: Mapping[str, object]) -> SourceConfig:
    """A validated source."""
    from geomeld_build.build.config import SourceConfig

    return SourceConfig.model_validate(values)


def build_config(file: Path | None, given: Mapping[str, Any]) -> BuildConfig:
    """The file's keys, overridden by those given on the command line (None = not given), validated."""
    from geomeld_build.build.config import BuildConfig

    values = load_yaml(file) if file else {}
    for key, value in given.items():
        if isinstance(value, Mapping):
            inside = {name: item for name, item in value.items() if item is not None}
            if inside:
                values[key] = {**(values.get(key) or {}), **inside}
        elif value is not None:
            values[key] = value
    return BuildConfig.model_validate(values)


def existing_store(uri: str) -> str:
    """The same text, after a look that a local store is there.

    Raises:
        ConfigError: no such folder.
    """
    if "://" not in uri and not Path(uri).is_dir():
        raise ConfigError(f"no store at {uri}: 'geomeld-build build --store {uri} ...' makes one")
    return uri
