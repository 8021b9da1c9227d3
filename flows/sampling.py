"""From the flat parameters of a flow run to the recipe of a sampling frame. No Prefect in here."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.parameters import _add_credentials, _readable

if TYPE_CHECKING:
    from geomeld_build.anchors.recipe import FrameConfig
    from geomeld_build.build.config import SourceConfig

__all__ = ["frame_config", "source_config"]

_ONE_OF = "give one of frame (a recipe file), preset (with pools), and n (with by)"


def frame_config(parameters: Mapping[str, Any]) -> "FrameConfig":
    """The recipe that a flow run asks for.

    Args:
        parameters: ``frame``, or ``preset`` and ``pools``, or ``n`` and ``by``; besides them ``recipe``, ``biomes`` and
            ``naip``, which change the recipe. None means "not given".

    Raises:
        ConfigError: none or several of the three, or a value is refused.
    """
    from pydantic import ValidationError

    from geomeld_build.errors import ConfigError

    _check_choice(parameters)
    names = ("recipe", "biomes", "naip")
    changes = {name: parameters[name] for name in names if parameters.get(name) is not None}
    try:
        return _chosen(parameters, changes)
    except ValidationError as error:
        raise ConfigError(_readable(error)) from error


def source_config(parameters: Mapping[str, Any]) -> "SourceConfig":
    """The provider of tables and dates, with the service account of the worker's machine.

    Args:
        parameters: ``url`` and ``project``.

    Raises:
        ConfigError: a value is refused.
    """
    from pydantic import ValidationError

    from geomeld_build.build.config import SourceConfig
    from geomeld_build.errors import ConfigError

    source = {name: parameters[name] for name in ("url", "project") if parameters.get(name) is not None}
    values: dict[str, Any] = {"source": source}
    _add_credentials(values)
    try:
        return SourceConfig.model_validate(values["source"])
    except ValidationError as error:
        raise ConfigError(_readable(error)) from error


def _check_choice(parameters: Mapping[str, Any]) -> None:
    from geomeld_build.errors import ConfigError

    given = [name for name in ("frame", "preset", "n") if parameters.get(name) is not None]
    if len(given) != 1:
        raise ConfigError(f"{_ONE_OF}; got {' and '.join(given) or 'none of them'}")
    if (parameters.get("by") is None) != (parameters.get("n") is None):
        raise ConfigError("n, how many anchors to draw, and by, what their strata are, go together: give both")
    if parameters.get("pools") and given != ["preset"]:
        raise ConfigError(f"pools are those of a preset, and {given[0]} is given; a recipe file names its own pools")


def _chosen(parameters: Mapping[str, Any], changes: Mapping[str, Any]) -> "FrameConfig":
    from geomeld_build.anchors.recipe import FrameConfig, preset_recipe, read_recipe

    if parameters.get("frame") is not None:
        recipe = read_recipe(Path(parameters["frame"]))
        return FrameConfig.model_validate({**recipe.model_dump(), **changes})
    if parameters.get("preset") is not None:
        return preset_recipe(parameters["preset"], _paths(parameters.get("pools") or {}), **changes)
    return FrameConfig.model_validate({"own": {"count": parameters["n"], "by": parameters["by"]}, **changes})


def _paths(pools: Mapping[str, str]) -> dict[str, Path]:
    from geomeld_build.errors import ConfigError

    paths = {name: Path(path) for name, path in pools.items()}
    for name, path in paths.items():
        if not path.exists():
            raise ConfigError(f"pools: {name} is {str(path)!r}: no such file or folder on the worker's machine")
    return paths
