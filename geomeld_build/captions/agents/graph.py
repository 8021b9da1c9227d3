"""The same steps wired in LangGraph, which the GeoMeld paper used. Needs the extra ``langgraph``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypedDict, cast

from geomeld_build.captions.agents.nodes import Agents
from geomeld_build.captions.agents.state import TileJob, TileState
from geomeld_build.errors import ConfigError

__all__ = ["compiled_graph", "run_tile_in_graph"]


class _Box(TypedDict, total=False):
    """LangGraph's state: the tile, then the machine's own state."""

    job: TileJob
    state: TileState


def compiled_graph(agents: Agents) -> Any:
    """A runnable graph of the agents' steps.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        from langgraph.graph import END, START, StateGraph
    except ImportError as error:
        raise ConfigError("the LangGraph driver needs the extra: pip install 'geomeld-build[langgraph]'") from error
    graph = StateGraph(_Box)
    graph.add_node("orchestrate", lambda box: {"state": agents.orchestrate(box["job"])})
    for name in ("caption", "rank", "verify", "revise", "fallback", "accept"):
        graph.add_node(name, _node(getattr(agents, name)))
    graph.add_edge(START, "orchestrate")
    graph.add_edge("orchestrate", "caption")
    graph.add_edge("caption", "rank")
    graph.add_edge("rank", "verify")
    steps: dict[Hashable, str] = {step: step for step in ("accept", "revise", "fallback")}
    graph.add_conditional_edges("verify", lambda box: agents.after_verify(box["state"]), steps)
    graph.add_edge("revise", "rank")
    graph.add_edge("accept", END)
    graph.add_edge("fallback", END)
    return graph.compile()


def _node(step: Any) -> Any:
    return lambda box: {"state": step(box["state"])}


def run_tile_in_graph(job: TileJob, graph: Any) -> TileState:
    """Caption one tile by a compiled graph; equal to ``run_tile``."""
    return cast(TileState, graph.invoke({"job": job})["state"])
