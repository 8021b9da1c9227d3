"""GeoMeld-FM (arXiv 2604.10591): an encoder that reconstructs rows, predicts hidden tokens, and is told by captions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from geomeld_build.modalities import TILE_GRID
from geomeld_build.train.config import TrainConfig
from geomeld_build.train.encoder.convnext import Encoder, EncoderSpec
from geomeld_build.train.objective.contrast import Head, Temperature
from geomeld_build.train.objective.decoders import Decoders
from geomeld_build.train.objective.jepa import Predictor, collapse_signs, jepa_sum, jepa_target
from geomeld_build.train.objective.means import Sum
from geomeld_build.train.objective.reconstruction import class_sum, number_sum
from geomeld_build.train.pixels.masks import MaskRule, Masks, masks_of
from geomeld_build.train.pixels.patches import patches_of, standardised
from geomeld_build.train.pixels.prepare import Prepare, Prepared
from geomeld_build.train.pixels.rows import TargetRow, groups_of
from geomeld_build.train.pixels.scales import Scales
from geomeld_build.train.text.tower import TextTower

__all__ = ["JEPA", "Features", "GeoMeldFM", "ModelBatch", "Outcome"]

JEPA = "jepa"


@dataclass(frozen=True, slots=True)
class ModelBatch:
    """What the model takes, on its device."""

    pixels: Mapping[str, Tensor]
    """Row name to ``(sample, band, y, x)`` as stored."""
    order: Tensor
    """``(sample, patch)``, of ``draw_order``."""
    texts: Tensor | None = None
    """Captions, ``(sample, token)`` int64."""


@dataclass(frozen=True, slots=True)
class Features:
    """Images and texts in the shared space, ``(sample, dimension)`` each."""

    images: Tensor
    texts: Tensor


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a forward pass."""

    sums: Mapping[str, Sum]
    """Loss of every group of rows, and of the prediction of tokens."""
    features: Features | None
    fit: Tensor
    """Samples that are a lesson: ``(sample,)`` bool."""
    signs: Mapping[str, Tensor]
    """Signs of collapse, where they were asked for."""


