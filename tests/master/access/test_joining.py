"""Joining by token: who gets a certificate, who does not and why, and how often one may fail."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from support.harness.access_harness import AUTHORITY, AccessHarness
from support.values.certificates import TestAuthority

from sutra_grid.core.access.attempts import BURST, SECONDS_EACH
from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.core.access.revocations import Revoked
from sutra_grid.core.access.tokens import parse_token
from sutra_grid.core.errors import (
    FailedPrecondition,
    GridError,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
)
from sutra_grid.core.types import Reason
from sutra_grid.master.access.signer import AGENT_LIFETIME
from sutra_grid.runtime.certificates.authority import make_request, new_key
from sutra_grid.runtime.certificates.describe import describe, fingerprint_of

AGENT = Identity("grid", Role.AGENT, "agent-1")


def refusal(access: AccessHarness, *arguments: object, **options: str) -> GridError:
    with pytest.raises(GridError) as caught:
        access.join(*arguments, **options)  # type: ignore[arg-type]
    return caught.value


def test_an_agent_gets_a_certificate_for_its_own_id(access: AccessHarness) -> None:
    token = access.join_token()
    signed = access.join(token)
    facts = describe(x509.load_pem_x509_certificate(signed.certificate_pem))
    assert facts.identity == AGENT
    assert facts.addresses == ("10.0.0.9",)
    now = datetime.fromtimestamp(access.clock.wall(), UTC)
    assert abs(facts.not_after - now - AGENT_LIFETIME) < timedelta(minutes=1)
    assert signed.ca_pem.strip() == AUTHORITY.pem.strip()
    (recorded,) = access.registry.certificates("agent-1")
    assert (recorded.serial, recorded.issued_for) == (facts.serial, f"join with token {token.token_id}")
    joined = access.registry.events(kind="agent.joined")
    assert [(event.agent_id, token.token_id in event.message) for event in joined] == [("agent-1", True)]


def test_a_join_token_carries_the_digest_of_the_authority(access: AccessHarness) -> None:
    assert access.join_token().ca_digest == fingerprint_of(x509.load_pem_x509_certificate(AUTHORITY.pem))


def test_a_token_is_used_up_after_its_uses(access: AccessHarness) -> None:
    token = access.join_token(uses=2)
    access.join(token, "agent-1")
    access.join(token, "agent-2")
    error = refusal(access, token, "agent-3")
    assert isinstance(error, Unauthenticated)
    assert error.reason is Reason.TOKEN_USED_UP
    assert access.registry.certificates("agent-3") == []


def test_two_joins_at_once_for_the_last_use_give_one_certificate(access: AccessHarness) -> None:
    token = access.join_token()
    ready = threading.Barrier(4)
    outcomes: list[str] = []

    def join(number: int) -> None:
        ready.wait(10)
        try:
            access.join(token, f"agent-{number}", f"10.0.0.{number}")
            outcomes.append("joined")
        except GridError as error:
            outcomes.append(error.reason)

    threads = [threading.Thread(target=join, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["joined", *["token_used_up"] * 3]
    assert len(access.registry.certificates()) == 1


def test_each_refused_token_says_why(access: AccessHarness) -> None:
    revoked, short, used = access.join_token(), access.join_token(ttl_seconds=60), access.join_token()
    other_id = used.text.replace(used.token_id, f"{int(used.token_id, 16) ^ 1:08x}")
    access.access.tokens.revoke(revoked.token_id, "user alice")
    access.clock.advance(61)
    assert refusal(access, revoked, address="10.0.1.1").reason is Reason.TOKEN_REVOKED
    assert refusal(access, short, address="10.0.1.2").reason is Reason.TOKEN_EXPIRED
    assert refusal(access, other_id, address="10.0.1.3").reason is Reason.UNKNOWN_TOKEN
    assert refusal(access, access.api_token(), address="10.0.1.4").reason is Reason.WRONG_TOKEN_KIND
    assert refusal(access, "sgj_hunter2", address="10.0.1.5").reason is Reason.UNKNOWN_TOKEN
    assert parse_token(used.text)  # and this one still works
    access.join(used)


def test_a_token_admits_the_agent_ids_of_its_pattern(access: AccessHarness) -> None:
    token = access.join_token("eu-*")
    error = refusal(access, token, "us-1")
    assert isinstance(error, PermissionDenied)
    assert error.reason is Reason.TOKEN_OF_OTHER_AGENTS
    access.join(token, "eu-1")


@pytest.mark.parametrize("agent_id", ["", "../etc", "agent 1", "a/b", "x" * 200])
def test_what_can_be_no_agent_id_takes_no_use(access: AccessHarness, agent_id: str) -> None:
    token = access.join_token()
    assert isinstance(refusal(access, token, agent_id), InvalidArgument)
    access.join(token)


def test_an_agent_that_is_revoked_joins_again_only_when_it_is_restored(access: AccessHarness) -> None:
    token = access.join_token("agent-1", uses=2)
    access.join(token)
    access.access.revocations.revoke(Revoked(role="agent", name="agent-1"), LOCAL, "stolen")
    error = refusal(access, token)
    assert error.reason is Reason.CERTIFICATE_REVOKED
    assert "tls restore agent/agent-1" in error.hint
    access.access.revocations.restore(Revoked(role="agent", name="agent-1"), LOCAL)
    access.join(token)


def test_a_token_for_many_agents_does_not_give_the_id_of_one_that_has_a_certificate(access: AccessHarness) -> None:
    token = access.join_token("agent-*", uses=5)
    first = access.join(token, "agent-1")
    error = refusal(access, token, "agent-1", address="10.0.0.66")
    assert error.reason is Reason.AGENT_HAS_CERTIFICATE
    assert "--agent-id agent-1" in error.hint
    access.join(access.join_token("agent-1"), "agent-1")  # a host that was set up anew
    for one in access.registry.certificates("agent-1"):
        access.access.revocations.revoke(Revoked(serial=one.serial), LOCAL, "")
    assert access.join(token, "agent-1").serial != first.serial


def test_failures_are_slowed_down_and_another_address_is_not(access: AccessHarness) -> None:
    token = access.join_token()
    wrong = token.text.replace(token.secret, "x" * 43)
    for _ in range(BURST):
        assert refusal(access, wrong).reason is Reason.UNKNOWN_TOKEN
    error = refusal(access, token)
    assert isinstance(error, ResourceExhausted)
    assert "seconds" in error.hint
    assert access.join(access.join_token(), "agent-2", address="10.0.0.10")
    access.clock.advance(SECONDS_EACH + 1)
    assert access.join(token)


def test_a_master_without_the_key_of_its_authority_says_what_to_set(access: AccessHarness) -> None:
    token = access.join_token()
    access.signer = None
    access.restart()
    error = refusal(access, token)
    assert isinstance(error, FailedPrecondition)
    assert error.reason is Reason.NO_SIGNING_KEY
    assert "ca_key_file" in error.hint
    with pytest.raises(FailedPrecondition, match="ca_key_file"):
        access.join_token()
    assert access.api_token()


# -- renewal --

CALLER = Principal(PrincipalKind.CERTIFICATE, Role.AGENT, "agent-1", "10.0.0.9", "ab12")


def test_an_agent_renews_the_certificate_of_its_own_id_alone(access: AccessHarness) -> None:
    own, _ = TestAuthority().issue(Role.AGENT, "agent-1", hosts=("10.0.0.9", "h.example.net"))
    signed = access.access.joining.renew(CALLER, make_request(new_key()), ("10.0.0.9", "H.example.net."), own)
    assert describe(x509.load_pem_x509_certificate(signed.certificate_pem)).identity == AGENT
    assert [one.issued_for for one in access.registry.certificates("agent-1")] == ["renewal of ab12"]


@pytest.mark.parametrize("host", ["10.0.0.1", "m1.example.net", "::1"])
def test_a_renewal_gains_no_host(access: AccessHarness, host: str) -> None:
    """Else the holder of a stolen key could stand as the master's host to clients that check hosts."""
    own, _ = TestAuthority().issue(Role.AGENT, "agent-1", hosts=("10.0.0.9",))
    with pytest.raises(PermissionDenied, match="does not name the host"):
        access.access.joining.renew(CALLER, make_request(new_key()), ("10.0.0.9", host), own)
    assert access.registry.certificates("agent-1") == []


@pytest.mark.parametrize(
    "caller",
    [
        LOCAL,
        Principal(PrincipalKind.TOKEN, Role.AGENT, "agent-1"),
        Principal(PrincipalKind.CERTIFICATE, Role.OPERATOR, "agent-1", serial="ab12"),
        Principal(PrincipalKind.ANONYMOUS),
    ],
)
def test_nobody_else_renews_anything(access: AccessHarness, caller: Principal) -> None:
    with pytest.raises(PermissionDenied):
        access.access.joining.renew(caller, make_request(new_key()), ())
