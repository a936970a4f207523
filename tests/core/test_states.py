from pathlib import Path

import pytest

from sutra_grid.core.states import NODE_TRANSITIONS, SHOWN, IllegalTransition, Phase
from sutra_grid.core.types import NodeState


def test_every_phase_has_a_row_and_is_shown_as_something() -> None:
    assert set(NODE_TRANSITIONS.rows()) == set(Phase)
    assert set(SHOWN) == set(Phase)


def test_a_removed_node_goes_nowhere() -> None:
    assert not any(NODE_TRANSITIONS.allows(Phase.REMOVED, after) for after in Phase)


def test_a_process_is_launched_only_from_phases_where_none_can_live_or_one_has_just_ended() -> None:
    before = {phase for phase in Phase if NODE_TRANSITIONS.allows(phase, Phase.LAUNCHING)}
    assert Phase.LAUNCHING not in before
    assert Phase.STARTING not in before


def test_what_may_live_is_never_shown_as_stopped_or_failed() -> None:
    alive = {Phase.LAUNCHING, Phase.STARTING, Phase.RUNNING, Phase.STOPPING, Phase.KILLING}
    assert not {SHOWN[phase] for phase in alive} & {NodeState.STOPPED, NodeState.FAILED}


def test_an_illegal_transition_names_what_is_allowed_and_what_was_before() -> None:
    with pytest.raises(IllegalTransition, match=r"node.*running.*stopped.*launching.*one.*two"):
        NODE_TRANSITIONS.check(Phase.STOPPED, Phase.RUNNING, ["one", "two"])


def test_the_documented_table_is_the_one_that_is_used() -> None:
    text = (Path(__file__).parents[2] / "docs" / "agent.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    documented = {row[0]: (row[1], row[2]) for row in rows if row[0] in set(Phase)}
    used = {
        str(phase): (str(SHOWN[phase]), ", ".join(sorted(after)) or "-")
        for phase, after in NODE_TRANSITIONS.rows().items()
    }
    used["recovering"] = ("starting", "every other")
    assert documented == used
