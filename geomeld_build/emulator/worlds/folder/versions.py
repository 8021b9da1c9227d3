"""Asset versions computed from content.

Earth Engine's versions are upload times. File times would be the obvious stand-in, and the wrong one: a copy, a
checkout or an unpacked archive has new ones although nothing changed, and a plan that pins versions would call every
asset changed on the next machine. So a version is a digest of what is served: the size and checksum of each file's
bytes, and what ``world.json`` says about them. Where the files lie does not enter.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from geomeld_build.emulator.worlds.folder.errors import WorldError
from geomeld_build.emulator.worlds.folder.specs import ImageSpec

__all__ = ["ContentVersions"]

_WHOLE = 64 * 2**20
"""Files up to this many bytes are read whole."""
_SAMPLES = 64
_SAMPLE = 2**18
"""Of larger files, this many evenly spaced blocks of this many bytes, the first and last ones included."""


class ContentVersions:
    """Versions of images and tables; every file is read once."""

    def __init__(self) -> None:
        self._sums: dict[Path, str] = {}
        self._lock = threading.Lock()

    def of_image(self, spec: ImageSpec) -> int:
        """A positive integer below 2**52 that changes when a pixel, a property or the description changes.

        Raises:
            WorldError: a file cannot be read.
        """
        footprint = spec.footprint
        told = {
            "bands": [
                [
                    band.info.name,
                    band.info.dtype,
                    band.info.crs,
                    band.number,
                    band.nodata,
                    band.convert.model_dump() if band.convert is not None else None,
                    self._sum(band.file),
                ]
                for band in spec.bands
            ],
            "footprint": shapely.to_wkt(footprint) if isinstance(footprint, BaseGeometry) else footprint,
            "properties": dict(spec.properties),
        }
        return _digest(told)

    def of_files(self, files: Iterable[Path], told: object) -> int:
        """A positive integer below 2**52 for files and what is said about them.

        Raises:
            WorldError: a file cannot be read.
        """
        return _digest([[self._sum(path) for path in files], told])

    def _sum(self, path: Path) -> str:
        with self._lock:
            known = self._sums.get(path)
        if known is None:
            known = _checksum(path)
            with self._lock:
                self._sums[path] = known
        return known


def _digest(told: object) -> int:
    text = json.dumps(told, sort_keys=True, default=str)
    # 52 bits: JSON readers that know only doubles keep the number exact.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % (2**52 - 1) + 1


def _checksum(path: Path) -> str:
    """Size and CRC-32 of a file; of a very large one, of blocks spread over it."""
    try:
        size = path.stat().st_size
        step = 0 if size <= _WHOLE else (size - _SAMPLE) / (_SAMPLES - 1)
        crc = 0
        with path.open("rb") as file:
            if step == 0:
                while block := file.read(2**20):
                    crc = zlib.crc32(block, crc)
            else:
                for number in range(_SAMPLES):
                    file.seek(round(number * step))
                    crc = zlib.crc32(file.read(_SAMPLE), crc)
    except OSError as error:
        raise WorldError(f"{path}: cannot be read: {error}") from error
    return f"{size}:{crc:08x}"
