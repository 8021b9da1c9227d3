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
    "takers",
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

    A dotted key goes into the parameter that it begins with where that is a mapping, else into `overrides`, nested.

    Args:
        items: what the user gave.
        schema: JSON Schema of the flow's parameters.

    Raises:
        ControlError: an item has no ``=``, names no parameter, or its value does not fit.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    parameters: dict[str, Any] = {}
    for item in items:
        name, inside = _place(item, properties)
        if name not in properties:
            raise ControlError(f"--set {item}: no such parameter; expected one of {', '.join(properties)}", USAGE)
        text = item.partition("=")[2]
        value = _typed(item, text, _member(properties[name]) if inside else properties[name])
        for key in reversed(inside):
            value = {key: value}
        parameters[name] = merged(parameters.get(name), value)
    return parameters


def takers(schemas: Mapping[str, Mapping[str, Any]], item: str) -> list[str]:
    """Which of several flows a ``KEY=VALUE`` text is for: those with the parameter, else those with `overrides`.

    Args:
        schemas: JSON Schemas of the flows' parameters, by any name.
        item: what the user gave.

    Raises:
        ControlError: it is no ``KEY=VALUE``.
    """
    places = {name: _place(item, schema["properties"])[0] for name, schema in schemas.items()}
    able = [name for name, place in places.items() if place in schemas[name]["properties"]]
    return [name for name in able if places[name] != "overrides"] or able


def _place(item: str, properties: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The parameter that a setting goes into, and the keys inside of it."""
    key, equals, _ = item.partition("=")
    head, *rest = key.strip().split(".")
    if not equals or not head:
        raise ControlError(f"--set {item}: expected KEY=VALUE", USAGE)
    if not rest or "object" in _kinds(properties.get(head, {})):
        return head, rest
    return "overrides", [head, *rest]


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    return {option["type"] for option in _options(schema) if "type" in option}


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(schema.get("anyOf", [schema]))


def _member(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Schema of the values of a mapping; empty where it holds anything."""
    found = [option["additionalProperties"] for option in _options(schema) if "additionalProperties" in option]
    return found[0] if found and isinstance(found[0], Mapping) else {}


def merged(base: Any, extra: Any) -> Any:
    """`extra` over `base`, mappings merged level by level; None as `extra` clears."""
    if not isinstance(base, Mapping) or not isinstance(extra, Mapping):
        return extra
    return {**base, **{name: merged(base.get(name), value) for name, value in extra.items()}}


def _typed(item: str, text: str, schema: Mapping[str, Any]) -> Any:
    kinds = _kinds(schema)
    if text == "null" and "null" in kinds:
        return None
    if "string" in kinds:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if not kinds:  # anything
            return text
        raise ControlError(f"--set {item}: expected {' or '.join(sorted(kinds))}", USAGE) from None
