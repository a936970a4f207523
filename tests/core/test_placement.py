"""Choosing the agent for a new node."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import mentions, numbers_in

from sutra_grid.core.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from sutra_grid.core.placement import Candidate, no_agent_available, obstacle_to_spawn, place, refusal
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, AgentStatus, Reachability, ReachState, Reason


def agent(name: str, slots: int = 10, **other: object) -> Agent:
    made = Agent(name, "host", "desktop", slots, endpoint="127.0.0.1:7001", engines=("redis", "storage"))
    return replace(made, **other)


def test_the_agent_with_the_most_free_slots_is_chosen() -> None:
    placement = place([Candidate(agent("a"), 5), Candidate(agent("b"), 2), Candidate(agent("c"), 9)], "")
    assert placement.agent is not None
    assert placement.agent.agent_id == "b"
    assert [r.agent_id for r in placement.rejections] == ["a", "c"]
    assert mentions(placement.rejections[0].message, 5, "b", 8), "its free slots, and those of the chosen one"


def test_of_equals_the_first_by_name_in_whatever_order_they_come() -> None:
    candidates = [Candidate(agent(name), 0) for name in ("c", "a", "b")]
    for order in (candidates, candidates[::-1]):
        chosen = place(order, "").agent
        assert chosen is not None
        assert chosen.agent_id == "a"


@pytest.mark.parametrize(
    ("changes", "used", "reason", "named"),
    [
        (
            {"status": AgentStatus.OFFLINE, "message": "no heartbeat"},
            0,
            Reason.AGENT_OFFLINE,
            ["offline", "no heartbeat"],
        ),
        ({"status": AgentStatus.DEGRADED}, 0, Reason.MISSED_HEARTBEATS, ["degraded"]),
        ({"drained": True}, 0, Reason.AGENT_DRAINED, ["drained"]),
        ({"engines": ("redis",)}, 0, Reason.UNKNOWN_ENGINE, ["storage", "redis"]),
        ({"endpoint": ""}, 0, Reason.UNSUPPORTED, ["endpoint"]),
        ({}, 10, Reason.SLOTS_FULL, [10]),
    ],
)
def test_an_agent_that_can_not_take_it_is_passed_over_with_the_reason(
    changes: dict[str, object], used: int, reason: Reason, named: list[object]
) -> None:
    placement = place([Candidate(agent("a", **changes), used)], "storage")
    assert placement.agent is None
    assert placement.rejections[0].reason is reason
    assert mentions(placement.rejections[0].message, *named)


def test_an_agent_that_can_not_be_called_back_is_passed_over_and_may_be_asked_by_name() -> None:
    found = Reachability(ReachState.UNREACHABLE, Reason.CONNECTION_REFUSED, "10.0.0.5:7001 refuses", 1)
    lost = Candidate(agent("a", slots=50, reachability=found), 0)
    placement = place([lost, Candidate(agent("b"), 0)], "")
    assert placement.agent is not None
    assert placement.agent.agent_id == "b"
    alone = place([lost], "")
    assert alone.agent is None
    assert [rejection.reason for rejection in alone.rejections] == [Reason.CONNECTION_REFUSED]
    assert "10.0.0.5:7001 refuses" in no_agent_available(alone).message
    assert obstacle_to_spawn(lost, "") is None


def test_a_degraded_agent_may_be_asked_by_name() -> None:
    assert obstacle_to_spawn(Candidate(agent("a", status=AgentStatus.DEGRADED), 0), "") is None


def test_a_refusal_names_the_agent_and_the_next_step() -> None:
    rejection = obstacle_to_spawn(Candidate(agent("a", drained=True), 0), "")
    assert rejection is not None
    error = refusal(rejection)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.AGENT_DRAINED
    assert mentions(error.message, "agent a", "drained")
    assert mentions(error.hint.lower(), "undrain")


def test_the_error_without_a_fitting_agent_names_each_obstacle_and_bounds_the_list() -> None:
    assert mentions(no_agent_available(place([], "")).hint, "sutra-grid-agent --config agent-config.toml")
    error = no_agent_available(place([Candidate(agent(f"a{n}", drained=True), 0) for n in range(8)], ""))
    assert isinstance(error, ResourceExhausted)
    assert error.reason is Reason.NO_AGENT_AVAILABLE
    assert mentions(error.message, *(f"a{n}" for n in range(5)), "drained")
    assert numbers_in(error.message) == {"3"}, "how many more there are"


def test_an_engine_that_no_agent_has_is_an_invalid_argument_by_name_and_without() -> None:
    one, other = Candidate(agent("a", engines=("redis",)), 0), Candidate(agent("b", engines=("etcd",)), 0)
    for status in AgentStatus:
        error = no_agent_available(place([replace(one, agent=replace(one.agent, status=status)), other], "nonesuch"))
        assert (type(error), error.reason) == (InvalidArgument, Reason.UNKNOWN_ENGINE)
        assert mentions(error.message, "nonesuch", "redis", "etcd")
    rejection = obstacle_to_spawn(one, "nonesuch")
    assert rejection is not None
    named = refusal(rejection)
    assert (type(named), named.reason) == (InvalidArgument, Reason.UNKNOWN_ENGINE)
    assert mentions(named.message, "agent a", "nonesuch", "redis")


def test_the_list_of_engines_is_bounded() -> None:
    many = tuple(f"engine-{number:03}" for number in range(300))
    error = no_agent_available(place([Candidate(agent("a", engines=many), 0)], "nonesuch"))
    assert len(error.message) < 600
    assert mentions(error.message, "engine-000", "280 more")


@pytest.mark.parametrize(
    ("changes", "used"),
    [({"status": AgentStatus.OFFLINE}, 0), ({"status": AgentStatus.DEGRADED}, 0), ({"drained": True}, 0), ({}, 10)],
)
def test_an_engine_whose_only_agent_is_away_or_full_is_a_matter_of_time_and_that_agent_is_named(
    changes: dict[str, object], used: int
) -> None:
    others = [Candidate(agent(f"a{n}", engines=("storage",)), 0) for n in range(9)]
    error = no_agent_available(place([*others, Candidate(agent("z", **changes), used)], "redis"))
    assert (type(error), error.reason) == (ResourceExhausted, Reason.NO_AGENT_AVAILABLE)
    assert error.message.startswith("no agent can take the node: z ")


def with_memory(name: str, mebibytes: int, **other: object) -> Agent:
    return agent(name, host=HostSample(memory_total_bytes=mebibytes << 20), **other)


def test_a_memory_limit_above_a_host_passes_it_over_and_refuses_it_by_name() -> None:
    small, large = Candidate(with_memory("a", 1000), 0), Candidate(with_memory("b", 64_000), 9)
    placement = place([small, large], "", 2000)
    assert placement.agent is large.agent
    assert place([small, large], "", 1000).agent is small.agent
    assert obstacle_to_spawn(Candidate(agent("old"), 0), "", 10**9) is None, "its memory is not known"
    rejection = obstacle_to_spawn(small, "", 2000)
    assert rejection is not None
    error = refusal(rejection)
    assert (type(error), error.reason) == (InvalidArgument, Reason.INVALID_ARGUMENT)
    assert mentions(error.message, "agent a", 1000, 2000)


def test_a_memory_limit_above_every_host_is_an_invalid_argument_and_one_host_that_is_full_is_not() -> None:
    small, large = Candidate(with_memory("a", 1000), 0), Candidate(with_memory("b", 64_000), 10)
    never = no_agent_available(place([small, large], "", 100_000))
    assert (type(never), never.reason) == (InvalidArgument, Reason.INVALID_ARGUMENT)
    assert mentions(never.message, 100_000, 1000, 64_000)
    full = no_agent_available(place([small, large], "", 2000))
    assert (type(full), full.reason) == (ResourceExhausted, Reason.NO_AGENT_AVAILABLE)
    assert full.message.startswith("no agent can take the node: b has no free slot")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=8))
def test_whoever_is_chosen_has_room_and_nobody_else_has_more(rows: list[tuple[int, int, bool]]) -> None:
    candidates = [
        Candidate(agent(f"a{n}", slots, drained=drained), used) for n, (slots, used, drained) in enumerate(rows)
    ]
    placement = place(candidates, "")
    free = [c.free_slots for c in candidates if not c.agent.drained]
    if placement.agent is None:
        assert not any(free)
    else:
        chosen = next(c for c in candidates if c.agent is placement.agent)
        assert chosen.free_slots == max(free) > 0
    assert len(placement.rejections) + (placement.agent is not None) == len(candidates)
