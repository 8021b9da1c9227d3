"""Batches of a store as torch tensors, and a map-style dataset for training loops of one's own.

Raises:
    MissingExtra: torch is not installed.
"""

from geomeld_build.train.data.batches import TorchBatch, TorchLoader
from geomeld_build.train.data.dataset import TileDataset

__all__ = ["TileDataset", "TorchBatch", "TorchLoader"]
