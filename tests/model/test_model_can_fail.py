"""The model finds what it is there to find: each test takes one safeguard away and expects a violation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.judge import GridFault
from model.kernel import SimMembers
from model.machine import play
from sutra_grid.agent.processes import proof
from sutra_grid.agent.processes.identity import Look, Presence
from sutra_grid.agent.state.journal_writer import JournalWriter
from sutra_grid.agent.supervision.assignments import AssignmentHandler
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.core.states import Phase
from sutra_grid.core.types import Assignment

HISTORIES = 3_000  # usually some dozens are enough; it depends on the seed and the Python version

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1_800)]


def test_an_agent_that_obeys_late_assignments_is_found(model_seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assign = AssignmentHandler.assign

    def obey_anything(self: AssignmentHandler, assignment: Assignment) -> None:
        node = self._nodes.find(assignment.node_id)
        newest = node.runtime.record.assignment.generation if node else 0
        assign(self, replace(assignment, generation=max(assignment.generation, newest + 1)))

    monkeypatch.setattr(AssignmentHandler, "assign", obey_anything)
    with pytest.raises(GridFault):
        play(HISTORIES, model_seed, shrink=False)


def test_an_agent_that_launches_before_it_has_journaled_is_found(
    model_seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = JournalWriter.save

    def save_later(self: JournalWriter, record: NodeRecord) -> OSError | None:
        return None if record.phase is Phase.LAUNCHING else save(self, record)

    monkeypatch.setattr(JournalWriter, "save", save_later)
    with pytest.raises(GridFault):
        play(HISTORIES, model_seed, shrink=False)


def test_an_agent_that_adopts_without_proof_is_found(model_seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "look_for", lambda identity: Look(Presence.ALIVE, identity.start_ticks))
    with pytest.raises(GridFault):
        play(HISTORIES, model_seed, shrink=False)


def test_an_agent_that_starts_nodes_beside_leftovers_is_found(model_seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimMembers, "find", lambda self, clues: ())
    with pytest.raises(GridFault, match="left"):
        play(HISTORIES, model_seed, shrink=False)
