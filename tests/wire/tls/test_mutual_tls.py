"""Calls over mutual TLS: who gets in, who is refused and how, and certificates that change meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from support.values.certificates import DAY, TestAuthority, files_of
from support.waiting import eventually

from sutra_grid.core.access.identity import Role, agent_server_name
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.errors import GridError, PermissionDenied, Unauthenticated, Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.tls.credentials import CHECK_SECONDS, CredentialFiles, Credentials
from sutra_grid.wire import caller
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.connection import Connection, Peer
from sutra_grid.wire.grid_pb2_grpc import GridMasterServicer, GridMasterStub, add_GridMasterServicer_to_server
from sutra_grid.wire.server import Access, RunningServer, Security, ServerLimits, TlsPort, serve
from sutra_grid.wire.tls import ServerTls, TlsOpener

CA = TestAuthority()
OTHER_CA = TestAuthority()
MASTER = CA.credentials(Role.MASTER, "m1")


class _Master(GridMasterServicer):
    """Remembers who called."""

    def __init__(self) -> None:
        self.callers: list[Principal] = []

    def Heartbeat(self, request: pb.HeartbeatRequest, context: grpc.ServicerContext) -> pb.HeartbeatResponse:  # noqa: N802
        self.callers.append(caller.current())
        return pb.HeartbeatResponse(acknowledged=True)

    def GetClusterStatus(self, request: pb.Empty, context: grpc.ServicerContext) -> pb.ClusterStatus:  # noqa: N802
        self.callers.append(caller.current())
        return pb.ClusterStatus(status="healthy")

    def DrainAgent(self, request: pb.AgentCommand, context: grpc.ServicerContext) -> pb.AgentRecord:  # noqa: N802
        self.callers.append(caller.current())
        return pb.AgentRecord()


@contextmanager
def serving(
    service: _Master,
    files: CredentialFiles | None = None,
    access: Access | None = None,
    *,
    with_token_port: bool = False,
    connections: int = 0,
) -> Iterator[RunningServer]:
    files = files or files_of(MASTER)
    more = (TlsPort("127.0.0.1", 0, ServerTls(files, mutual=False)),) if with_token_port else ()
    with serve(
        {"grid.GridMaster": lambda server: add_GridMasterServicer_to_server(service, server)},
        host="127.0.0.1",
        port=0,
        limits=ServerLimits(workers=4, calls=100, connections=connections),
        name="tls-test",
        security=Security(access or Access(), ServerTls(files, mutual=True), more),
    ) as server:
        yield server


@contextmanager
def connected(
    server: RunningServer, credentials: Credentials, port: int = 0, name: str = ""
) -> Iterator[Connection[GridMasterStub]]:
    opener = TlsOpener(files_of(credentials)) if not name else TlsOpener(files_of(credentials), lambda _: name)
    with Connection(f"127.0.0.1:{port or server.port}", Peer("the master"), GridMasterStub, opener) as connection:
        yield connection


def beat(connection: Connection[GridMasterStub], agent_id: str = "agent-1") -> pb.HeartbeatResponse:
    return connection.call(lambda stub: stub.Heartbeat, pb.HeartbeatRequest(agent_id=agent_id), pb.HeartbeatResponse, 5)


def status(connection: Connection[GridMasterStub]) -> pb.ClusterStatus:
    return connection.call(lambda stub: stub.GetClusterStatus, pb.Empty(), pb.ClusterStatus, 5)


def refused(call: object, *arguments: object) -> GridError:
    with pytest.raises(GridError) as raised:
        call(*arguments)  # type: ignore[operator]
    return raised.value


def test_an_agent_beats_as_itself_and_the_handler_knows_who_it_is() -> None:
    service = _Master()
    with serving(service) as server, connected(server, CA.credentials(Role.AGENT, "agent-1")) as connection:
        assert beat(connection).acknowledged
    [principal] = service.callers
    assert (principal.role, principal.name, principal.address) == (Role.AGENT, "agent-1", "127.0.0.1")
    assert principal.serial


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(CA.credentials(Role.AGENT, "agent-1", ends=-DAY / 2), id="expired"),
        pytest.param(CA.credentials(Role.AGENT, "agent-1", begins=DAY / 2), id="not yet valid"),
        pytest.param(replace(OTHER_CA.credentials(Role.AGENT, "agent-1"), ca_pem=CA.pem), id="other CA"),
        pytest.param(Credentials(CA.pem, grid="grid"), id="none"),
    ],
)
def test_a_certificate_that_does_not_count_opens_no_connection(credentials: Credentials) -> None:
    service = _Master()
    with serving(service) as server, connected(server, credentials) as connection:
        assert isinstance(refused(beat, connection), Unavailable)
    assert service.callers == []


def test_a_master_of_another_grid_is_not_called() -> None:
    service = _Master()
    credentials = replace(CA.credentials(Role.AGENT, "agent-1"), ca_pem=OTHER_CA.pem)
    with serving(service) as server, connected(server, credentials) as connection:
        assert isinstance(refused(beat, connection), Unavailable)
    assert service.callers == []


def test_an_agents_certificate_cannot_stand_in_for_a_master_nor_for_another_agent() -> None:
    service = _Master()
    impostor = files_of(CA.credentials(Role.AGENT, "agent-1"))
    with serving(service, impostor) as server:
        with connected(server, CA.credentials(Role.OPERATOR, "ann")) as connection:
            assert isinstance(refused(status, connection), Unavailable)
        for_other = agent_server_name("grid", "agent-2")
        with connected(server, CA.credentials(Role.OPERATOR, "ann"), name=for_other) as connection:
            assert isinstance(refused(status, connection), Unavailable)
        for_itself = agent_server_name("grid", "agent-1")
        with connected(server, CA.credentials(Role.OPERATOR, "ann"), name=for_itself) as connection:
            assert status(connection).status == "healthy"


def test_an_agent_cannot_beat_for_another_nor_read_nor_change() -> None:
    service = _Master()
    with serving(service) as server, connected(server, CA.credentials(Role.AGENT, "agent-1")) as connection:
        assert "agent-2" in str(refused(beat, connection, "agent-2"))
        error = refused(status, connection)
        assert isinstance(error, PermissionDenied)
        assert error.reason is Reason.FORBIDDEN
        assert "operator" in error.hint
    assert service.callers == []


NOISE = b"\xff\xff\xff"


@pytest.mark.parametrize(
    ("role", "method", "code"),
    [
        (Role.VIEWER, "DrainAgent", grpc.StatusCode.PERMISSION_DENIED),
        (Role.AGENT, "GetClusterStatus", grpc.StatusCode.PERMISSION_DENIED),
        (Role.OPERATOR, "Heartbeat", grpc.StatusCode.PERMISSION_DENIED),
        (None, "DrainAgent", grpc.StatusCode.UNAUTHENTICATED),
        (Role.OPERATOR, "DrainAgent", grpc.StatusCode.INVALID_ARGUMENT),  # who may call it hears what is wrong
        (Role.AGENT, "Heartbeat", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_request_is_decoded_only_for_who_may_make_it(role: Role | None, method: str, code: grpc.StatusCode) -> None:
    """16 MiB cost a server much time and memory to decode, so a caller that it refuses can't make it do so."""
    refusals: list[str] = []
    access = Access(on_refusal=lambda path, error, peer: refusals.append(path))
    with serving(_Master(), access=access, with_token_port=True) as server:
        [token_port] = server.more_ports
        shown = Credentials(CA.pem, grid="grid") if role is None else CA.credentials(role, "agent-1")
        address = f"127.0.0.1:{server.port if role else token_port}"
        with TlsOpener(files_of(shown))(address) as channel, pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(f"/grid.GridMaster/{method}")(NOISE, timeout=5)
    assert raised.value.code() is code
    assert refusals == ([] if code is grpc.StatusCode.INVALID_ARGUMENT else [f"/grid.GridMaster/{method}"])


