"""The same tiles in the layouts of others, and readers of each as their users would write them.

* zarr-python and tensorstore read our own store.
* ``hdf5`` is the layout of MMEarth: one file, a data set a row, a chunk a tile, gzip level 4. (Its radar is float32;
  here it is int16 as in our store, which favours it.)
* ``tar`` is how GeoMeld's tiles were released: an HDF5 file a tile in tar archives, float32 but for class maps, without
  compression or with gzip.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numcodecs.blosc
import numpy as np
import tensorstore as ts
import torch
import zarr
from numpy.typing import NDArray

from geomeld_build.modalities import MODALITIES
from geomeld_build.store import ShardReader
from geomeld_build.store.shard_index import ABSENT
from geomeld_build.store.shard_reader import PackedArray
from tests.support.bench_tiles import NAMES

__all__ = ["Read", "StoredTiles", "decode_only", "hdf5", "memcpy", "own", "tar_of_h5", "tensorstore", "zarr_python"]

Tiles = list[dict[str, NDArray[Any]]]
Read = Callable[[list[int]], Any]
"""Reads consecutive tiles, or one."""
BLOCK = 64


def own(uri: str) -> Read:
    reader = ShardReader(uri, NAMES)
    out = reader.buffers(BLOCK)
    return lambda rows: reader.read(rows, out=out)


def zarr_python(uri: str) -> Read:
    arrays = {name: zarr.open_array(f"{uri}/{name}", mode="r") for name in NAMES}
    return lambda rows: {name: array[rows[0] : rows[-1] + 1] for name, array in arrays.items()}


def tensorstore(uri: str) -> Read:
    context = ts.Context({"cache_pool": {"total_bytes_limit": 100_000_000}, "data_copy_concurrency": {"limit": 1}})
    # The pool is for shard indexes; pixels are not kept, or the second read would measure nothing.
    arrays = {
        name: ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{uri}/{name}"}, "recheck_cached_data": "open"},
            context=context,
            read=True,
            open=True,
        ).result()
        for name in NAMES
    }

    def read(rows: list[int]) -> Any:
        coming = {name: array[rows[0] : rows[-1] + 1].read() for name, array in arrays.items()}
        return {name: future.result() for name, future in coming.items()}

    return read


def hdf5(path: Path, tiles: Tiles) -> Read:
    with h5py.File(path, "w") as file:
        for name in NAMES:
            data = np.stack([tile[name] for tile in tiles])
            file.create_dataset(name, data=data, chunks=(1, *data.shape[1:]), compression="gzip", compression_opts=4)
    arrays = {name: h5py.File(path, "r")[name] for name in NAMES}
    return lambda rows: {name: array[rows[0] : rows[-1] + 1] for name, array in arrays.items()}


def tar_of_h5(path: Path, tiles: Tiles, compression: str | None) -> Read:
    with tarfile.open(path, "w") as archive:
        for number, tile in enumerate(tiles):
            data = _released(tile, compression)
            entry = tarfile.TarInfo(f"{number:06}.h5")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    with tarfile.open(path) as archive:
        places = [(entry.offset_data, entry.size) for entry in archive.getmembers()]
    fd = os.open(path, os.O_RDONLY)

    def read(rows: list[int]) -> Any:
        found: dict[str, list[Any]] = {name: [] for name in NAMES}
        for row in rows:
            offset, size = places[row]
            with h5py.File(io.BytesIO(os.pread(fd, size, offset)), "r") as file:
                for name in NAMES:
                    found[name].append(file[name][()])
        return found

    return read


def _released(tile: dict[str, NDArray[Any]], compression: str | None) -> bytes:
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        for name in NAMES:
            classes = MODALITIES[name].classes is not None
            file.create_dataset(name, data=tile[name] if classes else tile[name].astype("f4"), compression=compression)
    return target.getvalue()


def decode_only(uri: str, rows: list[int]) -> Callable[[], None]:
    """Blosc alone: the chunks of a block in memory, decoded into buffers that are used again."""
    reader = ShardReader(uri, NAMES)
    out = reader.buffers(len(rows))
    chunks: list[tuple[bytes, NDArray[Any]]] = []
    for name in NAMES:
        array = reader.array(name)
        assert isinstance(array, PackedArray)
        for at, (shard, offset, length) in enumerate(reader.locate(name, np.array(rows)).tolist()):
            if offset != ABSENT:
                data = bytearray(length)
                reader.ranges.read_into(array.chain.key(shard), offset, memoryview(data))
                chunks.append((bytes(data), out[name][at]))

    def decode() -> None:
        decompress = numcodecs.blosc.decompress
        for data, slot in chunks:
            decompress(data, slot)

    return decode


def memcpy(tiles: Tiles) -> Callable[[], None]:
    """Raw pixels of a block from memory into buffers that are used again."""
    stacked = [np.stack([tile[name] for tile in tiles[:BLOCK]]) for name in NAMES]
    out = [np.empty_like(array) for array in stacked]

    def copy() -> None:
        for source, target in zip(stacked, out, strict=True):
            np.copyto(target, source)

    return copy


class StoredTiles(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Our reader behind ``DataLoader`` workers: the best case of that road, tiles as stored and nothing else."""

    def __init__(self, uri: str, count: int) -> None:
        self.reader = ShardReader(uri, NAMES)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitems__(self, rows: list[int]) -> dict[str, torch.Tensor]:
        # Into the shared memory that crosses to the parent: no copy by the collate function.
        out = {}
        for name in NAMES:
            shape, dtype = self.reader.layout(name, len(rows), None)
            out[name] = torch.empty(shape, dtype=torch.from_numpy(np.empty(0, dtype)).dtype).share_memory_()
        self.reader.read(rows, out={name: tensor.numpy() for name, tensor in out.items()})
        return out


def as_is(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch is a batch already."""
    return batch
