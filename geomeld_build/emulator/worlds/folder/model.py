"""What ``world.json`` may say: the models, their JSON schema, and reading the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from geomeld_build.emulator.worlds.folder.errors import WorldError

__all__ = [
    "BandEntry",
    "CollectionEntry",
    "DbToPower",
    "ImageEntry",
    "Linear",
    "MemberEntry",
    "PixelDefaults",
    "PowerToDb",
    "TableEntry",
    "WorldFile",
    "read_world_file",
    "world_json_schema",
]

WORLD_JSON = "world.json"

AssetId: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_\-.]+(/[A-Za-z0-9_\-.]+)*$",
        max_length=400,
        description="Asset id as a client asks for it, e.g. `COPERNICUS/S2_SR_HARMONIZED` or `users/me/dem`.",
    ),
]
Index: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_\-.]+$",
        max_length=200,
        description="`system:index` of a member; its asset id is `COLLECTION/INDEX`.",
    ),
]
BandName: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_\-.]+$", max_length=200, description="Band name as a client selects it.")
]
PathText: TypeAlias = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="Path or glob (`*`, `**`), relative to the folder of world.json, or absolute.",
    ),
]
NumPyName: TypeAlias = Literal["uint8", "uint16", "int16", "int32", "float32", "float64"]
Nodata: TypeAlias = float | Annotated[tuple[float, ...], Field(min_length=1, max_length=64)] | Literal["none"]
Properties: TypeAlias = dict[str, JsonValue]
Pattern: TypeAlias = Annotated[str, Field(min_length=1, max_length=1000)]

_NODATA = (
    "Values that mean invalid. Left out: what the file says (its nodata value, mask or alpha band). A number or a list "
    "replaces the file's nodata value; `none` takes every pixel as valid. NaN is never valid."
)
_FOOTPRINT = (
    "Where the image has pixels, lon/lat. `bounds`: union of the files' rectangles; `common`: their intersection, so "
    "that whatever lies inside has every band; `valid`: outline of the valid pixels of the first band (reads it); "
    "`global`: no bound; or a GeoJSON Polygon / MultiPolygon. Default `bounds`. Pixels outside it are masked."
)
_VERSION = (
    "Asset version. Left out: computed from the files' bytes and from what this file says about them, so that a copy "
    "of the folder has the same versions and a changed pixel or property another one."
)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Linear(_Model):
    """Serve ``value * scale + offset``."""

    op: Literal["linear"] = Field(description="Name of the conversion.")
    scale: float = Field(default=1.0, allow_inf_nan=False, description="Factor applied to the stored value.")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="Added after scaling.")


class DbToPower(_Model):
    """Serve decibels as linear power, ``10 ** (value / 10)``."""

    op: Literal["db_to_power"] = Field(description="Name of the conversion.")


class PowerToDb(_Model):
    """Serve linear power as decibels, ``10 * log10(value)``; power <= 0 is invalid."""

    op: Literal["power_to_db"] = Field(description="Name of the conversion.")


Convert: TypeAlias = Annotated[Linear | DbToPower | PowerToDb, Field(discriminator="op")]


class PixelDefaults(_Model):
    """What may be said once for all files of an asset."""

    nodata: Nodata | None = Field(default=None, description=_NODATA)
    dtype: NumPyName | None = Field(
        default=None,
        description="Type served. Left out: the file's own, or float32 after a conversion. Integers round and clamp.",
    )
    convert: Convert | None = Field(
        default=None, description="Conversion between stored and served values, e.g. of decibels to linear power."
    )
    crs: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]+:[0-9A-Za-z]+$",
        max_length=40,
        description="Authority code that replaces the file's CRS; needed where the file has none or an unnamed one.",
    )


class BandEntry(PixelDefaults):
    """One band: its name, and where its pixels are if that cannot be inferred."""

    name: BandName
    file: PathText | None = Field(
        default=None, description="File (or glob that matches one file) that holds the band. Left out: in file order."
    )
    band: int | None = Field(default=None, ge=1, le=65535, description="Band number inside the file, from 1.")


class _Described(PixelDefaults):
    """What images and collections have in common."""

    bands: Annotated[tuple[BandName | BandEntry, ...], Field(min_length=1, max_length=1024)] | None = Field(
        default=None,
        description="Band names in order, or band objects. Left out: band descriptions of the files, else file names "
        "where one image has several single-band files, else b1, b2, ...",
    )
    band_pattern: Pattern | None = Field(
        default=None,
        description="Regular expression with one group, searched in each file name, that gives the band name of a "
        "single-band file, e.g. `_(B\\d\\d)_10m`. Files it is not found in are left out.",
    )
    footprint: Literal["bounds", "common", "valid", "global"] | Properties | None = Field(
        default=None, description=_FOOTPRINT
    )
    datetime: AwareDatetime | None = Field(
        default=None, description="`system:time_start`, ISO 8601 with a zone (`2020-06-04T05:46:39Z`)."
    )


class _OneImage(_Described):
    """What a single image and a member of a collection have in common."""

    files: PathText | tuple[PathText, ...] | None = Field(
        default=None, description="File or files of the image. May be left out when every band names its file."
    )
    end_datetime: AwareDatetime | None = Field(default=None, description="`system:time_end`; default: datetime.")
    version: int | None = Field(default=None, ge=1, le=2**53 - 1, description=_VERSION)
    properties: Properties = Field(default_factory=dict, description="Properties as served.")


class ImageEntry(_OneImage):
    """A single image asset."""

    type: Literal["image"] = Field(description="Kind of asset.")
    id: AssetId

    @model_validator(mode="after")
    def _has_pixels(self) -> ImageEntry:
        _require_files(self.files, self.bands)
        return self


class MemberEntry(_OneImage):
    """One member of a collection, described by hand; what it leaves out comes from the collection."""

    index: Index


class CollectionEntry(_Described):
    """An image collection: members found by a glob, members listed one by one, or both."""

    type: Literal["collection"] = Field(description="Kind of asset.")
    id: AssetId
    files: PathText | tuple[PathText, ...] | None = Field(
        default=None, description="Glob(s) of the files whose images are inferred."
    )
    group: Literal["file", "folder"] = Field(
        default="file", description="`file`: each file is one image; `folder`: the files of a folder are one image."
    )
    index_pattern: Pattern | None = Field(
        default=None,
        description="Regular expression with one group, searched in the path below the world's folder, that gives "
        "`system:index`. Left out: the name of the file or folder.",
    )
    datetime_pattern: Pattern | None = Field(
        default=None,
        description="Regular expression with one group, searched in the path of the file or folder, whose text is a "
        "date: 20200604, 2020-06-04, 20200604T054639, ... in UTC.",
    )
    images: Annotated[tuple[MemberEntry, ...], Field(max_length=100_000)] = Field(
        default=(), description="Members described by hand; an empty list without `files` is an empty collection."
    )
    image_properties: Properties = Field(
        default_factory=dict, description="Properties of every member; a member's own win."
    )
    properties_by_index: dict[Index, Properties] = Field(
        default_factory=dict, description="Properties of inferred members, by `system:index`."
    )
    properties: Properties = Field(default_factory=dict, description="Properties of the collection itself.")

    @model_validator(mode="after")
    def _has_members(self) -> CollectionEntry:
        # `images: []` says it in so many words: the collection exists and is empty.
        if self.files is None and "images" not in self.model_fields_set:
            raise ValueError("needs `files` (a glob) or `images` (a list)")
        for member in self.images:
            _require_files(member.files, member.bands if member.bands is not None else self.bands)
        if self.datetime is not None and self.datetime_pattern is not None:
            raise ValueError("has both `datetime` and `datetime_pattern`; keep one")
        return self


class TableEntry(_Model):
    """A vector table served as a feature collection."""

    type: Literal["table"] = Field(description="Kind of asset.")
    id: AssetId
    file: PathText = Field(description="GeoPackage, GeoJSON, shapefile or GeoParquet (.parquet, .geoparquet).")
    layer: str | None = Field(default=None, min_length=1, max_length=200, description="Layer name; default the first.")
    id_column: str | None = Field(
        default=None, min_length=1, max_length=200, description="Column of feature ids; default 20-digit row numbers."
    )
    crs: str | None = Field(
        default=None, pattern=r"^[A-Za-z]+:[0-9A-Za-z]+$", max_length=40, description="Replaces the file's CRS."
    )
    version: int | None = Field(default=None, ge=1, le=2**53 - 1, description=_VERSION)
    properties: Properties = Field(default_factory=dict, description="Properties of the table itself.")


Entry: TypeAlias = Annotated[ImageEntry | CollectionEntry | TableEntry, Field(discriminator="type")]


class WorldFile(_Model):
    """The whole of ``world.json``."""

    schema_: str | None = Field(default=None, alias="$schema", max_length=400, description="For editors; not used.")
    name: str | None = Field(
        default=None, min_length=1, max_length=100, description="Name of the world; default: of the folder."
    )
    description: str | None = Field(default=None, max_length=10_000, description="For people; not used.")
    assets: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=10_000)] = Field(
        description="Everything the world serves."
    )


def _require_files(files: object, bands: Iterable[str | BandEntry] | None) -> None:
    if files is None and (bands is None or any(isinstance(b, str) or b.file is None for b in bands)):
        raise ValueError("needs `files`, or a `file` for every band")


def world_json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of ``world.json``."""
    schema = WorldFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": WORLD_JSON}


