"""The steps of the machine. Each takes a state and returns the next one; none keeps anything to itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from geomeld_build.captions.agents.captioner import Captioner, GrammarCaptioner
from geomeld_build.captions.agents.evaluator import Scorer
from geomeld_build.captions.agents.state import Candidate, TileJob, TileState
from geomeld_build.captions.claims.revise.revise import revise
from geomeld_build.captions.claims.verify import check_text

__all__ = ["MAX_REVISIONS", "Agents", "Step"]

MAX_REVISIONS = 2
Step = Literal["accept", "revise", "fallback"]


@dataclass(frozen=True, slots=True)
class Agents:
    """Who does the work, and the steps that they do."""

    captioner: Captioner
    scorer: Scorer
    count: int = 5
    """Candidates a tile."""
    seed: int = 0

    def orchestrate(self, job: TileJob) -> TileState:
        """Begin: nothing is known but the tile."""
        known = [
            name for name in ("cover", "water", "landform", "canopy", "ndvi") if getattr(job.facts, name) is not None
        ]
        return TileState(job, events=(f"orchestrate: {', '.join(known) or 'no signals'}",))

    def caption(self, state: TileState) -> TileState:
        """Ask for candidates."""
        proposed = self.captioner.propose(state.job, self.count)
        told = f"caption: {len(proposed.candidates)} by {self.captioner.kind}"
        if proposed.problem:
            told += f" ({proposed.problem})"
        return replace(state, candidates=proposed.candidates, events=(*state.events, told))

    def rank(self, state: TileState) -> TileState:
        """Score all candidates. Those without a conflict come before those with one, whatever their scores."""
        scores = self.scorer.score(state.job, state.candidates)
        order = sorted(
            range(len(scores)),
            key=lambda at: (bool(state.candidates[at].conflicts), -scores[at].total, at),
        )
        best = order[0] if order else -1
        told = f"rank: {best} of {len(scores)}" + (f", {scores[best].total:.3f}" if order else "")
        return replace(state, scores=scores, best=best, events=(*state.events, told))

    def verify(self, state: TileState) -> TileState:
        """Count what is contradicted in the best candidate. All candidates have been read when they were proposed."""
        wrong = len(state.chosen.conflicts) if state.chosen else 0
        return replace(state, events=(*state.events, f"verify: {wrong} conflicts"))

    def after_verify(self, state: TileState) -> Step:
        """Where to go from there."""
        if state.chosen is None:
            return "fallback"
        if not state.chosen.conflicts:
            return "accept"
        return "revise" if state.revisions < MAX_REVISIONS else "fallback"

    def revise(self, state: TileState) -> TileState:
        """First by rules; what they cannot mend, the captioner is asked to write again."""
        chosen = state.chosen
        assert chosen is not None, "only what there is can be revised"
        state = replace(state, revisions=state.revisions + 1)
        if state.revisions == 1:
            mended = self._edited(state, chosen)
            if mended is not None:
                return mended
        proposed = self.captioner.rewrite(state.job, chosen.text, chosen.conflicts)
        told = f"revise: {len(proposed.candidates)} rewritten" + (f" ({proposed.problem})" if proposed.problem else "")
        return replace(state, candidates=(*state.candidates, *proposed.candidates), events=(*state.events, told))

    def _edited(self, state: TileState, chosen: Candidate) -> TileState | None:
        revision = revise(chosen.text, state.job.facts)
        if revision.text is None:
            return None
        candidate = Candidate(revision.text, "edit", revision.checked, chosen.request_sha)
        told = f"revise: {len(revision.edits)} edits in {revision.rounds} rounds"
        return replace(
            state,
            candidates=(*state.candidates, candidate),
            edits=(*state.edits, *revision.edits),
            events=(*state.events, told),
        )

    def fallback(self, state: TileState) -> TileState:
        """The grammar's own text, which is true by construction; without one, the tile is rejected and says why."""
        proposed = GrammarCaptioner(self.seed).propose(state.job, 1)
        if not proposed.candidates or proposed.candidates[0].conflicts:
            told = f"reject: {proposed.problem or 'the grammar is contradicted'}"
            return replace(state, best=-1, status="rejected", events=(*state.events, told))
        candidates = (*state.candidates, *proposed.candidates)
        scores = (*state.scores, *self.scorer.score(state.job, proposed.candidates))
        return replace(
            state,
            candidates=candidates,
            scores=scores,
            best=len(state.candidates),
            edits=(),
            status="fallback",
            events=(*state.events, "fallback: grammar"),
        )

    def accept(self, state: TileState) -> TileState:
        """Done. A text that was changed says so; what no signal tells in the others is hedged or dropped."""
        chosen = state.chosen
        assert chosen is not None, "only what there is can be accepted"
        if chosen.source == "vision" and any(one.label == "unverifiable" for one in chosen.checked):
            state = self._doubted(state, chosen)
        edited = state.revisions > 0 or bool(state.edits)
        status: Literal["accepted", "accepted_after_revision"] = "accepted_after_revision" if edited else "accepted"
        return replace(state, status=status, events=(*state.events, f"accept: {status}"))

    def _doubted(self, state: TileState, chosen: Candidate) -> TileState:
        revision = revise(chosen.text, state.job.facts)
        if revision.text is None or not revision.edits:
            return state
        candidate = Candidate(
            revision.text, "edit", tuple(check_text(revision.text, state.job.facts)), chosen.request_sha
        )
        return replace(
            state,
            candidates=(*state.candidates, candidate),
            scores=(*state.scores, *self.scorer.score(state.job, (candidate,))),
            best=len(state.candidates),
            edits=(*state.edits, *revision.edits),
            events=(*state.events, f"revise: {len(revision.edits)} edits of what cannot be told"),
        )
