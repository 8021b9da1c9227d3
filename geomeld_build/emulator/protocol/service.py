"""What each endpoint answers, without HTTP around it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from geomeld_build.emulator.collection import Collection
from geomeld_build.emulator.encode import encode, encode_feature
from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.functions.coerce import type_name
from geomeld_build.emulator.functions.display import default_grid, visualize_options
from geomeld_build.emulator.graph import evaluate
from geomeld_build.emulator.images import Band, Image
from geomeld_build.emulator.protocol.formats import encode_pixels
from geomeld_build.emulator.protocol.listing import get_asset, list_assets
from geomeld_build.emulator.protocol.maps import tile_grid
from geomeld_build.emulator.protocol.pixels import check_limits, parse_grid, render_bands, requested_bands
from geomeld_build.emulator.session import Session, asset_id
from geomeld_build.emulator.settings import EmulatorSettings
from geomeld_build.emulator.values import Feature
from geomeld_build.emulator.worlds.base import World

__all__ = ["Answer", "Service"]

_JSON = "application/json; charset=UTF-8"
_FEATURE_PAGE = 1_000
_MOST_THUMBNAILS = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what it cost."""

    body: bytes
    media_type: str = _JSON
    pixels: int = 0
    native_pixels: int = 0


def _json(value: Any, session: Session | None = None) -> Answer:
    native = 0 if session is None else session.render.native_pixels
    return Answer(json.dumps(value, separators=(",", ":")).encode(), native_pixels=native)


