"""Run a deployment by its bare name and, if asked, follow it to the end."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows.settings import FAILURE, OK, PARTIAL, SERVICE, USAGE, ControlError, merged, parse_settings, say

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["exit_code_of", "run"]

POLL_SECONDS = 1.0
LATE_AFTER_SECONDS = 30.0


async def run(
    client: "PrefectClient", name: str, settings: list[str], watch: bool, timeout: float | None
) -> tuple[dict[str, object], int]:
    """Start a run of a deployment.

    Args:
        client: of the server.
        name: 'DEPLOYMENT' or 'FLOW/DEPLOYMENT'.
        settings: ``KEY=VALUE`` parameters.
        watch: follow it to its final state.
        timeout: seconds to watch; None for as long as it takes.

    Returns:
        A description of the run and the exit code.

    Raises:
        ControlError: no such deployment or parameter, no worker to watch, or the time is up.
    """
    deployment, full_name = await _find(client, name)
    parameters = _parameters(deployment, settings)
    await _check_worker(client, deployment, needed=watch)
    flow_run = await _start(client, deployment, parameters)
    say(f"run {flow_run.name} of {full_name} ({flow_run.id})")
    answer: dict[str, object] = {"deployment": full_name, "flow_run_id": str(flow_run.id), "name": flow_run.name}
    if not watch:
        say(f"follow it: prefect flow-run watch {flow_run.id}")
        return {**answer, "state": flow_run.state.name if flow_run.state else None}, OK
    state = await _Watch(client, flow_run.id).follow(timeout)
    code = exit_code_of(state)
    outcomes = await _outcomes(client, flow_run.id, full_name.partition("/")[0])
    return {**answer, "state": state.name, "message": state.message, "outcomes": outcomes, "exit_code": code}, code


def exit_code_of(state: "State[Any]") -> int:
    """The exit code that a final state stands for; the flow names its states for this."""
    if state.is_completed():
        return PARTIAL if state.name == "Partial" else OK
    if state.is_failed():
        return {"Misconfigured": USAGE, "ServiceUnavailable": SERVICE}.get(state.name or "", FAILURE)
    return FAILURE


async def _find(client: "PrefectClient", name: str) -> "tuple[DeploymentResponse, str]":
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    same_name = DeploymentFilter(name=DeploymentFilterName(any_=[name.rpartition("/")[2]]))
    found = await _with_full_names(client, await client.read_deployments(deployment_filter=same_name))
    matches = [full for full in found if "/" not in name or full == name]
    if len(matches) == 1:
        return found[matches[0]], matches[0]
    if matches:
        raise ControlError(f"{name!r} names more than one deployment; say which:\n{_listed(matches)}", USAGE)
    known = await _with_full_names(client, await client.read_deployments())
    hint = f"expected one of\n{_listed(known)}" if known else "there is none: `python -m flows.control deploy` first"
    raise ControlError(f"no deployment {name!r}; {hint}", USAGE)


async def _with_full_names(
    client: "PrefectClient", found: "list[DeploymentResponse]"
) -> "dict[str, DeploymentResponse]":
    names = {identity: (await client.read_flow(identity)).name for identity in {each.flow_id for each in found}}
    return {f"{names[each.flow_id]}/{each.name}": each for each in found}


def _listed(names: Iterable[str]) -> str:
    return "\n".join(f"  {name}" for name in sorted(names))


def _parameters(deployment: "DeploymentResponse", settings: list[str]) -> dict[str, Any]:
    schema = deployment.parameter_openapi_schema or {}
    given = parse_settings(settings, schema)
    # The server replaces a parameter as a whole; of mappings (`overrides`, `pools`) single settings are meant.
    given = {name: merged(deployment.parameters.get(name), value) for name, value in given.items()}
    missing = [key for key in schema.get("required", ()) if key not in {**deployment.parameters, **given}]
    if missing:
        raise ControlError(f"parameter {missing[0]!r} is needed: --set {missing[0]}=...", USAGE)
    return given


async def _check_worker(client: "PrefectClient", deployment: "DeploymentResponse", needed: bool) -> None:
    """A run without a worker waits for ever: say so before it is created."""
    pool = deployment.work_pool_name
    if pool is None:
        return
    workers = await client.read_workers_for_work_pool(pool)
    if any(worker.status == "ONLINE" for worker in workers):
        return
    command = f"prefect worker start --pool {pool} --type process"
    problem = f"no worker of the work pool {pool!r} is online. Start one:\n  {command}"
    if needed:
        raise ControlError(problem, SERVICE)
    say(f"warning: the run will wait, {problem}")


async def _start(client: "PrefectClient", deployment: "DeploymentResponse", parameters: dict[str, Any]) -> "FlowRun":
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        return await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (409, 422):
            raise
        raise ControlError(f"the server refuses the parameters: {_detail(error.response.text)}", USAGE) from error


def _detail(text: str) -> str:
    try:
        body = json.loads(text)
    except json.JSONDecodeError:
        return text
    return str(body.get("detail") or body.get("exception_detail") or body) if isinstance(body, dict) else str(body)


async def _outcomes(client: "PrefectClient", flow_run_id: UUID, flow: str) -> object:
    """The table of outcomes that the run left behind; None when it did not get that far."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterKey

    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]), key=ArtifactFilterKey(any_=[f"{flow}-outcomes"])
    )
    found = await client.read_artifacts(artifact_filter=wanted)
    if not found:
        return None
    return json.loads(found[0].data) if isinstance(found[0].data, str) else found[0].data


