"""Engines: the programs that run as storage nodes, with their arguments, probe and stop signal.

A caller chooses an engine by name. Only the operator sets the program and its arguments.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sutra_grid.agent.placeholders import fill, names_in
from sutra_grid.core.errors import FailedPrecondition, NotFound
from sutra_grid.core.node.rules import NodeRules
from sutra_grid.core.restart import RestartPolicy
from sutra_grid.core.types import NodeSpec, Reason
from sutra_grid.runtime.net import format_host_port
from sutra_grid.runtime.tls.section import TlsFiles

DEFAULT_ENGINE: Final = "storage"
NO_PROBE: Final = "none"
PROBE_KINDS: Final = ("tcp", "grpc", "http", NO_PROBE)
STOP_LEADER: Final = "leader"
STOP_ALL: Final = "all"
STOP_SCOPES: Final = (STOP_LEADER, STOP_ALL)
MEMORY_VARIABLE: Final = "SUTRA_STORAGE_MEMORY_LIMIT_MB"
INSECURE_VARIABLE: Final = "SUTRA_STORAGE_INSECURE"
LISTEN_VARIABLE: Final = "SUTRA_STORAGE_LISTEN"
TLS_VARIABLES: Final = {
    "SUTRA_STORAGE_TLS_CERT": "{tls_cert}",
    "SUTRA_STORAGE_TLS_KEY": "{tls_key}",
    "SUTRA_STORAGE_TLS_CLIENT_CA": "{tls_ca}",
}

_ADDRESS_PLACEHOLDERS = frozenset({"host", "address"})


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """The health probe of a node. ``kind`` is one of ``PROBE_KINDS``; ``path`` is for http."""

    kind: str = "tcp"
    path: str = "/"
    timeout_seconds: float = 2.0


NOT_PROBED: Final = ProbeSpec(NO_PROBE)


@dataclass(frozen=True, slots=True)
class Engine:
    """One kind of storage node. Its program must stay in the foreground.

    ``tls``: each node gets a certificate of its own, and its program serves with it.
    """

    name: str
    binary_path: str
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: ProbeSpec = field(default_factory=ProbeSpec)
    stop_signal: int = signal.SIGTERM
    stop_grace_seconds: float = 10.0
    stop_scope: str = STOP_LEADER
    start_timeout_seconds: float = 60.0
    pass_secrets: tuple[str, ...] = ()
    tls: bool = False

    @classmethod
    def storage(cls, binary_path: str, *, tls: bool = False, insecure: bool = False, **process: Any) -> Engine:
        """The default engine. Its arguments are fixed, so that any program with this interface works.

        ``insecure`` lets our own program listen without TLS on an address that other hosts reach.
        """
        return cls(
            name=DEFAULT_ENGINE,
            binary_path=binary_path,
            args=("--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}"),
            environment={
                MEMORY_VARIABLE: "{memory_limit_mb}",
                LISTEN_VARIABLE: "{host}",
                **(TLS_VARIABLES if tls else {}),
                **({INSECURE_VARIABLE: "true"} if insecure else {}),
            },
            tls=tls,
            **process,
        )

    def binary(self) -> Path:
        """Find the program's file.

        A name without a slash is searched in the directory of this Python interpreter, then in PATH.
        Raises ``NotFound`` or ``FailedPrecondition``, with the engine and the file.
        """
        if "/" not in self.binary_path:
            return self._find_by_name()
        path = Path(self.binary_path).absolute()
        if not path.is_file():
            raise NotFound(
                f"the program {path} of engine {self.name} does not exist",
                reason=Reason.BINARY_MISSING,
                hint="Install it, or correct binary_path in the agent's configuration",
            )
        if not os.access(path, os.X_OK):
            raise FailedPrecondition(
                f"the program {path} of engine {self.name} is not executable by this user",
                reason=Reason.BINARY_NOT_EXECUTABLE,
                hint=f"Run chmod +x {path}, or correct binary_path in the agent's configuration",
            )
        return path

    def _find_by_name(self) -> Path:
        beside = str(Path(sys.executable).parent)
        search = os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])
        found = shutil.which(self.binary_path, path=search)
        if found is None:
            raise NotFound(
                f"the program {self.binary_path} of engine {self.name} is neither in {beside} nor in PATH",
                reason=Reason.BINARY_MISSING,
                hint="Install it, or give its full path as binary_path in the agent's configuration",
            )
        return Path(found).absolute()

    @property
    def is_told_host(self) -> bool:
        """Whether the program is told the address that it should listen on."""
        texts = (*self.args, *self.environment.values())
        return any(name in _ADDRESS_PLACEHOLDERS for text in texts for name in names_in(text))

    def command(self, node_id: str, spec: NodeSpec, host: str, tls: TlsFiles | None = None) -> tuple[str, ...]:
        """Program and arguments for one node that listens on ``host``. Raises as ``binary`` does.

        ``tls``: the files of its certificate; None for a launch without.
        """
        values = _values(node_id, spec, host, tls)
        return (str(self.binary()), *(fill(arg, values) for arg in self.args))

    def variables(self, node_id: str, spec: NodeSpec, host: str, tls: TlsFiles | None = None) -> dict[str, str]:
        """The environment variables that this engine adds; ``tls`` as for ``command``."""
        values = _values(node_id, spec, host, tls)
        return {name: fill(text, values) for name, text in self.environment.items()}

    def rules(
        self, restart: RestartPolicy, probe_interval_seconds: float, restart_unhealthy_after_seconds: float
    ) -> NodeRules:
        """The rules that the state machine of a node of this engine follows."""
        return NodeRules(
            restart=restart,
            stop_signal=self.stop_signal,
            stop_grace_seconds=self.stop_grace_seconds,
            stop_all_members=self.stop_scope == STOP_ALL,
            probed=self.probe.kind != NO_PROBE,
            start_timeout_seconds=self.start_timeout_seconds,
            probe_interval_seconds=probe_interval_seconds,
            restart_unhealthy_after_seconds=restart_unhealthy_after_seconds,
            tls=self.tls,
        )


def _values(node_id: str, spec: NodeSpec, host: str, tls: TlsFiles | None) -> dict[str, str]:
    """What each placeholder stands for."""
    files = {"tls_cert": tls.cert_file, "tls_key": tls.key_file, "tls_ca": tls.ca_file} if tls else {}
    return {
        **{name: str(path) for name, path in files.items()},
        "host": host,
        "port": str(spec.port),
        "address": format_host_port(host, spec.port),
        "storage_path": spec.storage_path,
        "node_id": node_id,
        "memory_limit_mb": str(spec.memory_limit_mb),
    }
