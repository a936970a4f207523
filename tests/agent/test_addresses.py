"""Where nodes listen and where others reach them, by plain configurations."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from sutra_grid.agent.addresses import NodeAddresses, agent_host, find_addresses, insecure_parts, node_host
from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.engines import Engine
from sutra_grid.agent.name_check import NameCheck, names_of
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason
from sutra_grid.runtime.logging import setup_logging


@pytest.fixture
def config(make_config: Callable[..., AgentConfig]) -> AgentConfig:
    return make_config()


def with_hosts(config: AgentConfig, listen: str, advertise: str = "", bind: str = "") -> AgentConfig:
    return replace(config, listen=(listen, 7001), advertise=advertise, bind=bind)


@pytest.mark.parametrize(
    ("listen", "advertise", "bind", "agent", "node"),
    [
        ("127.0.0.1", "", "", "127.0.0.1", "127.0.0.1"),
        ("10.0.0.5", "", "", "10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", "host5", "", "host5", "host5"),
        ("127.0.0.1", "", "10.0.0.5", "127.0.0.1", "10.0.0.5"),
        ("10.0.0.5", "", "127.0.0.1", "10.0.0.5", "127.0.0.1"),
        ("10.0.0.5", "", "0.0.0.0", "10.0.0.5", "10.0.0.5"),
        ("0.0.0.0", "", "", socket.gethostname(), socket.gethostname()),
        ("::", "fd00::5", "", "fd00::5", "fd00::5"),
    ],
)
def test_the_hosts_that_others_are_told(
    config: AgentConfig, listen: str, advertise: str, bind: str, agent: str, node: str
) -> None:
    given = with_hosts(config, listen, advertise, bind)
    assert (agent_host(given), node_host(given)) == (agent, node)


@pytest.mark.parametrize(
    ("listen", "bind", "expected"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("0.0.0.0", "", "0.0.0.0"),
        ("127.0.0.1", "::1", "::1"),
        ("127.0.0.1", "::", "::"),
        ("localhost", "", "127.0.0.1"),
    ],
)
def test_nodes_listen_where_their_agent_does_unless_bind_says_otherwise(
    config: AgentConfig, listen: str, bind: str, expected: str
) -> None:
    assert find_addresses(with_hosts(config, listen, bind=bind)).bind == expected


@pytest.mark.parametrize(
    ("bind", "why"),
    [
        ("192.0.2.77", "does not have the address"),
        ("2001:db8::77", "does not have"),
        ("no.such.invalid", "resolved"),
    ],
)
def test_a_bind_address_of_another_host_is_refused_with_those_of_this_one(
    config: AgentConfig, bind: str, why: str
) -> None:
    with pytest.raises(InvalidArgument, match=why) as raised:
        find_addresses(with_hosts(config, "127.0.0.1", bind=bind))
    assert raised.value.reason is Reason.ADDRESS_MISSING
    assert f"nodes can't listen on {bind}" in raised.value.message
    assert "127.0.0.1" in raised.value.hint


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("10.0.0.5", ("10.0.0.5", "127.0.0.1")),
        ("fd00::5", ("fd00::5", "::1", "127.0.0.1")),
        ("0.0.0.0", ("127.0.0.1",)),
        ("::", ("::1", "127.0.0.1")),
        ("", ("10.0.0.9", "127.0.0.1")),
    ],
)
def test_a_node_is_asked_where_its_launch_was_told_to_listen_and_then_at_loopback(
    told: str, asked: tuple[str, ...]
) -> None:
    assert NodeAddresses(bind="10.0.0.9").to_probe(told) == asked


def test_a_port_is_claimed_where_the_program_may_listen() -> None:
    addresses = NodeAddresses(bind="10.0.0.5")
    assert addresses.to_claim(is_told=True) == ("10.0.0.5", "127.0.0.1")
    assert addresses.to_claim(is_told=False) == ("0.0.0.0", "::")
    assert NodeAddresses(bind="::").to_claim(is_told=True) == ("::", "::1", "127.0.0.1")


def test_an_endpoint_of_an_ipv6_address_has_its_brackets() -> None:
    assert NodeAddresses(advertised="fd00::5").endpoint(50051) == "[fd00::5]:50051"
    assert NodeAddresses().endpoint(0) == ""


def test_what_to_do_about_a_node_that_answers_elsewhere_depends_on_why() -> None:
    addresses = NodeAddresses(bind="10.0.0.5")
    told, silent = Engine("told", "/bin/true", ("{host}",)), Engine("silent", "/bin/true")
    assert "Add {host} to args of [engines.silent]" in addresses.if_elsewhere("10.0.0.5", silent)
    assert "Restart the node" in addresses.if_elsewhere("127.0.0.1", told)
    assert "Restart the node" in addresses.if_elsewhere("", told)
    assert "does not listen" in addresses.if_elsewhere("10.0.0.5", told)
    assert "Restart the node" in addresses.if_as_told("10.0.0.4")
    assert "Correct advertise" in addresses.if_as_told("10.0.0.5")


# -- names -----------------------------------------------------------------------


def test_only_names_are_checked_and_each_is_told_with_its_use(config: AgentConfig) -> None:
    given = replace(with_hosts(config, "0.0.0.0"), master=("master.test", 7000))
    assert names_of(given)["master.test"] == "master_host in [agent]"
    assert "advertise is not set" in names_of(given)[socket.gethostname()]
    assert names_of(replace(given, advertise="h.test"))["h.test"] == "advertise in [agent]"
    assert names_of(replace(with_hosts(config, "10.0.0.5"), master=("10.0.0.1", 7000))) == {}


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    root, own = logging.getLogger(), logging.getLogger("sutra_grid")
    before = root.handlers[:], root.level, own.level
    stream = io.StringIO()
    setup_logging(stream=stream)
    yield stream
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


def test_each_change_of_a_name_is_said_once(said: io.StringIO) -> None:
    answers: dict[str, set[str]] = {}

    def resolve(name: str) -> set[str]:
        if name not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answers[name]

    check = NameCheck({"h.test": "advertise in [agent]"}, resolve)
    for found in (None, {"127.0.1.1"}, {"10.0.0.5"}):
        if found:
            answers["h.test"] = found
        check.check()
        check.check()
    lines = said.getvalue().splitlines()
    assert len(lines) == 3
    assert all('name=h.test used_as="advertise in [agent]"' in line for line in lines)
    assert "can't resolve it: Name or service not known" in lines[0]
    assert "127.0.1.1, where other hosts do not reach it" in lines[1]
    assert "resolved again" in lines[2]


@pytest.mark.parametrize(
    ("bind", "insecure", "tls", "told"),
    [
        ("", False, False, ()),
        ("127.0.0.1", True, False, ("agent",)),
        ("10.0.0.5", True, False, ("agent", "nodes")),
        ("10.0.0.5", True, True, ("agent",)),
    ],
)
def test_an_agent_says_what_others_reach_without_tls(
    config: AgentConfig, bind: str, insecure: bool, tls: bool, told: tuple[str, ...]
) -> None:
    listen = "10.0.0.5" if insecure else "127.0.0.1"
    engine = Engine.storage("/bin/storage", tls=tls, insecure=insecure)
    changed = replace(with_hosts(config, listen, bind=bind), insecure=insecure, engines={"storage": engine})
    assert insecure_parts(changed) == told
