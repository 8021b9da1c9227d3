"""A folder that others can use: weights, what they mean, and what they were made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import REFERENCE, modality
from geomeld_build.train.encoder.sizes import SIZES
from geomeld_build.train.inference import CONFIG, WEIGHTS
from geomeld_build.train.loop.checkpoints import Checkpoint, latest, read_checkpoint

__all__ = ["export_encoder"]

_CARD = """# GeoMeld-FM encoder, {size}

ConvNeXt V2 `{size}` for Sentinel-2 surface reflectance, pretrained by geomeld-build for {step:,} steps on
`{store}` (catalog version {version}).

| | |
|---|---|
| bands, in order | {bands} |
| input | reflectance 0..1, NaN where there is nothing; sides that divide by {patch} |
| output | maps of {widths} channels at strides {strides} |
| weights | `{weights}`: names and shapes of timm's ConvNeXtV2 without its head; `fill` stands for missing bands |

```python
from geomeld_build import load_encoder

encoder = load_encoder(".")
maps = encoder(reflectance, bands=("B2", "B3", "B4", "B8"))  # (sample, band, y, x), missing bands are filled
vectors = encoder.embed(reflectance, bands=("B2", "B3", "B4", "B8"))
```

`config.json` has mean and deviation of every band, `provenance.json` the store, its versions and the run's settings.
"""


def export_encoder(path: Path, out: Path) -> list[Path]:
    """Write the encoder of a checkpoint into a folder.

    Args:
        path: a checkpoint, or the folder of a run, whose newest is taken.
        out: a folder that is not there yet, or empty.

    Raises:
        ConfigError: there is no checkpoint, or the folder has files.
    """
    file = latest(path) if path.is_dir() else path
    if file is None:
        raise ConfigError(f"{path} has no checkpoint: expected step-*.pt")
    checkpoint = read_checkpoint(file)
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"{out} is not empty: choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    config = _config(checkpoint)
    save_file(_weights(checkpoint), out / WEIGHTS)
    provenance = {**checkpoint.provenance, "step": checkpoint.step, "train": checkpoint.config}
    (out / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    (out / "README.md").write_text(_card(checkpoint, config), encoding="utf-8")
    return [out / name for name in (WEIGHTS, CONFIG, "provenance.json", "README.md")]


def _weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    encoder = {
        name.removeprefix("encoder."): one.float().contiguous()
        for name, one in checkpoint.model.items()
        if name.startswith("encoder.")
    }
    return {**encoder, "fill": checkpoint.model["fill"].float().contiguous()}


def _config(checkpoint: Checkpoint) -> dict[str, Any]:
    encoder = checkpoint.config["encoder"]
    scaling = modality(REFERENCE).scaling
    scales = [checkpoint.scales[REFERENCE][band] for band in encoder["bands"]]
    return {
        "format": 1,
        "model": "ConvNeXtV2",
        **{key: encoder[key] for key in ("size", "patch", "stem", "bands")},
        "widths": list(SIZES[encoder["size"]].widths),
        "strides": [encoder["patch"] // part for part in (8, 4, 2, 1)],
        "units": "reflectance 0..1",
        "mean": [one["mean"] * scaling.scale + scaling.offset for one in scales],
        "std": [one["std"] * scaling.scale for one in scales],
    }


def _card(checkpoint: Checkpoint, config: dict[str, Any]) -> str:
    return _CARD.format(
        size=config["size"],
        step=checkpoint.step,
        store=checkpoint.provenance["store"],
        version=checkpoint.provenance["catalog_version"],
        bands=", ".join(config["bands"]),
        patch=config["patch"],
        widths=", ".join(map(str, config["widths"])),
        strides=", ".join(map(str, config["strides"])),
        weights=WEIGHTS,
    )
