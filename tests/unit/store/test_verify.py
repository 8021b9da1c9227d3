"""What verify finds in a store that was damaged in every way that we can think of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import GROUP_TILES, commit, open_store, records_to_table, write_group
from geomeld_build.store.verify import Finding, FindingKind, verify_store
from geomeld_build.store.verify_shard import broken_places
from tests.unit.store.making import FEW, new_store, pixels, put_group, record_of, tile_of


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = new_store(tmp_path_factory.mktemp("verify"))
    put_group(uri, 0, [0, 1, 2])
    put_group(uri, 1, [3, 4])
    return uri


@pytest.fixture
def uri(template: str, tmp_path: Path) -> str:
    shutil.copytree(template, tmp_path / "store")
    return str(tmp_path / "store")


def _only(uri: str) -> Finding:
    report = verify_store(uri)
    assert not report.clean
    assert len(report.findings) == 1, [str(finding) for finding in report.findings]
    return report.findings[0]


def _change(path: Path, how: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    how(data)
    path.write_bytes(data)


def test_a_sound_store_is_clean(uri: str) -> None:
    calls: list[tuple[int, int]] = []
    report = verify_store(uri, progress=lambda done, total: calls.append((done, total)))
    assert report.clean
    assert (report.tiles, report.objects, report.version) == (5, 6, open_store(uri).version)
    assert calls == [(n, 6) for n in range(1, 7)]
    assert report.bytes == sum(path.stat().st_size for path in Path(uri).glob("*/c/*/0/0/0"))


@pytest.mark.parametrize(
    ("where", "places"),
    [(0.0, (256,)), (0.3, (256,)), (0.7, (257,)), (0.999, None)],
    ids=["header", "first tile", "second tile", "index"],
)
def test_one_flipped_bit_is_named_with_its_tile_and_its_row(
    uri: str, where: float, places: tuple[int, ...] | None
) -> None:
    path = Path(uri) / "elevation/c/1/0/0/0"
    pixels_end = len(path.read_bytes()) - GROUP_TILES * 16 - 4

    def flip(data: bytearray) -> None:
        data[int(where * (pixels_end if places else len(data)))] ^= 0x10

    _change(path, flip)
    found = _only(uri)
    assert (found.kind, found.modality, found.broken) == (FindingKind.WRONG_BYTES, "elevation", places)
    # A broken index makes every tile of the object suspect.
    first, last = (places[0], places[-1]) if places else (256, 257)
    assert (found.first_place, found.last_place, found.tiles) == (first, last, last - first + 1)
    assert "elevation/c/1/0/0/0" in str(found)
    assert f"places {first}..{last}" in str(found)


def test_a_shard_that_is_gone(uri: str) -> None:
    (Path(uri) / "canopy_height/c/0/0/0/0").unlink()
    found = _only(uri)
    assert (found.kind, found.modality, found.tiles) == (FindingKind.MISSING_OBJECT, "canopy_height", 3)


def test_a_truncated_and_a_longer_shard(uri: str) -> None:
    _change(Path(uri) / "canopy_height/c/0/0/0/0", lambda data: data.__delitem__(slice(100, None)))
    _change(Path(uri) / "elevation/c/0/0/0/0", lambda data: data.extend(b"more"))
    kinds = {finding.modality: finding.kind for finding in verify_store(uri).findings}
    assert kinds == {"canopy_height": FindingKind.TRUNCATED_OBJECT, "elevation": FindingKind.WRONG_SIZE}


def test_a_shard_that_cannot_be_read(uri: str) -> None:
    path = Path(uri) / "elevation/c/0/0/0/0"
    path.unlink()
    path.mkdir()
    assert _only(uri).kind is FindingKind.UNREADABLE_OBJECT


def test_arrays_that_are_gone_or_others_or_too_short(uri: str) -> None:
    (Path(uri) / "elevation/zarr.json").unlink()
    document = json.loads((Path(uri) / "canopy_height/zarr.json").read_text())
    (Path(uri) / "canopy_height/zarr.json").write_text(json.dumps({**document, "fill_value": 7}))
    document = json.loads((Path(uri) / "esa_worldcover/zarr.json").read_text())
    (Path(uri) / "esa_worldcover/zarr.json").write_text(json.dumps({**document, "shape": [256, 1, 128, 128]}))
    findings = {finding.modality: finding for finding in verify_store(uri).findings}
    assert findings["elevation"].kind is FindingKind.MISSING_ARRAY
    assert findings["canopy_height"].kind is FindingKind.FOREIGN_ARRAY
    assert "fill_value is 7, expected 255" in findings["canopy_height"].detail
    assert findings["esa_worldcover"].kind is FindingKind.SHORT_ARRAY
    assert "has 256 places, and the catalog or another array needs 512" in findings["esa_worldcover"].detail
    (Path(uri) / "esa_worldcover/zarr.json").write_text("no json")
    kinds = {finding.modality: finding.kind for finding in verify_store(uri).findings}
    assert kinds["esa_worldcover"] is FindingKind.FOREIGN_ARRAY


def test_a_catalog_without_pixels(uri: str) -> None:
    for name in FEW:
        shutil.rmtree(Path(uri) / name / "c")
    report = verify_store(uri)
    assert {finding.kind for finding in report.findings} == {FindingKind.MISSING_OBJECT}
    assert sum(finding.tiles for finding in report.findings) == 5 * len(FEW)


def test_a_foreign_zarr_and_no_zarr_at_all(tmp_path: Path, uri: str) -> None:
    zarr.create_group(tmp_path / "foreign").create_array("a", shape=(3,), dtype="u1")
    with pytest.raises(ConfigError, match="is no tile store: expected group attributes schema_version"):
        verify_store(str(tmp_path / "foreign"))
    (Path(uri) / "zarr.json").unlink()
    with pytest.raises(ConfigError, match="no tile store at"):
        verify_store(uri)


def test_uncommitted_objects_do_not_matter(uri: str) -> None:
    write_group(uri, 7, [tile_of(9)], FEW)
    assert verify_store(uri).clean


def test_an_older_version_is_checked_by_what_it_lists(uri: str) -> None:
    (Path(uri) / "elevation/c/1/0/0/0").unlink()
    version = open_store(uri).version
    assert verify_store(uri, version - 1).clean
    assert not verify_store(uri, version).clean


def test_a_row_whose_object_was_never_named(tmp_path: Path) -> None:
    uri = new_store(tmp_path)
    objects = write_group(uri, 0, [tile_of(0)], FEW)
    table = records_to_table([record_of(0, 0, 0, FEW[:2])])
    commit(uri, table, objects)
    # As a faulty writer would have left it: the outcome says ok, the objects say nothing.
    from deltalake import DeltaTable

    DeltaTable(f"{uri}/tables/tiles").update(new_values={"slope_outcome": "ok"}, predicate="status = 'ok'")
    create = {**json.loads((Path(uri) / "zarr.json").read_text())}
    create["attributes"]["modalities"].append("slope")
    (Path(uri) / "zarr.json").write_text(json.dumps(create))
    kinds = {(finding.kind, finding.modality) for finding in verify_store(uri).findings}
    assert kinds == {(FindingKind.NO_OBJECT, "slope"), (FindingKind.MISSING_ARRAY, "slope")}


def test_tiles_with_their_own_checksum_are_told_apart() -> None:
    row = MODALITIES["esa_worldcover"]
    store = zarr.storage.MemoryStore()
    array = zarr.create_array(
        store,
        shape=(16, 1, 128, 128),
        chunks=(1, 1, 128, 128),
        shards=(16, 1, 128, 128),
        dtype="u1",
        compressors=[zarr.codecs.BloscCodec(), zarr.codecs.Crc32cCodec()],
    )
    array[:3] = np.stack([pixels(row, seed) for seed in range(3)])
    data = bytearray(store._store_dict["c/0/0/0/0"].to_bytes())
    codecs = ("bytes", "blosc", "crc32c")
    assert broken_places(bytes(data), 16, 32, codecs)[0] == ()
    index = np.frombuffer(bytes(data[-260:-4]), "<u8").reshape(16, 2)
    data[int(index[1, 0]) + 40] ^= 1
    places, told = broken_places(bytes(data), 16, 32, codecs)
    assert places == (33,)
    assert told == "broken at places 33"
    # Without it nothing is proven whole.
    data[int(index[1, 0])] ^= 0xFF
    assert broken_places(bytes(data), 16, 32, ("bytes", "blosc"))[0] is None
