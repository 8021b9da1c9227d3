"""``verify``, ``repair``, ``gc``: keep a store sound and small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from geomeld_build.cli import options
from geomeld_build.cli.failures import FAILURE
from geomeld_build.cli.output import amount, bars, print_json, print_table, say

if TYPE_CHECKING:
    from geomeld_build.build.repair import RepairSummary
    from geomeld_build.store.gc import GcReport
    from geomeld_build.store.verify import VerifyReport

__all__ = ["register"]

_SHOWN = 20
_Store = Annotated[str, typer.Argument(help="Folder or URL of the store.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: geomeld-build verify tiles.store --json")(verify)
    app.command(epilog="Example: geomeld-build repair tiles.store --project my-project")(repair)
    app.command(epilog="Example: geomeld-build gc tiles.store --dry-run")(gc)


def verify(
    store: _Store,
    version: Annotated[int | None, typer.Option("--version", help="Catalog version. Default: the newest.")] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Objects in memory at once, up to 40 MB each.")] = 4,
    as_json: options.AsJson = False,
) -> None:
    """Check every object of a store against the size and checksum that the catalog keeps.

    Exit 1 when something is damaged; 'repair' mends it.
    """
    options.existing_store(store)
    from geomeld_build.store.verify import verify_store

    with bars() as progress:
        report = verify_store(
            store, version, threads=threads, progress=lambda done, total: progress("verify", done, total, "objects")
        )
    if as_json:
        print_json(report.to_json())
    else:
        _show_report(report)
    if not report.clean:
        raise typer.Exit(FAILURE)


def _show_report(report: VerifyReport) -> None:
    print_table(
        ("verify", ""),
        [
            ("store", report.store),
            ("catalog version", report.version),
            ("tiles", report.tiles),
            ("objects", report.objects),
            ("bytes", amount(report.bytes)),
            ("seconds", report.seconds),
            ("findings", len(report.findings)),
        ],
    )
    for finding in report.findings[:_SHOWN]:
        typer.echo(str(finding))
    if len(report.findings) > _SHOWN:
        say(f"... and {len(report.findings) - _SHOWN} more: --json lists them all")
    if not report.clean:
        say(f"next: geomeld-build repair {report.store}")


def repair(
    store: _Store,
    source: options.SourceName = None,
    url: options.Url = None,
    project: options.Project = None,
    credentials: options.Credentials = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Threads that wait for pixels.")] = 16,
    as_json: options.AsJson = False,
) -> None:
    """Verify a store and read what is damaged again, from exactly the scenes that the catalog pins.

    Mended tiles get new objects, and their catalog rows change in one commit; readers of older versions keep what they
    have. Exit 3 when something damaged is left.
    """
    options.existing_store(store)
    settings = options.source_config(options.source_values(source, url, project, credentials))
    from geomeld_build.build.repair import repair_store

    with bars() as progress:
        summary = repair_store(store, settings, workers=workers, progress=progress)
    if as_json:
        print_json(summary.to_json())
    else:
        _show_repair(summary)
    raise typer.Exit(summary.exit_code)


def _show_repair(summary: RepairSummary) -> None:
    print_table(
        ("repair", ""),
        [
            ("store", summary.store),
            ("catalog version", summary.catalog_version),
            ("findings", summary.findings),
            ("tiles concerned", summary.tiles),
            ("moved to new objects", summary.moved),
            ("ended, reference changed", summary.ended),
            ("still damaged", summary.left),
            ("requests", summary.requests),
            ("seconds", summary.seconds),
        ],
    )
    if summary.outcomes:
        counts = (
            (row, ", ".join(f"{n} {kind}" for kind, n in kinds.items())) for row, kinds in summary.outcomes.items()
        )
        print_table(("read again", "outcomes"), counts)
    for line in summary.unmendable[:_SHOWN]:
        say(f"cannot mend: {line}")
    if summary.left:
        say(f"{summary.left} tiles stay damaged; run the same command again when the source answers")


def gc(
    store: _Store,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, say what would be deleted.")] = False,
    retention_days: Annotated[
        float, typer.Option(min=0, help="Catalog versions that were the newest within so many days stay.")
    ] = 30,
    reservation_days: Annotated[
        float, typer.Option(min=0, help="A run may need so many days from its reservation to its last commit.")
    ] = 7,
    compact: Annotated[bool, typer.Option("--compact", help="Merge the small files of the tables first.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Delete what no retained version of the catalog and no running build needs.

    Versions that a reader holds stay, however old. Opening a version that was cleaned up says so.
    """
    options.existing_store(store)
    from datetime import timedelta

    from geomeld_build.store.gc import collect_garbage

    with bars() as progress:
        report = collect_garbage(
            store,
            retention=timedelta(days=retention_days),
            reservations=timedelta(days=reservation_days),
            compaction=compact,
            dry_run=dry_run,
            progress=lambda done, total: progress("gc", done, total, "objects"),
        )
    if as_json:
        print_json(report.to_json())
    else:
        _show_garbage(report)


def _show_garbage(report: GcReport) -> None:
    deleted = "would be deleted" if report.dry_run else "deleted"
    files = ", ".join(f"{done.table} {done.files_before} to {done.files_after}" for done in report.compacted)
    print_table(
        ("gc", ""),
        [
            ("store", report.store),
            ("catalog version", report.version),
            ("versions expired", len(report.expired)),
            ("old versions held by readers", ", ".join(map(str, report.held)) or "none"),
            (f"shard objects {deleted}", report.objects),
            ("their bytes", amount(report.bytes)),
            (f"table files {deleted}", report.table_files),
            (f"half-written files {deleted}", report.leftovers),
            ("table files merged", files or "none"),
        ],
    )
