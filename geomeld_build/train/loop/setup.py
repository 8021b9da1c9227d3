"""What a run stands on: store, scales, captions, model, as new or as a checkpoint has them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE, SCHEMA_VERSION
from geomeld_build.store import Store, open_store
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.loop.checkpoints import Checkpoint
from geomeld_build.train.loop.processes import Process, same_everywhere
from geomeld_build.train.model import GeoMeldFM
from geomeld_build.train.pixels.scales import Scales, scales_of
from geomeld_build.train.text.captions import CaptionTable, read_captions
from geomeld_build.train.text.vocabulary import Vocabulary, train_vocabulary

__all__ = ["Ground", "build_model", "ground_of", "provenance_of"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run stands on."""

    store: Store
    scales: Scales
    vocabulary: Vocabulary | None
    captions: CaptionTable | None


def ground_of(config: TrainConfig, process: Process, checkpoint: Checkpoint | None, say: Say) -> Ground:
    """Open the store, at the version that the checkpoint was trained on, and gather what is known of it.

    Args:
        config: of the run.
        process: this one.
        checkpoint: to go on from.
        say: what a user should know.

    Raises:
        ConfigError: there is no store, a row or a split is missing, or captions are ambiguous.
        StoreError: the store is damaged.
    """
    version = None if checkpoint is None else checkpoint.provenance["catalog_version"]
    store = open_store(config.data.store, version)
    names = tuple(dict.fromkeys((REFERENCE, *config.reconstruct.rows)))
    absent = [name for name in names if name not in store.modalities]
    if absent:
        raise ConfigError(
            f"{store.uri} has no {', '.join(absent)}: set reconstruct.rows to some of "
            f"{', '.join(name for name in store.modalities if name in names)}"
        )
    if checkpoint is None:
        found = scales_of(store, names, split=config.data.split, where=config.data.where) if process.leads else None
        scales: Scales = same_everywhere(found)
        if scales.missing():
            say(f"no valid pixel of {', '.join(scales.missing())}: nothing is learned of them")
    else:
        scales = Scales.from_dict(checkpoint.scales)
    vocabulary, captions = _captions(store, config, checkpoint, say)
    return Ground(store, scales, vocabulary, captions)


def _captions(
    store: Store, config: TrainConfig, checkpoint: Checkpoint | None, say: Say
) -> tuple[Vocabulary | None, CaptionTable | None]:
    itc = config.itc
    if itc.weight == 0 or (checkpoint is not None and checkpoint.vocabulary is None):
        return None, None
    until = None if checkpoint is None else checkpoint.provenance["captions_until"]
    texts = read_captions(store, itc.producer, until)
    if texts is None:
        if checkpoint is not None:
            raise ConfigError(f"{store.uri} has no captions, the checkpoint was trained with some: it cannot go on")
        say(
            f"{store.uri} has no captions: trained without contrast, as with itc.weight=0 "
            f"('geomeld-build caption run {store.uri}' writes some)"
        )
        return None, None
    # Merging is deterministic, but the library's threads are not ours to vouch for.
    kept = train_vocabulary(texts.texts.values(), itc.words).to_json() if checkpoint is None else checkpoint.vocabulary
    vocabulary = Vocabulary(same_everywhere(kept))
    captions = CaptionTable.of(texts, vocabulary, itc.length)
    if captions.truncated:
        say(
            f"{captions.truncated} of {len(captions.numbers) - 1} captions are longer than itc.length {itc.length}: cut"
        )
    return vocabulary, captions


def build_model(config: TrainConfig, ground: Ground, process: Process, checkpoint: Checkpoint | None) -> GeoMeldFM:
    """The model, with new weights that the seed decides, or those of the checkpoint.

    Raises:
        ConfigError: the checkpoint is of another model.
    """
    torch.manual_seed(config.run.seed)
    words = None if ground.vocabulary is None else ground.vocabulary.size
    model = GeoMeldFM(config, ground.scales, words)
    if config.run.precision == "fp64":
        # Before weights are loaded, which would be rounded otherwise.
        model = model.double()
    if checkpoint is not None:
        _same_model(config, checkpoint)
        model.load_state_dict(checkpoint.model)
    return model.to(process.device)


def _same_model(config: TrainConfig, checkpoint: Checkpoint) -> None:
    before, now = checkpoint.config, config.to_dict()
    for part in ("encoder", "reconstruct", "jepa", "itc"):
        for key, value in now[part].items():
            if before[part].get(key) != value:
                raise ConfigError(
                    f"{part}.{key} is {_short(value)}, the checkpoint was trained with "
                    f"{_short(before[part].get(key))}: set it back, or begin anew in another run.out"
                )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def provenance_of(config: TrainConfig, ground: Ground) -> dict[str, Any]:
    """What weights were made of: it goes with them wherever they go."""
    plain = json.dumps(ground.scales.to_dict(), sort_keys=True).encode()
    return {
        "store": ground.store.uri,
        "catalog_version": ground.store.version,
        "side_tables": dict(sorted(ground.store.side_versions().items())),
        "schema_version": SCHEMA_VERSION,
        "bands": list(config.encoder.bands),
        "scales_sha": hashlib.blake2b(plain, digest_size=8).hexdigest(),
        "vocabulary_sha": None if ground.vocabulary is None else ground.vocabulary.sha,
        "captioned": None if ground.captions is None else len(ground.captions.rows),
        "captions_until": None if ground.captions is None else ground.captions.until,
        "geomeld_build": importlib.metadata.version("geomeld-build"),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
