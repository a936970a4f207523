"""Certificates of nodes: kept in files, asked for when they are missing, renewed in time."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.values.certificates import TestAuthority, files_of, write_files
from support.waiting import eventually

from sutra_grid.agent.access.node_certificates import NodeCertificates
from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.errors import FailedPrecondition, GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.authority import Authority
from sutra_grid.runtime.certificates.files import read_pair
from sutra_grid.runtime.tls.credentials import Credentials
from sutra_grid.runtime.tls.section import TlsFiles

NODE = "node-1"
HOSTS = ("10.0.0.5", "db1.example.net")


class Issuer:
    """A master that signs, or fails with ``error``."""

    def __init__(self, authority: TestAuthority) -> None:
        self.authority = Authority.load(authority.pem, authority.key_pem)
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.error: GridError | None = None
        self.role = Role.NODE

    def issue(self, node_id: str, request_pem: bytes, hosts: Sequence[str]) -> bytes:
        self.asked.append((node_id, tuple(hosts)))
        if self.error is not None:
            raise self.error
        identity = Identity("grid", self.role, node_id)
        return self.authority.sign(request_pem, identity, hosts, timedelta(days=3), datetime.now(UTC)).certificate_pem


class World:
    def __init__(self, root: Path) -> None:
        self.authority = TestAuthority()
        credentials = self.authority.credentials(Role.AGENT, "agent-1")
        ca, cert, key = write_files(root / "agent", credentials)
        self.master = Issuer(self.authority)
        self.clock = FakeClock(wall=time.time())
        self.state = root / "state"
        self.state.mkdir()
        self.member, self.files = files_of(credentials), TlsFiles(cert, key, ca)
        self.certificates = self.make()

    def make(self, hosts: Sequence[str] = HOSTS) -> NodeCertificates:
        return NodeCertificates(self.state, self.member, self.files, self.master.issue, hosts, self.clock)

    def obtain(self, node_id: str = NODE) -> GridError | None:
        results: list[GridError | None] = []
        self.certificates.obtain(node_id, results.append)
        eventually(lambda: bool(results), 10, "an answer")
        return results[0]

    def serial(self, node_id: str = NODE) -> str:
        paths = self.certificates.paths(node_id)
        return read_pair(paths.cert_file, paths.key_file).serial

    def check(self) -> int:
        """Look once and wait for what comes of it; how often the master was asked by it."""
        before = len(self.master.asked)
        self.certificates.check([NODE])
        eventually(lambda: not self.certificates._waiting, 10, "no request in flight")
        return len(self.master.asked) - before


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    with world.certificates:
        yield world


def test_a_node_gets_its_own_key_which_others_can_not_read(world: World) -> None:
    assert world.certificates.problem(NODE) == "it has no certificate"
    assert world.obtain() is None
    assert world.certificates.problem(NODE) == ""
    assert world.master.asked == [(NODE, HOSTS)]
    paths = world.certificates.paths(NODE)
    assert read_pair(paths.cert_file, paths.key_file).identity == Identity("grid", Role.NODE, NODE)
    assert stat.S_IMODE(paths.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.key_file.parent.stat().st_mode) == 0o700
    assert paths.ca_file == world.files.ca_file


def test_a_certificate_is_kept_by_the_next_agent(world: World) -> None:
    world.obtain()
    again = world.make()
    assert again.problem(NODE) == ""
    again.check([NODE])
    assert len(world.master.asked) == 1


def test_it_is_renewed_after_two_thirds_of_its_life_with_the_same_key(world: World) -> None:
    world.obtain()
    first, key = world.serial(), world.certificates.paths(NODE).key_file.read_bytes()
    world.clock.jump_wall(86400 * 1.9)
    assert world.check() == 0
    world.clock.jump_wall(86400 * 0.4)
    assert world.check() == 1
    assert world.serial() != first
    assert world.certificates.paths(NODE).key_file.read_bytes() == key


def test_another_host_or_a_damaged_file_needs_another_certificate(world: World) -> None:
    world.obtain()
    world.certificates = world.make((*HOSTS, "10.0.0.6"))
    assert world.certificates.problem(NODE) == ""  # the node may start with the one that it has
    assert world.check() == 1
    assert world.check() == 0
    world.certificates.paths(NODE).cert_file.write_text("-----BEGIN CERTIFICATE-----\nnothing")
    assert "damaged" in world.certificates.problem(NODE)
    assert world.check() == 1
    assert world.certificates.problem(NODE) == ""


def test_a_refusal_is_handed_on_and_tried_again_later(world: World) -> None:
    world.master.error = FailedPrecondition("no key", reason=Reason.NO_SIGNING_KEY, hint="Set ca_key_file")
    assert world.obtain() is world.master.error
    assert world.check() == 0
    world.master.error = None
    world.clock.advance(11)
    assert world.check() == 1
    assert world.certificates.problem(NODE) == ""


def test_a_certificate_of_another_role_is_not_used(world: World) -> None:
    world.master.role = Role.AGENT
    error = world.obtain()
    assert error is not None
    assert error.reason is Reason.CERTIFICATE_INVALID
    assert world.certificates.problem(NODE) == "it has no certificate"


def test_an_expired_certificate_or_one_of_another_authority_is_a_problem(world: World, tmp_path: Path) -> None:
    world.obtain()
    world.clock.jump_wall(86400 * 4)
    assert "expired" in world.certificates.problem(NODE)
    other = TestAuthority().credentials(Role.AGENT, "agent-1")
    world.member = files_of(other)
    assert "not signed" in world.make().problem(NODE)


def test_a_node_follows_its_agent_to_a_new_authority(world: World) -> None:
    """The master may still sign with the old one; it is asked once for each change of the agent's files."""
    assert world.obtain() is None
    new, credentials = TestAuthority(), world.member.current()
    both = credentials.ca_pem + new.pem

    def change(version: int, of: Credentials) -> None:
        world.member._current = replace(of, ca_pem=both, version=version)

    change(2, credentials)
    assert world.check() == 0
    change(3, new.credentials(Role.AGENT, "agent-1"))
    assert [world.check() for _ in range(2)] == [1, 0]
    world.master.authority = Authority.load(new.pem, new.key_pem)
    before = world.serial()
    change(4, new.credentials(Role.AGENT, "agent-1"))
    assert [world.check() for _ in range(2)] == [1, 0]
    assert world.serial() != before
    change(5, new.credentials(Role.AGENT, "agent-1"))
    assert world.check() == 0


def test_removed_nodes_keep_nothing(world: World) -> None:
    for node_id in (NODE, "node-2", "node-3"):
        world.obtain(node_id)
    world.certificates.forget(NODE)
    world.certificates.forget_all_but(["node-3"])
    assert [path.name for path in (world.state / "nodes-tls").iterdir()] == ["node-3"]
    world.certificates.forget("node-9")
