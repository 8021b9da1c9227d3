"""Settings of a run: a YAML file or a preset, checked, with ``key=value`` on top."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from geomeld_build.modalities import REFERENCE, modality
from geomeld_build.train.pixels.rows import TARGET_ROWS, groups_of

__all__ = [
    "ContrastConfig",
    "DataConfig",
    "EncoderConfig",
    "JepaConfig",
    "OptimConfig",
    "ReconstructConfig",
    "RunConfig",
    "TrainConfig",
]

SizeName = Literal["test", "atto", "femto", "pico", "nano", "tiny", "base", "large", "huge"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderConfig(_Settings):
    """The encoder and what it is shown."""

    size: SizeName = Field("tiny", description="Size of ConvNeXt V2.")
    patch: int = Field(16, ge=8, multiple_of=8, description="Pixels along a patch.")
    stem: Literal["patch", "mmearth"] = Field("patch", description="First layers.")
    bands: tuple[str, ...] = Field(modality(REFERENCE).bands, description="Bands that it is shown, by name.")
    mask_ratio: float = Field(0.7, ge=0, lt=1, description="Share of the patches that is hidden.")

    @model_validator(mode="after")
    def _known(self) -> EncoderConfig:
        known = modality(REFERENCE).bands
        wrong = [name for name in self.bands if name not in known]
        if wrong or not self.bands or len(set(self.bands)) < len(self.bands):
            raise ValueError(f"bands {', '.join(self.bands)}: expected some of {', '.join(known)}, each once")
        return self


class ReconstructConfig(_Settings):
    """Reconstruction of hidden patches (MP-MAE)."""

    rows: tuple[str, ...] = Field(TARGET_ROWS, description="Rows to reconstruct.")
    distance: Literal["l1", "mse"] = Field("l1", description="Loss of numbers.")
    norm_patches: Literal["none", "image", "all"] = Field(
        "image",
        description="Patches whose own mean and deviation are taken away first: of the image, or of all numbers.",
    )
    scaled_classes: bool = Field(True, description="Cross-entropy in units of the logarithm of the number of classes.")
    weights: Literal["equal", "uncertainty"] | dict[str, float] = Field(
        "equal",
        description="Weights of the groups of rows: equal, learned (Kendall et al. 2018), or a number for each.",
    )
    width: int = Field(512, ge=8, description="Channels of a decoder.")
    depth: int = Field(1, ge=1, description="Blocks of a decoder.")
    shared: bool = Field(False, description="One decoder for all rows.")

    @model_validator(mode="after")
    def _known(self) -> ReconstructConfig:
        wrong = [name for name in self.rows if name not in TARGET_ROWS]
        if wrong or not self.rows or len(set(self.rows)) < len(self.rows):
            raise ValueError(f"rows {', '.join(self.rows)}: expected some of {', '.join(TARGET_ROWS)}, each once")
        groups = groups_of(self.rows)
        if isinstance(self.weights, dict) and (unknown := sorted(set(self.weights) - set(groups))):
            raise ValueError(f"weights of {', '.join(unknown)}: expected some of {', '.join(groups)}")
        return self


class JepaConfig(_Settings):
    """Prediction of the tokens of hidden patches."""

    weight: float = Field(0.5, ge=0, description="In the total; 0 turns it off.")
    target: Literal["complement", "equal", "full"] = Field(
        "complement",
        description="What the teacher sees: all that is hidden, as much of it as the encoder sees, or all.",
    )
    momentum: float = Field(0.996, ge=0, le=1, description="How much the teacher keeps at a step.")
    schedule: Literal["constant", "linear_to_1"] = Field("constant", description="Of the momentum over the run.")
    distance: Literal["mse", "smooth_l1"] = Field("mse", description="Loss of tokens.")
    width: int = Field(384, ge=8, multiple_of=4, description="Channels of the predictor.")
    layers: int = Field(4, ge=1, description="Of the predictor.")
    heads: int = Field(6, ge=1, description="Of attention in the predictor.")


class ContrastConfig(_Settings):
    """Contrast with captions (ITC)."""

    weight: float = Field(0.4, ge=0, description="In the total; 0 turns it off.")
    view: Literal["context", "full"] = Field("context", description="What of a tile is compared: what is seen, or all.")
    producer: str | None = Field(None, description="Captions of this producer; by default of the only one.")
    words: int = Field(16_384, ge=300, description="Of the vocabulary.")
    length: int = Field(64, ge=4, description="Tokens of a caption, at most.")
    width: int = Field(512, ge=8, description="Channels of the text tower.")
    layers: int = Field(6, ge=1, description="Of the text tower.")
    heads: int = Field(8, ge=1, description="Of attention in the text tower.")
    dimensions: int = Field(512, ge=2, description="Of the shared space.")


class DataConfig(_Settings):
    """Which tiles."""

    store: str = Field(description="Folder or URL of the store.")
    split: str | None = Field(None, description="Tiles of this split, e.g. train.")
    where: str | None = Field(None, description="SQL condition on the catalog, e.g. sentinel2_valid > 0.9.")
    threads: int = Field(2, ge=1, description="That decode.")
    window: int = Field(8192, ge=1, description="Tiles that are shuffled among each other.")


class OptimConfig(_Settings):
    """How weights are moved."""

    lr: float = Field(1e-4, gt=0, description="Largest step.")
    lr_per_256: bool = Field(False, description="Multiply lr by batch / 256.")
    weight_decay: float = Field(0.05, ge=0, description="Of matrices; vectors have none.")
    betas: tuple[float, float] = Field((0.9, 0.95), description="Of AdamW.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps in which lr grows.")
    min_lr: float = Field(0.0, ge=0, description="Where the cosine ends.")
    clip: float | None = Field(1.0, gt=0, description="Largest norm of the gradient; null for none.")


class RunConfig(_Settings):
    """How long, how large, where to."""

    out: str = Field("run", description="Folder for checkpoints, logs and pictures.")
    batch: int = Field(4096, ge=1, description="Samples of a step, over all processes.")
    micro: int | None = Field(None, ge=1, description="Samples that a process computes at once; by default all of its.")
    epochs: int | None = Field(150, ge=1, description="Passes over the tiles.")
    steps: int | None = Field(None, ge=1, description="Steps, instead of epochs.")
    seed: int = Field(0, ge=0, description="Of weights, order and masks.")
    precision: Literal["bf16", "fp32", "fp64"] = Field("bf16", description="Of products; weights are at least fp32.")
    compile: bool = Field(False, description="torch.compile.")
    masks: Literal["epoch", "fixed"] = Field("epoch", description="New masks every epoch, or the same for ever.")
    log_every: int = Field(10, ge=1, description="Steps.")
    save_every: int = Field(1000, ge=1, description="Steps.")
    keep: int = Field(3, ge=1, description="Checkpoints that are kept.")
    pictures_every: int = Field(0, ge=0, description="Steps between pictures of reconstructions; 0 for none.")


class TrainConfig(_Settings):
    """A run."""

    data: DataConfig
    encoder: EncoderConfig = EncoderConfig()
    reconstruct: ReconstructConfig = ReconstructConfig()
    jepa: JepaConfig = JepaConfig()
    itc: ContrastConfig = ContrastConfig()
    optim: OptimConfig = OptimConfig()
    run: RunConfig = RunConfig()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return self.model_dump(mode="json")
