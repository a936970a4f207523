"""The calls of GridAccess that interfaces make: who one is, tokens, certificates and revocations."""

from __future__ import annotations

from sutra_grid.client.master_client import MasterClient
from sutra_grid.wire import access_pb2 as pb


def who_am_i(client: MasterClient, timeout_seconds: float | None = None) -> pb.Caller:
    """Who this caller is to the master."""
    return client.call_access(
        lambda stub: stub.WhoAmI, pb.WhoAmIRequest(), pb.Caller, timeout_seconds=timeout_seconds, repeatable=True
    )


def create_token(client: MasterClient, request: pb.CreateTokenRequest) -> pb.CreateTokenResponse:
    """Make a token. The response alone has its secret."""
    return client.call_access(lambda stub: stub.CreateToken, request, pb.CreateTokenResponse)


def list_tokens(client: MasterClient) -> list[pb.Token]:
    """All tokens, the oldest first."""
    request = pb.ListTokensRequest()
    return list(client.call_access(lambda stub: stub.ListTokens, request, pb.TokenList, repeatable=True).tokens)


def revoke_token(client: MasterClient, token_id: str) -> pb.Token:
    """Revoke a token. Raises ``NotFound``. May be repeated."""
    request = pb.RevokeTokenRequest(token_id=token_id)
    return client.call_access(lambda stub: stub.RevokeToken, request, pb.Token, repeatable=True)


def list_certificates(client: MasterClient, name: str = "") -> list[pb.IssuedCertificate]:
    """The certificates that masters have issued, the newest first: those of ``name``, or all."""
    request = pb.ListCertificatesRequest(name=name)
    answer = client.call_access(lambda stub: stub.ListCertificates, request, pb.CertificateList, repeatable=True)
    return list(answer.certificates)


def revoke_certificate(client: MasterClient, request: pb.RevokeCertificateRequest) -> pb.Revocation:
    """Revoke a certificate, or all of an identity. May be repeated."""
    return client.call_access(lambda stub: stub.RevokeCertificate, request, pb.Revocation, repeatable=True)


def restore_certificate(client: MasterClient, request: pb.RestoreCertificateRequest) -> None:
    """Take a revocation back. Raises ``NotFound``."""
    client.call_access(lambda stub: stub.RestoreCertificate, request, pb.RestoreCertificateResponse)


def list_revocations(client: MasterClient) -> list[pb.Revocation]:
    """What is revoked, the oldest first."""
    request = pb.ListRevocationsRequest()
    answer = client.call_access(lambda stub: stub.ListRevocations, request, pb.RevocationList, repeatable=True)
    return list(answer.revocations)
