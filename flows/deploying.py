"""Bring a Prefect server to what `prefect.yaml` says. Doing it twice changes nothing."""

import asyncio
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.settings import FAILURE, USAGE, ControlError, merged, parse_settings, say, takers

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["DEPLOYMENTS_FILE", "HEARTBEAT_FILE", "deploy"]

DEPLOYMENTS_FILE = Path(__file__).with_name("prefect.yaml")
HEARTBEAT_FILE = Path(__file__).with_name("automations") / "heartbeat.yaml"
SCHEDULED = "incremental"


async def deploy(client: "PrefectClient", settings: list[str], cron: str | None, workdir: Path) -> dict[str, object]:
    """Create or update work pool, limit, deployments and automation.

    Args:
        client: of the server.
        settings: ``[DEPLOYMENT:]KEY=VALUE`` defaults to change; without a name, of every deployment that has the
            parameter.
        cron: new schedule of the incremental deployment.
        workdir: where runs start, on the worker's machine.

    Returns:
        What there is now, for people and machines.

    Raises:
        ControlError: a setting is wrong, or Prefect refuses a deployment.
    """
    import yaml

    plan = yaml.safe_load(DEPLOYMENTS_FILE.read_text(encoding="utf-8"))
    by_name = {entry["name"]: entry for entry in plan["deployments"]}
    flows = {name: _flow(entry["entrypoint"]) for name, entry in by_name.items()}
    wanted = _parameters_by_deployment(settings, flows)
    for name, entry in by_name.items():
        before = await _existing(client, f"{flows[name].name}/{name}")
        entry["parameters"] = merged(before.parameters if before else {}, wanted[name])
        if name == SCHEDULED:
            _set_schedule(entry, before, cron)
    pool = await _ensure_pool(client, plan["definitions"]["work_pool"]["name"])
    limit = await _ensure_limit(client)
    await _prefect_deploy(yaml.safe_dump(plan), workdir)
    automation = await _ensure_automation(client)
    deployments = [_described(entry, f"{flows[name].name}/{name}") for name, entry in by_name.items()]
    say(f"runs start in {workdir}")
    say(f"a worker: prefect worker start --pool {pool} --type process")
    return {"work_pool": pool, "limit": limit, "automation": automation, "deployments": deployments}


