"""Joins a grid by token: knows the master by the token's digest, gets a certificate, and writes the agent's files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from sutra_grid.agent.access.new_config import config_text
from sutra_grid.core.access.tokens import TokenText
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.authority import key_to_pem, make_request, new_key
from sutra_grid.runtime.certificates.describe import fits, identity_of, is_signed_by
from sutra_grid.runtime.certificates.first_contact import KnownAuthority, authority_by_digest
from sutra_grid.runtime.certificates.handshake import served_chain
from sutra_grid.runtime.certificates.new_files import CERTIFICATE_MODE, KEY_MODE, NewFile, write_new
from sutra_grid.runtime.net import format_host_port, parse_host_port
from sutra_grid.runtime.tls.credentials import CredentialFiles, Credentials
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire.access_pb2_grpc import GridAccessStub
from sutra_grid.wire.connection import Connection, Peer
from sutra_grid.wire.tls import TlsOpener

CALL_SECONDS: Final = 30.0
_DIRECTORY_MODE: Final = 0o755  # the key in it is private by itself; others may need ca.pem


@dataclass(frozen=True, slots=True)
class JoinFiles:
    """Where the files of an agent go. ``config`` is written only when there is none."""

    directory: Path
    config: Path

    @property
    def cert(self) -> Path:
        """The certificate."""
        return self.directory / "agent.pem"

    @property
    def key(self) -> Path:
        """Its private key."""
        return self.directory / "agent-key.pem"

    @property
    def ca(self) -> Path:
        """The authority of the grid."""
        return self.directory / "ca.pem"


@dataclass(frozen=True, slots=True)
class Joined:
    """What has come of it. ``wrote_config`` is False when there was a configuration before."""

    grid: str
    agent_id: str
    master: str
    not_after: datetime
    files: JoinFiles
    wrote_config: bool


def join(target: tuple[str, int], token: TokenText, agent_id: str, hosts: Sequence[str], files: JoinFiles) -> Joined:
    """Join the grid whose master answers at ``target``; all files are written, or none. Blocks.

    Raises ``GridError``: ``AlreadyExists`` when the agent has a certificate, ``Unauthenticated`` when the server is not
    of the token's grid or does not accept the token, and others as the master and the disk give them.
    """
    _check_place(files)
    where = format_host_port(*target)
    seen = served_chain(*target, CALL_SECONDS)
    authority = authority_by_digest(seen.certificates, token.ca_digest, where, datetime.now(UTC))
    key = new_key()
    request = pb.JoinRequest(
        token=token.text,
        agent_id=agent_id,
        certificate_request=make_request(key),
        hosts=list(dict.fromkeys([*hosts, seen.own_address])),
    )
    answer = _call(where, authority, request)
    certificate = _checked(answer, authority, agent_id, where)
    if not fits(certificate, key):
        raise _wrong_answer(where, "for another key")
    master = _master_address(answer.master_endpoint, target[0])
    wrote_config = _write(files, answer, key_to_pem(key), config_text(agent_id, master, seen.own_address, files))
    return Joined(authority.grid, agent_id, master, certificate.not_valid_after_utc, files, wrote_config)


def _check_place(files: JoinFiles) -> None:
    """Refuse before a use of the token is taken, when the files could not be written."""
    there = [path for path in (files.cert, files.key) if os.path.lexists(path)]
    if there:
        raise AlreadyExists(
            f"this host has joined before: {there[0]} exists",
            reason=Reason.PATH_TAKEN,
            hint=f"See whose it is with `sutra-grid-cli tls show {files.cert}`. To join again, move the files in "
            f"{files.directory} away first",
        )
    for directory in (files.directory, files.config.parent):
        try:
            directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(directory, error.strerror or str(error)) from error
        if not os.access(directory, os.W_OK | os.X_OK):
            raise _not_writable(directory, "this user may not write there")


def _call(where: str, authority: KnownAuthority, request: pb.JoinRequest) -> pb.JoinResponse:
    """Send the token, over a connection that trusts this one authority and this one name."""
    credentials = Credentials(authority.pem, grid=authority.grid)
    opener = TlsOpener(CredentialFiles((), lambda: credentials))
    with Connection(where, Peer("the master"), GridAccessStub, opener) as connection:
        return connection.call(lambda stub: stub.Join, request, pb.JoinResponse, CALL_SECONDS)


def _checked(answer: pb.JoinResponse, authority: KnownAuthority, agent_id: str, where: str) -> x509.Certificate:
    try:
        chain = x509.load_pem_x509_certificates(answer.certificate)
        trusted = x509.load_pem_x509_certificates(authority.pem)
        identity = identity_of(chain[0])
    except ValueError as error:
        raise _wrong_answer(where, f"that can't be read: {error}") from error
    if not is_signed_by(chain, trusted):
        raise _wrong_answer(where, "of another authority")
    if identity is None or identity.name != agent_id:
        raise _wrong_answer(where, f"for {identity}")
    return chain[0]


def _write(files: JoinFiles, answer: pb.JoinResponse, key_pem: bytes, config: str) -> bool:
    """Write what is new. An authority's file that is there already stays, if it has the same content."""
    new = [NewFile(files.key, key_pem, KEY_MODE), NewFile(files.cert, answer.certificate, CERTIFICATE_MODE)]
    if not (files.ca.is_file() and files.ca.read_bytes().strip() == answer.ca_certificates.strip()):
        new.append(NewFile(files.ca, answer.ca_certificates, CERTIFICATE_MODE))
    wrote_config = not os.path.lexists(files.config)
    if wrote_config:
        new.append(NewFile(files.config, config.encode(), CERTIFICATE_MODE))
    write_new(new)
    return wrote_config


def _master_address(told: str, called_host: str) -> str:
    """Where the master listens for certificates; without a host, it is the one that was called."""
    if not told:
        return format_host_port(called_host, 7000)
    if told.startswith(":"):
        return format_host_port(called_host, int(told[1:]))
    return format_host_port(*parse_host_port(told, 7000))


def _not_writable(directory: Path, why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{directory} can't be written: {why}",
        reason=Reason.PATH_NOT_WRITABLE,
        hint="Run this command as the user that the agent runs as, or give other places with --dir and --config",
    )


def _wrong_answer(where: str, how: str) -> Unauthenticated:
    return Unauthenticated(
        f"the master at {where} sent a certificate {how}",
        reason=Reason.CERTIFICATE_INVALID,
        hint="Check that ca_file and ca_key_file of the master belong together",
    )
