"""What `flows.control` and its helpers share: exit codes, errors, ``--set KEY=VALUE``. No Prefect in here."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "FAILURE",
    "INTERRUPTED",
    "OK",
    "PARTIAL",
    "SERVICE",
    "USAGE",
    "ControlError",
    "merged",
    "parse_settings",
    "say",
]

OK, FAILURE, USAGE, PARTIAL, SERVICE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class ControlError(Exception):
    """Something that ends the command.

    Attributes:
        exit_code: what the process returns.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def say(text: str) -> None:
    """Tell the user something; stdout is kept for data."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def parse_settings(items: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Flow parameters from ``KEY=VALUE`` texts, typed by the flow's own parameter schema.

    A dotted key goes into `overrides`, nested.

    Args:
        items: what the user gave.
        schema: JSON Schema of the flow's parameters.

    Raises:
        ControlError: an item has no ``=``, names no parameter, or its value does not fit.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    parameters: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        head, *rest = key.strip().split(".")
        if not equals or not head:
            raise ControlError(f"--set {item}: expected KEY=VALUE", USAGE)
        if rest:
            value: Any = _json_or_text(text)
            for name in reversed(rest):
                value = {name: value}
            parameters["overrides"] = merged(parameters.get("overrides"), {head: value})
        elif head not in properties:
            raise ControlError(f"--set {item}: no such parameter; expected one of {', '.join(properties)}", USAGE)
        elif head == "overrides":
            parameters[head] = merged(parameters.get(head), _typed(item, text, properties[head]))
        else:
            parameters[head] = _typed(item, text, properties[head])
    return parameters


def merged(base: Any, extra: Any) -> Any:
    """`extra` over `base`, mappings merged level by level; None as `extra` clears."""
    if not isinstance(base, Mapping) or not isinstance(extra, Mapping):
        return extra
    return {**base, **{name: merged(base.get(name), value) for name, value in extra.items()}}


def _typed(item: str, text: str, schema: Mapping[str, Any]) -> Any:
    kinds = {option.get("type") for option in schema.get("anyOf", [schema])}
    if text == "null" and "null" in kinds:
        return None
    if "string" in kinds:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        expected = " or ".join(sorted(str(kind) for kind in kinds if kind))
        raise ControlError(f"--set {item}: expected {expected}", USAGE) from None


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
