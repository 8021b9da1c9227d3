"""SkyScript's zips of metadata."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geomeld_build.anchors.imports import read_pool
from geomeld_build.anchors.imports.archive import Archive
from geomeld_build.errors import ConfigError


def _meta(box: Any) -> dict[str, Any]:
    return {
        "box": box,
        "time": (2019, 5, 6, 10, 3),
        "center_tags": {"building": "yes"},
        "surrounding_tags": [{"highway": "path"}, {"building": "yes"}],
    }


def _zip(path: Path, members: dict[str, Any], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, value in members.items():
            file.writestr(name, value if isinstance(value, bytes) else pickle.dumps(value, protocol=3))
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_centres_and_ids(tmp_path, method: int) -> None:
    boxes = {
        "a198234555_CH_19": ((8.5, 47.25, 8.75, 47.5), (8.625, 47.375)),
        "a2_NAIP_20": ([179.9, 1, -179.8, 2], (-179.95, 1.5)),
        "a3_S2_18": ((-179.9, -2.0, 179.8, -1.0), (179.95, -1.5)),  # edges that were sorted
        "a4_S2_18": ((179.99, 0.0, 180.03, 1.0), (-179.99, 0.5)),
    }
    members = {f"meta2/{name}.pickle": _meta(box) for name, (box, _) in boxes.items()}
    path = _zip(
        tmp_path / "meta2.zip", {"meta2/": b"", **members, "__MACOSX/x.pickle": b"?", "readme.txt": b"?"}, method
    )
    pool = read_pool(path)
    assert (pool.name, pool.date) == ("skyscript", None)
    assert pool.src_id.to_pylist() == list(boxes)
    np.testing.assert_allclose(np.column_stack([pool.lon, pool.lat]), [c for _, c in boxes.values()], atol=1e-9)


def test_a_folder_of_zips_is_one_pool(tmp_path) -> None:
    for part in (3, 2):
        _zip(tmp_path / f"meta{part}.zip", {f"meta{part}/a{part}.pickle": _meta((part, 0, part, 0))})
    told: list[tuple[int, int]] = []
    pool = read_pool(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert pool.src_id.to_pylist() == ["a2", "a3"]
    assert pool.lon.tolist() == [2.0, 3.0]
    assert told == [(2, 2)]
    _zip(tmp_path / "meta4.zip", {"meta4/a2.pickle": _meta((4, 0, 4, 0))})
    with pytest.raises(ConfigError, match=r"meta4\.zip, member a2\.pickle: id 'a2' is also that of .*meta2\.zip"):
        read_pool(tmp_path)


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "owned")


def test_a_hostile_member_is_named_and_never_runs(tmp_path) -> None:
    proof = tmp_path / "proof"
    evil = {**_meta((1, 2, 3, 4)), "time": _Evil(proof)}
    path = _zip(tmp_path / "meta2.zip", {"meta2/good.pickle": _meta((1, 2, 3, 4)), "meta2/evil.pickle": evil})
    with pytest.raises(ConfigError, match=r"meta2\.zip, member meta2/evil\.pickle: refused, instruction 0x"):
        read_pool(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"boxes": 1, "time": 2}, "holds a dict with keys 'boxes', 'time', expected a dict with a box"),
        ([1, 2], "holds a list, expected a dict"),
        (_meta((1, 2, 3)), "expected a dict with a box of four numbers"),
        (_meta((1, 2, 3, "4")), "expected a dict with a box of four numbers"),
        (_meta((181, 2, 182, 4)), r"member bad\.pickle: box \(181, 2, 182, 4\) is no box"),
        (_meta((1, 95, 3, 96)), "is no box"),
        (_meta((1, 4, 3, 2)), "south below north"),
        (_meta((1, 2, float("nan"), 4)), "is no box"),
        (_meta((1, 2, 10**400, 4)), "is no box"),
        (b"\x80\x03}", r"member bad\.pickle: refused, it ends too early"),
    ],
)
def test_a_bad_member_is_named(tmp_path, value: Any, message: str) -> None:
    path = _zip(tmp_path / "meta2.zip", {"good.pickle": _meta((1, 2, 3, 4)), "bad.pickle": value})
    with pytest.raises(ConfigError, match=message) as caught:
        read_pool(path)
    assert f"{path}, member bad.pickle" in str(caught.value)


def test_a_member_that_unpacks_to_much_is_refused(tmp_path) -> None:
    path = _zip(tmp_path / "meta2.zip", {"bomb.pickle": b"\0" * (200 << 20)})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ConfigError, match=r"bomb\.pickle: it has 209715200 bytes"):
        read_pool(path)
    # The same with a directory that lies about the size.
    data = path.read_bytes().replace(struct.pack("<L", 200 << 20), struct.pack("<L", 100))
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"bomb\.pickle: it is not what its checksum says"):
        read_pool(path)


def test_zips_that_are_truncated_broken_or_empty(tmp_path) -> None:
    path = _zip(tmp_path / "meta2.zip", {f"{i}.pickle": _meta((1, 2, 3, 4)) for i in range(5)})
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ConfigError, match=r"meta2\.zip"):
            read_pool(path)
    path.write_bytes(whole.replace(b"center_tags", b"center_tagz"))
    if whole != path.read_bytes():
        with pytest.raises(ConfigError, match="checksum"):
            read_pool(path)
    path.write_bytes(b"x" * 100 + whole)  # something before: offsets are off by it
    assert len(read_pool(path)) == 5
    with pytest.raises(ConfigError, match="holds no points"):
        read_pool(_zip(tmp_path / "empty.zip", {"readme.txt": b"?"}))
    with pytest.raises(ConfigError, match="packed by method 12"):
        read_pool(_zip(tmp_path / "bz2.zip", {"a.pickle": _meta((1, 2, 3, 4))}, zipfile.ZIP_BZIP2))


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path) -> None:
    path = _zip(tmp_path / "meta2.zip", {f"{i}.pickle": _meta((1, 2, 3, 4)) for i in range(3)})
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            pool = read_pool(path)
        except ConfigError:
            continue
        assert set(pool.lon.tolist()) == {2.0}, at


def test_zip64_is_read_as_python_reads_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    content = {f"m/{i}é.pickle": pickle.dumps(_meta((i, 0, i, 0)), protocol=4) for i in range(9)}
    path = _zip(tmp_path / "big.zip", content, zipfile.ZIP_STORED)
    assert b"PK\6\6" in path.read_bytes()
    with Archive(path) as file:
        assert file.count == 9
        assert {member.name: file.read(member, 1 << 20) for member in file} == content