def read_world_file(folder: Path) -> WorldFile:
    """Reads and checks ``folder/world.json``.

    Raises:
        WorldError: no such folder or file, no JSON, or a key that is unknown, missing or has an unusable value.
    """
    path = folder / WORLD_JSON
    if not folder.is_dir():
        raise WorldError(f"{folder}: no such folder; expected a folder with rasters and a {WORLD_JSON}")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        example = '{"assets": [{"type": "collection", "id": "users/me/scenes", "files": "*.tif"}]}'
        raise WorldError(f"{path}: not found; the least that works is {example}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise WorldError(f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    try:
        return WorldFile.model_validate(raw)
    except ValidationError as error:
        raise WorldError(f"{path}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    # Branches of a union each report; the one that got deepest is the one that was meant.
    problem = max(problems, key=lambda p: (_depth(p["loc"]), p["type"] == "extra_forbidden"))
    key = _key(problem["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key; see docs/emulator.md for the keys allowed here{more}"
    if problem["type"] == "missing":
        return f"{key}: required key is missing{more}"
    message = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    shown = "" if isinstance(given, Mapping | list | tuple) else f", got {given!r}"
    return f"{key}: {message}{shown}{more}"


def _depth(loc: tuple[int | str, ...]) -> int:
    return sum(1 for part in loc if not _is_branch(part))


def _is_branch(part: int | str) -> bool:
    """Whether a part of a location names a branch of a union and not a key of the file."""
    if isinstance(part, int):
        return False
    return part in _BRANCHES or "[" in part or part[:1].isupper()


_BRANCHES = frozenset(
    {"image", "collection", "table", "linear", "db_to_power", "power_to_db", "str", "float", "constrained-str"}
)


def _key(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not _is_branch(part):
            text += f".{part}" if text else part
    return text or "top level"


def milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch of a tz-aware moment, rounded to the nearest."""
    return round(moment.astimezone(UTC).timestamp() * 1000)
