"""The calls of GridAccess about joining, tokens, certificates and revocations: converts messages and delegates."""
# ruff: noqa: N802 - methods have the names of the wire

from __future__ import annotations

from typing import Final

import grpc

from sutra_grid.core.access.revocations import IssuedCertificate, Revocation, RevocationList, revoked_of
from sutra_grid.core.access.tokens import Token, check_spec
from sutra_grid.core.text import printable
from sutra_grid.master.access.joining import JoinRequest
from sutra_grid.master.access.master_access import MasterAccess
from sutra_grid.master.access.signer import Signed
from sutra_grid.runtime.clock import wall_ms
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire import caller
from sutra_grid.wire.access_pb2_grpc import GridAccessServicer
from sutra_grid.wire.errors import handle_errors
from sutra_grid.wire.server.callers import certificate_of

MAX_REASON: Final = 200
"""Characters of why a certificate is revoked, as lists show it."""


class CredentialCalls(GridAccessServicer):
    """A part of ``AccessService``."""

    def __init__(self, access: MasterAccess) -> None:
        self._access = access

    # -- joining --

    @handle_errors
    def Join(self, request: pb.JoinRequest, context: grpc.ServicerContext) -> pb.JoinResponse:
        """Give an agent its first certificate."""
        signed = self._access.joining.join(
            JoinRequest(
                token=request.token,
                agent_id=request.agent_id,
                request_pem=request.certificate_request,
                hosts=tuple(request.hosts),
                address=caller.current().address,
            )
        )
        return pb.JoinResponse(
            certificate=signed.certificate_pem,
            ca_certificates=signed.ca_pem,
            grid=signed.identity.grid,
            master_endpoint=self._access.endpoint,
            not_after_ms=signed.not_after_ms,
        )

    @handle_errors
    def Renew(self, request: pb.RenewRequest, context: grpc.ServicerContext) -> pb.RenewResponse:
        """Give an agent a new certificate."""
        own = certificate_of(context)
        signed = self._access.joining.renew(caller.current(), request.certificate_request, tuple(request.hosts), own)
        return _renewed(signed)

    @handle_errors
    def IssueNodeCertificate(
        self, request: pb.NodeCertificateRequest, context: grpc.ServicerContext
    ) -> pb.RenewResponse:
        """Give a node of the calling agent a certificate."""
        signed = self._access.node_certificates.issue(
            caller.current(), request.node_id, request.certificate_request, tuple(request.hosts)
        )
        return _renewed(signed)

    # -- tokens --

    @handle_errors
    def CreateToken(self, request: pb.CreateTokenRequest, context: grpc.ServicerContext) -> pb.CreateTokenResponse:
        """Make a token."""
        spec = check_spec(
            request.kind, request.role, request.name, request.agent_pattern, request.uses, request.ttl_seconds
        )
        made = self._access.tokens.create(spec, _by())
        return pb.CreateTokenResponse(token=self._token(made.token), secret=made.text.text)

    @handle_errors
    def ListTokens(self, request: pb.ListTokensRequest, context: grpc.ServicerContext) -> pb.TokenList:
        """List tokens."""
        return pb.TokenList(tokens=[self._token(token) for token in self._access.tokens.list()])

    @handle_errors
    def RevokeToken(self, request: pb.RevokeTokenRequest, context: grpc.ServicerContext) -> pb.Token:
        """Revoke a token."""
        return self._token(self._access.tokens.revoke(request.token_id, _by()))

    # -- certificates --

    @handle_errors
    def ListCertificates(
        self, request: pb.ListCertificatesRequest, context: grpc.ServicerContext
    ) -> pb.CertificateList:
        """List the certificates that masters have issued."""
        revoked = self._access.revocations.current
        found = self._access.registry.certificates(request.name)
        return pb.CertificateList(certificates=[_certificate(one, revoked) for one in found])

    @handle_errors
    def RevokeCertificate(self, request: pb.RevokeCertificateRequest, context: grpc.ServicerContext) -> pb.Revocation:
        """Revoke a certificate, or all of an identity."""
        revoked = revoked_of(request.serial, request.role, request.name)
        reason = printable(request.reason)[:MAX_REASON]
        return _revocation(self._access.revocations.revoke(revoked, caller.current(), reason))

    @handle_errors
    def RestoreCertificate(
        self, request: pb.RestoreCertificateRequest, context: grpc.ServicerContext
    ) -> pb.RestoreCertificateResponse:
        """Take a revocation back."""
        revoked = revoked_of(request.serial, request.role, request.name)
        self._access.revocations.restore(revoked, caller.current())
        return pb.RestoreCertificateResponse()

    @handle_errors
    def ListRevocations(self, request: pb.ListRevocationsRequest, context: grpc.ServicerContext) -> pb.RevocationList:
        """List what is revoked."""
        version, entries = self._access.revocations.entries()
        return pb.RevocationList(version=version, revocations=[_revocation(entry) for entry in entries])

    def _token(self, token: Token) -> pb.Token:
        return pb.Token(
            token_id=token.token_id,
            kind=token.kind,
            role=token.role or "",
            name=token.name,
            agent_pattern=token.agent_pattern,
            uses_left=token.uses_left or 0,
            uses=token.uses,
            created_at_ms=token.created_at_ms,
            created_by=token.created_by,
            expires_at_ms=token.expires_at_ms,
            revoked_at_ms=token.revoked_at_ms,
            last_used_at_ms=token.last_used_at_ms,
            status=token.status(wall_ms(self._access.clock)),
        )


def _by() -> str:
    principal = caller.current()
    return principal.actor_name or str(principal)


def _renewed(signed: Signed) -> pb.RenewResponse:
    return pb.RenewResponse(
        certificate=signed.certificate_pem, ca_certificates=signed.ca_pem, not_after_ms=signed.not_after_ms
    )


def _certificate(one: IssuedCertificate, revoked: RevocationList) -> pb.IssuedCertificate:
    return pb.IssuedCertificate(
        serial=one.serial,
        role=one.role,
        name=one.name,
        issued_at_ms=one.issued_at_ms,
        not_after_ms=one.not_after_ms,
        issued_for=one.issued_for,
        revoked=revoked.has(one.serial, one.role, one.name),
    )


def _revocation(one: Revocation) -> pb.Revocation:
    return pb.Revocation(
        serial=one.revoked.serial,
        role=one.revoked.role,
        name=one.revoked.name,
        at_ms=one.at_ms,
        by=one.by,
        reason=one.reason,
    )
