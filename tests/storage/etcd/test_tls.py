"""A node with TLS: etcd's own client reaches it with a certificate of the grid, and not without."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.values.certificates import TestAuthority, write_files

from storage.etcd.test_etcdctl import Etcdctl
from storage.server import StorageServer, run_to_end
from sutra_grid.core.access.identity import Role

CA = TestAuthority()


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("etcdctl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("etcdctl is missing: apt-get install etcd-client")
        pytest.skip("etcdctl is missing: apt-get install etcd-client")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    directory = tmp_path_factory.mktemp("tls")
    ca, cert, key = write_files(directory / "node", CA.credentials(Role.NODE, "node-1"))
    flags = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(ca))
    with StorageServer(directory / "store", *flags) as server:
        yield server


def options(tmp_path: Path, authority: TestAuthority, role: Role) -> list[str]:
    _, cert, key = write_files(tmp_path / "client", authority.credentials(role, "app"))
    ca = tmp_path / "grid.pem"
    ca.write_bytes(CA.pem)
    return ["--cacert", str(ca), "--cert", str(cert), "--key", str(key)]


@pytest.mark.parametrize("role", [Role.CLIENT, Role.OPERATOR, Role.ADMIN])
def test_etcdctl_writes_and_reads_with_a_certificate(
    program: str, server: StorageServer, tmp_path: Path, role: Role
) -> None:
    etcdctl = Etcdctl(program, f"https://{server.address}")
    given = options(tmp_path, CA, role)
    assert etcdctl(*given, "put", f"/{role}", "1") == "OK\n"
    assert etcdctl(*given, "get", f"/{role}", "--print-value-only") == "1\n"
    assert f"https://{server.address}" in etcdctl(*given, "member", "list")


@pytest.mark.parametrize(
    ("authority", "role"),
    [(CA, Role.VIEWER), (CA, Role.AGENT), (CA, Role.NODE), (TestAuthority(), Role.CLIENT)],
    ids=["viewer", "agent", "node", "other authority"],
)
def test_etcdctl_gets_nothing_with_another_role_or_authority(
    program: str, server: StorageServer, tmp_path: Path, authority: TestAuthority, role: Role
) -> None:
    etcdctl = Etcdctl(program, f"https://{server.address}")
    refused = etcdctl.run(*options(tmp_path, authority, role), "--command-timeout=2s", "get", "", "--prefix")
    assert refused.returncode != 0
    assert refused.stdout == ""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_etcdctl_gets_nothing_without_a_certificate(program: str, server: StorageServer, scheme: str) -> None:
    etcdctl = Etcdctl(program, f"{scheme}://{server.address}")
    refused = etcdctl.run("--insecure-skip-tls-verify", "--command-timeout=2s", "get", "", "--prefix")
    assert refused.returncode != 0
    assert refused.stdout == ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(server: StorageServer, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain)


def test_a_server_without_all_three_files_does_not_start(tmp_path: Path) -> None:
    ca, cert, key = write_files(tmp_path, CA.credentials(Role.NODE, "node-1"))
    start = ["--storage-path", str(tmp_path / "store"), "--port", "0"]
    for given, missing in (
        (["--tls-cert", str(cert), "--tls-key", str(key)], "tls.ca_file"),
        (["--tls-cert", str(cert), "--tls-client-ca", str(ca)], "tls.key_file"),
        (["--tls-client-ca", str(ca)], "tls.cert_file"),
    ):
        ended = run_to_end([*start, *given])
        assert ended.returncode == 2
        assert missing in ended.stderr
