"""Says at the agent's start, and while it runs, which names of its configuration this host can't resolve.

Names may be resolvable later, or by other hosts only: so nothing is refused for them.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping
from typing import Final

from sutra_grid.agent.addresses import agent_host, node_host
from sutra_grid.agent.config import AgentConfig
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

CHECK_SECONDS: Final = 60.0
MASTER: Final = "master_host in [agent]"

Resolve = Callable[[str], set[str]]
"""Returns the IP addresses of a name, or raises ``OSError``."""


def names_of(config: AgentConfig) -> dict[str, str]:
    """The host names of a configuration, each with what it is used as. IP addresses are left out."""
    own = f"the name of this host, which others reach it by: listen is {config.listen[0]} and advertise is not set"
    given = {
        config.master[0]: MASTER,
        config.listen[0]: "listen in [agent]",
        config.bind: "bind in [storage]",
        config.advertise: "advertise in [agent]",
    }
    used = [config.master[0], agent_host(config), node_host(config)]
    return {host: given.get(host, own) for host in used if not _is_address(host)}


class NameCheck:
    """Logs each change of what can be resolved. ``check`` blocks on the name service: for a thread of its own."""

    def __init__(self, names: Mapping[str, str], resolve: Resolve | None = None) -> None:
        self._names = names
        self._resolve = resolve or resolve_name
        self._problems: dict[str, str] = {}

    def check(self) -> None:
        """Resolve every name."""
        for name, use in self._names.items():
            problem = self._problem(name)
            if problem and problem != self._problems.get(name):
                log.warning("a host name has a problem", name=name, used_as=use, problem=problem)
            elif not problem and name in self._problems:
                log.info("a host name is resolved again", name=name, used_as=use)
            if problem:
                self._problems[name] = problem
            else:
                self._problems.pop(name, None)

    def _problem(self, name: str) -> str:
        try:
            addresses = self._resolve(name)
        except OSError as error:
            return f"this host can't resolve it: {error.strerror}. Correct it, or add it to DNS or /etc/hosts"
        loopback_is_meant = self._names[name] == MASTER or name == "localhost"
        if not loopback_is_meant and all(ipaddress.ip_address(one).is_loopback for one in addresses):
            return (
                f"this host resolves it to {', '.join(sorted(addresses))}, where other hosts do not reach it. "
                "Set advertise in [agent] to the address of this host"
            )
        return ""


def resolve_name(name: str) -> set[str]:
    """The IP addresses of a name, without the scope of a link. Raises ``OSError``."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return {str(address[0]).partition("%")[0] for *_, address in found}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
