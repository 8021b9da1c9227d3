"""Function signatures, as shipped with the installed ``ee`` client. Nothing of them is vendored here."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from geomeld_build.emulator.errors import SignaturesMissing

__all__ = ["Parameter", "Signature", "algorithms_document", "algorithms_gzip", "signatures"]

_PREFIX = "algorithms/"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function."""

    name: str
    type: str
    optional: bool
    default: Any


@dataclass(frozen=True, slots=True)
class Signature:
    """One function: its name without the ``algorithms/`` prefix and its arguments in order."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str


def _path() -> Path:
    spec = importlib.util.find_spec("ee")
    if spec is None or spec.origin is None:
        raise SignaturesMissing(
            "The emulator serves the function list of the installed ee client, and ee is not installed. "
            "Install earthengine-api."
        )
    path = Path(spec.origin).parent / "tests" / "algorithms.json"
    if not path.is_file():
        raise SignaturesMissing(
            f"The installed ee client has no function list at {path}. Install the wheel of earthengine-api >= 1.5, "
            "which contains ee/tests/algorithms.json."
        )
    return path


@lru_cache(maxsize=1)
def algorithms_document() -> bytes:
    """The function list as the service answers it (compact JSON).

    Raises:
        SignaturesMissing: the installed client does not ship it.
    """
    document = json.loads(_path().read_bytes())
    return json.dumps(document, separators=(",", ":")).encode()


@lru_cache(maxsize=1)
def algorithms_gzip() -> bytes:
    """:func:`algorithms_document`, gzip-compressed once per process."""
    return gzip.compress(algorithms_document(), compresslevel=6, mtime=0)


@lru_cache(maxsize=1)
def signatures() -> dict[str, Signature]:
    """All known functions by name."""
    found: dict[str, Signature] = {}
    for item in json.loads(algorithms_document())["algorithms"]:
        name = item["name"].removeprefix(_PREFIX)
        parameters = tuple(
            Parameter(
                name=argument["argumentName"],
                type=argument["type"],
                optional=bool(argument.get("optional", False)),
                default=argument.get("defaultValue"),
            )
            for argument in item.get("arguments", [])
        )
        found[name] = Signature(name, parameters, item["returnType"])
    return found
