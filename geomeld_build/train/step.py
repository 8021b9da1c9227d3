"""One step: losses over all processes, and their gradient, of one pass or of many small ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from geomeld_build.train.model import JEPA, Features, GeoMeldFM, ModelBatch, Outcome
from geomeld_build.train.objective.contrast import contrast_sum
from geomeld_build.train.objective.means import Sum, everywhere

__all__ = ["ITC", "TOTAL", "StepBatch", "StepReport", "backward"]

ITC, TOTAL = "itc", "total"


@dataclass(frozen=True, slots=True)
class StepBatch:
    """Samples that are computed together, on the device of the model."""

    model: ModelBatch
    keys: Tensor
    """``(sample, 2)`` int64: numbers of the caption and of the tile."""
    captioned: Tensor
    """``(sample,)`` bool: samples with a caption."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """Of a step, over all processes."""

    losses: Mapping[str, Tensor]
    """Means by name, unweighted, and ``total``, which is weighted. Scalars without gradient."""
    fit: Tensor
    """Samples of this process that were a lesson, of all: ``(2,)``."""
    signs: Mapping[str, Tensor]


def backward(
    model: nn.Module,
    batches: Sequence[StepBatch],
    *,
    autocast: AbstractContextManager[None] | None = None,
    signs: bool = False,
) -> StepReport:
    """Add the gradient of the mean loss over all samples of all processes, as if they were one batch.

    Several batches are computed one after the other. Their captions are contrasted all the same with those of all
    others: features come first without gradient, their gradient next, and that goes back through each batch in a second
    pass (Gao et al. 2021, arXiv 2101.06983).

    Args:
        model: ``GeoMeldFM``, or what distributes it.
        batches: of this process; every process has as many, of the same sizes.
        autocast: context for the products.
        signs: look for collapse, in the first batch.
    """
    inner = _inner(model)
    context: AbstractContextManager[None] = nullcontext() if autocast is None else autocast
    if len(batches) == 1:
        with context:
            outcome: Outcome = model(batches[0].model, signs=signs)
        sums = dict(outcome.sums)
        if outcome.features is not None:
            sums[ITC] = _contrast(inner, outcome.features, batches[0].keys, batches[0].captioned & outcome.fit)
        weighted, told = _weighted(inner, sums)
        weighted.backward()
        return StepReport(told, _fit([outcome]), outcome.signs)
    return _in_parts(model, inner, batches, context, signs=signs)


def _inner(model: nn.Module) -> GeoMeldFM:
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    inner = getattr(inner, "_orig_mod", inner)
    assert isinstance(inner, GeoMeldFM), "nothing else is trained"
    return inner


def _fit(outcomes: Sequence[Outcome]) -> Tensor:
    fit = torch.cat([one.fit for one in outcomes])
    return torch.stack((fit.sum(), torch.tensor(len(fit), device=fit.device)))


def _contrast(inner: GeoMeldFM, features: Features, keys: Tensor, counted: Tensor) -> Sum:
    return contrast_sum(features.images, features.texts, keys, counted, inner.temperature())


def _weights(inner: GeoMeldFM) -> dict[str, float]:
    """Of all losses but learned ones."""
    config = inner.config
    given = config.reconstruct.weights
    weights = {name: given.get(name, 1.0) if isinstance(given, dict) else 1.0 for name in inner.groups}
    return {**weights, JEPA: config.jepa.weight, ITC: config.itc.weight}


def _weighted(inner: GeoMeldFM, sums: Mapping[str, Sum]) -> tuple[Tensor, dict[str, Tensor]]:
    """What to descend on here, and the losses to tell."""
    pairs = dict(zip(sums, everywhere(list(sums.values())), strict=True))
    return _add_up(inner, {name: pair[0] for name, pair in pairs.items()}), _told(
        inner, {name: pair[1] for name, pair in pairs.items()}
    )


def _told(inner: GeoMeldFM, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    with torch.no_grad():
        return {**losses, TOTAL: _add_up(inner, losses)}


def _add_up(inner: GeoMeldFM, losses: Mapping[str, Tensor], share: float = 1.0) -> Tensor:
    """The weighted sum; ``share`` is the part of terms that no sample carries."""
    weights = _weights(inner)
    total = torch.zeros((), device=inner.fill.device, dtype=inner.fill.dtype)
    for name, loss in losses.items():
        if inner.log_variances is not None and name in inner.log_variances:
            total = total + _uncertain(inner, name, loss, share)
        else:
            total = total + weights[name] * loss
    return total


def _uncertain(inner: GeoMeldFM, name: str, loss: Tensor, share: float) -> Tensor:
    """Kendall et al. 2018 (arXiv 1705.07115): half the precision for numbers, the precision for classes."""
    assert inner.log_variances is not None, "asked only where they are"
    log_variance = inner.log_variances[name]
    factor = 1.0 if inner.groups[name][0].classes else 0.5
    weighted: Tensor = factor * torch.exp(-log_variance) * loss + 0.5 * share * log_variance
    return weighted


def _in_parts(
    model: nn.Module,
    inner: GeoMeldFM,
    batches: Sequence[StepBatch],
    context: AbstractContextManager[None],
    *,
    signs: bool,
) -> StepReport:
    counts, contrast = _first_pass(inner, batches, context)
    outcomes, totals = [], {name: torch.zeros_like(inner.fill[0]) for name in counts}
    for number, batch in enumerate(batches):
        last = number == len(batches) - 1
        waits = model.no_sync() if isinstance(model, DistributedDataParallel) and not last else nullcontext()
        with waits:
            with context:
                outcome: Outcome = model(batch.model, signs=signs and number == 0)
            losses = {name: one.total * counts[name] for name, one in outcome.sums.items()}
            weighted = _add_up(inner, losses, 1.0 / len(batches))
            if contrast is not None and outcome.features is not None:
                weighted = weighted + contrast.surrogate(outcome.features, number, inner if last else None)
            weighted.backward()
        outcomes.append(outcome)
        for name, loss in losses.items():
            totals[name] += loss.detach()
    means = {
        name: pair[1] for name, pair in zip(totals, everywhere([_of_all(one) for one in totals.values()]), strict=True)
    }
    if contrast is not None:
        means[ITC] = contrast.told
    return StepReport(_told(inner, means), _fit(outcomes), outcomes[0].signs)


def _of_all(total: Tensor) -> Sum:
    """A mean over processes of what is already divided by the count of all, times their number."""
    return Sum(total, torch.ones_like(total))


@dataclass(frozen=True, slots=True)
class _Contrast:
    """The gradient of the contrast with respect to features and the temperature."""

    images: Sequence[Tensor]
    texts: Sequence[Tensor]
    scale: Tensor
    weight: float
    told: Tensor

    def surrogate(self, features: Features, number: int, inner: GeoMeldFM | None) -> Tensor:
        """What has this gradient."""
        value = (features.images * self.images[number]).sum() + (features.texts * self.texts[number]).sum()
        if inner is not None:
            value = value + inner.temperature() * self.scale
        return self.weight * value


def _first_pass(
    inner: GeoMeldFM, batches: Sequence[StepBatch], context: AbstractContextManager[None]
) -> tuple[dict[str, Tensor], _Contrast | None]:
    """Factors that turn sums into parts of means, and the gradient of the contrast."""
    with torch.no_grad(), context:
        counted = [inner.counts(batch.model) for batch in batches]
        found = [inner.features(batch.model) for batch in batches]
    counts = {name: torch.stack([one[name] for one in counted]).sum().to(inner.fill.dtype) for name in counted[0]}
    means = everywhere([Sum(torch.ones_like(count), count) for count in counts.values()])
    # The first of each pair is ``world / count`` for a sum of one.
    factors = {name: pair[0] for name, pair in zip(counts, means, strict=True)}
    features = [one for one, _ in found if one is not None]
    if not features:
        return factors, None
    images, texts = (
        torch.cat([getattr(one, part) for one in features]).requires_grad_() for part in ("images", "texts")
    )
    keys = torch.cat([batch.keys for batch in batches])
    usable = torch.cat([batch.captioned & fit for batch, (_, fit) in zip(batches, found, strict=True)])
    scale = inner.temperature().detach().requires_grad_()
    ((value, told),) = everywhere([contrast_sum(images, texts, keys, usable, scale)])
    gradients = torch.autograd.grad(value, (images, texts, scale))
    sizes = [len(batch.keys) for batch in batches]
    contrast = _Contrast(
        gradients[0].split(sizes), gradients[1].split(sizes), gradients[2], inner.config.itc.weight, told
    )
    return factors, contrast
