"""The exception tree and the typed outcomes of an anchor x modality.

::

    GeomeldError
    |- ConfigError    (also ValueError)   the caller's input is wrong; exit code 2
    |- MissingExtra   (also ImportError)  an optional dependency is not installed; exit code 2
    |- SourceError                        the outside world failed; a retry may help; exit code 4
    |  |- QuotaExceeded                   the service refuses for load or quota
    |  `- CredentialsError                nobody is logged in, or the login is refused
    |- TileSkipped                        an expected outcome; its kind goes to the catalog
    `- StoreError                         what is on disk breaks the schema
       `- SchemaVersionError              a store of another schema version; exit code 2

Every error survives pickling, because errors cross worker processes.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "ConfigError",
    "CredentialsError",
    "GeomeldError",
    "MissingExtra",
    "QuotaExceeded",
    "SchemaVersionError",
    "SkipKind",
    "SourceError",
    "StoreError",
    "TileSkipped",
]


class SkipKind(StrEnum):
    """Why an anchor has no pixels for a modality. Append-only: codes are stored in catalogs and never change."""

    NO_REFERENCE_SCENE = "no_reference_scene"
    """No Sentinel-2 scene passes the reference rule, so there is no tile."""
    NO_SCENE_IN_WINDOW = "no_scene_in_window"
    """No scene within the temporal rule's window covers the tile."""
    CLOUDY = "cloudy"
    """Every candidate scene failed the tile's own cloud test."""
    TOO_MUCH_NODATA = "too_much_nodata"
    """Every candidate's reference pixels are masked over more than the allowed share."""
    NO_VALID_PIXELS = "no_valid_pixels"
    """The scene was read, and every pixel of it is masked here."""
    OUT_OF_RANGE = "out_of_range"
    """Values outside the physical limits of the row: the array is quarantined."""
    NOT_APPLICABLE = "not_applicable"
    """The modality does not exist at this place by its definition (NAIP outside its country)."""
    NOT_REQUESTED = "not_requested"
    """The user did not ask for this row."""
    ASSET_MISSING = "asset_missing"
    """A static asset does not exist at the source."""
    ASSET_CHANGED = "asset_changed"
    """An asset differs from the version that the plan pinned, or is gone."""
    SOURCE_ERROR = "source_error"
    """The source failed after all retries; the next run tries again."""


class GeomeldError(Exception):
    """Base of every error raised on purpose by this package."""


class ConfigError(GeomeldError, ValueError):
    """The caller's input is wrong. The message says what, which value, and what was expected."""


class MissingExtra(GeomeldError, ImportError):
    """An optional dependency is needed. The message says which extra to install."""


class SourceError(GeomeldError):
    """The outside world failed after retries. Trying again later may help."""


class QuotaExceeded(SourceError):
    """The service refused for load or quota after all retries."""


class CredentialsError(SourceError):
    """No usable credentials. The message says which command to run."""


class TileSkipped(GeomeldError):
    """An expected outcome that ends a tile or one of its rows.

    Attributes:
        kind: the typed reason.
        detail: one line for people.
    """

    def __init__(self, kind: SkipKind, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else str(self.kind)


class StoreError(GeomeldError):
    """What is on disk breaks the schema, or cannot be written."""


class SchemaVersionError(StoreError):
    """The store was written under another schema version."""