class GeoMeldFM(nn.Module):
    """The model with all that is trained beside the encoder."""

    def __init__(
        self, config: TrainConfig, scales: Scales, words: int | None = None, side: int = TILE_GRID.size
    ) -> None:
        """Args:
        config: what there is.
        scales: of the store that is trained on.
        words: size of the vocabulary; without one there is no text tower.
        side: pixels along a tile.

        Raises:
            ConfigError: parts do not fit together.
        """
        super().__init__()
        self.config, self.side = config, side
        encoder, rows = config.encoder, config.reconstruct.rows
        self.rule = self.rule_of(config, side)
        self.grid = self.rule.grid
        self.prepare = Prepare(rows, encoder.bands, scales)
        self.groups = groups_of(rows)
        self.fill = nn.Parameter(torch.zeros(len(encoder.bands)))
        self.encoder = Encoder(EncoderSpec(encoder.size, len(encoder.bands), encoder.patch, encoder.stem))
        self.decoders = Decoders(
            rows,
            self.encoder.width,
            encoder.patch**2,
            width=config.reconstruct.width,
            depth=config.reconstruct.depth,
            shared=config.reconstruct.shared,
        )
        learned = config.reconstruct.weights == "uncertainty"
        self.log_variances = nn.ParameterDict({name: torch.zeros(()) for name in self.groups}) if learned else None
        self._add_jepa()
        self._add_itc(words)

    @staticmethod
    def rule_of(config: TrainConfig, side: int = TILE_GRID.size) -> MaskRule:
        """How tiles are masked.

        Raises:
            ConfigError: nothing would be seen.
        """
        patches = side // config.encoder.patch
        return MaskRule((patches, patches), config.encoder.mask_ratio)

    def _add_jepa(self) -> None:
        jepa = self.config.jepa
        self.teacher: Encoder | None = None
        self.predictor: Predictor | None = None
        if jepa.weight > 0 and self.rule.seen < self.rule.patches:
            self.teacher = copy.deepcopy(self.encoder).requires_grad_(False)
            sizes = {"width": jepa.width, "layers": jepa.layers, "heads": jepa.heads}
            self.predictor = Predictor(self.encoder.width, self.grid, **sizes)

    def _add_itc(self, words: int | None) -> None:
        itc = self.config.itc
        self.text: TextTower | None = None
        if itc.weight > 0 and words is not None:
            self.text = TextTower(words, itc.length, width=itc.width, layers=itc.layers, heads=itc.heads)
            self.image_head = Head(self.encoder.width, itc.dimensions, norm=True)
            self.text_head = Head(itc.width, itc.dimensions)
            self.temperature = Temperature()

    def forward(self, batch: ModelBatch, *, signs: bool = False) -> Outcome:
        """Losses as sums, and features to contrast.

        Args:
            batch: the samples.
            signs: whether to look for collapse, which costs a little.
        """
        prepared = self.prepare(batch.pixels)
        masks = masks_of(batch.order, prepared.there, self.rule)
        image = self.filled(prepared)
        tokens = self.encoder.tokens(image, masks.seen)
        sums = dict(self._reconstruction(prepared, masks, tokens))
        found: Mapping[str, Tensor] = {}
        if self.teacher is not None:
            sums[JEPA], found = self._prediction(image, masks, tokens, signs=signs)
        return Outcome(sums, self._features(image, tokens, batch.texts), masks.fit, found)

    def features(self, batch: ModelBatch) -> tuple[Features | None, Tensor]:
        """Features alone, and which samples are a lesson: the first of two passes."""
        prepared = self.prepare(batch.pixels)
        masks = masks_of(batch.order, prepared.there, self.rule)
        image = self.filled(prepared)
        tokens = self.encoder.tokens(image, masks.seen) if self.config.itc.view == "context" else None
        return self._features(image, tokens, batch.texts), masks.fit

    def counts(self, batch: ModelBatch) -> dict[str, Tensor]:
        """What the sums of a batch are over."""
        prepared = self.prepare(batch.pixels)
        masks = masks_of(batch.order, prepared.there, self.rule)
        found = {
            group: torch.stack([self._wanted(one, prepared, masks)[1].sum() for one in rows]).sum()
            for group, rows in self.groups.items()
        }
        if self.teacher is not None:
            found[JEPA] = self._counted(masks).sum()
        return found

    def filled(self, prepared: Prepared) -> Tensor:
        """The image with what was learned to stand for missing bands and pixels."""
        return torch.where(prepared.there, prepared.image, self.fill.view(-1, 1, 1))

    def _reconstruction(self, prepared: Prepared, masks: Masks, tokens: Tensor) -> Mapping[str, Sum]:
        guesses = self.decoders(tokens, masks.seen, masks.hidden, self.grid)
        found = {}
        for group, rows in self.groups.items():
            parts = [self._row(one, prepared, masks, guesses[one.name]) for one in rows]
            total, count = sum(part.total for part in parts), sum(part.count for part in parts)
            assert isinstance(total, Tensor), "a group has rows"
            assert isinstance(count, Tensor), "a group has rows"
            found[group] = Sum(total, count)
        return found

    def _row(self, one: TargetRow, prepared: Prepared, masks: Masks, guess: Tensor) -> Sum:
        wanted, valid = self._wanted(one, prepared, masks)
        if one.classes:
            return class_sum(guess, wanted, valid, scaled=self.config.reconstruct.scaled_classes)
        return number_sum(guess, wanted, valid, self.config.reconstruct.distance)

    def _wanted(self, one: TargetRow, prepared: Prepared, masks: Masks) -> tuple[Tensor, Tensor]:
        target = prepared.targets[one.name]
        values, valid = (patches_of(x, self.grid, masks.hidden) for x in (target.values, target.valid))
        valid = valid & masks.fit[:, None, None, None]
        norm = self.config.reconstruct.norm_patches
        if not one.classes and (norm == "all" or (norm == "image" and one.is_input)):
            values = standardised(values, valid)
        return values, valid

    def _counted(self, masks: Masks) -> Tensor:
        fit = masks.hidden_fit & masks.fit[:, None]
        return fit[:, : masks.seen.shape[1]] if self.config.jepa.target == "equal" else fit

    def _prediction(
        self, image: Tensor, masks: Masks, tokens: Tensor, *, signs: bool
    ) -> tuple[Sum, Mapping[str, Tensor]]:
        assert self.teacher is not None, "asked only where there is one"
        assert self.predictor is not None, "asked only where there is one"
        hidden = masks.hidden[:, : masks.seen.shape[1]] if self.config.jepa.target == "equal" else masks.hidden
        with torch.no_grad():
            if self.config.jepa.target == "full":
                everything = torch.cat((hidden, masks.seen), dim=1)
                theirs = self.teacher.tokens(image, everything)[:, : hidden.shape[1]]
            else:
                theirs = self.teacher.tokens(image, hidden)
        predicted = self.predictor(tokens, masks.seen, hidden)
        counted = self._counted(masks)
        found = collapse_signs(theirs, predicted, hidden, counted) if signs else {}
        return jepa_sum(predicted, jepa_target(theirs), counted, self.config.jepa.distance), found

    def _features(self, image: Tensor, tokens: Tensor | None, texts: Tensor | None) -> Features | None:
        if self.text is None or texts is None:
            return None
        if tokens is None or self.config.itc.view == "full":
            tokens = self.encoder(image)[-1].flatten(2).transpose(1, 2)
        return Features(self.image_head(tokens.mean(1)), self.text_head(self.text(texts)))
