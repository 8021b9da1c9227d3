"""What is shipped for Prefect agrees with itself and with the flow."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.utilities.callables import parameter_schema
from prefect.utilities.importtools import import_object

from flows.build_tiles import build_tiles
from flows.caption_tiles import caption_tiles
from flows.deploying import DEPLOYMENTS_FILE, HEARTBEAT_FILE
from flows.sample_anchors import sample_anchors

ROOT = Path(__file__).resolve().parents[3]
PLAN: dict[str, Any] = yaml.safe_load(DEPLOYMENTS_FILE.read_text(encoding="utf-8"))
FLOWS: dict[str, Flow[..., Any]] = {
    "sample-anchors": sample_anchors,
    "build-tiles": build_tiles,
    "caption-tiles": caption_tiles,
    "incremental": build_tiles,
}
DEPLOYMENTS: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in PLAN["deployments"]}


def test_the_parameters_are_flat_so_that_prefect_can_take_them_one_by_one() -> None:
    properties = parameter_schema(build_tiles).properties
    flat = {"store", "anchors", "source", "project", "region", "limit", "workers", "url", "modalities", "reserves"}
    assert set(properties) == flat | {"dask_mode", "dask_address", "overrides"}
    for name in set(properties) - {"overrides"}:
        kinds = {option.get("type") for option in properties[name].get("anyOf", [properties[name]])}
        assert kinds <= {"string", "integer", "null"}, name


def test_every_flow_has_its_deployments() -> None:
    assert set(DEPLOYMENTS) == set(FLOWS)


@pytest.mark.parametrize("name", FLOWS)
def test_a_deployment_names_the_flow_and_the_pool(name: str) -> None:
    entry = DEPLOYMENTS[name]
    assert import_object(entry["entrypoint"]) is FLOWS[name]
    assert entry["work_pool"]["name"] == "geomeld"
    assert entry["enforce_parameter_schema"] is True


def test_nothing_queues_up_behind_the_schedule() -> None:
    assert DEPLOYMENTS["incremental"]["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    for name in ("build-tiles", "sample-anchors", "caption-tiles"):
        assert DEPLOYMENTS[name]["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert DEPLOYMENTS["sample-anchors"]["schedules"] == []
    (schedule,) = DEPLOYMENTS["incremental"]["schedules"]
    assert schedule["active"] is False
    assert schedule["timezone"] == "UTC"


def test_the_automation_waits_for_three_heartbeats_of_our_runs_only() -> None:
    automation = AutomationCore.model_validate(yaml.safe_load(HEARTBEAT_FILE.read_text(encoding="utf-8")))
    trigger = automation.trigger
    assert isinstance(trigger, EventTrigger)
    environment = DEPLOYMENTS["incremental"]["work_pool"]["job_variables"]["env"]
    assert trigger.within.total_seconds() == 3 * int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert trigger.posture is Posture.Proactive
    related = trigger.match_related
    assert not isinstance(related, list)
    assert set(related.model_dump()["prefect.resource.name"]) == {flow.name for flow in FLOWS.values()}


def test_runs_report_to_nobody() -> None:
    for entry in DEPLOYMENTS.values():
        environment = entry["work_pool"]["job_variables"]["env"]
        assert environment["DO_NOT_TRACK"] == "1"
        assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_flows_do_not_postpone_annotations() -> None:
    """Prefect resolves them at run time, where postponed ones of a served flow cannot be found."""
    sources = sorted((ROOT / "flows").glob("*.py"))
    assert sources
    assert [path.name for path in sources if "\nfrom __future__ import annotations" in path.read_text("utf-8")] == []


def test_every_file_that_is_read_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["flows"]
    packaged = {path for pattern in patterns for path in (ROOT / "flows").glob(pattern)}
    assert {DEPLOYMENTS_FILE, HEARTBEAT_FILE} <= packaged
