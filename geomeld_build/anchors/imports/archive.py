"""Members of large zip files one at a time.

``zipfile`` keeps an object per member, gigabytes for the millions of SkyScript. Here the directory is walked where it
lies, in a memory map, and only members that are stored or deflated are read, up to a stated size.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from geomeld_build.errors import ConfigError

__all__ = ["Archive", "Member"]

_ENTRY = struct.Struct("<4s4x2H4x3L3H8xL")  # signature, flags, method, crc, packed, size, lengths of 3 texts, offset
_LOCAL = struct.Struct("<4s22x2H")
_END = struct.Struct("<4s6xH2L2x")  # signature, entries, size and offset of the directory
_LOCATOR = struct.Struct("<4s4xQ4x")
_END64 = struct.Struct("<4s28x3Q")
_FULL = 0xFFFFFFFF
_ENCRYPTED, _UTF8 = 0x1, 0x800
_STORED, _DEFLATED = 0, 8


class Member(NamedTuple):
    """One entry of the directory."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    """Bytes in the archive."""
    size: int
    """Bytes unpacked, as the directory says."""
    offset: int


class Archive:
    """A zip file, open for reading.

    Raises:
        ConfigError: on opening, iterating or reading a file that is no zip, truncated or broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read the zip file {path}: {error}") from error
        try:
            self.count, self._start, self._end, self._shift = self._directory()
        except BaseException:
            self._data.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._data.close()

    def __iter__(self) -> Iterator[Member]:
        at = self._start
        for number in range(1, self.count + 1):
            if at + _ENTRY.size > self._end:
                raise ConfigError(f"{self.path}: the directory ends before member {number} of {self.count}")
            signature, flags, method, crc, packed, size, named, extra, comment, offset = _ENTRY.unpack_from(
                self._data, at
            )
            if signature != b"PK\1\2":
                raise ConfigError(f"{self.path}: its directory is broken at member {number}")
            start = at + _ENTRY.size
            name = self._data[start : start + named].decode("utf-8" if flags & _UTF8 else "cp437", "replace")
            if _FULL in (packed, size, offset):
                block = self._data[start + named : start + named + extra]
                size, packed, offset = self._large(name, block, (size, packed, offset))
            yield Member(name, flags, method, crc, packed, size, offset)
            at = start + named + extra + comment

    def read(self, member: Member, limit: int) -> bytes:
        """The bytes of a member.

        Raises:
            ConfigError: more than ``limit`` bytes, encrypted, packed in another way, or not what the directory says.
        """
        if member.size > limit:
            raise self._broken(member, f"has {member.size} bytes, expected at most {limit}")
        if member.flags & _ENCRYPTED or member.method not in (_STORED, _DEFLATED):
            raise self._broken(member, f"is encrypted or packed by method {member.method}, expected stored or deflated")
        at = member.offset + self._shift
        if not 0 <= at <= len(self._data) - _LOCAL.size:
            raise self._broken(member, "lies outside the file (truncated?)")
        signature, named, extra = _LOCAL.unpack_from(self._data, at)
        start = at + _LOCAL.size + named + extra
        if signature != b"PK\3\4" or start + member.packed > len(self._data):
            raise self._broken(member, "is not where the directory says (truncated?)")
        data = self._data[start : start + member.packed]
        if member.method == _DEFLATED:
            data = self._inflate(member, data, limit)
        if len(data) != member.size or zlib.crc32(data) != member.crc:
            raise self._broken(member, "is not what its checksum says")
        return data

    def _inflate(self, member: Member, data: bytes, limit: int) -> bytes:
        unpacker = zlib.decompressobj(-15)
        try:
            return unpacker.decompress(data, limit + 1)
        except zlib.error as error:
            raise self._broken(member, f"cannot be unpacked: {error}") from error

    def _broken(self, member: Member, what: str) -> ConfigError:
        return ConfigError(f"{self.path}, member {member.name}: it {what}")

    def _directory(self) -> tuple[int, int, int, int]:
        """Members, first and last byte of the directory, and how far offsets are off (something stands before)."""
        data = self._data
        end = data.rfind(b"PK\5\6", max(0, len(data) - _END.size - 65_535))
        if end < 0 or end + _END.size > len(data):
            raise ConfigError(f"{self.path} is no zip file, or a truncated one: its directory, at the end, is missing")
        _, count, size, offset = _END.unpack_from(data, end)
        stop = end
        locator = end - _LOCATOR.size
        if locator >= 0:
            signature, where = _LOCATOR.unpack_from(data, locator)
            if signature == b"PK\6\7" and where + _END64.size <= len(data):
                signature, count, size, offset = _END64.unpack_from(data, where)
                if signature != b"PK\6\6":
                    raise ConfigError(f"{self.path}: its zip64 directory is broken")
                stop = where
        if size > stop:
            raise ConfigError(f"{self.path}: its directory says {size} bytes and the file has {stop} before its end")
        return count, stop - size, stop, stop - size - offset

    def _large(self, name: str, block: bytes, known: tuple[int, int, int]) -> list[int]:
        """Size, packed size and offset of a member of a zip64 file: 0xFFFFFFFF stands for a number in the block."""
        at = 0
        while at + 4 <= len(block):
            kind, length = struct.unpack_from("<HH", block, at)
            if kind == 1:
                rest = block[at + 4 : at + 4 + length]
                numbers = iter(struct.unpack(f"<{len(rest) // 8}Q", rest[: len(rest) // 8 * 8]))
                large = [next(numbers, None) if value == _FULL else value for value in known]
                if None not in large:
                    return [int(value or 0) for value in large]
            at += 4 + length
        raise ConfigError(f"{self.path}, member {name}: its zip64 sizes are missing")
