"""Which catalog versions were cleaned up: noted before anything is deleted, so that none is opened in vain."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from geomeld_build.errors import StoreError
from geomeld_build.store.objects import ObjectMissing, Objects

__all__ = ["note_expired", "read_expired", "refuse_expired"]

_KEY = "runs/expired.json"


def read_expired(rim: Objects) -> frozenset[int]:
    """Versions that were cleaned up, or are being cleaned up.

    Raises:
        StoreError: the note cannot be read.
    """
    try:
        note = json.loads(rim.get(_KEY))
        return frozenset(version for first, last in note["versions"] for version in range(first, last + 1))
    except ObjectMissing:
        return frozenset()
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{rim.uri}/{_KEY} is no note of expired versions: {error}; run gc again") from error


def note_expired(rim: Objects, versions: Iterable[int]) -> None:
    """Say that these versions, and no others, are gone.

    Raises:
        StoreError: the store cannot be written.
    """
    ranges: list[list[int]] = []
    for version in sorted(versions):
        if ranges and ranges[-1][1] == version - 1:
            ranges[-1][1] = version
        else:
            ranges.append([version, version])
    note = {"versions": ranges, "written": datetime.now(UTC).isoformat()}
    rim.put(_KEY, json.dumps(note, indent=2).encode())


def refuse_expired(rim: Objects, version: int) -> None:
    """Do nothing for a version that is still whole.

    Raises:
        StoreError: the version has expired.
    """
    if version in read_expired(rim):
        raise StoreError(
            f"version {version} of {rim.uri} has expired: gc has cleaned it up; open the newest version, and hold one "
            "that you need for longer with hold_version, or run gc with more --retention-days"
        )
