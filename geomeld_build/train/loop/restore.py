"""A model from a checkpoint, and tiles to show it."""

from __future__ import annotations

from pathlib import Path

import torch

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE
from geomeld_build.store import LoaderOptions, OrderRule, open_store
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.data.batches import TorchLoader
from geomeld_build.train.loop.checkpoints import latest, read_checkpoint
from geomeld_build.train.model import GeoMeldFM, ModelBatch
from geomeld_build.train.pixels.masks import draw_order
from geomeld_build.train.pixels.scales import Scales, condition_of
from geomeld_build.train.text.vocabulary import Vocabulary

__all__ = ["batch_of", "restored"]


def restored(path: Path) -> tuple[GeoMeldFM, TrainConfig, int]:
    """The model of a checkpoint, its configuration and its step.

    Args:
        path: a checkpoint, or the folder of a run, whose newest is taken.

    Raises:
        ConfigError: there is none, or it is damaged.
    """
    file = latest(path) if path.is_dir() else path
    if file is None:
        raise ConfigError(f"{path} has no checkpoint: expected step-*.pt")
    checkpoint = read_checkpoint(file)
    config = TrainConfig.model_validate(checkpoint.config)
    vocabulary = None if checkpoint.vocabulary is None else Vocabulary(checkpoint.vocabulary)
    model = GeoMeldFM(config, Scales.from_dict(checkpoint.scales), None if vocabulary is None else vocabulary.size)
    if config.run.precision == "fp64":
        model = model.double()
    model.load_state_dict(checkpoint.model)
    return model, config, checkpoint.step


def batch_of(
    config: TrainConfig, *, store: str | None = None, where: str | None = None, count: int = 4, seed: int = 0
) -> tuple[ModelBatch, list[str]]:
    """Some tiles with masks, and their ids.

    Args:
        config: of the model.
        store: by default that of the run.
        where: by default the run's own condition.
        count: how many.
        seed: which tiles, and which masks.

    Raises:
        ConfigError: there is no such store, or no tile meets the condition.
        StoreError: pixels cannot be read.
    """
    condition = where if where is not None else condition_of(config.data.split, config.data.where)
    names = tuple(dict.fromkeys((REFERENCE, *config.reconstruct.rows)))
    rule = OrderRule(seed=seed, batch=count, block=1, drop_last=False)
    loader = TorchLoader(open_store(store or config.data.store), LoaderOptions(names, where=condition), rule)
    batch = next(iter(loader.epoch(0)))
    order = torch.from_numpy(draw_order(batch.tile_ids, GeoMeldFM.rule_of(config), seed=seed, epoch=0))
    return ModelBatch({name: one.clone() for name, one in batch.pixels.items()}, order), batch.tile_ids
