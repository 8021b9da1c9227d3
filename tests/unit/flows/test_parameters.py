"""Flat flow parameters become one build configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.parameters import CREDENTIALS_VARIABLE, build_config
from geomeld_build.build.config import BuildConfig
from geomeld_build.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_worker_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CREDENTIALS_VARIABLE, raising=False)


def test_flat_parameters_mean_the_same_as_the_nested_model() -> None:
    flat = build_config(
        {
            "store": "s",
            "anchors": "a.parquet",
            "reserves": "r.parquet",
            "source": "earthengine",
            "project": "p",
            "limit": 7,
            "workers": 3,
            "url": "http://127.0.0.1:1",
            "modalities": "sentinel2, sentinel1",
            "dask_mode": "address",
            "dask_address": "tcp://127.0.0.1:8786",
            "region": None,
        },
        {"rules": {"max_cloud_fraction": 0.3}, "recipe": "r"},
    )
    nested = BuildConfig.model_validate(
        {
            "store": "s",
            "anchors": "a.parquet",
            "reserves": "r.parquet",
            "limit": 7,
            "workers": 3,
            "modalities": ["sentinel2", "sentinel1"],
            "source": {"name": "earthengine", "project": "p", "url": "http://127.0.0.1:1"},
            "dask": {"mode": "address", "address": "tcp://127.0.0.1:8786"},
            "rules": {"max_cloud_fraction": 0.3},
            "recipe": "r",
        }
    )
    assert flat == nested


def test_what_is_not_given_is_left_to_the_model() -> None:
    assert build_config({"store": "s", "anchors": "a.csv"}) == BuildConfig.model_validate(
        {"store": "s", "anchors": "a.csv"}
    )


def test_a_plan_comes_through_overrides() -> None:
    assert build_config({"store": "s"}, {"plan": "plan.parquet"}).plan == Path("plan.parquet")


def test_overrides_reach_into_a_section_that_a_parameter_has_opened() -> None:
    config = build_config({"store": "s", "anchors": "a", "source": "earthengine"}, {"source": {"max_in_flight": 4}})
    assert (config.source.name, config.source.max_in_flight) == ("earthengine", 4)


@pytest.mark.parametrize(
    ("parameters", "overrides", "message"),
    [
        ({"anchors": "a", "region": "1,2,3,4", "limit": 1}, {}, "exactly one of anchors, region and plan"),
        ({"region": "1,2,3,4"}, {}, "a region needs a limit"),
        ({"anchors": "a", "limit": 5}, {"limit": 6}, "limit is 5 as a parameter and 6 in overrides"),
        ({"anchors": "a", "project": "p"}, {"source": {"project": "q"}}, "source.project is 'p'"),
        ({"anchors": "a"}, {"rules": {"max_cloud": 1}}, "rules.max_cloud"),
        ({"anchors": "a", "modalities": "sentinel2,nope"}, {}, "unknown modality 'nope'"),
        ({"anchors": "a", "dask_mode": "address"}, {}, "dask.address is needed"),
        ({"anchors": "a", "source": "elsewhere"}, {}, "source.name"),
    ],
)
def test_a_refusal_says_which_setting(
    parameters: dict[str, object], overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build_config({"store": "s", **parameters}, overrides)


def test_the_worker_names_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = tmp_path / "account.json"
    account.write_text("{}")
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(account))
    assert build_config({"store": "s", "anchors": "a"}).source.credentials == account
    given = build_config({"store": "s", "anchors": "a"}, {"source": {"credentials": "mine.json"}})
    assert given.source.credentials == Path("mine.json")


def test_an_empty_service_account_file_means_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(empty))
    assert build_config({"store": "s", "anchors": "a"}).source.credentials is None