def test_a_viewer_reads_and_cannot_change() -> None:
    with serving(_Master()) as server, connected(server, CA.credentials(Role.VIEWER, "vi")) as connection:
        assert status(connection).status == "healthy"
        drained = refused(connection.call, lambda stub: stub.DrainAgent, pb.AgentCommand(), pb.AgentRecord, 5)
        assert isinstance(drained, PermissionDenied)


@pytest.mark.parametrize("uris", [(), ("https://grid/agent/a",), ("spiffe://grid/agent/a", "spiffe://grid/admin/a")])
def test_a_certificate_without_one_identity_is_refused_with_what_it_needs(uris: tuple[str, ...]) -> None:
    credentials = CA.credentials(Role.ADMIN, "a", uris=uris)
    with serving(_Master()) as server, connected(server, credentials) as connection:
        error = refused(status, connection)
    assert isinstance(error, Unauthenticated)
    assert "spiffe://GRID/ROLE/NAME" in error.hint


def test_a_revoked_certificate_is_refused_on_a_connection_that_exists() -> None:
    revoked: set[str] = set()

    def revocation(principal: Principal) -> GridError | None:
        return Unauthenticated("revoked", reason=Reason.CERTIFICATE_REVOKED) if principal.name in revoked else None

    refusals: list[tuple[str, Reason]] = []
    access = Access(revocation=revocation, on_refusal=lambda path, error, peer: refusals.append((path, error.reason)))
    with (
        serving(_Master(), access=access) as server,
        connected(server, CA.credentials(Role.AGENT, "agent-1")) as connection,
    ):
        assert beat(connection).acknowledged
        revoked.add("agent-1")
        assert refused(beat, connection).reason is Reason.CERTIFICATE_REVOKED
        revoked.clear()
        assert beat(connection).acknowledged
    assert refusals == [("/grid.GridMaster/Heartbeat", Reason.CERTIFICATE_REVOKED)]