@dataclass(slots=True)
class _Watch:
    """Prints what is new about a run until it ends."""

    client: "PrefectClient"
    flow_run_id: UUID
    started: float = field(default_factory=time.monotonic)
    seen: set[UUID] = field(default_factory=set)
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    last_state: str = ""
    hinted: bool = False

    async def follow(self, timeout: float | None) -> "State[Any]":
        while True:
            flow_run = await self.client.read_flow_run(self.flow_run_id)
            state = flow_run.state
            await self._print_logs()
            if state is not None:
                self._print_state(state)
                if state.is_final():
                    await self._last_words()
                    return state
            if timeout is not None and time.monotonic() - self.started > timeout:
                raise ControlError(
                    f"still {self.last_state or 'unknown'} after {timeout:g} s. The run goes on:\n"
                    f"  prefect flow-run watch {self.flow_run_id}\n  prefect flow-run cancel {self.flow_run_id}",
                    FAILURE,
                )
            await asyncio.sleep(POLL_SECONDS)

    def _print_state(self, state: "State[Any]") -> None:
        name = state.name or str(state.type)
        if name != self.last_state:
            say(f"state {name}" + (f": {state.message}" if state.message else ""))
            self.last_state = name
        waiting = state.is_scheduled() and time.monotonic() - self.started > LATE_AFTER_SECONDS
        if waiting and not self.hinted:
            self.hinted = True
            say(f"still {name}: is a worker alive (`prefect work-pool inspect`), or does another run hold the slot?")

    async def _last_words(self) -> None:
        """Logs are sent in batches: some arrive after the final state."""
        await asyncio.sleep(POLL_SECONDS)
        await self._print_logs()

    async def _print_logs(self) -> None:
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId, LogFilterTimestamp
        from prefect.client.schemas.sorting import LogSort

        while True:
            wanted = LogFilter(
                flow_run_id=LogFilterFlowRunId(any_=[self.flow_run_id]),
                timestamp=LogFilterTimestamp.model_validate({"after_": self.since}),
            )
            page = await self.client.read_logs(log_filter=wanted, limit=200, sort=LogSort.TIMESTAMP_ASC)
            fresh = [log for log in page if log.id not in self.seen]
            for log in fresh:
                self.seen.add(log.id)
                self.since = max(self.since, log.timestamp)
                # Prefect's traceback of its own machinery, after every run that failed: the state has the reason.
                if not log.message.startswith("Engine execution exited with unexpected exception"):
                    say(f"{log.timestamp:%H:%M:%S} {log.message}")
            if len(page) < 200 or not fresh:
                return
