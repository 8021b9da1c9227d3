"""Named configurations, files on top of them, and ``key=value`` on top of both."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE
from geomeld_build.train.config import TrainConfig

__all__ = ["PRESETS", "load_config"]

_Plain = dict[str, Any]

_PAPER: _Plain = {
    "reconstruct": {"scaled_classes": False},
    "optim": {"lr": 1e-4, "weight_decay": 0.05},
    "run": {"batch": 4096, "epochs": 150},
}
"""As written: plain sums of L1 and cross-entropy, no units. What the paper leaves open is as everywhere else."""
_ATTO: _Plain = {**_PAPER, "encoder": {"size": "atto"}}
_NO_JEPA, _NO_ITC = {"weight": 0.0}, {"weight": 0.0}
_TEST: _Plain = {
    "encoder": {"size": "test"},
    "reconstruct": {"width": 64},
    "jepa": {"width": 96, "layers": 2, "heads": 4},
    "itc": {"words": 2048, "width": 128, "layers": 2, "heads": 4, "dimensions": 64},
    "data": {"window": 1024},
    "optim": {"lr": 2e-3},
    "run": {"batch": 16, "epochs": None, "steps": 200, "precision": "fp32", "save_every": 100},
}

PRESETS: Mapping[str, tuple[str, _Plain]] = {
    "tiny": ("27.9 million weights in the encoder: the default", {}),
    "base": ("87.7 million", {"encoder": {"size": "base"}}),
    "test": ("0.3 million: a CPU trains it in minutes", _TEST),
    "paper": ("as the paper of GeoMeld writes it, with the encoder tiny, which it does not name", _PAPER),
    "paper-atto": ("the same with atto, the size of the models that it compares with", _ATTO),
    "s2mae": (
        "ablation: the image alone is reconstructed",
        {**_ATTO, "reconstruct": {**_PAPER["reconstruct"], "rows": [REFERENCE]}, "jepa": _NO_JEPA, "itc": _NO_ITC},
    ),
    "mp": ("ablation: all rows are reconstructed", {**_ATTO, "jepa": _NO_JEPA, "itc": _NO_ITC}),
    "mp-jepa": ("ablation: and hidden tokens predicted", {**_ATTO, "itc": _NO_ITC}),
    "mp-itc": ("ablation: all rows, and contrast with captions", {**_ATTO, "jepa": _NO_JEPA}),
    "full": ("ablation: everything", _ATTO),
}
"""What each is, and what it sets besides the defaults."""


def load_config(source: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """A configuration.

    Args:
        source: name of a preset, or a YAML file; a file may build on a preset with ``preset: NAME``.
        overrides: ``part.key=value``; values are YAML.

    Raises:
        ConfigError: there is no such preset or file, or a key or value is wrong; the message names the key.
    """
    # With the part there, what is missing has its whole name.
    values = _merged({"data": {}}, _plain(source))
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{override!r}: expected part.key=value, e.g. run.batch=256")
        values = _merged(values, _nested(key.strip().split("."), _value(key, text)))
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_first(error)) from error


def _plain(source: str) -> _Plain:
    if source in PRESETS:
        return PRESETS[source][1]
    path = Path(source)
    if not path.exists():
        raise ConfigError(f"{source}: neither a file nor a preset; presets are {', '.join(PRESETS)}")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected keys such as data, encoder and run")
    preset = document.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ConfigError(f"{path}: no preset {preset!r}; presets are {', '.join(PRESETS)}")
    return _merged(PRESETS[preset][1] if preset else {}, document)


def _value(key: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{key}: {text!r} cannot be read as YAML: {error}") from error
    if isinstance(value, str):
        # YAML 1.1 takes 1e-3 for a word.
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _nested(keys: Sequence[str], value: Any) -> _Plain:
    for key in reversed(keys):
        value = {key: value}
    found: _Plain = value
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> _Plain:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        found[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, by the name of its key."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
        return f"{key}: no such setting; {hint}"
    if problem["type"] == "missing":
        return f"{key}: is missing; give it in the file or as {key}=..."
    return f"{key}: {problem['msg']}, got {problem['input']!r}"


def _known_keys(path: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = TrainConfig
    for part in path:
        inner = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
