"""Joining from the agent's side: whom it sends the token to, and what it leaves on the disk."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from support.values.certificates import DAY, TestAuthority, files_of

from sutra_grid.agent.access.join import Joined, JoinFiles, join
from sutra_grid.agent.config import SCHEMA
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.tokens import TokenKind, TokenText
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, GridError, Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.describe import fingerprint_of
from sutra_grid.runtime.certificates.files import read_pair
from sutra_grid.runtime.config import load
from sutra_grid.runtime.tls.credentials import Credentials
from sutra_grid.wire import access_pb2 as pb
from sutra_grid.wire.access_pb2_grpc import GridAccessServicer, add_GridAccessServicer_to_server
from sutra_grid.wire.errors import handle_errors
from sutra_grid.wire.server import RunningServer, Security, ServerLimits, serve
from sutra_grid.wire.tls import ServerTls

CA, OTHER_CA = TestAuthority(), TestAuthority()
DIGEST = fingerprint_of(x509.load_pem_x509_certificate(CA.pem))
TOKEN = TokenText(TokenKind.JOIN, "0123abcd", "s" * 43, DIGEST)
MASTER = CA.credentials(Role.MASTER, "m1")


class _Access(GridAccessServicer):
    """Signs whatever is asked, and remembers it."""

    def __init__(self) -> None:
        self.requests: list[pb.JoinRequest] = []
        self.signed_for = ""
        self.refusal: GridError | None = None

    @handle_errors
    def Join(self, request: pb.JoinRequest, context: grpc.ServicerContext) -> pb.JoinResponse:  # noqa: N802
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal
        certificate = CA.sign(request.certificate_request, Role.AGENT, self.signed_for or request.agent_id)
        return pb.JoinResponse(
            certificate=certificate, ca_certificates=CA.pem, grid="grid", master_endpoint=":7100", not_after_ms=1
        )


@contextmanager
def serving(access: _Access, credentials: Credentials = MASTER, *, mutual: bool = False) -> Iterator[RunningServer]:
    with serve(
        {"grid.GridAccess": lambda server: add_GridAccessServicer_to_server(access, server)},
        host="127.0.0.1",
        port=0,
        limits=ServerLimits(workers=2, calls=10, connections=10),
        name="test",
        security=Security(tls=ServerTls(files_of(credentials), mutual=mutual)),
    ) as server:
        yield server


@pytest.fixture
def files(tmp_path: Path) -> JoinFiles:
    return JoinFiles(tmp_path / "etc" / "tls", tmp_path / "etc" / "agent.toml")


def join_at(server: RunningServer, files: JoinFiles, token: TokenText = TOKEN, agent_id: str = "agent-1") -> Joined:
    return join(("127.0.0.1", server.port), token, agent_id, ["agent-1.example.net"], files)


def written(files: JoinFiles) -> list[str]:
    return sorted(path.name for path in files.config.parent.rglob("*") if path.is_file())


def test_a_host_that_joins_gets_files_that_its_agent_starts_with(files: JoinFiles) -> None:
    access = _Access()
    with serving(access) as server:
        joined = join_at(server, files)
    assert (joined.grid, joined.agent_id, joined.master, joined.wrote_config) == (
        "grid",
        "agent-1",
        "127.0.0.1:7100",
        True,
    )
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert read_pair(files.cert, files.key).identity.name == "agent-1"
    assert files.ca.read_bytes() == CA.pem
    config = load(SCHEMA, files.config, environ={}, overrides={})
    assert config.section("agent")["master_host"] == "127.0.0.1:7100"
    assert config.section("agent")["listen"] == "127.0.0.1:7001"
    assert config.section("tls")["cert_file"] == files.cert
    (request,) = access.requests
    assert list(request.hosts) == ["agent-1.example.net", "127.0.0.1"]
    assert b"PRIVATE" not in request.certificate_request


def test_an_existing_configuration_stays_as_it_is(files: JoinFiles) -> None:
    files.config.parent.mkdir(parents=True)
    files.config.write_text("# mine\n")
    with serving(_Access()) as server:
        assert not join_at(server, files).wrote_config
    assert files.config.read_text() == "# mine\n"


def test_a_second_join_says_what_exists_and_takes_no_use(files: JoinFiles) -> None:
    access = _Access()
    with serving(access) as server:
        join_at(server, files)
        with pytest.raises(AlreadyExists, match="joined before"):
            join_at(server, files)
    assert len(access.requests) == 1


def intruder(kind: str) -> Credentials:
    """What a server shows that is not the master of the token's grid."""
    match kind:
        case "other authority":
            return OTHER_CA.credentials(Role.MASTER, "m1")
        case "the right authority beside a certificate of another":
            # The digest is found in the chain, and has signed nothing of it.
            stolen = OTHER_CA.credentials(Role.MASTER, "m1")
            return replace(stolen, certificate_pem=stolen.certificate_pem + CA.pem)
        case "another member":
            return CA.credentials(Role.AGENT, "agent-2")
        case "expired":
            return CA.credentials(Role.MASTER, "m1", begins=-2 * DAY, ends=-DAY)
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind",
    ["other authority", "the right authority beside a certificate of another", "another member", "expired"],
)
def test_the_secret_is_sent_to_no_server_that_the_digest_does_not_vouch_for(kind: str, files: JoinFiles) -> None:
    access = _Access()
    with serving(access, intruder(kind)) as server, pytest.raises(Unauthenticated) as caught:
        join_at(server, files)
    assert caught.value.reason is Reason.UNTRUSTED_AUTHORITY
    assert access.requests == []
    assert written(files) == []


def test_a_port_without_tls_gets_nothing(files: JoinFiles) -> None:
    access = _Access()
    with (
        serve(
            {"grid.GridAccess": lambda server: add_GridAccessServicer_to_server(access, server)},
            host="127.0.0.1",
            port=0,
            limits=ServerLimits(workers=2, calls=10, connections=10),
            name="test",
        ) as server,
        pytest.raises(FailedPrecondition, match="TLS"),
    ):
        join_at(server, files)
    assert access.requests == []


def test_a_refusal_of_the_master_leaves_nothing_on_the_disk(files: JoinFiles) -> None:
    access = _Access()
    access.refusal = Unauthenticated("the token has no uses left", reason=Reason.TOKEN_USED_UP, hint="Ask")
    with serving(access) as server, pytest.raises(Unauthenticated) as caught:
        join_at(server, files)
    assert caught.value.reason is Reason.TOKEN_USED_UP
    assert written(files) == []


def test_a_certificate_for_another_agent_is_not_taken(files: JoinFiles) -> None:
    access = _Access()
    access.signed_for = "agent-2"
    with serving(access) as server, pytest.raises(Unauthenticated, match="agent-2"):
        join_at(server, files)
    assert written(files) == []


def test_a_place_that_can_t_be_written_takes_no_use(files: JoinFiles) -> None:
    files.config.parent.mkdir(parents=True)
    files.directory.write_text("a file where the directory should be")
    access = _Access()
    with serving(access) as server, pytest.raises(FailedPrecondition):
        join_at(server, files)
    assert access.requests == []
