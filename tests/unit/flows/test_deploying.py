"""What a second deploy keeps, and which settings go where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule

from flows.build_tiles import build_tiles
from flows.caption_tiles import caption_tiles
from flows.deploying import _parameters_by_deployment, _set_schedule
from flows.sample_anchors import sample_anchors
from flows.settings import USAGE, ControlError

COMPLETE = {"store": "s", "region": "1,2,3,4", "limit": 5}
FLOWS: dict[str, Flow[..., Any]] = {
    "sample-anchors": sample_anchors,
    "build-tiles": build_tiles,
    "caption-tiles": caption_tiles,
    "incremental": build_tiles,
}


def entry(parameters: dict[str, Any]) -> dict[str, Any]:
    """A deployment as prefect.yaml has it, with parameters filled in."""
    schedule = {"slug": "nightly", "cron": "0 3 * * *", "timezone": "UTC", "active": False}
    return {"parameters": parameters, "schedules": [schedule]}


def on_server(parameters: dict[str, Any], cron: str, active: bool) -> Any:
    """A deployment as the server describes it."""
    schedule = SimpleNamespace(slug="nightly", schedule=CronSchedule(cron=cron, timezone="UTC"), active=active)
    return SimpleNamespace(parameters=parameters, schedules=[schedule])


@pytest.mark.parametrize(
    ("parameters", "before", "cron", "expected"),
    [
        pytest.param({}, None, None, ("0 3 * * *", False), id="nothing to build"),
        pytest.param({"store": "s"}, None, None, ("0 3 * * *", False), id="nowhere to sample"),
        pytest.param({"store": "s", "region": None}, None, "1 1 * * *", ("1 1 * * *", False), id="cleared region"),
        pytest.param(COMPLETE, None, None, ("0 3 * * *", True), id="first time"),
        pytest.param({"store": "s", "anchors": "a"}, None, None, ("0 3 * * *", True), id="a table of anchors"),
        pytest.param({"store": "s", "overrides": {"plan": "p"}}, None, None, ("0 3 * * *", True), id="a plan"),
        pytest.param(COMPLETE, ({}, "0 3 * * *", False), None, ("0 3 * * *", True), id="became complete"),
        pytest.param(COMPLETE, (COMPLETE, "5 5 * * *", True), None, ("5 5 * * *", True), id="own cron is kept"),
        pytest.param(COMPLETE, (COMPLETE, "5 5 * * *", False), None, ("5 5 * * *", False), id="paused stays paused"),
        pytest.param(COMPLETE, (COMPLETE, "5 5 * * *", False), "1 1 * * *", ("1 1 * * *", True), id="cron resumes"),
    ],
)
def test_the_schedule(
    parameters: dict[str, Any], before: tuple[Any, ...] | None, cron: str | None, expected: tuple[str, bool]
) -> None:
    wanted = entry(parameters)
    _set_schedule(wanted, on_server(*before) if before else None, cron)
    (schedule,) = wanted["schedules"]
    assert (schedule["cron"], schedule["active"]) == expected


def test_a_wrong_cron_is_a_usage_error() -> None:
    with pytest.raises(ControlError, match="not a cron expression") as caught:
        _set_schedule(entry(COMPLETE), None, "every night")
    assert caught.value.exit_code == USAGE


def test_settings_go_to_every_deployment_that_has_them_or_to_the_one_they_name() -> None:
    items = ["store=gs://a:b/c", "incremental:limit=3", "build-tiles:dask_address=tcp://h:1", "url=http://h:1"]
    items += ["caption-tiles:k=3", "rules.max_cloud_fraction=0.3", "pools.mmearth=m.json", "sample-anchors:recipe=r"]
    shared = {"store": "gs://a:b/c", "url": "http://h:1", "overrides": {"rules": {"max_cloud_fraction": 0.3}}}
    assert _parameters_by_deployment(items, FLOWS) == {
        "sample-anchors": {"url": "http://h:1", "pools": {"mmearth": "m.json"}, "recipe": "r"},
        "build-tiles": {**shared, "dask_address": "tcp://h:1"},
        "caption-tiles": {"store": "gs://a:b/c", "k": 3},
        "incremental": {**shared, "limit": 3},
    }


def test_a_setting_for_an_unknown_deployment_is_a_usage_error() -> None:
    expected = "no deployment 'nightly'; expected one of sample-anchors, build-tiles, caption-tiles, incremental"
    with pytest.raises(ControlError, match=expected):
        _parameters_by_deployment(["nightly:limit=3"], FLOWS)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("limits=3", "no deployment has such a parameter; expected admin1, anchors, answers, "),
        ("sample-anchors:store=s", "no such parameter; expected one of out, frame, "),
        ("limit", "expected KEY=VALUE"),
    ],
)
def test_a_setting_that_nobody_takes_is_a_usage_error(item: str, message: str) -> None:
    with pytest.raises(ControlError, match=message) as caught:
        _parameters_by_deployment([item], FLOWS)
    assert caught.value.exit_code == USAGE
