"""What file names say: globs, band names, indices, dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from geomeld_build.emulator.worlds.folder.errors import WorldError

__all__ = ["compile_one", "expand", "index_from", "moment_from", "relative", "search_one"]

_DIGITS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


def expand(folder: Path, patterns: str | Sequence[str], where: str) -> list[Path]:
    """The files that paths and globs stand for, in natural order within a glob, in the order of the globs.

    Raises:
        WorldError: a path or glob matches no file.
    """
    found: dict[Path, None] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matches = _matches(folder, pattern)
        if not matches:
            kind = "no file matches" if _is_glob(pattern) else "no such file"
            raise WorldError(f"{where}: files: {kind}: {pattern} (below {folder})")
        found.update(dict.fromkeys(matches))
    return list(found)


def index_from(path: Path, below: Path, pattern: str | None, where: str) -> str:
    """``system:index`` of the image in a file or folder: the pattern's group, or the name made safe for an id.

    Raises:
        WorldError: the pattern is not found in the path, or gives a text that no id may hold.
    """
    if pattern is None:
        return re.sub(r"[^A-Za-z0-9_\-.]+", "_", path.stem if path.is_file() else path.name)
    text = search_one(pattern, relative(path, below), "index_pattern", where)
    if not re.fullmatch(r"[A-Za-z0-9_\-.]+", text):
        raise WorldError(f"{where}: index_pattern: {text!r} is no index; allowed are letters, digits, _ - and .")
    return text


def moment_from(path: Path, below: Path, pattern: str, where: str) -> datetime:
    """The UTC date that the pattern's group finds in the path of a file or folder.

    Raises:
        WorldError: the pattern is not found, or its text is no date.
    """
    text = search_one(pattern, relative(path, below), "datetime_pattern", where)
    try:
        moment = datetime.fromisoformat(text) if "-" in text else _from_digits(text)
    except ValueError as error:
        raise WorldError(
            f"{where}: datetime_pattern: {text!r} in {path.name} is no date; expected e.g. 20200604, 2020-06-04 or "
            f"20200604T054639"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def search_one(pattern: str, text: str, key: str, where: str) -> str:
    """The text of the single group of a regular expression.

    Raises:
        WorldError: no regular expression, not one group, or not found.
    """
    match = compile_one(pattern, key, where).search(text)
    if match is None or match.group(1) is None:
        raise WorldError(f"{where}: {key}: {pattern!r} is not found in {text!r}")
    return str(match.group(1))


def compile_one(pattern: str, key: str, where: str) -> re.Pattern[str]:
    """A regular expression with exactly one group.

    Raises:
        WorldError: no regular expression, or not one group.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise WorldError(f"{where}: {key}: {pattern!r} is no regular expression: {error}") from error
    if compiled.groups != 1:
        raise WorldError(f"{where}: {key}: {pattern!r} has {compiled.groups} groups; expected exactly one ( )")
    return compiled


def relative(path: Path, below: Path) -> str:
    """The path below the world's folder with forward slashes; absolute where it lies elsewhere."""
    return path.relative_to(below).as_posix() if path.is_relative_to(below) else path.as_posix()


def _from_digits(text: str) -> datetime:
    digits = re.sub(r"[T_:Z ]", "", text)
    if len(digits) in _DIGITS:
        return datetime.strptime(digits, _DIGITS[len(digits)]).replace(tzinfo=UTC)
    raise ValueError(f"{len(digits)} digits")


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _matches(folder: Path, pattern: str) -> list[Path]:
    path = Path(pattern)
    if not _is_glob(pattern):
        file = path if path.is_absolute() else folder / path
        return [file] if file.is_file() else []
    base = Path(path.anchor) if path.is_absolute() else folder
    relative_pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else pattern
    files = [p for p in base.glob(relative_pattern) if p.is_file() and not p.name.startswith(".")]
    return sorted(files, key=lambda p: _natural(p.as_posix()))


def _natural(text: str) -> list[tuple[int, str]]:
    """Sorting key under which B2 comes before B11."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