def _flow(entrypoint: str) -> "Flow[..., Any]":
    module, _, name = entrypoint.rpartition(".")
    found: Flow[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _parameters_by_deployment(settings: list[str], flows: "Mapping[str, Flow[..., Any]]") -> dict[str, dict[str, Any]]:
    from prefect.utilities.callables import parameter_schema

    schemas = {name: parameter_schema(flow).model_dump() for name, flow in flows.items()}
    chosen: dict[str, list[str]] = {name: [] for name in flows}
    for item in settings:
        scope, colon, _ = item.partition("=")[0].partition(":")
        if colon and scope not in chosen:
            raise ControlError(f"--set {item}: no deployment {scope!r}; expected one of {', '.join(flows)}", USAGE)
        text = item[len(scope) + 1 :] if colon else item
        named = [scope] if colon else takers(schemas, text)
        if not named:
            known = sorted({parameter for schema in schemas.values() for parameter in schema["properties"]})
            raise ControlError(f"--set {item}: no deployment has such a parameter; expected {', '.join(known)}", USAGE)
        for name in named:
            chosen[name].append(text)
    return {name: parse_settings(items, schemas[name]) for name, items in chosen.items()}


async def _existing(client: "PrefectClient", full_name: str) -> "DeploymentResponse | None":
    from prefect.exceptions import ObjectNotFound

    try:
        return await client.read_deployment_by_name(full_name)
    except ObjectNotFound:
        return None


def _set_schedule(entry: dict[str, Any], before: "DeploymentResponse | None", cron: str | None) -> None:
    """Keep what the user chose on the server, and switch the schedule on once it knows what to build."""
    schedule = entry["schedules"][0]
    old = next((known for known in before.schedules if known.slug == schedule["slug"]), None) if before else None
    if before is not None and old is not None:
        schedule["cron"] = getattr(old.schedule, "cron", schedule["cron"])
        schedule["timezone"] = getattr(old.schedule, "timezone", None) or schedule["timezone"]
    if cron is not None:
        schedule["cron"] = _checked_cron(cron)
    complete = _is_complete(entry["parameters"])
    known_before = before is not None and old is not None and _is_complete(before.parameters)
    schedule["active"] = complete and (cron is not None or not known_before or (old is not None and old.active))


def _checked_cron(cron: str) -> str:
    from prefect.client.schemas.schedules import CronSchedule

    try:
        return CronSchedule(cron=cron).cron
    except ValueError as error:
        raise ControlError(f"--cron {cron!r} is not a cron expression such as '0 3 * * *'", USAGE) from error


def _is_complete(parameters: dict[str, Any]) -> bool:
    inputs = ("region", "anchors")
    overrides = parameters.get("overrides") or {}
    return bool(parameters.get("store")) and (any(parameters.get(key) for key in inputs) or "plan" in overrides)


def _described(entry: dict[str, Any], name: str) -> dict[str, object]:
    schedule = next(iter(entry["schedules"]), None)
    when = None
    if schedule is not None:
        when = f"{schedule['cron']} {schedule['timezone']}" if schedule["active"] else None
        note = when or "schedule inactive: set incremental:store and incremental:region or incremental:anchors"
        say(f"deployment {name}: {note}")
    else:
        say(f"deployment {name}")
    return {"name": name, "schedule": when, "parameters": entry["parameters"]}


async def _ensure_pool(client: "PrefectClient", name: str) -> str:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        await client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
        say(f"work pool {name}: created")
        return name
    if pool.type != "process":
        raise ControlError(
            f"work pool {name!r} is of type {pool.type!r}, expected 'process': delete or rename it", USAGE
        )
    say(f"work pool {name}: there")
    return name


async def _ensure_limit(client: "PrefectClient") -> dict[str, object]:
    """One build at a time unless the user has changed the limit: the request rate is limited within a build only."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectNotFound

    from flows.build_tiles import BUILD_LIMIT

    try:
        slots = (await client.read_global_concurrency_limit_by_name(BUILD_LIMIT)).limit
        say(f"limit {BUILD_LIMIT}: there, {slots} at a time")
    except ObjectNotFound:
        slots = 1
        await client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=BUILD_LIMIT, limit=slots))
        say(f"limit {BUILD_LIMIT}: created, {slots} at a time")
    return {"name": BUILD_LIMIT, "limit": slots}


async def _prefect_deploy(plan: str, workdir: Path) -> None:
    """`prefect deploy` of the filled-in file: its command line is public, its functions are not."""
    with tempfile.TemporaryDirectory(prefix="geomeld-deploy-") as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(plan, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)),
            env={**os.environ, "GEOMELD_WORKDIR": str(workdir)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    if process.returncode != 0:
        text = output.decode(errors="replace")
        refusal = re.search(r"Response: \{'detail': (.+?)\} - For more", text, flags=re.DOTALL)
        if refusal:
            raise ControlError(f"the server refuses a deployment: {refusal[1]}", USAGE)
        raise ControlError(f"prefect deploy failed:\n{text}", FAILURE)


async def _ensure_automation(client: "PrefectClient") -> str:
    import yaml
    from prefect.events.schemas.automations import AutomationCore

    wanted = AutomationCore.model_validate(yaml.safe_load(HEARTBEAT_FILE.read_text(encoding="utf-8")))
    present = await client.read_automations_by_name(wanted.name)
    if present:
        # Whether it is enabled is the user's choice once it exists.
        kept = wanted.model_copy(update={"enabled": present[0].enabled})
        await client.update_automation(present[0].id, kept)
    else:
        await client.create_automation(wanted)
    say(f"automation {wanted.name}: {'there' if present else 'created'}")
    return wanted.name
