"""Our shard reader against zarr-python, on every kind of array and every kind of hole."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from obstore.store import LocalStore as Folder
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, ZstdCodec

from geomeld_build.errors import ConfigError, StoreError
from geomeld_build.modalities import MODALITIES
from geomeld_build.store import GROUP_TILES, array_spec, write_group
from geomeld_build.store.layout import array_key, with_rows
from geomeld_build.store.objects import open_objects
from geomeld_build.store.shard_ranges import BucketRanges
from geomeld_build.store.shard_reader import ShardReader
from tests.unit.store.making import FEW, new_store, tile_of

NAMES = (*FEW, "sentinel1", "dem_context")
TILES = 5
ROWS = st.lists(st.integers(0, 3 * GROUP_TILES - 1) | st.integers(0, TILES) | st.integers(510, 516), max_size=6)


def lengthen(uri: str, names: Sequence[str], rows: int) -> None:
    open_objects(uri).update([array_key(name) for name in names], lambda all_: [with_rows(one, rows) for one in all_])


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Shard 0 with a hole and a missing row, shard 1 absent, shard 2 ragged: the arrays end in the middle of it."""
    uri = new_store(tmp_path_factory.mktemp("shards"), NAMES)
    tiles: list[dict[str, NDArray[Any]] | None] = [dict(tile_of(n, NAMES)) for n in range(TILES)]
    tiles[1] = None
    assert tiles[3] is not None
    del tiles[3]["canopy_height"]
    write_group(uri, 0, tiles, NAMES)
    write_group(uri, 2, [tile_of(9, NAMES)], NAMES)
    lengthen(uri, NAMES, 2 * GROUP_TILES + 5)
    return uri


def by_zarr(uri: str, name: str, rows: Sequence[int]) -> NDArray[Any]:
    array = zarr.open_array(f"{uri}/{name}", mode="r")
    empty = np.empty((0, *array.shape[1:]), array.dtype)
    return np.concatenate([empty, *(np.asarray(array[row : row + 1]) for row in rows)])


@given(
    rows=ROWS.map(lambda rows: [min(row, 2 * GROUP_TILES + 4) for row in rows]),
    names=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    threads=st.sampled_from([1, 3]),
    data=st.data(),
)
def test_equal_to_zarr_python(uri: str, rows: list[int], names: list[str], threads: int, data: st.DataObject) -> None:
    bands = {
        name: data.draw(st.lists(st.sampled_from(MODALITIES[name].bands), min_size=1), name)
        for name in names
        if data.draw(st.booleans(), f"some bands of {name}")
    }
    found = ShardReader(uri, NAMES, threads=threads).read(rows, names, bands=bands)
    assert list(found) == names
    for name, array in found.items():
        expected = by_zarr(uri, name, rows)
        if name in bands:
            expected = expected[:, [MODALITIES[name].bands.index(band) for band in bands[name]]]
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


@given(rows=ROWS.map(lambda rows: [min(row, 2 * GROUP_TILES + 4) for row in rows]))
def test_a_bucket_reads_the_same(uri: str, rows: list[int]) -> None:
    reader = ShardReader(uri, NAMES)
    reader.ranges = BucketRanges("s3://bucket/store", Folder(uri))
    for name, array in reader.read(rows).items():
        np.testing.assert_array_equal(array, by_zarr(uri, name, rows))


