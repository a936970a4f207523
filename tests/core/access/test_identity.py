"""Identities, their SPIFFE IDs, and the names that servers are checked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sutra_grid.core.access.identity import (
    Identity,
    Role,
    agent_server_name,
    grid_uri,
    make_identity,
    master_server_name,
    parse_grid_uri,
    parse_uri,
)
from sutra_grid.core.errors import InvalidArgument

NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True).filter(lambda name: name not in (".", ".."))
GRIDS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(GRIDS, st.sampled_from(list(Role)), NAMES)
def test_a_spiffe_id_gives_the_identity_back(grid: str, role: Role, name: str) -> None:
    identity = make_identity(grid, role, name)
    assert parse_uri(identity.uri) == identity
    assert parse_grid_uri(grid_uri(grid)) == grid


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://grid/agent/agent-1",
        "spiffe://grid",
        "spiffe://grid/agent",
        "spiffe://grid/agent/agent-1/more",
        "spiffe://grid/agent/",
        "spiffe://grid/agent/..",
        "spiffe://grid/king/arthur",
        "spiffe://Grid/agent/agent-1",
        "spiffe://grid/agent/agent%2D1",
        "spiffe://user@grid/agent/agent-1",
        "spiffe://grid:8080/agent/agent-1",
    ],
)
def test_any_other_uri_is_no_identity(uri: str) -> None:
    assert parse_uri(uri) is None


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "x" * 129, "é", "a\n"])
def test_a_name_that_a_spiffe_id_cannot_hold_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(InvalidArgument, match="letters, digits"):
        make_identity("grid", Role.AGENT, name)


@pytest.mark.parametrize("grid", ["", "Prod", "a.b", "-a", "a-", "x" * 64, "a_b"])
def test_a_grid_name_that_is_no_dns_label_is_refused(grid: str) -> None:
    with pytest.raises(InvalidArgument, match="lower-case letters"):
        make_identity(grid, Role.AGENT, "agent-1")


def test_every_master_answers_to_one_name_and_each_agent_to_its_own() -> None:
    assert Identity("prod", Role.MASTER, "m1").server_name == master_server_name("prod") == "master.prod.sutra-grid"
    assert agent_server_name("prod", "agent-1") == "agent-1.agent.prod.sutra-grid"


@given(NAMES, NAMES)
def test_two_agents_never_share_a_server_name(one: str, other: str) -> None:
    assert (agent_server_name("g", one) == agent_server_name("g", other)) == (one == other)


@given(NAMES)
def test_no_agent_has_the_server_name_of_a_master_and_every_label_fits(name: str) -> None:
    server_name = agent_server_name("g", name)
    assert server_name != master_server_name("g")
    assert all(0 < len(label) <= 63 for label in server_name.split("."))


def test_a_name_that_looks_like_a_digest_is_digested_itself() -> None:
    digest = agent_server_name("g", "Agent_1").partition(".")[0]
    assert agent_server_name("g", digest).partition(".")[0] != digest
