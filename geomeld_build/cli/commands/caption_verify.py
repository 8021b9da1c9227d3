"""``caption verify``: anybody's captions against the signals of their tiles."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.output import say
from geomeld_build.errors import ConfigError

if TYPE_CHECKING:
    from geomeld_build.captions.claims.files import CheckedRecord

__all__ = ["verify"]

_COLOURS = {"supported": "green", "contradicted": "bold red", "unverifiable": "yellow"}


def verify(
    captions: Annotated[str, typer.Argument(help="JSON Lines with id, caption and signals; - reads standard input.")],
    as_json: options.AsJson = False,
) -> None:
    """Check what captions claim, claim by claim, and revise them.

    With --json one line a record: id, claims (start, end, text, type, label, evidence), revised, edits. The caption
    is revised to null where nothing true was left of it.
    """
    from geomeld_build.captions.claims.files import check_lines

    counts = dict.fromkeys(_COLOURS, 0)
    captions_read = wrong = 0
    with _lines(captions) as lines:
        for record in check_lines(lines, source=captions):
            captions_read += 1
            labels = [one.label for one in record.claims]
            wrong += "contradicted" in labels
            for label in labels:
                counts[label] += 1
            if as_json:
                print(json.dumps(record.to_json(), ensure_ascii=False, default=str), flush=True)
            else:
                _show(record)
    told = ", ".join(f"{count} {label}" for label, count in counts.items())
    say(f"{captions_read} captions, {wrong} with something contradicted; claims: {told}")


@contextmanager
def _lines(path: str) -> Iterator[Iterable[str]]:
    if path == "-":
        yield sys.stdin
        return
    if not Path(path).is_file():
        raise ConfigError(f"no file {path!r}: expected JSON Lines with id, caption and signals")
    with Path(path).open(encoding="utf-8") as file:
        yield file


def _show(record: CheckedRecord) -> None:
    """The caption in colours, what speaks against it, and the revised text."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    text = Text(record.caption)
    for one in record.claims:
        text.stylize(_COLOURS[one.label], one.claim.start, one.claim.end)
    console.print(Text(f"{record.id}  ", style="bold") + text)
    for one in record.claims:
        if one.label != "supported":
            evidence = one.verdict.evidence()
            reason = f"{evidence.get('signal', '')} {evidence.get('observed', '')}; expected {evidence['expected']}"
            console.print(f"    {one.label}: {one.claim.text!r} ({one.claim.type}): {reason.strip()}", style="dim")
    if record.revision.text != record.caption:
        console.print(f"    revised: {record.revision.text}")