CHAINS: dict[str, tuple[list[Any], bool]] = {
    "as stored": ([BytesCodec(), BloscCodec(cname="zstd", clevel=5, shuffle="shuffle", typesize=2)], True),
    "bitshuffle": ([BytesCodec(), BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle", typesize=2)], True),
    "blosc and crc32c": ([BytesCodec(), BloscCodec(cname="zstd", typesize=2), Crc32cCodec()], True),
    "uncompressed": ([BytesCodec()], True),
    "crc32c only": ([BytesCodec(), Crc32cCodec()], True),
    "zstd": ([BytesCodec(), ZstdCodec()], False),
    "gzip": ([BytesCodec(), GzipCodec()], False),
    "big-endian": ([BytesCodec(endian="big"), BloscCodec(typesize=2)], False),
}


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("chain", CHAINS)
def test_other_codec_chains(tmp_path: Path, chain: str, location: Any, caplog: pytest.LogCaptureFixture) -> None:
    codecs, known = CHAINS[chain]
    sharding = ShardingCodec(chunk_shape=(1, 2, 8, 8), codecs=codecs, index_location=location)
    array = zarr.create(
        (7, 2, 8, 8), chunks=(4, 2, 8, 8), dtype="int16", fill_value=-9, store=f"{tmp_path}/slope", codecs=[sharding]
    )
    rng = np.random.default_rng(5)
    for row in (0, 2, 6):
        array[row] = rng.integers(-100, 100, (2, 8, 8), dtype="int16")
    with caplog.at_level(logging.WARNING):
        reader = ShardReader(str(tmp_path), ["slope"], threads=2)
        rows = [6, 0, 1, 2, 3, 5]
        np.testing.assert_array_equal(reader.read(rows)["slope"], array[:][rows])
        reader.read(rows)
    assert [("zarr-python reads it" in r.message) for r in caplog.records] == ([] if known else [True])


def test_a_checksum_of_a_chunk_is_looked_at_unless_told_otherwise(tmp_path: Path) -> None:
    sharding = ShardingCodec(chunk_shape=(1, 1, 8, 8), codecs=[BytesCodec(), Crc32cCodec()])
    array = zarr.create((1, 1, 8, 8), chunks=(1, 1, 8, 8), dtype="uint8", store=f"{tmp_path}/scl", codecs=[sharding])
    array[:] = 7
    shard = tmp_path / "scl/c/0/0/0/0"
    data = bytearray(shard.read_bytes())
    data[3] ^= 1
    shard.write_bytes(data)
    with pytest.raises(StoreError, match=r"scl/c/0/0/0/0 is damaged at slot 0 \(place 0\): a chunk has crc32c"):
        ShardReader(str(tmp_path), ["scl"]).read([0])
    assert ShardReader(str(tmp_path), ["scl"], verify=False).read([0])["scl"].ravel()[3] == 6


def test_buffers_are_filled_in_place(uri: str) -> None:
    reader = ShardReader(uri, NAMES, threads=2)
    bands = {"sentinel1": ["VH_desc", "VV_asc"]}
    out = reader.buffers(8, ["sentinel1", "elevation"], bands)
    found = reader.read([4, 0], ["elevation", "sentinel1"], bands=bands, out=out)
    assert found["sentinel1"].base is out["sentinel1"]
    np.testing.assert_array_equal(out["sentinel1"][:2], by_zarr(uri, "sentinel1", [4, 0])[:, [5, 0]])
    with pytest.raises(ConfigError, match=r"no room for sentinel1: expected int16 of at least \(2, 8, 128, 128\)"):
        reader.read([4, 0], ["sentinel1"], out=out)
    with pytest.raises(ConfigError, match="this reader has no slope"):
        reader.read([0], ["slope"], out=out)
    with pytest.raises(ConfigError, match="not contiguous"):
        reader.read([0], ["elevation"], out={"elevation": out["elevation"][:, :, :, ::-1]})


def test_wrong_questions(uri: str) -> None:
    reader = ShardReader(uri, FEW)
    with pytest.raises(ConfigError, match=r"no place 517 in .*: expected 0\.\.516"):
        reader.read([517])
    with pytest.raises(ConfigError, match="no place -1"):
        reader.read([0, -1])
    with pytest.raises(ConfigError, match="elevation has no band B1"):
        reader.read([0], bands={"elevation": ["B1"]})
    with pytest.raises(ConfigError, match="this reader has no sentinel1"):
        reader.read([0], ["sentinel1"])
    with pytest.raises(ConfigError, match="at least one thread"):
        ShardReader(uri, FEW, threads=0)
    with pytest.raises(StoreError, match="has no array 'naip'"):
        ShardReader(uri, ["naip"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "damaged: its index has crc32c|truncated"),
        (lambda data: data[:100], "truncated"),
        (lambda data: b"", "truncated"),
        (lambda data: data[:-9] + b"\x01" + data[-8:], "damaged: its index has crc32c"),
        (lambda data: data[:40] + bytes(200) + data[240:], "damaged at slot"),
        (lambda data: data[:4] + b"\x07" + data[5:], r"damaged at slot 0 \(place 0\): a chunk has crc32c"),
    ],
)
def test_a_damaged_shard_is_named(tmp_path: Path, damage: Any, message: str) -> None:
    uri = new_store(tmp_path, FEW)
    write_group(uri, 0, [tile_of(0)], FEW)
    lengthen(uri, FEW, GROUP_TILES)
    shard = Path(uri) / "elevation/c/0/0/0/0"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(StoreError, match=rf"elevation/c/0/0/0/0 is ({message})"):
        ShardReader(uri, FEW, threads=2).read([0])


def test_metadata_that_is_none(tmp_path: Path) -> None:
    uri = new_store(tmp_path, FEW)
    (Path(uri) / "elevation/zarr.json").write_text('{"shape": 3}')
    with pytest.raises(StoreError, match="metadata of array 'elevation' is damaged"):
        ShardReader(uri, FEW)


def test_many_shards_need_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geomeld_build.store.shard_ranges._OPEN_FILES", 2)
    monkeypatch.setattr("geomeld_build.store.shard_reader._INDEXES", 2)
    uri = new_store(tmp_path, FEW)
    for shard in range(3):
        write_group(uri, shard, [tile_of(shard)], FEW)
    lengthen(uri, FEW, 3 * GROUP_TILES)
    reader = ShardReader(uri, FEW, threads=3)
    rows = [0, GROUP_TILES, 2 * GROUP_TILES] * 4
    for _ in range(3):
        for name, array in reader.read(rows).items():
            np.testing.assert_array_equal(array, np.stack([tile_of(n)[name] for n in [0, 1, 2] * 4]))
    reader.close()
    assert reader.read([0])["elevation"].shape == (1, *array_spec(MODALITIES["elevation"])["shape"])


def test_pickles_and_forks(uri: str) -> None:
    reader = ShardReader(uri, FEW, threads=2)
    expected = reader.read([0, 2])["elevation"]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(reader)).read([0, 2])["elevation"], expected)
    context = multiprocessing.get_context("fork")
    answers: Any = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
        child = context.Process(target=lambda: answers.put(int(reader.read([0, 2])["elevation"].sum())))
        child.start()
    child.join(60)
    assert child.exitcode == 0
    assert answers.get() == int(expected.sum())
