"""For whom an admin calls: what it says in metadata, and what of it is believed."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import replace

import pytest

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.wire import caller
from sutra_grid.wire.connection import Connection, Peer
from sutra_grid.wire.grid_pb2 import Assignment, NodeReport

ADMIN = Principal(PrincipalKind.CERTIFICATE, Role.ADMIN, "admin-1", "10.0.0.2", "ab12")
ALICE = Principal(PrincipalKind.USER, Role.OPERATOR, "alice", "192.0.2.7")


def test_an_admin_is_believed_for_whom_it_calls() -> None:
    assert caller.on_behalf_of(ADMIN, dict(caller.metadata_for(ALICE))) == replace(ALICE, serial="ab12")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER, Role.AGENT, Role.MASTER, None])
def test_nobody_else_is_believed(role: Role | None) -> None:
    other = replace(ADMIN, role=role)
    assert caller.on_behalf_of(other, dict(caller.metadata_for(ALICE))) == other


@pytest.mark.parametrize("kind", [PrincipalKind.CERTIFICATE, PrincipalKind.ANONYMOUS])
def test_an_admin_names_no_holder_of_a_certificate(kind: PrincipalKind) -> None:
    assert caller.on_behalf_of(ADMIN, dict(caller.metadata_for(replace(ALICE, kind=kind)))) == ADMIN


def test_an_admin_without_logins_gets_no_more_rights_than_its_certificate_has() -> None:
    """The kind ``local`` may do what only an agent may, where a port has no TLS."""
    person = replace(LOCAL, address="192.0.2.9")
    assert caller.on_behalf_of(ADMIN, dict(caller.metadata_for(person))) == replace(ADMIN, address="192.0.2.9")


class Recorder:
    """A stub that keeps the metadata of its calls, without the correlation id."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []

    def apply(self, _request: Assignment, *, timeout: float, metadata: tuple[tuple[str, str], ...]) -> NodeReport:
        self.seen.append({key: value for key, value in metadata if key.startswith("x-sutra-grid-caller")})
        return NodeReport()


def test_a_call_says_for_whom_it_is_made_also_from_a_thread_of_the_same_context() -> None:
    stub = Recorder()
    with Connection("127.0.0.1:1", Peer("a"), lambda _channel: stub) as connection:

        def call() -> None:
            connection.call(lambda each: each.apply, Assignment(), NodeReport, 10)

        call()
        with caller.acting_for(ALICE):
            call()
            context = copy_context()
        context.run(call)
        call()
    alice = dict(caller.metadata_for(ALICE))
    assert stub.seen == [{}, alice, alice, {}]
