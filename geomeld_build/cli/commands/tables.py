"""``modalities`` and ``schemas``: what the code itself can tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from geomeld_build.cli.failures import FAILURE, CommandFailed
from geomeld_build.cli.generated import generated_texts, resolution_text, rule_text, stale, stored_text
from geomeld_build.cli.output import print_json, print_table, say
from geomeld_build.errors import ConfigError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: geomeld-build modalities sentinel2 --json")(modalities)
    app.command(epilog="Example: geomeld-build schemas config")(schemas)


def modalities(
    name: Annotated[str | None, typer.Argument(help="Only this row.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every field as JSON.")] = False,
) -> None:
    """List the arrays of a tile: bands, storage, time rule."""
    from geomeld_build.modalities import MODALITIES, modality

    rows = [modality(name)] if name else list(MODALITIES.values())
    if as_json:
        from geomeld_build.schemas import modalities_document, modality_document

        print_json(modality_document(rows[0]) if name else modalities_document())
        return
    columns = ("row", "bands", "grid", "stored", "nodata", "unit", "time", "role")
    print_table(
        columns,
        [
            (
                row.name,
                " ".join(row.bands),
                resolution_text(row),
                stored_text(row),
                str(row.nodata),
                row.units,
                rule_text(row.when),
                row.role,
            )
            for row in rows
        ],
    )


def schemas(
    name: Annotated[str | None, typer.Argument(help="Print this schema: config, catalog, world, ...")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write schemas/ and the generated pages of docs/.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when a generated file is stale.")] = False,
    root: Annotated[Path, typer.Option(help="Repository to write to or to check.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print all schemas as one object.")] = False,
) -> None:
    """Print, write or check the JSON Schemas and pages generated from the code."""
    texts = generated_texts()
    if write or check:
        _compare(root, texts, write=write)
        return
    documents = {Path(path).stem: text for path, text in texts.items() if path.endswith(".json")}
    if as_json:
        print_json({key: json.loads(text) for key, text in documents.items()})
    elif name is None:
        described = {key: json.loads(text) for key, text in documents.items()}
        print_table(("schema", "of"), [(key, _about(document)) for key, document in described.items()])
    elif name in documents:
        typer.echo(documents[name], nl=False)
    else:
        raise ConfigError(f"unknown schema {name!r}: expected one of {', '.join(documents)}")


def _about(document: dict[str, object]) -> str:
    text = document.get("description") or document.get("title") or ", ".join(document)
    return str(text).strip().split("\n")[0]


def _compare(root: Path, texts: dict[str, str], *, write: bool) -> None:
    names = stale(root, texts)
    if write:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(texts[name], encoding="utf-8")
        say(f"wrote {', '.join(names)}" if names else "everything is up to date")
    elif names:
        raise CommandFailed(FAILURE, f"stale: {', '.join(names)}; run 'geomeld-build schemas --write'")
    else:
        say("everything is up to date")
