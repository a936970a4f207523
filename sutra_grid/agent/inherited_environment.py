"""Which variables of the agent's environment its nodes get: not those of the agent itself, and no secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sutra_grid.agent.engines import TLS_VARIABLES
from sutra_grid.core.redaction import holds_secret, is_secret_name

_OWN_PREFIX: Final = "SUTRA_GRID_"
# What an operator sets for the gRPC library of the agent: diagnosis, and how it forks.
_OF_ITS_LIBRARIES: Final = frozenset({"GRPC_ENABLE_FORK_SUPPORT", "GRPC_VERBOSITY", "GRPC_TRACE"})
# What systemd tells the agent about the agent. With these a node could speak for the agent's unit, take its sockets
# for its own, or read its credentials.
_OF_THE_UNIT: Final = frozenset(
    {
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "LISTEN_PID",
        "LISTEN_PIDFDID",
        "FDSTORE",
        "MAINPID",
        "SYSTEMD_EXEC_PID",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "CREDENTIALS_DIRECTORY",
        "MEMORY_PRESSURE_WATCH",
        "MEMORY_PRESSURE_WRITE",
    }
)
# Leads to the keys of the person who started the agent.
_SECRET_NAMES: Final = frozenset({"SSH_AUTH_SOCK"})


@dataclass(frozen=True, slots=True)
class InheritedEnvironment:
    """``passed``: what every node gets. ``withheld``: secrets, which a node gets only if its engine names them."""

    passed: Mapping[str, str] = field(repr=False)
    withheld: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> InheritedEnvironment:
        """What nodes get of the environment that the agent was started with."""
        variables = {name: value for name, value in environ.items() if not is_of_the_agent(name)}
        withheld = {name: value for name, value in variables.items() if _is_secret(name, value)}
        return cls({name: value for name, value in variables.items() if name not in withheld}, withheld)

    def for_engine(self, pass_secrets: Iterable[str]) -> dict[str, str]:
        """What a node of an engine gets, with the secrets that the engine names."""
        return {**self.passed, **{name: self.withheld[name] for name in pass_secrets if name in self.withheld}}


def is_of_the_agent(name: str) -> bool:
    """Whether a variable is a setting of the agent, the tag of a node that may have started it, or of its unit.

    Those that name a node's certificate are too: ``tls`` of the engine decides, and probes count on it.
    """
    return name.startswith(_OWN_PREFIX) or name in (_OF_THE_UNIT | _OF_ITS_LIBRARIES | TLS_VARIABLES.keys())


def _is_secret(name: str, value: str) -> bool:
    return name in _SECRET_NAMES or is_secret_name(name) or holds_secret(value)
