"""The store's ring as torch tensors: no copy on the host, pinned memory where there is CUDA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geomeld_build.modalities import modality
from geomeld_build.store import Batch, LoaderOptions, LoaderState, OrderRule, Store, TileLoader
from geomeld_build.train.data.extra import torch

__all__ = ["TorchBatch", "TorchLoader", "valid_pixels"]

_SIGNED = {torch.uint16: (torch.int16, 16), torch.uint32: (torch.int32, 32)}
"""Types of which torch knows little, and those of the same bits."""


@dataclass(frozen=True, slots=True)
class TorchBatch:
    """Samples as tensors in the stored types: half the bytes of float32 go to the device."""

    pixels: dict[str, torch.Tensor]
    """Row name to ``(sample, band, y, x)``, with ``date`` after ``sample`` if there are several. On the host these are
    views of a buffer that is used again: valid until the next batch is asked for."""
    index: torch.Tensor
    """``(sample,)`` or ``(sample, date)`` int64: places along ``tile``."""
    table: pa.Table
    """A line a tile: tile_id, location_id, row, datetime, and the columns that were asked for."""
    state: LoaderState

    @property
    def tile_ids(self) -> list[str]:
        """Ids of the tiles, sample by sample and date by date."""
        ids: list[str] = self.table.column("tile_id").to_pylist()
        return ids

    def valid(self, name: str) -> torch.Tensor:
        """Where a row has pixels: bool, of its shape, on its device."""
        return valid_pixels(self.pixels[name], name)

    def keys(self) -> list[str]:
        """The rows, ``index`` and ``tile_ids``."""
        return [*self.pixels, "index", "tile_ids"]

    def __getitem__(self, key: str) -> Any:
        if key == "index":
            return self.index
        return self.tile_ids if key == "tile_ids" else self.pixels[key]

    def __len__(self) -> int:
        return len(self.index)


def valid_pixels(stored: torch.Tensor, name: str) -> torch.Tensor:
    """Where stored pixels of a row are no nodata: bool, of the same shape, on the same device."""
    nodata = modality(name).nodata
    if stored.dtype in _SIGNED:
        same_bits, bits = _SIGNED[stored.dtype]
        half = 1 << (bits - 1)
        return stored.view(same_bits) != (nodata + half) % (1 << bits) - half
    return stored != nodata


class TorchLoader:
    """``TileLoader`` in tensors. One epoch at a time.

    ::

        loader = TorchLoader(open_store(uri), LoaderOptions(names=("sentinel2",)), device="cuda")
        for batch in loader.epoch(0):
            reflectance = batch["sentinel2"].float() * 1e-4
            loss = model(reflectance, batch.valid("sentinel2"))
    """

    def __init__(
        self,
        store: Store,
        options: LoaderOptions,
        rule: OrderRule | None = None,
        *,
        rank: int = 0,
        device: str | torch.device | None = None,
    ) -> None:
        """Make the buffers, pinned where CUDA is available.

        Args:
            store: at the version that is pinned.
            options: what to give out.
            rule: in which order; every rank gives the same.
            rank: which part of an epoch is ours.
            device: where batches go; by default they stay on the host.

        Raises:
            ConfigError: an option is wrong, no tile meets the condition, or there are too few for a batch.
            StoreError: the store is damaged.
        """
        self._device = None if device is None else torch.device(device)
        self._pinned = torch.cuda.is_available()
        self._copies: torch.cuda.Stream | None = None
        self._tensors: dict[int, torch.Tensor] = {}
        self.loader = TileLoader(store, options, rule, rank=rank, allocate=self._allocate)

    def steps(self, epoch: int = 0) -> int:
        """Batches of an epoch, on every rank."""
        return self.loader.steps(epoch)

    def epoch(self, epoch: int = 0, *, after: LoaderState | None = None) -> Iterator[TorchBatch]:
        """The batches of an epoch: see ``TileLoader.epoch``.

        Raises:
            ConfigError: the state is of another version, seed, selection, rule or world size.
            StoreError: pixels are damaged or cannot be read.
        """
        for batch in self.loader.epoch(epoch, after=after):
            pixels = {name: self._tensor(batch, name) for name in batch.pixels}
            copied = None
            if self._device is not None and self._device.type == "cuda":
                pixels, copied = self._to_cuda(pixels, self._device)
            elif self._device is not None:
                pixels = {name: tensor.to(self._device, copy=True) for name, tensor in pixels.items()}
            yield TorchBatch(pixels, torch.from_numpy(batch.index), batch.table, batch.state)
            if copied is not None:
                # The ring fills this slot again as soon as we ask for more.
                copied.synchronize()

    def _to_cuda(
        self, pixels: dict[str, torch.Tensor], device: torch.device
    ) -> tuple[dict[str, torch.Tensor], torch.cuda.Event]:
        # On a stream of their own, copies do not wait for the step that is being computed.
        if self._copies is None:
            self._copies = torch.cuda.Stream(device)
        with torch.cuda.stream(self._copies):
            moved = {name: tensor.to(device, non_blocking=True) for name, tensor in pixels.items()}
        copied = self._copies.record_event()
        current = torch.cuda.current_stream(device)
        current.wait_event(copied)
        for tensor in moved.values():
            tensor.record_stream(current)
        return moved, copied

    def _allocate(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        kind = torch.from_numpy(np.empty(0, dtype)).dtype
        tensor = torch.empty(shape, dtype=kind, pin_memory=self._pinned)
        array: NDArray[Any] = tensor.numpy()
        self._tensors[tensor.data_ptr()] = tensor
        return array

    def _tensor(self, batch: Batch, name: str) -> torch.Tensor:
        array = batch.pixels[name]
        # The tensor that the buffer was made from: one made from the array would not know that it is pinned.
        whole = self._tensors[array.__array_interface__["data"][0]]
        return whole.flatten()[: array.size].view(array.shape)
