"""Bands of one image: which files and band numbers they are, what they are called, how they are served."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyproj import CRS
from pyproj.exceptions import CRSError

from geomeld_build.emulator.worlds.base import BandInfo
from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.headers import FileHeader, HeaderCache
from geomeld_build.emulator.worlds.folder.model import BandEntry, DbToPower, Linear, PixelDefaults, PowerToDb
from geomeld_build.emulator.worlds.folder.naming import compile_one, expand
from geomeld_build.emulator.worlds.folder.specs import BandSpec

__all__ = ["BandRules", "image_bands"]

_SERVED_AS = {
    "uint8": "uint8",
    "int8": "int16",
    "uint16": "uint16",
    "int16": "int16",
    "int32": "int32",
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
    "uint32": "float64",
}
"""Types of files and the types they are served as: the same, or the next one that holds every value."""


@dataclass(frozen=True, slots=True)
class BandRules:
    """What ``world.json`` says about the bands of one image, most specific source first in ``defaults``."""

    entries: tuple[str | BandEntry, ...] | None
    pattern: str | None
    defaults: tuple[PixelDefaults, ...]
    """The image's entry, then its collection's."""
    where: str
    """Prefix of error messages."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A band of a file before it is named."""

    header: FileHeader
    number: int


def image_bands(folder: Path, files: Sequence[Path], rules: BandRules, headers: HeaderCache) -> tuple[BandSpec, ...]:
    """The bands of the image made of these files.

    Raises:
        WorldError: names and files do not fit together, or a file cannot be served as it is.
    """
    kept = _by_pattern(files, rules)
    slots = [_Slot(header, n + 1) for header in map(headers.get, kept) for n in range(len(header.dtypes))]
    inferred = dict(zip(_inferred_names(kept, slots, rules), slots, strict=True))
    entries = rules.entries if rules.entries is not None else tuple(inferred)
    named = [BandEntry(name=entry) if isinstance(entry, str) else entry for entry in entries]
    _check_unique([entry.name for entry in named], rules.where)
    free = _free_slots([e.name for e in named if e.file is None and e.band is None], slots, inferred, rules)
    return tuple(
        _band(entry, free[entry.name] if entry.name in free else _slot(entry, folder, slots, rules, headers), rules)
        for entry in named
    )


def _free_slots(
    names: Sequence[str], slots: Sequence[_Slot], inferred: Mapping[str, _Slot], rules: BandRules
) -> dict[str, _Slot]:
    """Where bands are that say nothing but their name: by inferred name if that fits, else one by one in order."""
    if all(name in inferred for name in names):
        return {name: inferred[name] for name in names}
    if len(names) != len(slots):
        raise WorldError(
            f"{rules.where}: bands: {len(names)} names for {len(slots)} bands in the files; name them all in order, or "
            f"give each its `file` and `band` (found: {', '.join(inferred)})"
        )
    return dict(zip(names, slots, strict=True))


def _by_pattern(files: Sequence[Path], rules: BandRules) -> list[Path]:
    if rules.pattern is None:
        return list(files)
    expression = compile_one(rules.pattern, "band_pattern", rules.where)
    kept = [path for path in files if expression.search(path.name)]
    if not kept and files:
        raise WorldError(f"{rules.where}: band_pattern: {rules.pattern!r} is not found in {files[0].name!r}")
    return kept


def _inferred_names(files: Sequence[Path], slots: Sequence[_Slot], rules: BandRules) -> list[str]:
    """One name per slot: from the pattern, the descriptions, the file names, else numbers."""
    one_each = len(slots) == len(files)
    if rules.pattern is not None and one_each:
        expression = compile_one(rules.pattern, "band_pattern", rules.where)
        names = [str(match.group(1)) for path in files if (match := expression.search(path.name))]
        _check_unique(names, rules.where)
        return names
    described = [slot.header.descriptions[slot.number - 1] or "" for slot in slots]
    if all(_is_name(text) for text in described) and len(set(described)) == len(described):
        return described
    stems = [path.stem for path in files]
    if len(files) > 1 and one_each and len(set(stems)) == len(stems) and all(map(_is_name, stems)):
        return stems
    return [f"b{number + 1}" for number in range(len(slots))]


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_\-.]+", text) is not None


def _slot(entry: BandEntry, folder: Path, slots: Sequence[_Slot], rules: BandRules, headers: HeaderCache) -> _Slot:
    """Where a band is that states its file or band number."""
    header = slots[0].header if entry.file is None else headers.get(_one_file(folder, entry, rules))
    if entry.file is None and len({slot.header.path for slot in slots}) > 1:
        raise WorldError(f"{rules.where}: band {entry.name}: `band` needs `file` where the image has several files")
    number = entry.band or 1
    if number > len(header.dtypes):
        raise WorldError(
            f"{rules.where}: band {entry.name}: band {number} is asked of {header.path}, which has {len(header.dtypes)}"
        )
    return _Slot(header, number)


def _one_file(folder: Path, entry: BandEntry, rules: BandRules) -> Path:
    where = f"{rules.where}: band {entry.name}"
    found = expand(folder, entry.file or "", where)
    if len(found) > 1:
        raise WorldError(f"{where}: file: {entry.file} matches {len(found)} files; expected one")
    return found[0]


def _band(entry: BandEntry, slot: _Slot, rules: BandRules) -> BandSpec:
    levels: tuple[PixelDefaults, ...] = (entry, *rules.defaults)
    where = f"{rules.where}: band {entry.name}"
    header = slot.header
    convert = next((level.convert for level in levels if level.convert is not None), None)
    return BandSpec(
        info=BandInfo(
            name=entry.name,
            dtype=_dtype(levels, header, slot.number, convert, where),
            crs=_crs(levels, header, where),
            transform=header.transform,
            width=header.width,
            height=header.height,
        ),
        file=header.path,
        number=slot.number,
        nodata=_nodata(levels),
        convert=convert,
    )


def _dtype(
    levels: Sequence[PixelDefaults],
    header: FileHeader,
    number: int,
    convert: Linear | DbToPower | PowerToDb | None,
    where: str,
) -> str:
    stored = header.dtypes[number - 1]
    if stored not in _SERVED_AS and not stored.startswith(("int", "uint", "float")):
        raise WorldError(f"{where}: {header.path} has pixels of type {stored}; expected real numbers")
    for level in levels:
        if level.dtype is not None:
            return level.dtype
    if convert is not None:
        return "float32"
    if stored not in _SERVED_AS:
        raise WorldError(f"{where}: {header.path} has pixels of type {stored}; state the `dtype` to serve")
    return _SERVED_AS[stored]


def _crs(levels: Sequence[PixelDefaults], header: FileHeader, where: str) -> str:
    for level in levels:
        if level.crs is not None:
            try:
                CRS.from_user_input(level.crs)
            except CRSError as error:
                raise WorldError(f"{where}: crs: {level.crs!r} is no known CRS") from error
            return level.crs
    if header.crs is None:
        raise WorldError(f'{where}: {header.path} {header.crs_problem}; state it as `crs`, e.g. "EPSG:32643"')
    return header.crs


def _nodata(levels: Sequence[PixelDefaults]) -> tuple[float, ...] | Literal["file", "none"]:
    for level in levels:
        if level.nodata is not None:
            if isinstance(level.nodata, tuple):
                return level.nodata
            return "none" if level.nodata == "none" else (float(level.nodata),)
    return "file"


def _check_unique(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WorldError(f"{where}: bands: {', '.join(twice)} named more than once")
