"""What others say to our certificates: openssl, Python's ssl and gRPC, each as client and as server."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from support.needs import skip_for

from sutra_grid.core.access.identity import Role, make_identity
from sutra_grid.runtime.certificates.authority import IssuedCertificate, create_authority
from sutra_grid.runtime.certificates.files import write_pair

DEADLINE_SECONDS = 10.0
NOW = datetime.now(UTC)
GRID = create_authority("grid", NOW)
OTHER = create_authority("grid", NOW)
MASTER = make_identity("grid", Role.MASTER, "master-1")


def of(role: Role, name: str = "n-1", *hosts: str) -> IssuedCertificate:
    return GRID.issue(make_identity("grid", role, name), hosts, timedelta(days=1), NOW)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    write_pair(tmp_path / "ca.pem", tmp_path / "ca-key.pem", GRID.certificate_pem, GRID.key_pem)
    return tmp_path / "ca.pem"


@pytest.mark.parametrize("role", Role)
def test_openssl_accepts_each_role_for_what_it_is_for_and_nothing_else(ca: Path, tmp_path: Path, role: Role) -> None:
    if shutil.which("openssl") is None:
        skip_for("the Debian package openssl")
    file = tmp_path / "leaf.pem"
    file.write_bytes(of(role).certificate_pem)
    for purpose, accepted in (("sslserver", role not in PEOPLE), ("sslclient", role is not Role.NODE)):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(ca), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is accepted, done.stderr + done.stdout


PEOPLE = (Role.OPERATOR, Role.VIEWER, Role.CLIENT)


def context(directory: Path, purpose: ssl.Purpose, leaf: IssuedCertificate, version: ssl.TLSVersion) -> ssl.SSLContext:
    made = ssl.create_default_context(purpose, cafile=str(directory / "ca.pem"))
    cert, key = directory / f"{purpose.shortname}.pem", directory / f"{purpose.shortname}-key.pem"
    write_pair(cert, key, leaf.certificate_pem, leaf.key_pem)
    made.load_cert_chain(cert, key)
    made.minimum_version = made.maximum_version = version
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("host", ["127.0.0.1", "host-1.example.net", "master.grid.sutra-grid"])
def test_python_accepts_them_on_both_sides(ca: Path, version: ssl.TLSVersion, host: str) -> None:
    leaf = GRID.issue(MASTER, ["127.0.0.1", "host-1.example.net"], timedelta(days=1), NOW)
    server = context(ca.parent, ssl.Purpose.CLIENT_AUTH, leaf, version)
    client = context(ca.parent, ssl.Purpose.SERVER_AUTH, of(Role.VIEWER), version)
    near, far = socket.socketpair()
    near.settimeout(DEADLINE_SECONDS)
    far.settimeout(DEADLINE_SECONDS)

    def serve() -> bytes:
        with server.wrap_socket(far, server_side=True) as stream:
            return stream.recv(5)

    with ThreadPoolExecutor(1) as threads:
        got = threads.submit(serve)
        with client.wrap_socket(near, server_hostname=host) as stream:
            stream.sendall(b"hello")
            assert stream.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
            assert got.result(DEADLINE_SECONDS) == b"hello"


class Echo(grpc.GenericRpcHandler):
    """Answers every call with what the server knows of the caller."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def answer(_request: bytes, context: grpc.ServicerContext) -> bytes:
            return b" ".join(context.auth_context().get("peer_spiffe_id", [b"nobody"]))

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    leaf = GRID.issue(MASTER, (), timedelta(days=1), NOW)
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Echo()])
    credentials = grpc.ssl_server_credentials(
        [(leaf.key_pem, leaf.certificate_pem)], GRID.certificate_pem, require_client_auth=True
    )
    bound = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield bound
    server.stop(0).wait(DEADLINE_SECONDS)


def call(port: int, leaf: IssuedCertificate | None, name: str = MASTER.server_name, trusted: bytes = b"") -> bytes:
    credentials = grpc.ssl_channel_credentials(
        trusted or GRID.certificate_pem, leaf.key_pem if leaf else None, leaf.certificate_pem if leaf else None
    )
    options = [("grpc.ssl_target_name_override", name)]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        answer: bytes = channel.unary_unary("/any/Any")(b"", timeout=DEADLINE_SECONDS)
        return answer


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.NODE}))
def test_grpc_knows_the_caller_by_its_certificate(port: int, role: Role) -> None:
    assert call(port, of(role)).decode() == f"spiffe://grid/{role}/n-1"


def foreign() -> IssuedCertificate:
    return OTHER.issue(make_identity("grid", Role.ADMIN, "n-1"), (), timedelta(days=1), NOW)


@pytest.mark.parametrize(
    "leaf", [None, of(Role.NODE), foreign()], ids=["no certificate", "a node's", "of another authority"]
)
def test_grpc_refuses_who_may_not_call(port: int, leaf: IssuedCertificate | None) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call(port, leaf)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("n-1.agent.grid.sutra-grid", GRID.certificate_pem),
        ("127.0.0.1", b""),
        (MASTER.server_name, OTHER.certificate_pem),
    ],
)
def test_grpc_refuses_a_server_that_is_another(port: int, name: str, trusted: bytes) -> None:
    with pytest.raises(grpc.RpcError):
        call(port, of(Role.VIEWER), name, trusted)
