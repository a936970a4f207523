"""A launch that waits for the certificate of its node: nothing else waits, and nothing is lost on the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.fakes.node_manager_world import World
from support.values.certificates import TestAuthority, files_of, write_files
from support.waiting import eventually

from sutra_grid.agent.access.node_certificates import NodeCertificates
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import DEFAULT_ENGINE, Engine
from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Desired, NodeSpec, NodeState, Reason
from sutra_grid.runtime.certificates.authority import Authority
from sutra_grid.runtime.tls.section import TlsFiles

AWAY = Unavailable("the master does not answer", reason=Reason.MASTER_UNREACHABLE, hint="Check that it runs")


class TlsWorld(World):
    """A world with two engines: ``storage`` needs certificates, ``plain`` does not."""

    def __init__(self, config: AgentConfig, root: Path) -> None:
        authority = TestAuthority()
        credentials = authority.credentials(Role.AGENT, "agent-1")
        ca, cert, key = write_files(root / "agent", credentials)
        signer = Authority.load(authority.pem, authority.key_pem)

        def issue(node_id: str, request_pem: bytes, hosts: Sequence[str]) -> bytes:
            identity = Identity("grid", Role.NODE, node_id)
            return signer.sign(request_pem, identity, hosts, timedelta(days=3), datetime.now(UTC)).certificate_pem

        state = config.state_path
        state.mkdir(parents=True, exist_ok=True)
        wall = FakeClock(wall=datetime.now(UTC).timestamp())
        member, files = files_of(credentials), TlsFiles(cert, key, ca)
        self.nodes_tls = state / "nodes-tls"
        super().__init__(config, certificates=NodeCertificates(state, member, files, issue, ("127.0.0.1",), wall))

    def give(self, node_id: str) -> None:
        """Write a certificate of the node, as a thread does when the master has answered."""
        assert self.certificates is not None
        done: list[object] = []
        self.certificates.obtain(node_id, done.append)
        eventually(lambda: done == [None], 10, "a certificate")


@pytest.fixture
def world(make_config: Callable[..., AgentConfig], tmp_path: Path) -> TlsWorld:
    config = make_config()
    plain = config.engines[DEFAULT_ENGINE]
    engines = {
        DEFAULT_ENGINE: Engine.storage(plain.binary_path, tls=True, probe=plain.probe),
        "plain": replace(plain, name="plain"),
    }
    return TlsWorld(replace(config, engines=engines), tmp_path)


def test_a_launch_waits_for_its_certificate_and_no_other_node_waits(world: TlsWorld) -> None:
    world.assign("node-1", 1)
    assert world.monitor.certificates == [("node-1", 1)]
    assert (world.report("node-1").state, world.report("node-1").pid) == (NodeState.STARTING, 0)
    world.assign("node-2", 1, spec=NodeSpec(engine="plain"))
    assert world.report("node-2").pid
    world.give("node-1")
    world.manager.certificate_obtained("node-1", 1, None)
    assert world.report("node-1").pid
    files = world.nodes_tls / "node-1"
    environment = world.processes.plans[-1].environment
    assert environment["SUTRA_STORAGE_TLS_CERT"] == str(files / "cert.pem")
    assert environment["SUTRA_STORAGE_TLS_KEY"] == str(files / "key.pem")
    assert environment["SUTRA_STORAGE_TLS_CLIENT_CA"].endswith("ca.pem")
    assert "SUTRA_STORAGE_TLS_CERT" not in world.processes.plans[0].environment
    world.manager.certificate_obtained("node-1", 1, None)  # late news of the same launch
    assert len(world.processes.alive("node-1")) == 1


def test_a_certificate_that_is_there_needs_no_master(world: TlsWorld) -> None:
    world.give("node-1")
    world.assign("node-1", 1)
    assert world.report("node-1").pid
    assert world.monitor.certificates == []


def test_without_a_master_the_start_is_tried_again_and_never_given_up(world: TlsWorld) -> None:
    world.assign("node-1", 1)
    for attempt in range(1, 30):
        world.manager.certificate_obtained("node-1", attempt, AWAY)
        report = world.report("node-1")
        assert (report.state, report.reason) == (NodeState.STARTING, Reason.CERTIFICATE_MISSING)
        assert "the master does not answer" in report.message
        world.pass_time(100)
        assert world.monitor.certificates[-1] == ("node-1", attempt + 1)
    assert world.report("node-1").restarts == 0


@pytest.mark.parametrize(
    ("desired", "error"), [(Desired.STOPPED, None), (Desired.STOPPED, AWAY), (Desired.ABSENT, None)]
)
def test_a_node_that_is_stopped_while_it_waits_does_not_start(
    world: TlsWorld, desired: Desired, error: Unavailable | None
) -> None:
    world.assign("node-1", 1)
    world.assign("node-1", 2, desired)
    world.give("node-1")
    world.manager.certificate_obtained("node-1", 1, error)
    assert world.processes.plans == []
    if desired is Desired.ABSENT:
        assert world.inventory.find("node-1") is None
        assert not (world.nodes_tls / "node-1").exists()
    else:
        assert world.report("node-1").state is NodeState.STOPPED


def test_an_agent_that_dies_while_a_launch_waits_asks_again(world: TlsWorld) -> None:
    world.assign("node-1", 1)
    world.begin()
    assert world.monitor.certificates == [("node-1", 2)]
    world.give("node-1")
    world.manager.certificate_obtained("node-1", 2, None)
    assert len(world.processes.alive("node-1")) == 1


def test_a_restart_without_a_certificate_is_refused_and_the_process_runs_on(world: TlsWorld) -> None:
    world.give("node-1")
    world.assign("node-1", 1)
    process = world.ready("node-1")
    shutil.rmtree(world.nodes_tls)
    world.assign("node-1", 2, restart_generation=2)
    report = world.report("node-1")
    assert (report.reason, process.signals) == (Reason.CERTIFICATE_MISSING, [])
    assert "it has no certificate" in report.message


def test_a_process_is_probed_as_it_was_started(world: TlsWorld, make_config: Callable[..., AgentConfig]) -> None:
    """Also after its engine was changed: a node that was started without a certificate serves without one."""
    world.give("node-1")
    world.assign("node-1", 1)
    world.assign("node-2", 1, spec=NodeSpec(engine="plain"))
    world.config = replace(
        world.config,
        engines={name: replace(one, tls=name == "plain") for name, one in world.config.engines.items()},
    )
    world.begin()
    world.pass_time(20)
    asked = zip(world.monitor.asked, world.monitor.targets, strict=True)
    assert {node_id: target.tls is not None for (node_id, *_), target in asked} == {"node-1": True, "node-2": False}
