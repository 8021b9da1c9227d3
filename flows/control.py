"""Deploy the flows and run a deployment. With its two helpers, the only code here that is a client of a Prefect server.

::

    python -m flows.control deploy [--set KEY=VALUE] [--set DEPLOYMENT:KEY=VALUE] [--cron EXPR] [--json]
    python -m flows.control run DEPLOYMENT [--set KEY=VALUE] [--watch] [--timeout S] [--json]

Data goes to stdout, talk to stderr. Exit codes: 0 ok, 1 failure, 2 usage or configuration, 3 partial, 4 no server, no
worker or no service, 130 interrupted.
"""

import argparse
import asyncio
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from flows.settings import FAILURE, INTERRUPTED, OK, SERVICE, ControlError, say

__all__ = ["LOCAL_API", "main"]

LOCAL_API = "http://127.0.0.1:4200/api"
"""Where `prefect server start` listens unless told otherwise."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    # Neither this process nor those that it starts report to anyone. Set before Prefect reads its settings.
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"
    try:
        return _run(arguments)
    except ControlError as error:
        say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted; a run that was started goes on")
        return INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL, temporary_settings

    url = _api_url(PREFECT_API_URL.value())
    os.environ["PREFECT_API_URL"] = url  # for the processes that we start
    with temporary_settings({PREFECT_API_URL: url}):
        try:
            answer, code = asyncio.run(_command(arguments, url))
        except PrefectHTTPStatusError as error:
            raise ControlError(f"the server at {url} answers: {error}", FAILURE) from error
        except httpx.TransportError as error:
            raise ControlError(f"lost the server at {url}: {str(error) or type(error).__name__}", SERVICE) from error
    if arguments.json:
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
    return code


async def _command(arguments: argparse.Namespace, url: str) -> tuple[dict[str, object], int]:
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        trouble = await client.api_healthcheck()
        if trouble is not None:
            raise ControlError(
                f"no Prefect server answers at {url} ({str(trouble) or type(trouble).__name__}). Start one with\n"
                "  prefect server start\nor set PREFECT_API_URL to the one that is running",
                SERVICE,
            )
        say(f"Prefect API: {url}")
        if arguments.command == "deploy":
            from flows.deploying import deploy

            return await deploy(client, arguments.set, arguments.cron, arguments.workdir.resolve()), OK
        from flows.running import run

        return await run(client, arguments.name, arguments.set, arguments.watch, arguments.timeout)


def _api_url(configured: str | None) -> str:
    """The API of the environment or the active profile, else a server on this machine, never an ephemeral one.

    Without an address Prefect starts a server of its own for the moment: what is deployed there, no worker ever sees.
    """
    if configured:
        return configured
    try:
        with urllib.request.urlopen(f"{LOCAL_API}/health", timeout=2):
            say(f"PREFECT_API_URL is not set: using the server found at {LOCAL_API}")
            return LOCAL_API
    except (urllib.error.URLError, OSError) as error:
        raise ControlError(
            "PREFECT_API_URL is not set (Prefect's profile is 'ephemeral') and no server runs on this machine.\n"
            f"  prefect server start\n  prefect config set PREFECT_API_URL={LOCAL_API}",
            SERVICE,
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.control", description="Deploy and run the flows.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    deploy = commands.add_parser(
        "deploy",
        help="create the work pool, the limits, the deployments and the automation, or bring them up to date",
        epilog="example: deploy --set store=/data/store --set incremental:region=8,47,9,48 --set incremental:limit=500",
    )
    deploy.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="[DEPLOYMENT:]KEY=VALUE",
        help="default parameter of every deployment that has it, or of one. The schedule of 'incremental' becomes "
        "active once it has a store and a region or anchors. What is not set keeps its value.",
    )
    deploy.add_argument("--cron", help="when 'incremental' runs, in UTC (default: '0 3 * * *', or what it has)")
    deploy.add_argument(
        "--workdir",
        type=Path,
        default=Path(os.environ.get("GEOMELD_WORKDIR") or "."),
        help="where relative paths of a run start, on the worker's machine (default: GEOMELD_WORKDIR, else here)",
    )
    run = commands.add_parser(
        "run", help="run a deployment by its name", epilog="example: run build-tiles --set limit=100 --watch"
    )
    run.add_argument(
        "name", help="a deployment: 'sample-anchors', 'build-tiles', 'caption-tiles', or 'FLOW/DEPLOYMENT'"
    )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter; dotted names set the configuration below it: rules.max_cloud_fraction=0.3, "
        "pools.mmearth=tile_info.json",
    )
    run.add_argument("--watch", action="store_true", help="follow state and log to the end; exit code by final state")
    run.add_argument("--timeout", type=float, help="seconds to watch; the run goes on after that")
    for command in (deploy, run):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
