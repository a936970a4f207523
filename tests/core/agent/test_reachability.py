"""Whether the master reaches an agent."""

import pytest
from support.values.grid_values import an_agent

from sutra_grid.core.agent.reachability import (
    REACHED,
    Look,
    answered_by,
    judge,
    look_failed,
    reachability_event,
    remedy,
    seconds_until_next,
)
from sutra_grid.core.errors import Unavailable
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import Reachability, ReachState, Reason

AGENT = an_agent("agent-1", endpoint="10.0.0.5:7001")
REFUSED = Look(Reason.CONNECTION_REFUSED, "agent-1 can't be reached: Connection refused")
UNKNOWN = Reachability()
REACHABLE = Reachability(ReachState.REACHABLE, since_ms=1)
UNREACHABLE = Reachability(ReachState.UNREACHABLE, REFUSED.reason, REFUSED.message, 1)


def test_one_failed_look_is_no_finding_and_two_are() -> None:
    assert judge(REACHABLE, REFUSED, 1, 5) == REACHABLE
    assert judge(UNKNOWN, REFUSED, 1, 5) == UNKNOWN
    found = judge(REACHABLE, REFUSED, 2, 5)
    assert (found.state, found.reason, found.since_ms) == (ReachState.UNREACHABLE, Reason.CONNECTION_REFUSED, 5)
    assert judge(found, REACHED, 0, 9) == Reachability(ReachState.REACHABLE, since_ms=9)


def test_while_it_stays_as_it_is_the_time_since_then_stays() -> None:
    assert judge(REACHABLE, REACHED, 0, 99) == REACHABLE
    timed_out = judge(UNREACHABLE, Look(Reason.TIMED_OUT, "nothing answered"), 7, 99)
    assert (timed_out.reason, timed_out.since_ms) == (Reason.TIMED_OUT, 1)


def test_another_agent_that_answers_is_not_this_one() -> None:
    assert answered_by(AGENT, "agent-1", "host").is_reached
    look = answered_by(AGENT, "agent-2", "host-2")
    assert look == Look(Reason.WRONG_AGENT, "agent agent-2 on host host-2 answers at 10.0.0.5:7001")


def test_an_agent_of_the_same_name_on_another_host_is_not_this_one() -> None:
    agent = an_agent("agent-1", endpoint="127.0.0.1:7001", host_id="host-1")
    assert answered_by(agent, "agent-1", "here", "host-1").is_reached
    assert answered_by(agent, "agent-1", "here").is_reached, "an older agent tells no host id"
    look = answered_by(agent, "agent-1", "elsewhere", "host-2")
    assert look.reason is Reason.WRONG_AGENT
    assert all(word in look.message for word in ("elsewhere", "host-1", "host-2", "127.0.0.1:7001"))


def test_the_first_answer_of_another_agent_is_a_finding() -> None:
    wrong = Look(Reason.WRONG_AGENT, "agent agent-2 answers")
    assert judge(UNKNOWN, wrong, 1, 5) == Reachability(ReachState.UNREACHABLE, wrong.reason, wrong.message, 5)


def test_an_unusual_error_counts_as_unreachable() -> None:
    assert look_failed(Unavailable("odd", reason=Reason.ENDING, hint="x")).reason is Reason.AGENT_UNREACHABLE


def test_an_event_is_made_for_a_change_and_for_nothing_else() -> None:
    event = reachability_event(AGENT, UNKNOWN, UNREACHABLE, 5)
    assert event is not None
    assert (event.kind, event.reason) == (EventKind.AGENT_UNREACHABLE, Reason.CONNECTION_REFUSED)
    assert "10.0.0.5:7001" in event.message
    assert "[agent] advertise" in event.message
    recovered = reachability_event(AGENT, UNREACHABLE, REACHABLE, 5)
    assert recovered is not None
    assert recovered.kind is EventKind.AGENT_REACHABLE
    assert reachability_event(AGENT, UNKNOWN, REACHABLE, 5) is None
    assert reachability_event(AGENT, UNREACHABLE, UNREACHABLE, 5) is None


@pytest.mark.parametrize("reason", [*Reason, "of_a_newer_version"])
def test_every_reason_has_a_remedy(reason: str) -> None:
    assert remedy(reason)


def test_an_agent_in_doubt_is_looked_at_sooner() -> None:
    waits = [seconds_until_next(REACHABLE, 1), seconds_until_next(UNREACHABLE, 5), seconds_until_next(REACHABLE, 0)]
    assert waits == sorted(waits)
