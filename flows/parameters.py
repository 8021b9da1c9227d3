"""From the flat parameters of a flow run to the configuration of a build. No Prefect in here."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geomeld_build.build.config import BuildConfig

__all__ = ["CREDENTIALS_VARIABLE", "build_config"]

CREDENTIALS_VARIABLE = "GEOMELD_SOURCE__CREDENTIALS"
"""Names the service-account file on the worker's machine: the path is the worker's, so no run has to know it."""


def build_config(parameters: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> "BuildConfig":
    """The configuration that a flow run asks for.

    Args:
        parameters: the flat parameters of the flow; None means "not given".
        overrides: anything else, nested as in `BuildConfig`: ``{"rules": {"max_cloud_fraction": 0.3}}``.

    Raises:
        ConfigError: a value is refused, or one setting is given twice with different values.
    """
    from pydantic import ValidationError

    from geomeld_build.build.config import BuildConfig
    from geomeld_build.errors import ConfigError

    values = _merged(_nested(parameters), overrides or {}, path="")
    _add_credentials(values)
    try:
        return BuildConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_readable(error)) from error


def _nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Flat parameters in the shape of the configuration; what is None is left to the defaults."""
    names = parameters.get("modalities")
    modalities = [name.strip() for name in names.split(",") if name.strip()] if names else None
    source = {"name": parameters.get("source"), "url": parameters.get("url"), "project": parameters.get("project")}
    dask = {"mode": parameters.get("dask_mode"), "address": parameters.get("dask_address")}
    top = {name: parameters.get(name) for name in ("store", "anchors", "reserves", "region", "limit", "workers")}
    given = {**top, "modalities": modalities, "source": _given(source), "dask": _given(dask)}
    return _given(given)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != {}}


def _merged(base: Mapping[str, Any], extra: Mapping[str, Any], path: str) -> dict[str, Any]:
    from geomeld_build.errors import ConfigError

    merged = dict(base)
    for name, value in extra.items():
        here, old = f"{path}{name}", merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged(old, value, f"{here}.")
        elif old is not None and old != value:
            raise ConfigError(f"{here} is {old!r} as a parameter and {value!r} in overrides: give it once")
        else:
            merged[name] = value
    return merged


def _add_credentials(values: dict[str, Any]) -> None:
    """Use the worker's service account. An empty file stands for "none": compose cannot leave a secret out."""
    path = os.environ.get(CREDENTIALS_VARIABLE)
    source = values.setdefault("source", {})
    if not path or not isinstance(source, dict) or "credentials" in source:
        return
    if not Path(path).is_file() or Path(path).stat().st_size:
        source["credentials"] = path


def _readable(error: Any) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{where}: {problem['msg']} (got {problem['input']!r})" if where else str(problem["msg"]))
    return "the run's parameters are refused: " + "; ".join(lines)
