"""The registry's contract for revocations, on every backend."""

from __future__ import annotations

import pytest
from support.values.grid_values import an_event

from sutra_grid.core.access.revocations import IssuedCertificate, Revocation, Revoked
from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.registry import Registry
from sutra_grid.registry import access as access_methods
from sutra_grid.registry.rows.retention import ENDED_ACCESS_MAX_AGE_MS

OF_SERIAL = Revocation(Revoked(serial="ab12"), 100, "user alice", "the disk was sold")
OF_AGENT = Revocation(Revoked(role="agent", name="agent-1"), 200, "user alice")


def test_the_list_begins_empty_and_rises_with_every_change(registry: Registry) -> None:
    assert registry.revocations() == (0, ())
    assert registry.add_revocation(OF_SERIAL, [an_event("certificate.revoked")])
    first = registry.revocations()
    assert first.entries == (OF_SERIAL,)
    assert registry.add_revocation(OF_AGENT)
    second = registry.revocations()
    assert second.entries == (OF_SERIAL, OF_AGENT)
    assert registry.remove_revocation(OF_SERIAL.revoked, 150)
    third = registry.revocations()
    assert third.entries == (OF_AGENT,)
    assert 0 < first.version < second.version < third.version == registry.revocation_version()
    assert third.as_list.has_identity("agent", "agent-1")
    assert [event.kind for event in registry.events()] == ["certificate.revoked"]


def test_what_changes_nothing_leaves_the_version(registry: Registry) -> None:
    registry.add_revocation(OF_AGENT)
    before = registry.revocations()
    assert not registry.add_revocation(OF_AGENT, [an_event("certificate.revoked")])
    assert not registry.remove_revocation(OF_SERIAL.revoked, 300, [an_event("certificate.restored")])
    assert registry.revocations() == before
    assert registry.events() == []


def test_a_registry_that_lost_its_list_never_repeats_a_version(registry: Registry) -> None:
    """Agents compare versions alone: an older copy of a registry must not come to one that they have."""
    registry.add_revocation(Revocation(OF_AGENT.revoked, 1_000_000))
    assert registry.revocation_version() == 1_000_000


def test_the_list_is_bounded(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_methods, "MAX_REVOCATIONS", 1)
    registry.add_revocation(OF_SERIAL)
    with pytest.raises(ResourceExhausted):
        registry.add_revocation(OF_AGENT)
    assert registry.revocations().entries == (OF_SERIAL,)


def test_a_revocation_goes_with_its_certificate(registry: Registry) -> None:
    registry.record_certificate(IssuedCertificate("ab12", "agent", "agent-1", 100, 9_999))
    registry.add_revocation(OF_SERIAL)
    registry.add_revocation(OF_AGENT)
    registry.prune(ENDED_ACCESS_MAX_AGE_MS + 10_000, 10**12, 1_000)
    assert registry.revocations().entries == (OF_AGENT,)