def test_a_revoked_admin_is_refused_though_it_calls_for_a_user_or_shows_a_token() -> None:
    """What a caller says of itself never hides the certificate that it has."""

    def revocation(principal: Principal) -> GridError | None:
        is_revoked = principal.name == "web"
        return Unauthenticated("revoked", reason=Reason.CERTIFICATE_REVOKED) if is_revoked else None

    alice = Principal(PrincipalKind.USER, Role.OPERATOR, "alice")
    service, access = _Master(), Access(check_token=lambda token, address: alice, revocation=revocation)
    admin = CA.credentials(Role.ADMIN, "web")
    for metadata in (caller.metadata_for(alice), (("authorization", "Bearer x"),)):
        with serving(service, access=access) as server, TlsOpener(files_of(admin))(server.address) as channel:
            with pytest.raises(grpc.RpcError) as raised:
                GridMasterStub(channel).DrainAgent(pb.AgentCommand(agent_id="a"), timeout=5, metadata=metadata)
            assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert service.callers == []


def test_without_a_certificate_the_other_port_asks_for_a_token() -> None:
    service = _Master()
    with serving(service, with_token_port=True) as server:
        [port] = server.more_ports
        with connected(server, Credentials(CA.pem, grid="grid"), port) as connection:
            error = refused(status, connection)
    assert isinstance(error, Unauthenticated)
    assert "token" in error.message
    assert service.callers == []


def test_plaintext_to_a_tls_port_and_tls_to_a_plaintext_port_get_nothing() -> None:
    service = _Master()
    with serving(service) as server, Connection(server.address, Peer("the master"), GridMasterStub) as connection:
        assert isinstance(refused(beat, connection), Unavailable)
    assert service.callers == []


def test_certificates_replaced_on_disk_are_used_without_a_restart() -> None:
    """The CA changes through a bundle of two: server and client follow one after the other."""
    fresh_ca = TestAuthority()
    bundle = CA.pem + fresh_ca.pem
    now = {
        "server": MASTER,
        "client": CA.credentials(Role.AGENT, "agent-1"),
    }
    versions = {"server": 1, "client": 1}

    class Changing(CredentialFiles):
        def __init__(self, which: str) -> None:
            self.which = which

        def current(self) -> Credentials:
            return replace(now[self.which], version=versions[self.which])

    def put(which: str, credentials: Credentials) -> None:
        now[which], versions[which] = credentials, versions[which] + 1

    service = _Master()
    with (
        serving(service, Changing("server")) as server,
        Connection(server.address, Peer("the master"), GridMasterStub, TlsOpener(Changing("client"))) as connection,
    ):
        assert beat(connection).acknowledged
        put("server", replace(MASTER, ca_pem=bundle))
        put("client", replace(now["client"], ca_pem=bundle))
        assert beat(connection).acknowledged
        put("client", replace(fresh_ca.credentials(Role.AGENT, "agent-1"), ca_pem=bundle))
        assert beat(connection).acknowledged
        put("server", replace(fresh_ca.credentials(Role.MASTER, "m1"), ca_pem=fresh_ca.pem))
        put("client", replace(now["client"], ca_pem=fresh_ca.pem))
        assert beat(connection).acknowledged
    assert len({principal.serial for principal in service.callers}) == 2


