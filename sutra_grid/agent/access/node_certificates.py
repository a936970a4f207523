"""The certificates of this agent's nodes: asks the master for them, keeps them in files, renews them in good time.

Each node has a directory with its key and its certificate. The key stays, so a renewal replaces one file at once, and
an agent that dies at any moment leaves a certificate that fits its key.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography import x509

from sutra_grid.agent.access.node_files import NodeFiles, has_other_authority, problem_of, wants_renewal
from sutra_grid.agent.os_errors import from_os_error
from sutra_grid.agent.processes.probe_tls import ProbeTls
from sutra_grid.core.access.identity import Identity, Role
from sutra_grid.core.access.renewal import retry_seconds
from sutra_grid.core.errors import FailedPrecondition, GridError, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.authority import make_request
from sutra_grid.runtime.clock import Clock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.section import TlsFiles
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire.access_pb2_grpc import GridAccessStub
from sutra_grid.wire.connection import Connection, Opener, Peer

log = get_logger(__name__)

DIRECTORY: Final = "nodes-tls"
CHECK_SECONDS: Final = 5.0
CALL_SECONDS: Final = 5.0  # a start waits for it, and is tried again
THREADS: Final = 2
RETRY_WITHIN_SECONDS: Final = 1200.0  # tries of a node without a usable certificate come within a minute

Issue = Callable[[str, bytes, Sequence[str]], bytes]
"""Asks the master: takes a node's id, a signing request and hosts, returns a certificate with its chain.

