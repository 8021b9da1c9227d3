"""Every command is documented, and every page that the documents point to exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from geomeld_build.cli.generated import walk
from tests.support.small_store import make_store

ROOT = Path(__file__).parents[2]
COMMANDS = dict(walk())
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_commands_of_this_release() -> None:
    assert set(COMMANDS) == {
        "demo", "doctor", "modalities", "schemas", "emulator", "planet", "anchors sample", "anchors import",
        "anchors merge",
        "anchors split", "anchors report", "plan", "build", "status", "query", "show", "stats", "verify", "repair",
        "gc", "caption signals", "caption run", "caption verify", "caption report", "caption audit", "caption answers",
        "caption held-out", "deploy", "run", "train", "reconstruct",
        "export encoder",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_and_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert command.epilog.startswith(f"Example: geomeld-build {name}"), "the epilog shows a call"
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_reference(name: str) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"\n## {name}\n" in page


DATA = (
    "modalities",
    "schemas",
    "doctor",
    "anchors sample",
    "anchors import",
    "plan",
    "build",
    "status",
    "query",
    "show",
    "stats",
    "verify",
    "repair",
    "gc",
)


@pytest.mark.parametrize("name", DATA)
def test_a_command_that_prints_data_has_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in COMMANDS[name].params)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_only_commands_that_exist(page: Path) -> None:
    groups = {name.split()[0] for name in COMMANDS}
    for call in re.findall(r"^geomeld-build ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
        assert call in groups, f"{page.name} shows 'geomeld-build {call}'"


def test_the_python_of_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path / "tiles.store")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(compile(block, "tour.md", "exec"), names)
    assert names["rows"] == [0, 1, 2]
    assert (tmp_path / "sentinel2.tif").is_file()


def test_the_commands_of_the_tour_exist_with_their_options() -> None:
    page = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    calls = re.findall(r"^geomeld-build (.*)$", page, flags=re.MULTILINE)
    assert calls
    for call in calls:
        words = shlex.split(call)
        name = next(name for name in COMMANDS if words[: len(name.split())] == name.split())
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, call
