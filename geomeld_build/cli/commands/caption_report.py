"""``caption report``, ``audit``, ``answers``, ``held-out``: how good captions are, and by whose word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.output import bars, print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.captions.report.answers import Rate
    from geomeld_build.captions.report.summary import CaptionReport

__all__ = ["answers", "audit", "held_out", "report"]

Store = Annotated[str, typer.Argument(help="Folder or URL of the store.")]
Producer = Annotated[str | None, typer.Option(help="Whose captions; may be left out where there is only one producer.")]


def report(
    store: Store,
    producer: Producer = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the page, the figures and the sheet of tiles.")] = None,
    shown: Annotated[int, typer.Option(min=1, max=60, help="Tiles on the page and the sheet.")] = 24,
    as_json: options.AsJson = False,
) -> None:
    """Measure captions: groundedness, hallucination, coverage, variety, length, by biome; draw their claims."""
    options.existing_store(store)
    from geomeld_build.captions.report.summary import report_of

    found = report_of(store, producer)
    if out is not None:
        from geomeld_build.pictures.captions.report import write_caption_report
        from geomeld_build.store import open_store

        for path in write_caption_report(open_store(store), found, out, shown=shown):
            say(f"wrote {path}")
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)


def _show(found: CaptionReport) -> None:
    rows: list[tuple[str, object]] = [(name.replace("_", " "), count) for name, count in found.statuses.items()]
    for name, value in found.captions.to_json().items():
        rows.append((name, value))
    rows.append(("h1 of first candidates", found.proposed.h1))
    if found.diversity is not None:
        rows += list(found.diversity.to_json().items())
    print_table(("captions", found.producer), rows)


def audit(
    store: Store,
    out: Annotated[Path, typer.Option(help="Folder for the form and its key; it must be new or empty.")],
    producer: Producer = None,
    count: Annotated[int, typer.Option("--n", min=1, max=2000, help="Captions to judge, besides the controls.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other tiles.")] = 0,
) -> None:
    """Write a form on which people judge captions, blind, and the key to it.

    The sample is stratified; one in twenty items is a control with the caption of another tile. Give people form.html
    only; they save their answers as files, which 'caption answers' evaluates with key.json.
    """
    options.existing_store(store)
    from geomeld_build.captions.report.audit import draw_sample
    from geomeld_build.errors import ConfigError
    from geomeld_build.pictures.captions.form import audit_form
    from geomeld_build.store import open_store

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not empty: a key that is lost makes answers worthless, so choose another --out")
    key = draw_sample(store, producer, count=count, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "form.html").write_text(audit_form(open_store(store), key), encoding="utf-8")
    (out / "key.json").write_text(key.to_json(), encoding="utf-8")
    say(f"wrote {out / 'form.html'} ({len(key.items)} items) and {out / 'key.json'}")
    say(f"next: geomeld-build caption answers {out / 'key.json'} answers-*.json")


def answers(
    key: Annotated[Path, typer.Argument(help="The key, key.json.")],
    files: Annotated[list[Path], typer.Argument(help="Answers of people.")],
    as_json: options.AsJson = False,
) -> None:
    """Say how often captions hold by people's answers to an audit, with Wilson's intervals."""
    from geomeld_build.captions.report.answers import evaluate, read_answers
    from geomeld_build.captions.report.audit import AuditKey

    known = AuditKey.from_json(_text(key))
    found = evaluate(known, [read_answers(_text(path), known) for path in files])
    if as_json:
        print_json(found.to_json())
        return
    rows = [
        _rate("claims that hold", found.claims),
        ("weighted to the store", found.claims_weighted, "", ""),
        _rate("captions without a false claim", found.captions),
        _rate("claims that cannot be told", found.unclear),
        _rate("controls that were noticed", found.controls),
        ("agreement of people (kappa)", found.agreement, "", ""),
    ]
    print_table(("by people", "share", "95 %", "of"), rows)
    print_table(("by type", "share", "95 %", "of"), [_rate(name, rate) for name, rate in found.by_type.items()])
    print_table(("by stratum", "share", "95 %", "of"), [_rate(name, rate) for name, rate in found.by_stratum.items()])


def held_out(
    store: Store,
    seed: Annotated[int, typer.Option(min=0, help="Of the words.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Write captions without Dynamic World and test their land cover against it, a map that was not heard."""
    options.existing_store(store)
    from geomeld_build.captions.report.held_out import held_out as judged

    with bars() as progress:
        found = judged(store, seed=seed, progress=lambda done, total: progress("captions", done, total))
    if as_json:
        print_json(found.to_json())
        return
    rows = [
        ("tiles with both maps", found.tiles, "", ""),
        _rate("land-cover claims borne out", found.claims),
        ("share of a tile on which the maps agree", found.maps_agree, "", ""),
        *(_rate(name, rate) for name, rate in found.by_type.items()),
    ]
    print_table(("by Dynamic World", "share", "95 %", "of"), rows)


def _rate(name: str, rate: Rate | None) -> tuple[object, ...]:
    words = name.replace("_", " ")
    return (words, None, "", 0) if rate is None else (words, rate.share, f"{rate.low:.3f}-{rate.high:.3f}", rate.of)


def _text(path: Path) -> str:
    from geomeld_build.errors import ConfigError

    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
