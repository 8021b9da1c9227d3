"""Flow over a graph: which way water leaves every node, how much gathers, and how high it stands.

The same routines serve the graph of the whole planet and the nodes of one cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from geomeld_build.emulator.compiled import kernel
from geomeld_build.emulator.worlds.planet.ground.noise import Floats, Ints

__all__ = ["Flow", "Graph", "flood", "gather", "levels", "ways"]


@dataclass(frozen=True, slots=True)
class Graph:
    """Undirected links between nodes, listed from both ends."""

    starts: Ints
    """``(node + 1,)`` where the links of each node begin."""
    others: Ints
    """``(2 link,)`` the node at the other end."""
    links: Ints
    """``(2 link,)`` number of the link."""

    @classmethod
    def of(cls, nodes: int, first: Ints, second: Ints) -> Graph:
        """The graph of links between ``first`` and ``second``."""
        near, far = np.concatenate((first, second)), np.concatenate((second, first))
        order = np.argsort(near, kind="stable")
        starts = np.searchsorted(near[order], np.arange(nodes + 1))
        return cls(starts.astype(np.int64), far[order], np.tile(np.arange(first.size), 2)[order])


@dataclass(frozen=True, slots=True)
class Flow:
    """Where water goes from every node."""

    parent: Ints
    """``(node,)`` the next node downstream; -1 for outlets and for nodes that no outlet reaches."""
    link: Ints
    """``(node,)`` the link that leads there; -1 without one."""
    order: Ints
    """Nodes that reach an outlet, downstream ones first."""


def flood(graph: Graph, heights: Floats, outlets: Ints) -> Flow:
    """Let water rise from the outlets: each node drains to the one it was first reached from.

    The priority flood of Barnes, Lehman and Mulla (2014, doi:10.1016/j.cageo.2013.04.024), on a graph whose links have
    heights: water leaves a depression over its lowest sill.

    Args:
        graph: of nodes.
        heights: ``(link,)`` height of each link, m.
        outlets: nodes where water leaves.
    """
    return Flow(*_flood(graph.starts, graph.others, graph.links, heights, outlets))


@kernel
def _flood(starts: Ints, others: Ints, links: Ints, heights: Floats, outlets: Ints) -> tuple[Ints, Ints, Ints]:
    count = starts.size - 1
    parent = np.full(count, -1, np.int64)
    link = np.full(count, -1, np.int64)
    order = np.empty(count, np.int64)
    seen = np.zeros(count, np.bool_)
    best = np.full(count, np.inf)
    best[outlets] = -np.inf
    heap = [(-np.inf, node) for node in outlets]
    done = 0
    while heap:
        level, node = heappop(heap)
        if seen[node]:
            continue
        seen[node] = True
        order[done] = node
        done += 1
        for at in range(starts[node], starts[node + 1]):
            other = others[at]
            over = max(level, heights[links[at]])
            if not seen[other] and over < best[other]:
                best[other], parent[other], link[other] = over, node, links[at]
                heappush(heap, (over, other))
    return parent, link, order[:done]


def gather(flow: Flow, own: Floats) -> Floats:
    """What each node passes on: its own and that of everything upstream."""
    result: Floats = _gather(flow.parent, flow.order, own)
    return result


@kernel
def _gather(parent: Ints, order: Ints, own: Floats) -> Floats:
    total = own.copy()
    for at in range(order.size - 1, -1, -1):
        node = order[at]
        if parent[node] >= 0:
            total[parent[node]] += total[node]
    return total


def ways(flow: Flow, length: Floats) -> tuple[Ints, Floats]:
    """The outlet that each node's water reaches and the way there, in the unit of ``length`` ``(node,)``."""
    end, way = _ways(flow.parent, flow.order, length)
    return end, way


@kernel
def _ways(parent: Ints, order: Ints, length: Floats) -> tuple[Ints, Floats]:
    end, way = np.full(parent.size, -1, np.int64), np.full(parent.size, np.nan)
    for node in order:
        down = parent[node]
        end[node] = node if down < 0 else end[down]
        way[node] = 0.0 if down < 0 else way[down] + length[node]
    return end, way


def levels(flow: Flow, wanted: Floats, length: Floats, slope: float, lowest: Floats, highest: Floats) -> Floats:
    """Heights of the water, that fall all the way down and follow those wanted where they can.

    Where a sill lies in the way, the river has cut through it.

    Args:
        flow: which way.
        wanted: ``(node,)`` where the ground would have it, m.
        length: ``(node,)`` way to the next node, km.
        slope: least fall, m/km.
        lowest: ``(node,)`` heights of outlets, m; read at outlets only.
        highest: ``(node,)`` heights not to be exceeded, m; infinite for most. Along the way from each of these nodes
            to its outlet, a fall of ``slope`` must be possible.
    """
    result: Floats = _levels(flow.parent, flow.order, wanted, length, slope, lowest, highest)
    return result


@kernel
def _levels(
    parent: Ints, order: Ints, wanted: Floats, length: Floats, slope: float, lowest: Floats, highest: Floats
) -> Floats:
    cut, cap = wanted.copy(), highest.copy()
    for at in range(order.size - 1, -1, -1):
        node = order[at]
        down = parent[node]
        if down >= 0:
            cut[down] = min(cut[down], cut[node] - slope * length[node])
            cap[down] = min(cap[down], cap[node] - slope * length[node])
    result, least = np.full(parent.size, np.nan), np.full(parent.size, np.nan)
    for node in order:
        down = parent[node]
        if down < 0:
            result[node] = least[node] = lowest[node]
        else:
            least[node] = least[down] + slope * length[node]
            result[node] = min(cap[node], max(least[node], cut[node]))
    return result
