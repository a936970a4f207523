"""The access matrix of gRPC: each role against each call of each server of a real grid, as docs/access.md says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from storage.server import StorageServer
from support.harness.grid import Grid, GridSpec
from support.values.certificates import DAY, TestAuthority, write_files
from support.waiting import eventually

from sutra_grid.core.access.identity import Role, agent_server_name
from sutra_grid.core.access.rpc_rules import RPC_RULES
from sutra_grid.core.types import Reason
from sutra_grid.wire import access_pb2, grid_pb2, node_pb2, storage_pb2
from sutra_grid.wire.access_pb2_grpc import GridAccessStub
from sutra_grid.wire.errors import from_rpc_error, is_answer

pytestmark = pytest.mark.e2e

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "access.md"
ROLES: Final = (Role.MASTER, Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.AGENT, Role.CLIENT)
NOBODY: Final = "nobody"
NAME: Final = "agent-9"
"""The name in every certificate here, and the agent in every request that has one."""

_HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"]
_REFLECTION: Final = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
MASTER: Final = (
    grid_pb2.DESCRIPTOR.services_by_name["GridMaster"],
    access_pb2.DESCRIPTOR.services_by_name["GridAccess"],
)
AGENT: Final = (grid_pb2.DESCRIPTOR.services_by_name["GridAgent"],)
STORAGE: Final = (
    *storage_pb2.DESCRIPTOR.services_by_name.values(),
    node_pb2.DESCRIPTOR.services_by_name["StorageNode"],
)


@dataclass(frozen=True)
class Server:
    """What it is on the page, where it is, what its certificate says, and its services."""

    kind: str
    address: str
    server_name: str
    services: tuple[ServiceDescriptor, ...]

    def methods(self) -> list[MethodDescriptor]:
        return [method for service in (*self.services, _HEALTH, _REFLECTION) for method in service.methods]


_REFUSALS: Final[dict[str, str]] = {
    Reason.FORBIDDEN: "denied",
    Reason.UNAUTHENTICATED: "unknown caller",
    Reason.CERTIFICATE_REVOKED: "revoked",
}


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def documented() -> dict[str, dict[str, str]]:
    """Cells of the page by path and column."""
    return {"/" + name.strip("`"): cells for name, cells in table_of(PAGE.read_text().partition("\n## ")[0]).items()}


def of_strangers() -> dict[str, dict[str, str]]:
    """What the page says of certificates that do not count, by what they are and server."""
    return table_of(PAGE.read_text().partition("\n## Certificates that do not count\n")[2].partition("\n## ")[0])


def table_of(text: str) -> dict[str, dict[str, str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    columns = [cell.strip() for cell in lines[0].strip("|").split("|")][1:]
    table = {}
    for line in lines[2:]:
        name, *cells = (cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))
        table[name] = dict(zip(columns, cells, strict=True))
    return table


def test_the_page_is_the_table_of_the_program() -> None:
    wanted = {
        path: {
            **{role: ("own" if rule.of_agent else "yes") if role in rule.roles else "" for role in ROLES},
            NOBODY: "yes" if rule.without_identity else "",
        }
        for path, rule in RPC_RULES.items()
    }
    assert documented() == wanted


@pytest.mark.parametrize("service", [*MASTER, *AGENT, *STORAGE, _HEALTH, _REFLECTION], ids=lambda each: each.full_name)
def test_every_call_of_every_service_has_a_rule(service: ServiceDescriptor) -> None:
    missing = [path_of(method) for method in service.methods if path_of(method) not in RPC_RULES]
    assert missing == []


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid(tmp_path_factory.mktemp("access"), GridSpec(agents=1, with_tls=True, with_admin=False)) as running:
        yield running


@pytest.fixture(scope="module")
def servers(grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    assert grid.tls is not None
    directory = tmp_path_factory.mktemp("node")
    ca, cert, key = write_files(directory / "tls", grid.tls.authority.credentials(Role.NODE, "node-1"))
    flags = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(ca))
    with StorageServer(directory / "store", *flags) as storage:
        yield [
            Server("master", grid.master_address, "master.grid.sutra-grid", MASTER),
            Server("agent", grid.agent_address("agent-1"), agent_server_name("grid", "agent-1"), AGENT),
            Server("storage node", storage.address, "localhost", STORAGE),
        ]


def outcome(channel: grpc.Channel, method: MethodDescriptor, token: str = "", noise: bytes = b"") -> str:
    """``allowed``, ``denied``, ``revoked``, ``unknown caller`` or ``closed``, whatever the method says of it."""
    request = GetMessageClass(method.input_type)()
    if "agent_id" in method.input_type.fields_by_name:
        request.agent_id = NAME
    data = noise or request.SerializeToString()
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    try:
        if method.server_streaming or method.client_streaming:
            call = channel.stream_stream if method.client_streaming else channel.unary_stream
            sent: Any = iter([data]) if method.client_streaming else data
            for _ in call(path_of(method))(sent, timeout=20, metadata=metadata):
                break
        else:
            channel.unary_unary(path_of(method))(data, timeout=20, metadata=metadata)
    except grpc.RpcError as error:
        if not is_answer(error):
            return "closed" if error.code() is grpc.StatusCode.UNAVAILABLE else "allowed"  # type: ignore[attr-defined]
        reason = from_rpc_error(error).reason
        return _REFUSALS.get(reason, "allowed")
    return "allowed"


def outcomes(channel: grpc.Channel, server: Server, token: str = "", noise: bytes = b"") -> dict[str, str]:
    return {path_of(method): outcome(channel, method, token, noise) for method in server.methods()}


def expected(server: Server, column: str) -> dict[str, str]:
    table = documented()
    paths = [path_of(method) for method in server.methods()]
    return {path: "allowed" if table[path][column] else "denied" for path in paths}


@pytest.mark.usefixtures("tokens")  # made before any call fails
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_what_the_page_says(grid: Grid, servers: list[Server], role: Role) -> None:
    assert grid.tls is not None
    for server in servers:
        with grid.tls.channel(server.address, role, NAME, server.server_name) as channel:
            assert outcomes(channel, server) == expected(server, role)


def test_an_agent_may_call_nothing_for_another_agent(grid: Grid, servers: list[Server]) -> None:
    assert grid.tls is not None
    own = [path for path, rule in RPC_RULES.items() if rule.of_agent]
    with grid.tls.channel(grid.master_address, Role.AGENT, "agent-8") as channel:
        found = outcomes(channel, servers[0])
    assert {path: found[path] for path in own} == dict.fromkeys(own, "denied")


def test_the_certificate_of_a_node_may_call_what_nobody_may(grid: Grid, servers: list[Server]) -> None:
    assert grid.tls is not None
    for server in servers:
        with grid.tls.channel(server.address, Role.NODE, NAME, server.server_name) as channel:
            assert outcomes(channel, server) == expected(server, NOBODY)
            # What is no message is refused in the same way: it is not decoded for who may not make the call.
            assert outcomes(channel, server, noise=b"\xff\xff\xff") == expected(server, NOBODY)


@pytest.mark.parametrize("kind", ["no certificate", "expired", "other authority", "no TLS"])
def test_a_stranger_reaches_no_handler(grid: Grid, servers: list[Server], kind: str) -> None:
    assert grid.tls is not None
    own = grid.tls.authority
    given = {
        "no certificate": replace(own.credentials(Role.ADMIN, NAME), certificate_pem=b"", key_pem=b""),
        "expired": own.credentials(Role.ADMIN, NAME, ends=-DAY / 2),
        "other authority": replace(TestAuthority().credentials(Role.ADMIN, NAME), ca_pem=own.pem),
        "no TLS": None,
    }[kind]
    for server in servers:
        with ExitStack() as stack:
            if given is None:
                channel = stack.enter_context(grpc.insecure_channel(server.address))
            else:
                credentials = grpc.ssl_channel_credentials(
                    given.ca_pem, given.key_pem or None, given.certificate_pem or None
                )
                options = [("grpc.ssl_target_name_override", server.server_name)]
                channel = stack.enter_context(grpc.secure_channel(server.address, credentials, options=options))
            assert set(outcomes(channel, server).values()) == {of_strangers()[kind][server.kind]}


@pytest.fixture(scope="module")
def revoked(grid: Grid) -> str:
    """The name whose certificates are revoked, of every role; the agent follows the list."""
    assert grid.tls is not None
    agent, name = grid.agents["agent-1"], "revoked-1"
    with grid.tls.channel(grid.master_address, Role.ADMIN, "test") as channel:
        stub = GridAccessStub(channel)
        for role in Role:
            stub.RevokeCertificate(access_pb2.RevokeCertificateRequest(role=role, name=name), timeout=10)
        version = stub.ListRevocations(access_pb2.ListRevocationsRequest(), timeout=10).version
    line = f'"version": {version}'
    eventually(lambda: f"version={version}" in agent.log_text() or line in agent.log_text(), 15, "the list followed")
    return name


@pytest.mark.parametrize("role", [*ROLES, Role.NODE])
def test_a_revoked_certificate_opens_what_the_page_says(
    grid: Grid, servers: list[Server], tokens: dict[str, str], revoked: str, role: Role
) -> None:
    assert grid.tls is not None
    cells = of_strangers()["revoked, of any role"]
    for server in servers:
        paths = [path_of(method) for method in server.methods()]
        wanted = dict.fromkeys(paths, cells[server.kind])
        if cells[server.kind] == "not revoked":
            wanted = expected(server, NOBODY if role is Role.NODE else role)
        with grid.tls.channel(server.address, role, revoked, server.server_name) as channel:
            assert outcomes(channel, server) == wanted
            if server.kind == "master":
                assert outcomes(channel, server, tokens["admin"]) == wanted


@pytest.fixture(scope="module")
def tokens(grid: Grid) -> dict[str, str]:
    """An API token of each role, one that was revoked, and one for joining."""
    assert grid.tls is not None
    made = {}
    with grid.tls.channel(grid.master_address, Role.ADMIN, "test") as channel:
        stub = GridAccessStub(channel)
        for name in (Role.ADMIN, Role.OPERATOR, Role.VIEWER, "revoked"):
            role = Role.ADMIN if name == "revoked" else name
            request = access_pb2.CreateTokenRequest(kind="api", role=role, name=f"ci-{name}", ttl_seconds=3600)
            created = stub.CreateToken(request, timeout=10)
            made[str(name)] = created.secret
            if name == "revoked":
                stub.RevokeToken(access_pb2.RevokeTokenRequest(token_id=created.token.token_id), timeout=10)
            else:
                # A token that was accepted once is accepted whatever others at this address do.
                metadata = (("authorization", f"Bearer {created.secret}"),)
                assert stub.WhoAmI(access_pb2.WhoAmIRequest(), timeout=10, metadata=metadata).name == f"ci-{name}"
        made["join"] = stub.CreateToken(access_pb2.CreateTokenRequest(kind="join"), timeout=10).secret
    return made


def token_channel(grid: Grid) -> grpc.Channel:
    assert grid.tls is not None
    return grpc.secure_channel(
        grid.token_address,
        grpc.ssl_channel_credentials(grid.tls.authority.pem),
        options=[("grpc.ssl_target_name_override", "master.grid.sutra-grid")],
    )


@pytest.mark.usefixtures("tokens")
def test_events_say_who_has_made_and_revoked_tokens(grid: Grid) -> None:
    made = [event for event in grid.events() if event.kind in ("token.created", "token.revoked")]
    assert len(made) == 6
    assert {(event.actor_name, event.actor_address) for event in made} == {("certificate test", "127.0.0.1")}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER])
def test_a_token_may_call_what_its_role_may(
    grid: Grid, servers: list[Server], tokens: dict[str, str], role: Role
) -> None:
    with token_channel(grid) as channel:
        assert outcomes(channel, servers[0], tokens[role]) == expected(servers[0], role)


def test_without_a_token_nothing_is_answered_but_joining(grid: Grid, servers: list[Server]) -> None:
    with token_channel(grid) as channel:
        found = outcomes(channel, servers[0])
    wanted = {
        path: "unknown caller" if cell == "denied" else cell for path, cell in expected(servers[0], NOBODY).items()
    }
    assert found == wanted


@pytest.mark.parametrize("kind", ["revoked", "join", "invented", "mangled"])
def test_a_token_that_does_not_count_opens_nothing(grid: Grid, tokens: dict[str, str], kind: str) -> None:
    invented = {"invented": "sgt_00000000_" + "A" * 43, "mangled": tokens["admin"][:-1]}
    metadata = (("authorization", f"Bearer {invented.get(kind) or tokens[kind]}"),)
    with token_channel(grid) as channel, pytest.raises(grpc.RpcError) as raised:
        GridAccessStub(channel).WhoAmI(access_pb2.WhoAmIRequest(), timeout=10, metadata=metadata)
    # After many failures from one address, the master does not look at its tokens for a while.
    refusals = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert raised.value.code() in refusals  # type: ignore[attr-defined]
    assert "token" in from_rpc_error(raised.value).message
