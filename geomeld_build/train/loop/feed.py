"""Batches for one process: pixels, masks and captions of the tiles of its lanes.

An epoch is dealt to lanes. A run starts with as many lanes as processes; when it goes on with fewer, a process takes
several. So a step has the same tiles on four processes, on two and on one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE
from geomeld_build.store import LoaderOptions, LoaderState, OrderRule, Store
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.data.batches import TorchBatch, TorchLoader
from geomeld_build.train.model import GeoMeldFM, ModelBatch
from geomeld_build.train.pixels.masks import draw_order
from geomeld_build.train.pixels.scales import condition_of
from geomeld_build.train.step import StepBatch
from geomeld_build.train.text.captions import CaptionTable

__all__ = ["FedStep", "Feed"]


@dataclass(frozen=True, slots=True)
class FedStep:
    """What a process computes in a step."""

    batches: list[StepBatch]
    state: LoaderState
    """Where the epoch stands after it."""
    tile_ids: list[str]


class Feed:
    """Steps of epochs, for one process."""

    def __init__(
        self,
        store: Store,
        config: TrainConfig,
        captions: CaptionTable | None,
        *,
        rank: int = 0,
        world: int = 1,
        lanes: int | None = None,
        device: torch.device | None = None,
    ) -> None:
        """Args:
            store: at the version that is pinned.
            config: of the run.
            captions: of the tiles.
            rank: of this process.
            world: processes.
            lanes: parts of an epoch; by default one a process.
            device: where batches go.

        Raises:
            ConfigError: the batch does not divide among lanes, or there are too few tiles for one.
        """
        self.lanes = world if lanes is None else lanes
        run, data = config.run, config.data
        if self.lanes % world:
            raise ConfigError(f"this run has {self.lanes} lanes, which {world} processes cannot share: take a divisor")
        if run.batch % self.lanes:
            raise ConfigError(f"run.batch {run.batch} does not divide among {self.lanes} processes")
        self._config, self._captions = config, captions
        self._rule = GeoMeldFM.rule_of(config)
        self._device = device or torch.device("cpu")
        each = run.batch // self.lanes
        # Small stores have small batches, and few blocks: each lane needs some.
        block, window = min(OrderRule().block, each), max(data.window, each)
        rule = OrderRule(seed=run.seed, batch=each, world=self.lanes, block=block, window=window)
        names = tuple(dict.fromkeys((REFERENCE, *config.reconstruct.rows)))
        options = LoaderOptions(names, where=condition_of(data.split, data.where), threads=data.threads)
        mine = range(rank * (self.lanes // world), (rank + 1) * (self.lanes // world))
        self._loaders = [TorchLoader(store, options, rule, rank=lane, device=device) for lane in mine]

    def steps(self, epoch: int = 0) -> int:
        """Of an epoch; the same on every process."""
        return self._loaders[0].steps(epoch)

    def epoch(self, epoch: int, after: LoaderState | None = None) -> Generator[FedStep, None, None]:
        """The steps of an epoch, from its beginning or from where it stood.

        Raises:
            ConfigError: the state is of another store, order or number of lanes.
            StoreError: pixels cannot be read.
        """
        with ExitStack() as stack:
            lanes = [stack.enter_context(closing(cast(Any, one.epoch(epoch, after=after)))) for one in self._loaders]
            for batches in zip(*lanes, strict=True):
                parts = [part for batch in batches for part in self._parts(batch, epoch)]
                yield FedStep(parts, batches[0].state, [tile for batch in batches for tile in batch.tile_ids])

    def _parts(self, batch: TorchBatch, epoch: int) -> Iterator[StepBatch]:
        size = self._config.run.micro or len(batch)
        for start in range(0, len(batch), size):
            yield self._part(batch, slice(start, start + size), epoch)

    def _part(self, batch: TorchBatch, part: slice, epoch: int) -> StepBatch:
        run = self._config.run
        tile_ids = batch.tile_ids[part]
        masks_of_epoch = epoch if run.masks == "epoch" else 0
        order = draw_order(tile_ids, self._rule, seed=run.seed, epoch=masks_of_epoch)
        pixels = {name: tensor[part] for name, tensor in batch.pixels.items()}
        keys = np.stack((np.full(len(tile_ids), -1), batch.index[part].numpy()), axis=1)
        there = np.zeros(len(tile_ids), dtype=bool)
        texts = None
        if self._captions is not None:
            numbers, keys[:, 0], there = self._captions.of_tiles(tile_ids)
            texts = self._sent(numbers)
        # Tiles without a caption must not look alike.
        keys[:, 0] = np.where(there, keys[:, 0], -1 - batch.index[part].numpy())
        return StepBatch(ModelBatch(pixels, self._sent(order), texts), self._sent(keys), self._sent(there))

    def _sent(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device, non_blocking=True)
