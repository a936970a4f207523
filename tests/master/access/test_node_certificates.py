"""Certificates of nodes: an agent gets those of its own nodes, and no others."""

from __future__ import annotations

import pytest
from cryptography import x509
from support.harness.access_harness import AccessHarness
from support.values.grid_values import a_node, an_agent

from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.core.access.revocations import Revoked
from sutra_grid.core.errors import FailedPrecondition, NotFound, PermissionDenied
from sutra_grid.core.types import Reason
from sutra_grid.master.access.signer import Signed
from sutra_grid.runtime.certificates.authority import make_request, new_key
from sutra_grid.runtime.certificates.describe import describe

NODE = "node-00000001"
CALLER = Principal(PrincipalKind.CERTIFICATE, Role.AGENT, "agent-1", "10.0.0.9", "ab12")


@pytest.fixture(autouse=True)
def nodes(access: AccessHarness) -> None:
    for agent_id, node_id in (("agent-1", NODE), ("agent-2", "node-00000002")):
        access.registry.save_agent(an_agent(agent_id))
        access.registry.create_node(a_node(node_id, agent_id=agent_id), record=None, events=[])


def issue(access: AccessHarness, caller: Principal = CALLER, node_id: str = NODE) -> Signed:
    return access.access.node_certificates.issue(caller, node_id, make_request(new_key()), ("10.0.0.9", "db1"))


def test_a_node_gets_a_certificate_for_its_id_and_hosts(access: AccessHarness) -> None:
    facts = describe(x509.load_pem_x509_certificate(issue(access).certificate_pem))
    identity = Identity("grid", Role.NODE, NODE)
    assert facts.identity == identity
    assert facts.addresses == ("10.0.0.9",)
    assert set(facts.dns_names) == {identity.server_name, "db1"}
    (recorded,) = access.registry.certificates(NODE)
    assert (recorded.role, recorded.serial, recorded.issued_for) == (Role.NODE, facts.serial, "node of agent agent-1")


@pytest.mark.parametrize(
    "caller",
    [
        LOCAL,
        Principal(PrincipalKind.TOKEN, Role.AGENT, "agent-1"),
        Principal(PrincipalKind.CERTIFICATE, Role.OPERATOR, "agent-1", serial="ab12"),
        Principal(PrincipalKind.ANONYMOUS),
    ],
)
def test_nobody_but_an_agent_with_a_certificate_gets_one(access: AccessHarness, caller: Principal) -> None:
    with pytest.raises(PermissionDenied):
        issue(access, caller)


def test_an_agent_gets_none_for_the_node_of_another_agent(access: AccessHarness) -> None:
    with pytest.raises(PermissionDenied, match="belongs to agent agent-2") as caught:
        issue(access, node_id="node-00000002")
    assert caught.value.reason is Reason.WRONG_AGENT
    assert access.registry.certificates("node-00000002") == []


def test_an_unknown_node_gets_none(access: AccessHarness) -> None:
    with pytest.raises(NotFound):
        issue(access, node_id="node-00000009")


def test_a_revoked_node_gets_none(access: AccessHarness) -> None:
    access.access.revocations.revoke(Revoked(role=Role.NODE, name=NODE), LOCAL, "stolen")
    with pytest.raises(PermissionDenied) as caught:
        issue(access)
    assert caught.value.reason is Reason.CERTIFICATE_REVOKED


def test_a_master_without_the_key_says_what_to_set(access: AccessHarness) -> None:
    access.signer = None
    access.restart()
    with pytest.raises(FailedPrecondition) as caught:
        issue(access)
    assert caught.value.reason is Reason.NO_SIGNING_KEY
    assert "ca_key_file" in caught.value.hint