def test_files_that_do_not_fit_leave_the_ones_before_in_use(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_text("1")

    def read() -> Credentials:
        if path.read_text() == "bad":
            raise Unavailable("no")
        return Credentials(path.read_bytes())

    files = CredentialFiles((path,), read)
    path.write_text("bad")
    eventually(lambda: files.current() is not None and files._failure != "", CHECK_SECONDS * 5)
    assert files.current().ca_pem == b"1"
    path.write_text("22")
    eventually(lambda: files.current().ca_pem == b"22", CHECK_SECONDS * 5)
    assert files.current().version == 2


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT])
def test_a_certificate_of_another_grid_opens_nothing_though_the_same_authority_has_signed_it(role: Role) -> None:
    service = _Master()
    stranger = CA.credentials(role, "agent-1", uris=(f"spiffe://staging/{role}/agent-1",))
    with serving(service) as server, connected(server, stranger) as connection:
        error = refused(beat if role is Role.AGENT else status, connection)
    assert isinstance(error, Unauthenticated)
    assert "is of grid 'staging', and this is grid 'grid'" in error.message
    assert error.reason is Reason.CERTIFICATE_INVALID
    assert service.callers == []


def test_a_certificate_that_expires_is_refused_on_a_connection_that_exists() -> None:
    seconds = timedelta(seconds=2.5)
    short = CA.credentials(Role.AGENT, "agent-1", ends=seconds)
    with serving(_Master()) as server, connected(server, short) as connection:
        assert beat(connection).acknowledged
        error = eventually(lambda: _refusal_of_beat(connection), 10, "the end of the certificate")
    assert isinstance(error, Unauthenticated)
    assert "the certificate of agent agent-1 expired at " in error.message


def _refusal_of_beat(connection: Connection[GridMasterStub]) -> GridError | None:
    try:
        beat(connection)
    except GridError as error:
        return error
    return None


def test_the_connections_of_all_ports_together_are_bounded() -> None:
    """A stranger who fills both ports leaves descriptors to the process, and one port can't take the other's part."""
    with serving(_Master(), with_token_port=True, connections=8) as server, ExitStack() as stack:
        ports = (*server.more_ports, server.port)
        opened = {port: [_connect(port, stack) for _ in range(12)] for port in ports}

        def kept(port: int) -> int:
            return sum(not _is_closed(stream) for stream in opened[port])

        eventually(lambda: [kept(port) for port in ports] == [4, 4], 10, "half of the connections on each port")


def test_handshakes_that_never_end_keep_nobody_out() -> None:
    with serving(_Master(), with_token_port=True) as server, ExitStack() as stack:
        for number in range(400):
            stream = _connect((server.port, *server.more_ports)[number % 2], stack)
            if number % 4 < 2:
                stream.send(b"\x16\x03\x01\x02\x00\x01")  # how a ClientHello begins
        with connected(server, CA.credentials(Role.AGENT, "agent-1")) as connection:
            assert beat(connection).acknowledged
        with connected(server, Credentials(CA.pem, grid="grid"), server.more_ports[0]) as connection:
            assert isinstance(refused(status, connection), Unauthenticated)


def test_a_stranger_can_not_send_large_messages_to_the_port_for_tokens() -> None:
    """Else a few of them would fill the memory of the master before anybody asks who they are."""
    large = pb.HeartbeatRequest(agent_id="a" * 2_000_000)
    with serving(_Master(), with_token_port=True) as server:
        with connected(server, Credentials(CA.pem, grid="grid"), server.more_ports[0]) as connection:
            error = refused(connection.call, lambda stub: stub.Heartbeat, large, pb.HeartbeatResponse, 5)
        assert not isinstance(error, Unauthenticated)
        with connected(server, CA.credentials(Role.AGENT, "agent-1")) as connection:
            error = refused(connection.call, lambda stub: stub.Heartbeat, large, pb.HeartbeatResponse, 5)
        assert isinstance(error, PermissionDenied)  # it was read: certificates may send more


def _connect(port: int, stack: ExitStack) -> socket.socket:
    stream = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
    stream.setblocking(False)
    return stream


def _is_closed(stream: socket.socket) -> bool:
    try:
        return stream.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