class Service:
    """The service over one world. Methods are called from several threads."""

    def __init__(self, world: World, settings: EmulatorSettings) -> None:
        self.world = world
        self._settings = settings
        self._lock = threading.Lock()
        self._thumbnails: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def _session(self) -> Session:
        return Session(self.world, self._settings.limits)

    def compute_value(self, body: Mapping[str, Any]) -> Answer:
        """``value:compute``."""
        session = self._session()
        value = evaluate(_expression(body), session)
        return _json({"result": encode(value, self._settings.limits)}, session)

    def compute_pixels(self, body: Mapping[str, Any]) -> Answer:
        """``image:computePixels``."""
        session = self._session()
        return self._pixels(session, evaluate(_expression(body), session), body)

    def get_pixels(self, name: str, body: Mapping[str, Any]) -> Answer:
        """``getPixels`` of an asset."""
        session = self._session()
        expression = {
            "result": "0",
            "values": {
                "0": {
                    "functionInvocationValue": {
                        "functionName": "Image.load",
                        "arguments": {"id": {"constantValue": asset_id(name)}},
                    }
                }
            },
        }
        return self._pixels(session, evaluate(expression, session), body)

    def _pixels(self, session: Session, image: Any, body: Mapping[str, Any]) -> Answer:
        if not isinstance(image, Image):
            raise ServiceError(f"Invalid argument: the expression must be an Image, found {type_name(image)}.")
        bands = _shown(image, body)
        grid = parse_grid(body.get("grid"), bands)
        check_limits(grid, bands, self._settings.limits)
        rendered = render_bands(session.render, bands, grid)
        # Closures of an expression refer to each other: without this its pixels would stay until they are collected.
        session.render.forget()
        data, media_type = encode_pixels(rendered, str(body.get("fileFormat") or "AUTO_JPEG_PNG"))
        return Answer(data, media_type, grid.width * grid.height * len(bands), session.render.native_pixels)

    def create_thumbnail(self, project: str, body: Mapping[str, Any]) -> Answer:
        """``thumbnails``: keeps the request under a name."""
        return self._keep(f"{project}/thumbnails", body)

    def create_map(self, project: str, body: Mapping[str, Any]) -> Answer:
        """``maps``: keeps the request under a name."""
        return self._keep(f"{project}/maps", body)

    def _keep(self, parent: str, body: Mapping[str, Any]) -> Answer:
        _expression(body)
        digest = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=16).hexdigest()
        name = f"{parent}/{digest}"
        with self._lock:
            self._thumbnails[name] = body
            self._thumbnails.move_to_end(name)
            while len(self._thumbnails) > _MOST_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return _json({"name": name})

    def thumbnail_pixels(self, name: str) -> Answer:
        """``getPixels`` of a thumbnail.

        Raises:
            ServiceError: 404, unknown name.
        """
        body = self._kept("Thumbnail", name)
        session = self._session()
        image = evaluate(_expression(body), session)
        if not isinstance(image, Image):
            raise ServiceError(f"Invalid argument: the expression must be an Image, found {type_name(image)}.")
        file_format = str(body.get("fileFormat") or "AUTO_JPEG_PNG")
        picture = file_format in ("PNG", "JPEG", "AUTO_JPEG_PNG")
        bands = _shown(image, body)
        grid = default_grid(image.footprint, bands[0], most=512 if picture else None)
        check_limits(grid, bands, self._settings.limits)
        rendered = render_bands(session.render, bands, grid)
        # Closures of an expression refer to each other: without this its pixels would stay until they are collected.
        session.render.forget()
        data, media_type = encode_pixels(rendered, file_format, str(body.get("filenamePrefix") or "download"))
        return Answer(data, media_type, grid.width * grid.height * len(bands), session.render.native_pixels)

    def map_tile(self, path: str) -> Answer:
        """One tile of a map, at ``{map}/tiles/{zoom}/{x}/{y}``.

        Raises:
            ServiceError: 404, unknown map; 400, no such tile.
        """
        name, _, tile = path.partition("/tiles/")
        body, grid = self._kept("Map", name), tile_grid(tile)
        shape = {"dimensions": {"width": grid.width, "height": grid.height}, "crsCode": grid.crs}
        keys = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        affine = dict(zip(keys, grid.transform, strict=True))
        return self.compute_pixels({**body, "grid": {**shape, "affineTransform": affine}})

    def _kept(self, kind: str, name: str) -> Mapping[str, Any]:
        with self._lock:
            body = self._thumbnails.get(name)
        if body is None:
            raise ServiceError(f"{kind} '{name}' not found.", 404)
        return body

    def compute_features(self, body: Mapping[str, Any]) -> Answer:
        """``table:computeFeatures``, one page."""
        session = self._session()
        found = evaluate(_expression(body), session)
        if not isinstance(found, Collection):
            raise ServiceError(f"Invalid argument: expected a FeatureCollection, found {type_name(found)}.")
        return self._page(session, found, body)

    def list_features(self, name: str, query: Mapping[str, str]) -> Answer:
        """``listFeatures`` of a table asset, one page."""
        session = self._session()
        if query.get("region") or query.get("filter"):
            raise ServiceError("listFeatures: 'region' and 'filter' are not emulated; use computeFeatures.")
        return self._page(session, session.table(asset_id(name), -1), query)

    def _page(self, session: Session, found: Collection, options: Mapping[str, Any]) -> Answer:
        size = int(options.get("pageSize") or _FEATURE_PAGE)
        offset = int(options.get("pageToken") or 0)
        page = list(islice(found.iterate(), offset, offset + size + 1))
        features = []
        for element in page[:size]:
            feature = element if isinstance(element, Feature) else Feature(element.geometry, element.properties)
            features.append(encode_feature(feature, self._settings.limits))
        out: dict[str, Any] = {"type": "FeatureCollection", "features": features}
        if len(page) > size:
            out["nextPageToken"] = str(offset + size)
        return _json(out, session)

    def list_assets(self, parent: str, query: Mapping[str, str]) -> Answer:
        """``listAssets``, one page."""
        return _json(list_assets(self._session(), parent, query))

    def get_asset(self, name: str) -> Answer:
        """One asset."""
        return _json(get_asset(self._session(), name))


def _shown(image: Image, body: Mapping[str, Any]) -> list[Band]:
    """The bands of ``bandIds``, or all, as ``visualizationOptions`` colour them."""
    bands = requested_bands(image, body.get("bandIds"))
    options = body.get("visualizationOptions")
    return list(visualize_options(image.with_bands(bands), options).bands) if options else bands


def _expression(body: Mapping[str, Any]) -> Mapping[str, Any]:
    expression = body.get("expression")
    if not isinstance(expression, Mapping):
        raise ServiceError("Invalid argument: the request has no expression.")
    return expression
