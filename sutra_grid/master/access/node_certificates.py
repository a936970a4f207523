"""Gives nodes their certificates: an agent asks for those of its own nodes, and for no others."""

from __future__ import annotations

from collections.abc import Sequence

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.revocations import IssuedCertificate
from sutra_grid.core.errors import FailedPrecondition, NotFound, PermissionDenied
from sutra_grid.core.types import Reason
from sutra_grid.master.access.revocations import RevocationBook
from sutra_grid.master.access.signer import Signed, Signer
from sutra_grid.registry import Registry
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


class NodeCertificates:
    """Thread-safe; blocks on the registry. ``signer`` is None for a master without the authority's key."""

    def __init__(self, registry: Registry, revocations: RevocationBook, signer: Signer | None) -> None:
        self._registry = registry
        self._revocations = revocations
        self._signer = signer

    def issue(self, principal: Principal, node_id: str, request_pem: bytes, hosts: Sequence[str]) -> Signed:
        """A certificate for a node of the calling agent.

        Raises ``PermissionDenied`` for a caller that is no agent with a certificate and for a node of another agent or
        a revoked one, ``NotFound`` for a node that the grid does not have, ``InvalidArgument`` for a request that can't
        be signed, and ``FailedPrecondition`` when this master can't sign.
        """
        if principal.kind is not PrincipalKind.CERTIFICATE or principal.role is not Role.AGENT:
            raise PermissionDenied(
                "only an agent with a certificate gets certificates for its nodes",
                reason=Reason.FORBIDDEN,
                hint="Join with a token: 'sutra-grid-agent join HOST:PORT TOKEN'",
            )
        self._check_node(principal.name, node_id)
        signed = self._working_signer().sign(request_pem, Role.NODE, node_id, hosts)
        self._registry.record_certificate(
            IssuedCertificate(
                signed.serial,
                Role.NODE,
                node_id,
                signed.issued_at_ms,
                signed.not_after_ms,
                f"node of agent {principal.name}",
            )
        )
        log.info("certificate of a node issued", agent=principal.name, node=node_id, serial=signed.serial)
        return signed

    def _check_node(self, agent_id: str, node_id: str) -> None:
        node = self._registry.node(node_id)
        if node is None:
            raise NotFound(
                f"the grid has no node {node_id}, so it gets no certificate",
                reason=Reason.UNKNOWN_NODE,
                hint="List the nodes with 'sutra-grid-cli nodes list'",
            )
        if node.agent_id != agent_id:
            raise PermissionDenied(
                f"node {node_id} belongs to agent {node.agent_id}, and agent {agent_id} gets no certificate for it",
                reason=Reason.WRONG_AGENT,
                hint="Each agent asks for the certificates of its own nodes",
            )
        if self._revocations.current.has_identity(Role.NODE, node_id):
            raise PermissionDenied(
                f"node {node_id} is revoked, and gets no certificate",
                reason=Reason.CERTIFICATE_REVOKED,
                hint=f"An admin takes this back with 'sutra-grid-cli tls restore node/{node_id}'",
            )

    def _working_signer(self) -> Signer:
        if self._signer is None:
            raise FailedPrecondition(
                "the master can't sign certificates, so no node gets one",
                reason=Reason.NO_SIGNING_KEY,
                hint="Set ca_key_file in [tls] of the master's configuration to the ca-key.pem that 'sutra-grid-cli "
                "tls ca create' wrote, and restart the master",
            )
        return self._signer