Raises ``GridError``.
"""

OnDone = Callable[[GridError | None], None]
"""Gets None when the node has a certificate that it can use. Called on a thread of this module."""


@dataclass(frozen=True, slots=True)
class _Retry:
    """After so many failures in a row: when the next try is due (monotonic seconds)."""

    due: float
    failures: int


class NodeCertificates:
    """Thread-safe. A context manager around its threads."""

    def __init__(
        self,
        state_path: Path,
        member: CredentialFiles,
        member_files: TlsFiles,
        issue: Issue,
        hosts: Sequence[str],
        clock: Clock,
    ) -> None:
        """``member``: the agent's own credentials, from ``member_files``. ``hosts``: where clients look for nodes."""
        self._base = state_path / DIRECTORY
        self._member = member
        self._member_files = member_files
        self._issue = issue
        self._hosts = tuple(hosts)
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="node-certificates")
        self._lock = threading.Lock()
        # guarded by _lock:
        self._waiting: dict[str, list[OnDone]] = {}  # by the node of each request in flight
        self._retries: dict[str, _Retry] = {}
        self._asked: dict[str, int] = {}  # version of the agent's credentials when the master last gave one

    def paths(self, node_id: str) -> TlsFiles:
        """The files that the node's program is told. They may not exist yet."""
        files = self._files(node_id)
        return TlsFiles(files.cert, files.key, self._member_files.ca_file)

    def problem(self, node_id: str) -> str:
        """Why the node can't be started with its certificate, in words; empty if it can. Reads two files."""
        current = self._member.current()
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        return problem_of(self._files(node_id), self._identity(node_id), current.ca_pem, now)

    def probe_tls(self, node_id: str) -> ProbeTls:
        """How a probe reaches a process of the node that serves with its certificate."""
        return ProbeTls(node_id, self._member, self._member_files)

    def obtain(self, node_id: str, on_done: OnDone) -> None:
        """Ask the master for a certificate; ``on_done`` is called some seconds later at most. Never blocks."""
        with self._lock:
            waiting = self._waiting.setdefault(node_id, [])
            waiting.append(on_done)
            if len(waiting) > 1:
                return
        try:
            self._pool.submit(self._obtain, node_id)
        except RuntimeError:  # the agent is stopping; so does the start that waits
            with self._lock:
                self._waiting.pop(node_id, None)

    def check(self, node_ids: Iterable[str]) -> None:
        """Get the certificates that are missing, due for renewal, or not of the authority that the agent's own is of.

        A failure is logged, and tried again later.
        """
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        for node_id in node_ids:
            with self._lock:
                retry = self._retries.get(node_id)
            if retry is not None and self._clock.monotonic() < retry.due:
                continue
            files = self._files(node_id)
            if self.problem(node_id) or wants_renewal(files, self._hosts, now) or self._follows(node_id, files):
                self.obtain(node_id, lambda error: None)

    def forget(self, node_id: str) -> None:
        """Remove the node's key and certificate: the node is removed."""
        with self._lock:
            self._retries.pop(node_id, None)
            self._asked.pop(node_id, None)
        self._files(node_id).remove()

    def forget_all_but(self, node_ids: Iterable[str]) -> None:
        """Remove what an earlier agent left of nodes that are not among these."""
        kept = set(node_ids)
        with contextlib.suppress(FileNotFoundError):
            for directory in self._base.iterdir():
                if directory.name not in kept:
                    NodeFiles(directory).remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _files(self, node_id: str) -> NodeFiles:
        return NodeFiles(self._base / node_id)

    def _identity(self, node_id: str) -> Identity:
        return Identity(self._member.current().grid, Role.NODE, node_id)

    def _follows(self, node_id: str, files: NodeFiles) -> bool:
        """Whether the grid changes to a new authority, and the node has a certificate of the one before.

        The master is asked once for each version of the agent's files: it may still sign with the old one.
        """
        current = self._member.current()
        with self._lock:
            if self._asked.get(node_id) == current.version:
                return False
        return has_other_authority(files, current.certificate_pem, current.ca_pem)

    def _obtain(self, node_id: str) -> None:
        error: GridError | None = None
        try:
            self._replace(node_id)
        except GridError as failure:
            error = failure
        except OSError as failure:
            error = from_os_error(f"the certificate of node {node_id} can't be kept", failure, Reason.PATH_NOT_WRITABLE)
        except Exception as failure:  # top of the thread: a start waits for the answer
            log.exception("certificate of a node not obtained", node=node_id)
            error = Unavailable(f"{type(failure).__name__}: {failure}", reason=Reason.TLS_FAILED, hint="See the log")
        with self._lock:
            waiting = self._waiting.pop(node_id, [])
            before = self._retries.pop(node_id, None)
            if error is not None:
                failures = before.failures + 1 if before else 1
                wait = retry_seconds(failures, RETRY_WITHIN_SECONDS, random.random())
                self._retries[node_id] = _Retry(self._clock.monotonic() + wait, failures)
        if error is not None:
            log.warning("certificate of a node not obtained; retrying", node=node_id, error=error)
        for on_done in waiting:
            on_done(error)

    def _replace(self, node_id: str) -> None:
        version = self._member.current().version
        files = self._files(node_id)
        key = files.key_or_new()
        pem = self._issue(node_id, make_request(key), self._hosts)
        identity = self._identity(node_id)
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        try:
            files.write_certificate(pem, key, identity, self._member.current().ca_pem)
        except ValueError as error:
            raise FailedPrecondition(
                f"the master sent a certificate for node {node_id} that can't be used: {error}",
                reason=Reason.CERTIFICATE_INVALID,
                hint="When the grid changes to a new authority, add that to ca_file of every member first",
            ) from error
        with self._lock:
            self._asked[node_id] = version
        leaf = x509.load_pem_x509_certificate(pem)
        log.info(
            "certificate of a node written",
            node=node_id,
            file=files.cert,
            not_after=f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        )
        if problem := problem_of(files, identity, self._member.current().ca_pem, now):
            raise FailedPrecondition(problem, reason=Reason.CERTIFICATE_INVALID, hint="Compare the clocks of the hosts")


class NodeCertificateLink:
    """Asks the master for certificates of nodes, over a connection of its own. A context manager."""

    def __init__(self, agent_id: str, target: str, opener: Opener) -> None:
        self._agent_id = agent_id
        self._connection = Connection(target, Peer("the master", Reason.MASTER_UNREACHABLE), GridAccessStub, opener)

    def issue(self, node_id: str, request_pem: bytes, hosts: Sequence[str]) -> bytes:
        """The certificate with its chain. Raises ``GridError``."""
        request = pb.NodeCertificateRequest(
            agent_id=self._agent_id, node_id=node_id, certificate_request=request_pem, hosts=hosts
        )
        answer = self._connection.call(lambda stub: stub.IssueNodeCertificate, request, pb.RenewResponse, CALL_SECONDS)
        return answer.certificate

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
