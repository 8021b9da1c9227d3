"""The machine in plain Python: about a tenth of a millisecond around the agents' own work."""

from __future__ import annotations

from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.state import TileJob, TileState

__all__ = ["run_tile"]


def run_tile(job: TileJob, agents: Agents) -> TileState:
    """Caption one tile: orchestrate, caption, then rank, verify and revise until a text is accepted or none is left.

    The state holds how often it was revised, so that the loop ends without anybody counting its turns.
    """
    state = agents.caption(agents.orchestrate(job))
    while True:
        state = agents.verify(agents.rank(state))
        match agents.after_verify(state):
            case "accept":
                return agents.accept(state)
            case "fallback":
                return agents.fallback(state)
            case "revise":
                state = agents.revise(state)
