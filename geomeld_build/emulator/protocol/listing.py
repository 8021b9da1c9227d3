"""Assets as resources: listing with filter strings, and single assets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import shapely

from geomeld_build.emulator import geometry as geo
from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.dates import as_datetime, parse_date
from geomeld_build.emulator.encode import encode
from geomeld_build.emulator.errors import EvalError, ServiceError
from geomeld_build.emulator.filters import All, Compare, Filter, Operand
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.session import Session, asset_id, image_collection
from geomeld_build.emulator.settings import LimitSettings
from geomeld_build.emulator.values import Geometry
from geomeld_build.emulator.worlds.base import CollectionAsset, ImageRecord

__all__ = ["get_asset", "list_assets", "parse_filter"]

_PAGE = 1_000
_COMPARISON = re.compile(r"([\w.:]+)\s*(>=|<=|!=|==|=|<|>)\s*(.+)", re.DOTALL)
_OPERATORS = {
    ">=": "greaterThanOrEquals",
    "<=": "lessThanOrEquals",
    ">": "greaterThan",
    "<": "lessThan",
    "=": "equals",
    "==": "equals",
    "!=": "notEquals",
}
_FIELDS = {"startTime": "system:time_start", "endTime": "system:time_start"}


def parse_filter(text: str) -> Filter:
    """The filter string of ``listAssets``: comparisons and ``intersects(...)`` joined by AND.

    Raises:
        ServiceError: not understood.
    """
    return All([_term(part) for part in _split(text)])


def _split(text: str) -> list[str]:
    parts, quote, start, position = [], "", 0, 0
    while position < len(text):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif text[position : position + 5].upper() == " AND ":
            parts.append(text[start:position])
            position = start = position + 5
            continue
        position += 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _term(text: str) -> Filter:
    call = re.fullmatch(r"intersects\(\s*([\"'])(.*)\1\s*\)", text, re.DOTALL)
    if call is not None:
        return Compare("intersects", Operand(".geo"), Operand(None, _region(call[2])))
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise ServiceError(f"Invalid argument: filter term '{text}' is not understood.")
    field, operator, raw = match[1], match[2], match[3].strip()
    value: Any = raw[1:-1] if raw[:1] in "\"'" and raw[:1] == raw[-1:] else _number(raw)
    if field in _FIELDS:
        try:
            value = parse_date(str(value))
        except EvalError as exc:
            raise ServiceError(str(exc)) from exc
        return Compare(_OPERATORS[operator], Operand(_FIELDS[field]), Operand(None, value))
    if not field.startswith("properties."):
        raise ServiceError(f"Invalid argument: filter field '{field}' is not understood.")
    return Compare(_OPERATORS[operator], Operand(field.removeprefix("properties.")), Operand(None, value))


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _region(text: str) -> Geometry:
    try:
        if text.lstrip().startswith("{"):
            return geo.from_geojson(json.loads(text.replace("'", '"')))
        return Geometry(shapely.from_wkt(text))
    except (ValueError, EvalError, shapely.errors.ShapelyError) as exc:
        raise ServiceError(f"Invalid argument: region '{text[:100]}' is neither GeoJSON nor WKT: {exc}.") from exc


def _resource(name: str) -> str:
    owner = "legacy" if name.split("/")[0] in ("users", "projects") else "public"
    if re.fullmatch(r"projects/[^/]+/assets/.+", name):
        return name
    return f"projects/earthengine-{owner}/assets/{name}"


def _timestamp(ms: Any) -> str:
    return as_datetime(float(ms)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _band(band: Band) -> dict[str, Any]:
    a, b, c, d, e, f = band.lattice.transform
    kind: dict[str, Any] = {"precision": {"int": "INT", "float": "FLOAT", "double": "DOUBLE"}[band.type.precision]}
    if band.type.is_int:
        kind["range"] = {"min": band.type.min, "max": band.type.max}
    width, height = band.size or (0, 0)
    return {
        "id": band.name,
        "dataType": kind,
        "grid": {
            "crsCode": band.lattice.crs,
            "dimensions": {"width": width, "height": height},
            "affineTransform": {
                "scaleX": a,
                "shearX": b,
                "translateX": c,
                "shearY": d,
                "scaleY": e,
                "translateY": f,
            },
        },
    }


def image_asset(image: Image, limits: LimitSettings, *, full: bool = True) -> dict[str, Any]:
    """An image as an asset resource."""
    out: dict[str, Any] = {"type": "IMAGE", "name": _resource(image.id or ""), "id": image.id}
    if not full:
        return out
    start = image.properties.get("system:time_start")
    if start is not None:
        out["startTime"] = _timestamp(start)
        out["endTime"] = _timestamp(image.properties.get("system:time_end", start))
    if image.geometry is not None:
        out["geometry"] = geo.to_geojson(Geometry(image.geometry.shape))
    if image.version is not None:
        out["updateTime"] = _timestamp(image.version / 1000)
    out["properties"] = {
        key: encode(value, limits) for key, value in image.properties.items() if not key.startswith("system:time")
    }
    out["bands"] = [_band(band) for band in image.bands]
    return out


def get_asset(session: Session, name: str) -> dict[str, Any]:
    """One asset.

    Raises:
        ServiceError: 404, it does not exist.
    """
    found = session.world.find(asset_id(name))
    if isinstance(found, ImageRecord):
        return image_asset(Image.from_record(found), session.limits)
    if found is None:
        if session.world.children(asset_id(name)):
            return {"type": "FOLDER", "name": name, "id": asset_id(name)}
        raise ServiceError(f"Asset '{name}' not found (does not exist or caller does not have access).", 404)
    kind = "IMAGE_COLLECTION" if isinstance(found, CollectionAsset) else "TABLE"
    return {
        "type": kind,
        "name": _resource(found.id),
        "id": found.id,
        "properties": {key: encode(value, session.limits) for key, value in found.properties.items()},
    }


def list_assets(session: Session, parent: str, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of the images of a collection, or of the assets in a folder.

    Raises:
        ServiceError: unknown parent, or a malformed filter or token.
    """
    name = asset_id(parent) if "/assets" in parent else ""
    size = min(int(query.get("pageSize") or _PAGE), _PAGE)
    try:
        offset = int(query.get("pageToken") or 0)
    except ValueError as exc:
        raise ServiceError(f"Invalid argument: page token '{query['pageToken']}'.") from exc
    items = _items(session, name, parent, query)
    page = list(islice(items, offset, offset + size + 1))
    out: dict[str, Any] = {"assets": page[:size]}
    if len(page) > size:
        out["nextPageToken"] = str(offset + size)
    return out


def _items(session: Session, name: str, parent: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    full = query.get("view") != "BASIC"
    found = session.world.find(name) if name else None
    if isinstance(found, CollectionAsset):
        members: Collection = image_collection(found)
        if query.get("filter"):
            members = members.filter(parse_filter(query["filter"]))
        return (image_asset(m, session.limits, full=full) for m in members.iterate() if isinstance(m, Image))
    children = session.world.children(name)
    if not children and found is None and name:
        raise ServiceError(f"Asset '{parent}' not found (does not exist or caller does not have access).", 404)
    return (get_asset(session, child) for child in children)
