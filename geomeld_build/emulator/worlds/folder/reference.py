"""The keys of ``world.json`` as a Markdown table, for ``docs/emulator.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from geomeld_build.emulator.worlds.folder.model import world_json_schema

__all__ = ["world_json_markdown"]

_OBJECTS = {
    "CollectionEntry": "collection",
    "ImageEntry": "image",
    "TableEntry": "table",
    "MemberEntry": "member",
    "BandEntry": "band",
    "Linear": "linear",
    "DbToPower": "db_to_power",
    "PowerToDb": "power_to_db",
}


def world_json_markdown() -> str:
    """One table of every key of ``world.json``: the objects it may stand in, value, meaning with the default."""
    schema = world_json_schema()
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name, title in {"": "top level", **_OBJECTS}.items():
        model = schema["$defs"][name] if name else schema
        required = set(model.get("required", ()))
        for key, value in model["properties"].items():
            if key in ("op", "type"):
                continue
            meaning = value["description"] + ("" if key not in required else " Required.") + _default(value)
            rows.setdefault((key, _type(value), meaning), []).append(title)
    lines = ["| key | stands in | value | meaning |", "|---|---|---|---|"]
    for (key, kind, meaning), objects in rows.items():
        lines.append(f"| `{key}` | {', '.join(objects)} | {kind} | {meaning} |")
    return "\n".join(lines)


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    return "" if default in (None, [], {}) else f" Default `{default}`."


def _type(value: Mapping[str, Any]) -> str:
    return " or ".join(dict.fromkeys(kind for kind in _kinds(value) if kind != "null"))


def _kinds(value: Mapping[str, Any]) -> Iterator[str]:
    branches = value.get("anyOf") or value.get("oneOf")
    if branches:
        for branch in branches:
            yield from _kinds(branch)
    elif "$ref" in value:
        yield _OBJECTS[value["$ref"].rsplit("/", 1)[-1]]
    elif "enum" in value or "const" in value:
        yield " or ".join(f"`{item}`" for item in value.get("enum", [value.get("const")]))
    elif value.get("type") == "array":
        yield f"list of {_type(value['items'])}"
    else:
        yield "date" if value.get("format") == "date-time" else str(value["type"])
