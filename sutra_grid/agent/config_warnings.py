"""What is valid in the agent's configuration and likely to be a mistake.

``--check-config`` prints it, and the agent logs it at its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sutra_grid.agent.addresses import agent_host, node_host
from sutra_grid.agent.config import TLS, AgentConfig, MemoryLimits, agent_config, agent_listening
from sutra_grid.agent.limits.host_memory import host_memory
from sutra_grid.agent.placeholders import SHARE_EXAMPLE, passes_whole_limit, uses_tls
from sutra_grid.runtime.config import Config, Fault
from sutra_grid.runtime.net import format_host_port, is_loopback, own_addresses
from sutra_grid.runtime.outgoing_ports import RESERVED_KEY, read_outgoing_ports, shown
from sutra_grid.runtime.tls.exposure import insecure_warning
from sutra_grid.runtime.tls.member import time_faults
from sutra_grid.runtime.tls.section import INSECURE, SECTION_NAME


def config_warnings(config: Config) -> list[Fault]:
    """The warnings of a loaded configuration, each with its key and where that is set."""
    settings = agent_config(config)
    return [
        *_whole_limits(config),
        *_default_limit(config),
        *_outgoing_ports(config, settings),
        *_loopback(config, settings),
        *_unused_certificates(config),
        *time_faults(config),
        *insecure_warning(config, agent_listening(config)),
        *_open_nodes(config, settings),
    ]


def _open_nodes(config: Config, settings: AgentConfig) -> Iterator[Fault]:
    """Nodes of the default engine that would not start, because others reach them and nobody has said that they may."""
    host = node_host(settings)
    if is_loopback(host) or config.section("storage")[TLS] or config.section(SECTION_NAME)[INSECURE]:
        return
    problem = (
        f"nodes listen on {host}, which other hosts reach, and nodes of the engine storage have no TLS: "
        "sutra-storage-server does not start so. Set [storage] tls = true, and give its clients certificates. "
        "Or set [tls] insecure = true if you trust every host that reaches them"
    )
    yield Fault(config.source("storage.bind"), "storage.bind", problem)


def _outgoing_ports(config: Config, settings: AgentConfig) -> Iterator[Fault]:
    """Ports of nodes that an outgoing connection of any program may have when a node starts."""
    outgoing = read_outgoing_ports()
    if found := outgoing.within(settings.ports):
        problem = (
            f"outgoing connections of this host may get the ports {shown(found)} (net.ipv4.ip_local_port_range is "
            f"{shown([outgoing.given])}), and a node waits while one has its port. Reserve them: "
            f"sysctl -w {RESERVED_KEY}={outgoing.with_reserved(found)}"
        )
        yield Fault(config.source("storage.default_port_range"), "storage.default_port_range", problem)


def _loopback(config: Config, settings: AgentConfig) -> Iterator[Fault]:
    """An agent whose master seems to be on another host, and that only its own host can reach."""
    master, listen = settings.master[0], settings.listen[0]
    if is_loopback(master):
        return
    if is_loopback(listen):
        key, found = "agent.listen", f"the agent listens on {listen} only, and master_host is {master}"
    elif is_loopback(agent_host(settings)):
        key, found = "agent.advertise", f"the agent is told at {agent_host(settings)}, and master_host is {master}"
    else:
        return
    told = node_host(settings)
    nodes = f" Endpoints of nodes have {told}, which leads to nobody else's nodes." if is_loopback(told) else ""
    problem = (
        f"{found}: a master on another host can't call it back, and places no node here.{nodes} "
        "Use an address of the hosts' network, for example listen = "
        f'"{_example(settings)}"'
    )
    yield Fault(config.source(key), key, problem)


def _example(settings: AgentConfig) -> str:
    """An address of this host to listen on; a made-up one if it has only loopback."""
    own = next((one for one in own_addresses() if not is_loopback(one)), "10.0.0.5")
    return format_host_port(own, settings.listen[1])


def _whole_limits(config: Config) -> Iterator[Fault]:
    """Engines whose program gets the limit at which the agent restarts it."""
    if config.section("limits")["memory"] == MemoryLimits.OFF:
        return
    for engine, values in config.table("engines").items():
        for key in ("args", "environment"):
            found = _with_whole_limit(values[key])
            if found:
                dotted = f"engines.{engine}.{key}"
                problem = (
                    f"{found} gives the program the whole memory limit, at which the agent ends the node. A program "
                    f"that fills its own limit is ended before it can refuse. Give it a share: {SHARE_EXAMPLE}"
                )
                yield Fault(config.source(dotted), dotted, problem)


def _unused_certificates(config: Config) -> Iterator[Fault]:
    """Engines whose nodes get certificates, and whose program is not told where they are."""
    for engine, values in config.table("engines").items():
        if values[TLS] and not uses_tls([*values["args"], *values["environment"].values()]):
            key = f"engines.{engine}.{TLS}"
            problem = (
                "is true, but neither args nor environment has {tls_cert}, {tls_key} or {tls_ca}: the program is not "
                "told its certificate, and a probe over TLS fails"
            )
            yield Fault(config.source(key), key, problem)


def _default_limit(config: Config) -> Iterator[Fault]:
    """A default memory limit that no node can reach on this host. It is accepted: a file may be for larger hosts."""
    default_mb, memory = config.section("storage")["default_memory_mb"], host_memory()
    if default_mb > memory.limit_mb:
        key = "storage.default_memory_mb"
        problem = (
            f"{default_mb} MiB is more than this host has: {memory}. Nodes get it all the same, but the host runs out "
            "of memory before a node reaches such a limit"
        )
        yield Fault(config.source(key), key, problem)


def _with_whole_limit(value: Any) -> str:
    """The first argument or variable that has the whole limit, as it is written; empty if there is none."""
    texts = [f"{name}={text}" for name, text in value.items()] if isinstance(value, dict) else value
    return next((repr(text) for text in texts if passes_whole_limit(text)), "")
