"""The image and the compose file, as far as they can be checked without an engine."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"postgres"})
SECRET_NAME = re.compile(r"password|secret|token|api_?key|credential", re.IGNORECASE)


def tool(name: str) -> str:
    """An executable of the environment that runs the tests."""
    return str(Path(sys.executable).with_name(name))


@pytest.fixture(scope="module")
def dockerfile() -> list[dict[str, Any]]:
    """Instructions of the image, in order."""
    parsed = DockerfileParser(fileobj=io.BytesIO((DOCKER / "worker.Dockerfile").read_bytes()))
    instructions: list[dict[str, Any]] = [step for step in parsed.structure if step["instruction"] != "COMMENT"]
    return instructions


def values(dockerfile: list[dict[str, Any]], instruction: str) -> list[str]:
    """Texts of every instruction of a kind."""
    return [step["value"] for step in dockerfile if step["instruction"] == instruction]


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint"), str(DOCKER / "worker.Dockerfile")], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_follows_its_schema() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DOCKER / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_base_is_pinned_to_a_patch_release(dockerfile: list[dict[str, Any]]) -> None:
    (base,) = values(dockerfile, "FROM")
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)


def test_nothing_runs_as_root(dockerfile: list[dict[str, Any]]) -> None:
    kinds = [step["instruction"] for step in dockerfile]
    assert values(dockerfile, "USER") == ["10001:10001"]
    assert "RUN" not in kinds[kinds.index("USER") :]


def test_an_init_forwards_signals_and_the_worker_is_checked(dockerfile: list[dict[str, Any]]) -> None:
    (entrypoint,) = values(dockerfile, "ENTRYPOINT")
    assert json.loads(entrypoint) == ["tini", "--", "geomeld-entrypoint"]
    assert "/health" in values(dockerfile, "HEALTHCHECK")[0]


def test_the_image_starts_the_worker_that_compose_starts(dockerfile: list[dict[str, Any]]) -> None:
    assert json.loads(values(dockerfile, "CMD")[0]) == SERVICES["worker"]["command"]


def test_the_versions_of_the_repository_are_installed_without_torch(dockerfile: list[dict[str, Any]]) -> None:
    (install,) = [text for text in values(dockerfile, "RUN") if "pip install" in text]
    assert install.endswith("-c constraints/py311.txt .")
    assert "libexpat1" in values(dockerfile, "RUN")[0]


def test_what_the_image_copies_exists_and_gets_past_dockerignore(dockerfile: list[dict[str, Any]]) -> None:
    allowed = {
        line[1:]
        for line in (DOCKER / "worker.Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for text in values(dockerfile, "COPY"):
        *sources, _ = [word for word in text.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source.rstrip("/") in allowed, source


def test_no_secret_is_in_the_image_or_in_an_environment(dockerfile: list[dict[str, Any]]) -> None:
    for text in values(dockerfile, "ENV") + values(dockerfile, "ARG"):
        assert not SECRET_NAME.search(text), text
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.search(variable):
                assert str(value).startswith("/run/secrets/"), f"{name}: {variable}"
                assert Path(value).name in service["secrets"], f"{name}: {variable}"
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_secrets_are_not_tracked() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run([git, "check-ignore", "docker/secrets/postgres_password"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0


def test_only_the_server_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"server": ["127.0.0.1:4200:4200"]}


def test_nothing_reports_to_anyone(dockerfile: list[dict[str, Any]]) -> None:
    assert "PREFECT_SERVER_ANALYTICS_ENABLED=false" in values(dockerfile, "ENV")[0]
    for name in OURS:
        assert SERVICES[name]["environment"]["DO_NOT_TRACK"] == "1", name
    for name in ("server", "deploy", "worker"):
        assert SERVICES[name]["environment"]["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false", name


@pytest.mark.parametrize("name", OURS)
def test_our_services_share_one_image_and_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["image"] == "geomeld-build:local"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (DOCKER / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_services_wait_for_what_they_need() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[needed].get("healthcheck", {}), f"{name} waits for {needed}"
            else:
                assert how["condition"] == "service_completed_successfully", name
                assert SERVICES[needed]["restart"] == "no", name


def test_volumes_and_secrets_are_declared() -> None:
    for name, service in SERVICES.items():
        assert {entry.split(":")[0] for entry in service.get("volumes", [])} <= set(COMPOSE["volumes"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name


def test_the_emulator_comes_only_with_the_demo() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["emulator"]
    assert SERVICES["emulator"]["profiles"] == ["demo"]


@pytest.mark.parametrize("name", [name for name in OURS if "test" in SERVICES[name].get("healthcheck", {})])
def test_health_checks_are_python_that_compiles_and_watch_the_service_port(name: str) -> None:
    kind, program, flag, code = SERVICES[name]["healthcheck"]["test"]
    assert (kind, program, flag) == ("CMD", "python", "-c")
    compile(code, name, "exec")
    command = SERVICES[name]["command"]
    assert command[command.index("--port") + 1] in code


def test_the_entrypoint_turns_the_password_file_into_a_setting(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text('it\'s $HOME "quoted"\n')
    shown = [sys.executable, "-c", "import os; print(os.environ.get('PREFECT_SERVER_DATABASE_PASSWORD'))"]
    environment = {"PATH": os.environ["PATH"], "POSTGRES_PASSWORD_FILE": str(secret)}
    run = [str(DOCKER / "entrypoint.sh"), *shown]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == 'it\'s $HOME "quoted"\n'
    del environment["POSTGRES_PASSWORD_FILE"]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "None\n"


def test_the_entrypoint_stops_without_the_secret(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "POSTGRES_PASSWORD_FILE": str(tmp_path / "absent")}
    run = [str(DOCKER / "entrypoint.sh"), "true"]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "absent" in done.stderr
