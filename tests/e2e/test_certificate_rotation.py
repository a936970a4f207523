"""Every certificate of a live grid is replaced, and its authority, while clients write and people spawn and stop nodes.

Everybody trusts both authorities, the master signs with the new one, everybody gets a certificate of the new one,
nobody trusts the old one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import pytest
from soak.ledger import Ledger
from soak.load import Load
from support.documents.scrape import scrape
from support.harness.daemons import serves_grpc
from support.harness.grid import Grid, GridSpec
from support.harness.interfaces import CliInterface, NodeView, Refused
from support.harness.kv import KvClient
from support.values.certificates import TestAuthority
from support.waiting import eventually

from sutra_grid.core.access.identity import Role, agent_server_name, master_server_name
from sutra_grid.runtime.tls.credentials import Credentials
from sutra_grid.wire.channels import open_channel

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

READ_AGAIN = "certificate files read again"
SPEC = GridSpec(agents=2, with_tls=True, with_metrics=True, heartbeat_seconds=1.0, extra={"storage": {"tls": True}})
NODES_OF_EACH_AGENT = 2
AGENTS = ((Role.AGENT, "agent-1"), (Role.AGENT, "agent-2"))
OTHERS = ((Role.MASTER, "master"), (Role.ADMIN, "admin"))
TAKEN_UP_SECONDS = 60.0


def channel_of(address: str, of: Credentials, server_name: str = "") -> grpc.Channel:
    """A connection of its own."""
    credentials = grpc.ssl_channel_credentials(of.ca_pem, of.key_pem, of.certificate_pem)
    return open_channel(address, credentials=credentials, server_name=server_name)


def put_file(path: Path, data: bytes) -> None:
    """Replace a file at once."""
    fresh = path.with_suffix(".fresh")
    fresh.write_bytes(data)
    fresh.chmod(0o600)
    os.replace(fresh, path)


class Rotation:
    """The steps. ``app`` is what a client of the nodes has at the moment, ``commands`` what a person uses."""

    def __init__(self, grid: Grid, nodes: Sequence[NodeView]) -> None:
        assert grid.tls is not None
        self.grid, self.tls, self.nodes = grid, grid.tls, nodes
        self.old, self.new = grid.tls.authority, TestAuthority()
        self.app = self.old.credentials(Role.CLIENT, "app")
        self.commands = CliInterface(grid.master_address, self.tls.options(Role.ADMIN, "person"))
        self._steps = 0

    def trust(self, ca_pem: bytes) -> None:
        """Every member and every client trusts these authorities, and no others."""
        people = {directory.name for directory in self.tls.directory.glob(f"{Role.ADMIN}-person*")}
        for name in {f"{role}-{name}" for role, name in (*AGENTS, *OTHERS)} | people:
            put_file(self.tls.directory / name / "ca.pem", ca_pem)
        self.app = replace(self.app, ca_pem=ca_pem)

    def sign_with_the_new_one(self) -> None:
        self.tls.ca_key.write_bytes(self.new.key_pem)
        self.tls.authority = self.new

    def give(self, members: Sequence[tuple[Role, str]]) -> None:
        """Certificates of the new authority. A member does not use new files before they fit."""
        for role, name in members:
            fresh, directory = self.new.credentials(role, name), self.tls.directory / f"{role}-{name}"
            put_file(directory / "key.pem", fresh.key_pem)
            put_file(directory / "cert.pem", fresh.certificate_pem)

    def give_to_clients(self, ca_pem: bytes) -> None:
        self.app = replace(self.new.credentials(Role.CLIENT, "app"), ca_pem=ca_pem)
        # A command may start between two files, so it gets others.
        self.commands = CliInterface(self.grid.master_address, self.tls.options(Role.ADMIN, "person-2"))
        put_file(self.tls.directory / f"{Role.ADMIN}-person-2" / "ca.pem", ca_pem)

    def everybody_serves(self, trusted: TestAuthority, shown: TestAuthority) -> bool:
        """Whether every server has a certificate of ``trusted``, and accepts one of ``shown``."""
        return all(self._answers(trusted, shown))

    def nobody_accepts(self, shown: TestAuthority, trusted: TestAuthority) -> bool:
        return not any(self._answers(trusted, shown))

    def _answers(self, trusted: TestAuthority, shown: TestAuthority) -> list[bool]:
        person = replace(shown.credentials(Role.ADMIN, "person"), ca_pem=trusted.pem)
        names = {self.grid.agent_address(name): agent_server_name("grid", name) for name in self.grid.agents}
        names |= {self.grid.master_address: master_server_name("grid")} | {node.endpoint: "" for node in self.nodes}
        return [answers(address, person, name) for address, name in names.items()]

    def wait_for_daemons(self) -> None:
        """Wait until each has read its files again since the last call."""
        self._steps += 1

        def behind() -> list[str]:
            return [one.name for one in self.grid.daemons if one.log_text().count(READ_AGAIN) < self._steps]

        eventually(lambda: not behind(), TAKEN_UP_SECONDS, f"all daemons with their files read {self._steps} times")


def answers(address: str, of: Credentials, server_name: str) -> bool:
    return serves_grpc(address, open_=lambda at: channel_of(at, of, server_name))


def rotate(rotation: Rotation) -> None:
    """The whole rotation, with a bundle of both authorities in between."""
    old, new = rotation.old, rotation.new
    both = old.pem + new.pem
    rotation.trust(both)
    rotation.wait_for_daemons()
    eventually(lambda: rotation.everybody_serves(old, new), TAKEN_UP_SECONDS, "both authorities accepted")
    rotation.sign_with_the_new_one()
    rotation.give((*AGENTS, *OTHERS))
    rotation.give_to_clients(both)
    rotation.wait_for_daemons()
    eventually(lambda: rotation.everybody_serves(new, new), TAKEN_UP_SECONDS, "certificates of the new authority")
    rotation.trust(new.pem)
    rotation.wait_for_daemons()
    eventually(lambda: rotation.nobody_accepts(old, new), TAKEN_UP_SECONDS, "the old authority refused")


class Reconnecting(KvClient):
    """A client that makes a connection for each call, with the certificates that it has then."""

    def __init__(self, endpoint: str, timeout_seconds: float, rotation: Rotation) -> None:
        super().__init__(endpoint, timeout_seconds)
        self._to = (endpoint, timeout_seconds)
        self._rotation = rotation

    def put_all(self, values: dict[str, str]) -> None:
        with self._now() as client:
            client.put_all(values)

    def get_prefix(self, prefix: str) -> dict[str, str]:
        with self._now() as client:
            return client.get_prefix(prefix)

    def _now(self) -> KvClient:
        return KvClient(*self._to, channel_of(self._to[0], self._rotation.app))


@dataclass(frozen=True)
class Clients:
    """Two that write and read all the time: one over its first connections, one over a new one for each call."""

    held: Load
    fresh: Load
    ledgers: tuple[Ledger, Ledger]

    def failures(self) -> list[str]:
        return self.held.failures + self.fresh.failures

    def losses(self) -> list[object]:
        """What is wrong with what is read back from all nodes, and nodes that could not be read."""
        unread = self.held.verify_all(30) + self.fresh.verify_all(30)
        return [*unread, *(found for ledger in self.ledgers for found in ledger.violations)]

    def writes(self) -> int:
        """How many writes each of the two has had acknowledged, at least."""
        return min(ledger.acknowledged for ledger in self.ledgers)


@contextmanager
def clients_of(rotation: Rotation) -> Iterator[Clients]:
    ledgers, endpoints = (Ledger(), Ledger()), [(node.node_id, node.endpoint) for node in rotation.nodes]
    first, second = dict(endpoints[::NODES_OF_EACH_AGENT]), dict(endpoints[1::NODES_OF_EACH_AGENT])
    held = Load(first, ledgers[0], 40, connect=lambda at, wait: KvClient(at, wait, channel_of(at, rotation.app)))
    fresh = Load(second, ledgers[1], 10, connect=lambda at, wait: Reconnecting(at, wait, rotation))
    with held, fresh:
        yield Clients(held, fresh, ledgers)


@contextmanager
def commands_under_way(rotation: Rotation) -> Iterator[list[str]]:
    """Nodes are spawned by the command line and stopped through the admin, again and again; says what failed."""
    stop = threading.Event()
    done: list[str] = []
    failures: list[str] = []

    def run() -> None:
        while not stop.is_set():
            try:
                node = rotation.commands.spawn()
                rotation.grid.rest.stop(node.node_id)
                rotation.commands.remove(node.node_id)
                done.append(node.node_id)
            except (Refused, AssertionError) as error:  # the test looks at them
                failures.append(repr(error))
                stop.wait(1)

    thread = threading.Thread(target=run, name="commands")
    thread.start()
    try:
        yield failures
        before = len(done)
        eventually(lambda: len(done) >= before + 2, 60, "commands after the rotation")
    finally:
        stop.set()
        thread.join(60)


def heartbeats_failed(grid: Grid) -> float:
    """Heartbeats and registrations of all agents that did not succeed."""
    name = "sutra_grid_agent_heartbeats_total"
    scrapes = [scrape(grid.agent_metrics_address(agent_id)) for agent_id in grid.agents]
    return sum(found.total(name) - found.total(name, code="ok") for found in scrapes)


@pytest.fixture
def rotation(tmp_path: Path) -> Iterator[Rotation]:
    with Grid(tmp_path, SPEC) as grid:
        spawned = [grid.cli.spawn(agent_id) for agent_id in grid.agents for _ in range(NODES_OF_EACH_AGENT)]
        yield Rotation(grid, [grid.wait_node(node.node_id, "running", 30) for node in spawned])


def test_authority_and_all_certificates_are_replaced_without_a_missed_heartbeat_or_a_lost_write(
    rotation: Rotation,
) -> None:
    grid = rotation.grid
    pids, failed = grid.pids(), heartbeats_failed(grid)
    with clients_of(rotation) as clients, commands_under_way(rotation) as commands_failed:
        rotate(rotation)
        losses = clients.losses()
    assert losses == []
    assert clients.failures() == []
    assert clients.writes() > 20
    assert commands_failed == []
    assert heartbeats_failed(grid) == failed
    assert pids.items() <= grid.pids().items()
    assert not {"agent.degraded", "agent.offline"} & {event.kind for event in grid.events(kind="agent")}


def test_without_a_bundle_heartbeats_and_commands_fail_and_come_back_and_no_write_is_lost(
    rotation: Rotation,
) -> None:
    """Agents trust the new authority before the master has a certificate of it. So the test above can fail."""
    grid, pids = rotation.grid, rotation.grid.pids()
    failed = heartbeats_failed(grid)
    with clients_of(rotation) as clients, commands_under_way(rotation) as commands_failed:
        rotation.give(AGENTS)
        for role, name in AGENTS:
            put_file(rotation.tls.directory / f"{role}-{name}" / "ca.pem", rotation.new.pem)
        eventually(lambda: heartbeats_failed(grid) > failed, TAKEN_UP_SECONDS, "failed heartbeats")
        eventually(lambda: bool(commands_failed), TAKEN_UP_SECONDS, "failed commands")
        rotation.sign_with_the_new_one()
        rotation.give(OTHERS)
        rotation.trust(rotation.new.pem)
        rotation.give_to_clients(rotation.new.pem)
        grid.wait_agents("healthy", TAKEN_UP_SECONDS)
        losses = clients.losses()
    assert losses == []
    assert pids.items() <= grid.pids().items()
