"""For which names a server answers: the defence against DNS rebinding.

A page of another site may let its own name resolve to this server's address. The browser then takes the server for the
page's own site, but still sends the page's name in ``Host``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

ANY: Final = "*"
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class HostRule:
    """The hosts that a server answers for, in lower case and without brackets.

    A name that begins with a dot stands for all below it.
    """

    hosts: frozenset[str]
    any_address: bool = False

    def allows(self, host: str) -> bool:
        """Whether requests for ``host`` are answered: a name or an address, perhaps with a port."""
        name = _without_port(host)
        if name in self.hosts or any(each.startswith(".") and name.endswith(each) for each in self.hosts):
            return True
        return self.any_address and _is_address(name)


def host_rule(listen_host: str, is_loopback: bool, configured: Iterable[str]) -> HostRule | None:
    """The rule of a server that listens on ``listen_host``; None when it answers for all hosts.

    On loopback only this host's own names count, beside those configured. On other addresses a list is a choice, and
    any address is allowed beside it: health checks use one, and no name of another site is an address.
    """
    given = frozenset(_without_brackets(each.lower()) for each in configured)
    if ANY in given or not (given or is_loopback):
        return None
    return HostRule(given | LOOPBACK_HOSTS | {_without_brackets(listen_host.lower())}, any_address=not is_loopback)


def _without_port(host: str) -> str:
    name = host.lower()
    if name.startswith("["):
        return _without_brackets(name.partition("]")[0])
    return name.partition(":")[0].removesuffix(".")


def _without_brackets(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
