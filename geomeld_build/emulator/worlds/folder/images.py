"""From entries of ``world.json`` to images ready to be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from geomeld_build.emulator.worlds.folder.bands import BandRules, image_bands
from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.footprints import parse_footprint
from geomeld_build.emulator.worlds.folder.headers import HeaderCache
from geomeld_build.emulator.worlds.folder.model import CollectionEntry, ImageEntry, MemberEntry, milliseconds
from geomeld_build.emulator.worlds.folder.naming import expand, index_from, moment_from, relative
from geomeld_build.emulator.worlds.folder.specs import FootprintRule, ImageSpec

__all__ = ["collection_images", "single_image"]


def single_image(entry: ImageEntry, folder: Path, headers: HeaderCache) -> ImageSpec:
    """The image of an image entry.

    Raises:
        WorldError: files are missing or cannot be served as described.
    """
    files = expand(folder, entry.files, entry.id) if entry.files is not None else []
    rules = BandRules(entry.bands, entry.band_pattern, (entry,), entry.id)
    index = entry.id.rsplit("/", 1)[-1]
    return ImageSpec(
        id=entry.id,
        bands=image_bands(folder, files, rules, headers),
        footprint=_footprint(entry.footprint, entry.id),
        properties=_properties(index, entry.datetime, entry.end_datetime, entry.properties),
        version=entry.version,
    )


def collection_images(entry: CollectionEntry, folder: Path, headers: HeaderCache) -> dict[str, ImageSpec]:
    """The members of a collection entry by ``system:index``, in its order.

    Raises:
        WorldError: files are missing or cannot be served as described, or an index occurs twice.
    """
    members: dict[str, ImageSpec] = {}
    inferred = _inferred(entry, folder, headers)
    for index, spec in [*inferred, *(_stated(entry, member, folder, headers) for member in entry.images)]:
        if index in members:
            raise WorldError(
                f"{spec.id}: two images have this id ({members[index].bands[0].file} and {spec.bands[0].file})"
            )
        members[index] = spec
    unknown = sorted(set(entry.properties_by_index) - {index for index, _ in inferred})
    if unknown:
        raise WorldError(f"{entry.id}: properties_by_index: no inferred member has the index {unknown[0]!r}")
    return dict(sorted(members.items()))


def _inferred(entry: CollectionEntry, folder: Path, headers: HeaderCache) -> list[tuple[str, ImageSpec]]:
    if entry.files is None:
        return []
    found: list[tuple[str, ImageSpec]] = []
    for place, files in _groups(entry, expand(folder, entry.files, entry.id)).items():
        where = f"{entry.id} ({relative(place, folder)})"
        index = index_from(place, folder, entry.index_pattern, where)
        rules = BandRules(entry.bands, entry.band_pattern, (entry,), where)
        moment = entry.datetime
        if entry.datetime_pattern is not None:
            moment = moment_from(place, folder, entry.datetime_pattern, where)
        stated = {**entry.image_properties, **entry.properties_by_index.get(index, {})}
        spec = ImageSpec(
            id=f"{entry.id}/{index}",
            bands=image_bands(folder, files, rules, headers),
            footprint=_footprint(entry.footprint, where),
            properties=_properties(index, moment, None, stated),
            version=None,
        )
        found.append((index, spec))
    return found


def _groups(entry: CollectionEntry, files: Sequence[Path]) -> dict[Path, list[Path]]:
    groups: dict[Path, list[Path]] = {}
    for path in files:
        groups.setdefault(path.parent if entry.group == "folder" else path, []).append(path)
    return groups


def _stated(entry: CollectionEntry, member: MemberEntry, folder: Path, headers: HeaderCache) -> tuple[str, ImageSpec]:
    where = f"{entry.id}/{member.index}"
    files = expand(folder, member.files, where) if member.files is not None else []
    rules = BandRules(
        entries=member.bands if member.bands is not None else entry.bands,
        pattern=member.band_pattern if member.band_pattern is not None else entry.band_pattern,
        defaults=(member, entry),
        where=where,
    )
    moment = member.datetime or entry.datetime
    if moment is None and entry.datetime_pattern is not None and files:
        place = files[0].parent if entry.group == "folder" else files[0]
        moment = moment_from(place, folder, entry.datetime_pattern, where)
    stated = {**entry.image_properties, **member.properties}
    spec = ImageSpec(
        id=where,
        bands=image_bands(folder, files, rules, headers),
        footprint=_footprint(member.footprint if member.footprint is not None else entry.footprint, where),
        properties=_properties(member.index, moment, member.end_datetime, stated),
        version=member.version,
    )
    return member.index, spec


def _footprint(stated: str | Mapping[str, Any] | None, where: str) -> FootprintRule:
    match stated:
        case None | "bounds":
            return "bounds"
        case "common" | "valid" | "global":
            return stated
        case _:
            return parse_footprint(stated, where)


def _properties(index: str, start: datetime | None, end: datetime | None, stated: Mapping[str, Any]) -> dict[str, Any]:
    times: dict[str, Any] = {}
    if start is not None:
        times = {"system:time_start": milliseconds(start), "system:time_end": milliseconds(end or start)}
    return {"system:index": index, **times, **stated}
