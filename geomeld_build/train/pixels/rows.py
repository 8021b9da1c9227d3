"""What a training row is, from the table: its channels, its targets, and which rows share a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES, REFERENCE, TILE_GRID, Classification, Modality, Regression, modality

__all__ = ["TARGET_ROWS", "TargetRow", "groups_of", "target_row"]

TARGET_ROWS: tuple[str, ...] = tuple(
    name for name, row in MODALITIES.items() if row.target is not None and row.grid == TILE_GRID
)
"""Rows that can be reconstructed, in table order."""


@dataclass(frozen=True, slots=True)
class TargetRow:
    """How a row is reconstructed."""

    row: Modality
    channels: int
    """Values a pixel that the decoder gives: bands, or one for each class."""
    group: str
    """Rows of one group share a decoder."""
    classes: int
    """0 for numbers."""
    centred: bool

    @property
    def name(self) -> str:
        """Of the row."""
        return self.row.name

    @property
    def is_input(self) -> bool:
        """Whether it is what the encoder is shown."""
        return self.row.name == REFERENCE


def target_row(name: str) -> TargetRow:
    """A row to reconstruct.

    Raises:
        ConfigError: there is no such row, or it cannot be reconstructed.
    """
    row = modality(name)
    if isinstance(row.target, Classification):
        return TargetRow(row, row.target.n_classes, name, row.target.n_classes, False)
    if isinstance(row.target, Regression):
        return TargetRow(row, len(row.bands), row.target.group or name, 0, row.target.centred)
    raise ConfigError(f"{name} is no training target: expected some of {', '.join(TARGET_ROWS)}")


def groups_of(names: Sequence[str]) -> dict[str, tuple[TargetRow, ...]]:
    """Rows by the decoder that they share, in table order.

    Raises:
        ConfigError: a row cannot be reconstructed.
    """
    found: dict[str, tuple[TargetRow, ...]] = {}
    for name in sorted(names, key=lambda one: list(MODALITIES).index(one) if one in MODALITIES else -1):
        one = target_row(name)
        found[one.group] = (*found.get(one.group, ()), one)
    return found
