"""Anybody's captions, checked line by line: JSON Lines of ``{id, caption, signals}`` in, one line a record out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geomeld_build.captions.claims.facts import facts_of
from geomeld_build.captions.claims.lexicon.all import lexicon_sha
from geomeld_build.captions.claims.model import Checked
from geomeld_build.captions.claims.revise.revise import Revision, revise
from geomeld_build.captions.claims.verify import VERIFIER_VERSION, check_text
from geomeld_build.errors import ConfigError

__all__ = ["CheckedRecord", "GivenCaption", "check_lines"]


class GivenCaption(BaseModel):
    """A line of the file; other keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | int = Field(description="Names the record in the answer.")
    caption: str = Field(min_length=1, description="The text.")
    signals: dict[str, Any] = Field(description="What is known of the tile.")


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A caption with its verdicts, and what it should have said."""

    id: str | int
    caption: str
    claims: tuple[Checked, ...]
    revision: Revision

    def to_json(self) -> dict[str, Any]:
        """A line of the answer."""
        return {
            "id": self.id,
            "claims": [one.to_json() for one in self.claims],
            "revised": self.revision.text,
            "edits": [edit.to_json() for edit in self.revision.edits],
            "verifier": {"version": VERIFIER_VERSION, "lexicon": lexicon_sha()},
        }


def check_lines(lines: Iterable[str], *, source: str = "the file") -> Iterator[CheckedRecord]:
    """Check captions one by one.

    Args:
        lines: JSON, one record a line; empty lines are skipped.
        source: named in errors.

    Raises:
        ConfigError: a line is not such a record; the message names the line.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        given = _given(line, f"{source}, line {number}")
        facts = facts_of(given.signals)
        claims = check_text(given.caption, facts)
        # Somebody's caption is mended however much is wrong with it: nobody can be asked for another one.
        yield CheckedRecord(given.id, given.caption, tuple(claims), revise(given.caption, facts, give_up=False))


def _given(line: str, where: str) -> GivenCaption:
    try:
        return GivenCaption.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where} is not JSON ({error}): expected an object with id, caption and signals") from error
    except ValidationError as error:
        first = error.errors()[0]
        named = ".".join(str(part) for part in first["loc"]) or "the record"
        told = f"{where}: {named}: {first['msg']}; expected an object with id, caption and signals"
        raise ConfigError(told) from error
