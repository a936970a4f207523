"""Revocations as the master keeps them."""

from __future__ import annotations

import pytest
from support.harness.access_harness import AccessHarness

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.core.access.revocations import Revoked
from sutra_grid.core.errors import FailedPrecondition, NotFound
from sutra_grid.core.types import Reason

AGENT = Principal(PrincipalKind.CERTIFICATE, Role.AGENT, "agent-1", "10.0.0.9", "ab12")
OF_AGENT = Revoked(role="agent", name="agent-1")


def test_a_revoked_caller_is_refused_from_now_on_and_after_a_restart(access: AccessHarness) -> None:
    book = access.access.revocations
    assert book.refusal(AGENT) is None
    assert book.newer_than(0) is None
    revocation = book.revoke(OF_AGENT, LOCAL, "stolen")
    assert (revocation.by, revocation.reason) == ("this machine", "stolen")
    access.restart()
    book = access.access.revocations
    error = book.refusal(AGENT)
    assert error is not None
    assert error.reason is Reason.CERTIFICATE_REVOKED
    listed = book.newer_than(0)
    assert listed is not None
    assert listed.revoked == {OF_AGENT}
    assert book.newer_than(listed.version) is None


def test_a_certificate_alone_is_revoked_by_its_number(access: AccessHarness) -> None:
    book = access.access.revocations
    book.revoke(Revoked(serial="ab12"), LOCAL, "")
    assert book.refusal(AGENT) is not None
    newer = Principal(PrincipalKind.CERTIFICATE, Role.AGENT, "agent-1", "10.0.0.9", "ab13")
    assert book.refusal(newer) is None


def test_revoking_twice_is_one_revocation(access: AccessHarness) -> None:
    book = access.access.revocations
    first = book.revoke(OF_AGENT, LOCAL, "stolen")
    version = book.current.version
    access.clock.advance(5)
    assert book.revoke(OF_AGENT, LOCAL, "again") == first
    assert book.current.version == version
    assert len(access.registry.events(kind="certificate")) == 1


def test_restoring_lets_the_caller_in_again(access: AccessHarness) -> None:
    book = access.access.revocations
    book.revoke(OF_AGENT, LOCAL, "")
    book.restore(OF_AGENT, LOCAL)
    assert book.refusal(AGENT) is None
    assert [event.kind for event in access.registry.events()] == ["certificate.revoked", "certificate.restored"]
    with pytest.raises(NotFound):
        book.restore(OF_AGENT, LOCAL)


def test_nobody_locks_himself_out(access: AccessHarness) -> None:
    admin = Principal(PrincipalKind.CERTIFICATE, Role.ADMIN, "root", "10.0.0.1", "cd34")
    book = access.access.revocations
    for revoked in (Revoked(serial="cd34"), Revoked(role="admin", name="root")):
        with pytest.raises(FailedPrecondition, match="lock yourself out"):
            book.revoke(revoked, admin, "")
    assert book.current.revoked == frozenset()
