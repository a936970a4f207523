"""Puts together the parts of a master that decide about access, and what the servers' guard asks of them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from sutra_grid.master.access.attempt_guard import AttemptGuard
from sutra_grid.master.access.joining import Joining
from sutra_grid.master.access.node_certificates import NodeCertificates
from sutra_grid.master.access.revocations import RevocationBook
from sutra_grid.master.access.signer import Signer
from sutra_grid.master.access.tokens import Tokens, no_joining
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock


class MasterAccess:
    """A context manager around its threads. ``signer`` is None for a master without the authority's key.

    ``endpoint`` is where agents that have joined reach this master; empty: where their configuration says.
    """

    def __init__(self, registry: Registry, clock: Clock, signer: Signer | None = None, endpoint: str = "") -> None:
        digest: Callable[[], str] = no_joining if signer is None else signer.digest
        self.registry = registry
        self.clock = clock
        self.endpoint = endpoint
        self.attempts = AttemptGuard(clock)
        self.tokens = Tokens(registry, clock, self.attempts, digest)
        self.revocations = RevocationBook(registry, clock)
        self.joining = Joining(registry, self.tokens, self.revocations, self.attempts, signer, clock)
        self.node_certificates = NodeCertificates(registry, self.revocations, signer)

    def __enter__(self) -> Self:
        self.tokens.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tokens.__exit__(kind, error, trace)
