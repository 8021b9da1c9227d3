"""Compiled loops of classified maps: patches of hardness, and the labels of WorldCover and Dynamic World.

Blocks are 60 x 60 pixels of 10 m (``side``). Draws of patches come at a coarser step, one for each 2, 3 or 12 pixels:
block borders are borders of patches.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.compiled import helper, kernel

__all__ = ["add_patches", "dynamic_world_labels", "dynamic_world_shares", "worldcover"]

_Small = NDArray[np.float32]
_Floats = NDArray[np.float64]
_Whole = NDArray[np.int64]
_F = np.float32
_HALF, _ONE = _F(0.5), _F(1)
_TREE, _SHRUB, _GRASS, _CROP, _BUILT, _BARE, _SNOW, _, _WETLAND, _MANGROVE, _MOSS = range(11)
"""The order of ``cover.CLASSES``, written out: a cached kernel does not notice what another file says."""
_RAW = 9
"""Classes of Dynamic World."""


@kernel
def add_patches(total: _Small, nodes: _Small, size: int, weight: np.float32, row: int, column: int) -> None:
    """Add noise that is carried smoothly from nodes to pixels.

    Args:
        total: ``(y, x)``, changed in place.
        nodes: ``(node, node)``; the first ones are those at or before the first pixel.
        size: pixels between nodes.
        weight: factor on the noise.
        row: first row of the block on the whole grid.
        column: first column.
    """
    top, left = row // size, column // size
    for i in range(total.shape[0]):
        above = (row + i) // size
        v = _F(row + i - above * size + _HALF) / _F(size)
        v = v * v * (_F(3) - _F(2) * v)
        for j in range(total.shape[1]):
            before = (column + j) // size
            u = _F(column + j - before * size + _HALF) / _F(size)
            u = u * u * (_F(3) - _F(2) * u)
            m, n = above - top, before - left
            upper = nodes[m, n] * (_ONE - u) + nodes[m, n + 1] * u
            lower = nodes[m + 1, n] * (_ONE - u) + nodes[m + 1, n + 1] * u
            total[i, j] += weight * (upper * (_ONE - v) + lower * v)


@helper
def _seen(
    label: int, hardness: np.float32, limits: _Small, instead: _Whole, choice: float, crops: int, farmed: bool
) -> int:
    """The class that a classifier sees where ``label`` is right."""
    if not hardness > limits[label]:
        return label
    other, spare = int(instead[label, 0]), int(instead[label, 1])
    if choice > 0.5:
        other, spare = spare, other
    # A classifier that knows the climate sees no fields where none can be.
    return spare if other == crops and not farmed else other


@kernel
def worldcover(
    truth: tuple[_Small, _Small, _Small, _Small, _Small, _Small],
    noise: tuple[_Floats, _Floats, _Floats],
    hardness: _Small,
    choice: _Floats,
    levels: tuple[float, float, float],
    limits: _Small,
    instead: _Whole,
    codes: _Whole,
) -> NDArray[np.int16]:
    """Labels and mask ``(2, y, x)``.

    Args:
        truth: cover ``(class, y, x)``, wet, sea, mean, swing and moisture of the ground.
        noise: 0..1 ``(class, y / 3, x / 3)`` and ``(4, y, x)``, normal ``(y / 2, x / 2)``.
        hardness: see ``Hardness``, after the factor on errors.
        choice: 0..1 ``(y / 12, x / 12)``, which of two classes is seen instead.
        levels: size of the errors, share of shrubs that are missed, factor on errors.
        limits: by class, the hardness from which on it is mistaken.
        instead: by class, two others.
        codes: by class, the map's code.
    """
    cover, wet, sea, mean, swing, moisture = truth
    coarse, fine, shore = noise
    rough, missed, error = levels
    out = np.empty((2, wet.shape[0], wet.shape[1]), dtype=np.int16)
    for i in range(wet.shape[0]):
        for j in range(wet.shape[1]):
            label, most = 0, -1.0
            for kind in range(codes.size):
                share = np.float64(cover[kind, i, j])
                if kind == _SHRUB:
                    share *= 1.0 - missed
                elif kind == _BUILT:
                    share *= 1.0 + 0.15 * error
                share += rough * coarse[kind, i // 3, j // 3]
                if kind < 4:
                    share += 0.08 * error * fine[kind, i, j]
                if share > most:
                    label, most = kind, share
            farmed = mean[i, j] + swing[i, j] > 11.0 and moisture[i, j] > 0.12
            label = _seen(label, hardness[i, j], limits, instead, choice[i // 12, j // 12], _CROP, farmed)
            out[0, i, j] = 80 if wet[i, j] + 7.0 * error * shore[i // 2, j // 2] > 0.0 else codes[label]
            # Tiles of the open sea do not exist.
            out[1, i, j] = sea[i, j] < 0.5 or wet[i, j] < 12_000.0
    return out


@helper
def _raw(out: _Small, cover: _Small, water: np.float32, snow: np.float32, green: np.float32, error: np.float32) -> None:
    """Shares in the nine classes of Dynamic World; dry grass is taken for shrub or bare ground."""
    dry, brown = _ONE - water, _ONE - green
    tree, grass, moss, mangrove = cover[_TREE], cover[_GRASS], cover[_MOSS], cover[_MANGROVE]
    out[0] = water
    out[1] = (tree + mangrove * _F(0.6)) * dry
    out[2] = (grass * ((_ONE - _F(0.55) * error) + _F(0.55) * error * green) + moss * _HALF) * dry
    out[3] = (cover[_WETLAND] + mangrove * _F(0.4)) * dry
    out[4] = cover[_CROP] * dry
    out[5] = (cover[_SHRUB] + grass * (_F(0.35) * error) * brown + moss * _HALF) * dry
    out[6] = cover[_BUILT] * dry * (_ONE + _F(0.15) * error)
    out[7] = (cover[_BARE] + grass * (_F(0.2) * error) * brown) * dry
    out[8] = cover[_SNOW] * dry
    white = snow * dry * _F(0.95) * (_ONE - _HALF * tree)
    for kind in range(_RAW):
        out[kind] *= _ONE - white
    out[8] += white


@helper
def _logits(
    out: _Floats,
    shares: _Small,
    truth: tuple[_Small, _Small, _Small, _Small],
    state: tuple[_Small, _Small, _Small],
    noise: _Floats,
    hardness: _Small,
    choice: _Floats,
    error: float,
    limits: _Small,
    instead: _Whole,
    i: int,
    j: int,
) -> int:
    """Logits of one pixel, mistakes included; the likeliest class."""
    cover, mean, swing, moisture = truth
    water, snow, green = state
    _raw(shares, cover[:, i, j], water[i, j], snow[i, j], green[i, j], _F(error))
    label = 0
    for kind in range(_RAW):
        out[kind] = _F(7) * shares[kind] + 0.9 * error * (noise[kind, i // 3, j // 3] - 0.5)
        if out[kind] > out[label]:
            label = kind
    farmed = mean[i, j] + swing[i, j] > 11.0 and moisture[i, j] > 0.12
    seen = _seen(label, hardness[i, j], limits, instead, choice[i // 12, j // 12], 4, farmed)
    # Swapped with the likeliest, so that probabilities and label agree.
    out[label], out[seen] = out[seen], out[label]
    return seen


@kernel
def dynamic_world_labels(
    truth: tuple[_Small, _Small, _Small, _Small],
    state: tuple[_Small, _Small, _Small],
    sky: tuple[_Small, _Small],
    noise: _Floats,
    hardness: _Small,
    choice: _Floats,
    error: float,
    limits: _Small,
    instead: _Whole,
) -> _Small:
    """Labels and mask ``(2, y, x)``; clouds and their shadows are masked.

    Args:
        truth: cover ``(class, y, x)``, mean, swing and moisture of the ground.
        state: water, snow and greenness that day.
        sky: cloud and shadow.
        noise: 0..1 ``(class, y / 3, x / 3)``.
        hardness: see ``Hardness``, after the factor on errors.
        choice: 0..1 ``(y / 12, x / 12)``, which of two classes is seen instead.
        error: factor on errors.
        limits: by class, the hardness from which on it is mistaken.
        instead: by class, two others.
    """
    cloud, shadow = sky
    out = np.empty((2, cloud.shape[0], cloud.shape[1]), dtype=np.float32)
    logits, shares = np.empty(_RAW), np.empty(_RAW, dtype=np.float32)
    for i in range(cloud.shape[0]):
        for j in range(cloud.shape[1]):
            seen = _logits(logits, shares, truth, state, noise, hardness, choice, error, limits, instead, i, j)
            out[0, i, j] = seen
            out[1, i, j] = cloud[i, j] < 0.12 and shadow[i, j] < 0.35
    return out


@kernel
def dynamic_world_shares(
    truth: tuple[_Small, _Small, _Small, _Small],
    state: tuple[_Small, _Small, _Small],
    sky: tuple[_Small, _Small],
    noise: _Floats,
    hardness: _Small,
    choice: _Floats,
    error: float,
    limits: _Small,
    instead: _Whole,
) -> _Small:
    """Probabilities of the classes and mask ``(10, y, x)``; arguments of ``dynamic_world_labels``."""
    cloud, shadow = sky
    out = np.empty((_RAW + 1, cloud.shape[0], cloud.shape[1]), dtype=np.float32)
    logits, shares = np.empty(_RAW), np.empty(_RAW, dtype=np.float32)
    for i in range(cloud.shape[0]):
        for j in range(cloud.shape[1]):
            seen = _logits(logits, shares, truth, state, noise, hardness, choice, error, limits, instead, i, j)
            most, total = logits[seen], 0.0
            for kind in range(_RAW):
                logits[kind] = math.exp(logits[kind] - most)
                total += logits[kind]
            for kind in range(_RAW):
                out[kind, i, j] = logits[kind] / total
            out[_RAW, i, j] = cloud[i, j] < 0.12 and shadow[i, j] < 0.35
    return out
