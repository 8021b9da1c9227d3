"""`--set KEY=VALUE` texts are typed by the flow's own schema."""

from __future__ import annotations

import pytest

from flows.settings import USAGE, ControlError, merged, parse_settings, takers

SCHEMA = {
    "properties": {
        "store": {"type": "string"},
        "project": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "limit": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        "workers": {"type": "integer"},
        "overrides": {"anyOf": [{"type": "object"}, {"type": "null"}]},
    }
}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("limit=3", {"limit": 3}),
        ("limit=null", {"limit": None}),
        ("project=123456", {"project": "123456"}),
        ("project=null", {"project": None}),
        ("store=a=b", {"store": "a=b"}),
        ("store=", {"store": ""}),
        ("rules.max_cloud_fraction=0.3", {"overrides": {"rules": {"max_cloud_fraction": 0.3}}}),
        ("source.workload_tag=mine", {"overrides": {"source": {"workload_tag": "mine"}}}),
        ('overrides={"recipe": "r"}', {"overrides": {"recipe": "r"}}),
        ("overrides.recipe=r", {"overrides": {"recipe": "r"}}),
    ],
)
def test_values_take_the_type_of_their_parameter(item: str, expected: dict[str, object]) -> None:
    assert parse_settings([item], SCHEMA) == expected


def test_dotted_settings_add_up() -> None:
    items = ['overrides={"rules": {"a": 1}}', "rules.b=2", "rules.a=3"]
    assert parse_settings(items, SCHEMA) == {"overrides": {"rules": {"a": 3, "b": 2}}}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("limit", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("limits=3", "no such parameter; expected one of store, project"),
        ("workers=many", "workers=many: expected integer"),
    ],
)
def test_a_wrong_setting_is_a_usage_error(item: str, message: str) -> None:
    with pytest.raises(ControlError, match=message) as caught:
        parse_settings([item], SCHEMA)
    assert caught.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("store=s", ["build"]),
        ("project=p", ["sample", "build"]),
        ("pools.first=f", ["sample"]),
        ("rules.a=1", ["build"]),
        ("overrides.rules.a=1", ["build"]),
        ("limits=3", []),
    ],
)
def test_a_setting_is_for_the_flows_that_have_the_parameter(item: str, expected: list[str]) -> None:
    sample = {name: SCHEMA["properties"][name] for name in ("project", "limit")}
    pools = {"type": "object", "additionalProperties": {"type": "string"}}
    assert takers({"sample": {"properties": {**sample, "pools": pools}}, "build": SCHEMA}, item) == expected


def test_merging_keeps_neighbours_and_lets_none_clear() -> None:
    assert merged({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}, "b": None}) == {"a": {"x": 1, "y": 3}, "b": None}
    assert merged(None, {"a": 1}) == {"a": 1}
