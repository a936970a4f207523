"""Warnings of ports that outgoing connections may get, and of an agent that only its own host can reach."""

from __future__ import annotations

import pytest
from support.texts import mentions

from sutra_grid.agent import config_warnings as module
from sutra_grid.agent.config import SCHEMA
from sutra_grid.agent.config_warnings import config_warnings
from sutra_grid.runtime.config import Fault, load
from sutra_grid.runtime.outgoing_ports import OutgoingPorts

USUAL = range(32768, 61000)
BASE = {"agent.agent_id": "a", "agent.master_host": "127.0.0.1:7000", "storage.data_path": "/data"}


@pytest.fixture(autouse=True)
def no_outgoing_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    give_out(monkeypatch, OutgoingPorts())


def give_out(monkeypatch: pytest.MonkeyPatch, ports: OutgoingPorts) -> None:
    monkeypatch.setattr(module, "read_outgoing_ports", lambda: ports)


def warnings(**keys: str) -> list[Fault]:
    dotted = {name.replace("__", "."): value for name, value in keys.items()}
    found = config_warnings(load(SCHEMA, None, environ={}, overrides={**BASE, "tls.insecure": "true", **dotted}))
    return [warning for warning in found if warning.key != "tls.insecure"]


def test_the_default_ports_are_warned_of_where_outgoing_connections_may_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_out(monkeypatch, OutgoingPorts(USUAL, (range(8080, 8081),)))
    (warning,) = warnings()
    assert warning.key == "storage.default_port_range"
    assert mentions(warning.problem, "50051-50060", "32768-60999")
    assert warning.problem.endswith("sysctl -w net.ipv4.ip_local_reserved_ports=8080,50051-50060")


@pytest.mark.parametrize("reserved", [(range(50051, 50061),), (range(50000, 50100),)])
def test_reserved_ports_are_not_warned_of(monkeypatch: pytest.MonkeyPatch, reserved: tuple[range, ...]) -> None:
    give_out(monkeypatch, OutgoingPorts(USUAL, reserved))
    assert warnings() == []


def test_ports_outside_the_kernels_range_are_not_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    give_out(monkeypatch, OutgoingPorts(USUAL))
    assert warnings(storage__default_port_range="20000-20009") == []


@pytest.mark.parametrize("master", ["127.0.0.1:7000", "localhost:7000", "[::1]:7000", "127.8.0.1"])
def test_a_grid_on_one_machine_is_not_warned_of_loopback(master: str) -> None:
    assert warnings(agent__master_host=master) == []


@pytest.mark.parametrize("master", ["10.0.0.1:7000", "master.example.org:7000"])
def test_a_master_elsewhere_and_the_default_listen_are_warned_of(master: str) -> None:
    (warning,) = warnings(agent__master_host=master)
    assert warning.key == "agent.listen"
    assert mentions(warning.problem, "127.0.0.1", master.partition(":")[0], "call it back", "Endpoints of nodes")


def test_an_advertised_address_does_not_mend_a_listener_on_loopback() -> None:
    (warning,) = warnings(agent__master_host="10.0.0.1", agent__advertise="10.0.0.5")
    assert warning.key == "agent.listen"
    assert not mentions(warning.problem, "Endpoints")


def test_an_advertised_loopback_address_is_warned_of() -> None:
    (warning,) = warnings(agent__master_host="10.0.0.1", agent__listen="0.0.0.0:7001", agent__advertise="127.0.0.1")
    assert warning.key == "agent.advertise"


def test_an_agent_that_others_can_reach_is_not_warned_of() -> None:
    assert warnings(agent__master_host="10.0.0.1", agent__listen="10.0.0.5:7001") == []
    assert warnings(agent__master_host="10.0.0.1", agent__listen="0.0.0.0:7001", agent__advertise="host-5") == []
