"""The discovery document: the smallest one with which the client builds its resources."""

from __future__ import annotations

from typing import Any

__all__ = ["discovery_document"]


def _parameter(location: str, pattern: str | None = None) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "string", "location": location}
    if location == "path":
        out.update(required=True, pattern=pattern)
    return out


def _method(method_id: str, verb: str, path: str, owner: str, pattern: str, **options: Any) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": f"earthengine.{method_id}",
        "httpMethod": verb,
        "path": path,
        "flatPath": path,
        "parameterOrder": [owner],
        "parameters": {owner: _parameter("path", pattern)}
        | {name: _parameter("query") for name in options.get("query", ())},
        "response": {"$ref": options.get("response", "Any")},
    }
    for name in options.get("integers", ()):
        out["parameters"][name] = {"type": "integer", "format": "int32", "location": "query"}
    if verb == "POST":
        out["request"] = {"$ref": "Any"}
    return out


_PROJECT, _ASSET = r"^projects/[^/]+$", r"^projects/[^/]+/assets/.*$"
_LIST = {"query": ("pageToken", "filter", "view"), "integers": ("pageSize",), "response": "ListAssetsResponse"}


def _thumbnails(name: str) -> dict[str, Any]:
    pattern = rf"^projects/[^/]+/{name}/[^/]+$"
    return {
        "methods": {
            "create": _method(
                f"projects.{name}.create", "POST", f"v1/{{+parent}}/{name}", "parent", _PROJECT, response="Thumbnail"
            ),
            "getPixels": _method(
                f"projects.{name}.getPixels", "GET", "v1/{+name}:getPixels", "name", pattern, response="HttpBody"
            ),
        }
    }


def _maps() -> dict[str, Any]:
    create = _method("projects.maps.create", "POST", "v1/{+parent}/maps", "parent", _PROJECT, response="Thumbnail")
    path, pattern = "v1/{+parent}/tiles/{zoom}/{x}/{y}", r"^projects/[^/]+/maps/[^/]+$"
    tile = _method("projects.maps.tiles.get", "GET", path, "parent", pattern, response="HttpBody")
    for name in ("zoom", "x", "y"):
        tile["parameters"][name] = {"type": "integer", "format": "int32", "location": "path", "required": True}
        tile["parameterOrder"].append(name)
    return {"methods": {"create": create}, "resources": {"tiles": {"methods": {"get": tile}}}}


def _assets() -> dict[str, Any]:
    return {
        "methods": {
            "get": _method("projects.assets.get", "GET", "v1/{+name}", "name", _ASSET),
            "listAssets": _method(
                "projects.assets.listAssets", "GET", "v1/{+parent}:listAssets", "parent", _ASSET, **_LIST
            ),
            "listFeatures": _method(
                "projects.assets.listFeatures",
                "GET",
                "v1/{+asset}:listFeatures",
                "asset",
                _ASSET,
                query=("pageToken", "region", "filter"),
                integers=("pageSize",),
            ),
            "getPixels": _method(
                "projects.assets.getPixels", "POST", "v1/{+name}:getPixels", "name", _ASSET, response="HttpBody"
            ),
        }
    }


def _compute(resource: str, verb: str, response: str = "Any") -> dict[str, Any]:
    path = f"v1/{{+project}}/{resource}:{verb}"
    method = _method(f"projects.{resource}.{verb}", "POST", path, "project", _PROJECT, response=response)
    return {"methods": {verb: method}}


def discovery_document(root: str) -> dict[str, Any]:
    """The document, with ``root`` as the address of the service (ending in a slash)."""
    algorithms = _method("projects.algorithms.list", "GET", "v1/{+parent}/algorithms", "parent", _PROJECT)
    resources = {
        "algorithms": {"methods": {"list": algorithms}},
        "assets": _assets(),
        "value": _compute("value", "compute"),
        "image": _compute("image", "computePixels", "HttpBody"),
        "table": _compute("table", "computeFeatures"),
        "thumbnails": _thumbnails("thumbnails"),
        "maps": _maps(),
    }
    listing = _method("projects.listAssets", "GET", "v1/{+parent}:listAssets", "parent", _PROJECT, **_LIST)
    any_object = {"type": "object", "additionalProperties": {"type": "any"}}
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "earthengine:v1",
        "name": "earthengine",
        "version": "v1",
        "title": "Earth Engine emulator",
        "rootUrl": root,
        "baseUrl": root,
        "servicePath": "",
        "batchPath": "batch",
        "protocol": "rest",
        "parameters": {
            "prettyPrint": {"type": "boolean", "default": "true", "location": "query"},
            "alt": {"type": "string", "default": "json", "location": "query"},
            "key": {"type": "string", "location": "query"},
            "fields": {"type": "string", "location": "query"},
        },
        "schemas": {
            "Any": {"id": "Any", **any_object},
            "HttpBody": {"id": "HttpBody", **any_object},
            "Thumbnail": {"id": "Thumbnail", "type": "object", "properties": {"name": {"type": "string"}}},
            "ListAssetsResponse": {
                "id": "ListAssetsResponse",
                "type": "object",
                "properties": {
                    "assets": {"type": "array", "items": {"$ref": "Any"}},
                    "nextPageToken": {"type": "string"},
                },
            },
        },
        "resources": {"projects": {"methods": {"listAssets": listing}, "resources": resources}},
    }
