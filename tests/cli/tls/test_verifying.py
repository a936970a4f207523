"""``tls verify``: each fault of a real server has its name."""

import json
import shlex
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from support.harness.ports import free_port
from support.needs import skip_for
from support.texts import mentions
from support.tls_servers import grpc_server, socket_server, tls_server
from support.values.cli_records import Ran
from support.values.issued import NOW, issued
from support.waiting import eventually

from sutra_grid.core.access.identity import Role, make_identity
from sutra_grid.runtime.certificates.authority import Authority, IssuedCertificate, create_authority
from sutra_grid.runtime.certificates.files import write_pair
from sutra_grid.runtime.net import is_port_free

Cli = Callable[..., Ran]


def checks_of(ran: Ran) -> dict[str, str]:
    return {check["check"]: check["fault"] for check in json.loads(ran.out)["checks"]}


def fault_of(ran: Ran) -> str:
    """The one fault that was found; empty when there is none."""
    faults = [fault for fault in checks_of(ran).values() if fault]
    assert len(faults) <= 1, faults
    assert (ran.code != 0) is bool(faults)
    return "".join(faults)


def test_a_right_server_passes_each_check(cli: Cli, grid: Authority) -> None:
    with grpc_server(issued(grid, Role.MASTER, "127.0.0.1")) as port:
        ran = cli("verify", f"127.0.0.1:{port}")
        assert ran.code == 0
        assert mentions(ran.out, "master m-1 of grid 'grid'", "TLSv1.3", "signed by an authority in ca.pem", "left")
        assert "FAULT" not in ran.out
        assert max(len(line) for line in ran.out.splitlines()) <= 80
        ran = cli("verify", f"127.0.0.1:{port}", "-o", "json")
        assert fault_of(ran) == ""
        assert list(checks_of(ran)) == ["authority", "time", "purpose", "name", "client"]
        for more in (("--role", "master"), ("--role", "master", "--name", "m-1"), ("--server-name", "127.0.0.1")):
            assert cli("verify", f"127.0.0.1:{port}", *more).code == 0


def test_without_options_the_files_of_a_dev_grid_here_are_used(cli: Cli, grid: Authority) -> None:
    dev = Path("sutra-grid-dev")
    dev.mkdir()
    Path("ca.pem").rename(dev / "ca.pem")
    own = issued(grid, Role.OPERATOR)
    write_pair(dev / "operator.pem", dev / "operator-key.pem", own.certificate_pem, own.key_pem)
    with grpc_server(issued(grid, Role.MASTER, "127.0.0.1")) as port:
        (dev / "master.address").write_text(f"127.0.0.1:{port}")
        files = [str((dev / name).resolve()) for name in ("ca.pem", "operator.pem", "operator-key.pem")]
        (dev / "master.tls").write_text("\n".join(files))
        ran = cli("verify", f"127.0.0.1:{port}")
        assert ran.code == 0, ran
        assert mentions(ran.out, "with the certificate of operator")


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (("--role", "agent"), "other_name"),
        (("--role", "master", "--name", "m-2"), "other_name"),
        (("--server-name", "m2.example.net"), "other_name"),
        (("--ca", "other.pem"), "other_authority"),
    ],
)
def test_another_server_than_the_expected_one_is_named(
    cli: Cli, grid: Authority, more: tuple[str, ...], fault: str
) -> None:
    Path("other.pem").write_bytes(create_authority("grid", NOW).certificate_pem)
    with grpc_server(issued(grid, Role.MASTER, "127.0.0.1")) as port:
        ran = cli("verify", f"127.0.0.1:{port}", "-o", "json", *more)
        assert fault_of(ran) == fault
        assert ran.code == 1
        ran = cli("verify", f"127.0.0.1:{port}", *more)
    assert "FAULT" in ran.out
    assert mentions(ran.err, f"127.0.0.1:{port}", "hint:")


@pytest.mark.parametrize(
    ("at", "fault", "word"), [(-3.0, "expired", "expired"), (3.0, "not_yet_valid", "not valid before")]
)
def test_times_are_told_with_our_clock(cli: Cli, tmp_path: Path, at: float, fault: str, word: str) -> None:
    old = create_authority("grid", NOW - timedelta(days=9))
    Path("ca.pem").write_bytes(old.certificate_pem)
    with tls_server(tmp_path, issued(old, Role.MASTER, at=at)) as port:
        ran = cli("verify", f"127.0.0.1:{port}", "-o", "json")
        assert fault_of(ran) == fault
        ran = cli("verify", f"127.0.0.1:{port}")
    assert mentions(ran.err, word, "the clock of this host says", f"{datetime.now(UTC):%Y-%m-%d}", "hint:", "clock")


def test_an_authority_that_has_expired_is_told_from_its_member(cli: Cli, tmp_path: Path) -> None:
    expired = create_authority("grid", NOW - timedelta(days=9), timedelta(days=5))
    Path("ca.pem").write_bytes(expired.certificate_pem)
    with tls_server(tmp_path, issued(expired, Role.MASTER, at=-8, days=3)) as port:
        assert checks_of(cli("verify", f"127.0.0.1:{port}", "-o", "json"))["time"] == "expired"


def test_the_certificate_of_a_person_is_no_server(cli: Cli, grid: Authority, tmp_path: Path) -> None:
    with tls_server(tmp_path, issued(grid, Role.VIEWER, "127.0.0.1"), quiet=True) as port:
        assert fault_of(cli("verify", f"127.0.0.1:{port}", "-o", "json")) == "not_for_servers"


def test_an_admin_is_checked_for_the_host_as_browsers_do(cli: Cli, grid: Authority, tmp_path: Path) -> None:
    with tls_server(tmp_path, issued(grid, Role.ADMIN, "127.0.0.1")) as port:
        assert fault_of(cli("verify", f"127.0.0.1:{port}", "-o", "json")) == ""
        assert fault_of(cli("verify", f"localhost:{port}", "-o", "json")) == "other_name"


def test_a_master_that_is_not_named_by_host_passes_with_a_note(cli: Cli, grid: Authority) -> None:
    with grpc_server(issued(grid, Role.MASTER)) as port:
        ran = cli("verify", f"127.0.0.1:{port}")
    assert ran.code == 0
    assert "does not name 127.0.0.1" in " ".join(ran.out.split())


def test_a_member_of_another_grid_under_one_authority_is_named(cli: Cli, grid: Authority, tmp_path: Path) -> None:
    """Two grids can't share an authority of ours; another tool's bundle could have both."""
    renamed = Authority(grid.certificate, grid.key, "other")
    leaf = renamed.issue(make_identity("other", Role.MASTER, "m"), (), timedelta(days=1), NOW)
    with tls_server(tmp_path, leaf) as port:
        assert fault_of(cli("verify", f"127.0.0.1:{port}", "-o", "json")) == "other_grid"


def test_a_client_certificate_that_is_required_or_refused_is_said_so(cli: Cli, grid: Authority) -> None:
    own, foreign = issued(grid, Role.VIEWER, name="alice"), issued(create_authority("grid", NOW), Role.VIEWER)
    write_pair(Path("alice.pem"), Path("alice-key.pem"), own.certificate_pem, own.key_pem)
    write_pair(Path("foreign.pem"), Path("foreign-key.pem"), foreign.certificate_pem, foreign.key_pem)
    with grpc_server(issued(grid, Role.MASTER), grid.certificate_pem) as port:
        ran = cli("verify", f"127.0.0.1:{port}", "-o", "json")
        assert (ran.code, fault_of(ran)) == (5, "client_certificate_needed")
        assert "--cert" in ran.err
        assert cli("show", f"127.0.0.1:{port}").code == 0
        ran = cli("verify", f"127.0.0.1:{port}", "--cert", "alice.pem")
        assert ran.code == 0
        assert "viewer alice" in " ".join(ran.out.split())
        ran = cli("verify", f"127.0.0.1:{port}", "--cert", "foreign.pem", "--key", "foreign-key.pem", "-o", "json")
        assert (ran.code, fault_of(ran)) == (5, "client_certificate_refused")
        assert "foreign.pem is not signed by an authority in ca.pem" in ran.err


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_openssl_servers_say_in_an_alert_that_they_require_a_certificate(
    cli: Cli, grid: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with tls_server(tmp_path, issued(grid, Role.MASTER), client_ca=Path("ca.pem"), version=version) as port:
        ran = cli("verify", f"127.0.0.1:{port}")
    assert ran.code == 5
    assert mentions(ran.err, "alert", "--cert")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_where_nothing_listens_is_unreachable(cli: Cli, grid: Authority, host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        taken.bind((host, 0))  # bound and not listening: nobody else gets it
        address = f"[{host}]:{taken.getsockname()[1]}" if ":" in host else f"{host}:{taken.getsockname()[1]}"
        for command in ("verify", "show"):
            ran = cli(command, address)
            assert ran.code == 4
            assert f"nothing listens at {address}" in ran.err


def test_a_name_that_nobody_knows_is_said_so(cli: Cli, grid: Authority) -> None:
    ran = cli("verify", "no-such-host.invalid:7000")
    assert ran.code == 4
    assert mentions(ran.err, "no-such-host.invalid", "can't be resolved")


def test_a_port_without_tls_is_said_so(cli: Cli, grid: Authority) -> None:
    with grpc_server(None) as port:
        for command in ("verify", "show"):
            ran = cli(command, f"127.0.0.1:{port}")
            assert ran.code == 1
            assert f"no TLS at 127.0.0.1:{port}" in ran.err


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_of_old_versions_of_tls_only_is_said_so(cli: Cli, grid: Authority, tmp_path: Path) -> None:
    leaf = issued(grid, Role.MASTER, "127.0.0.1")
    with tls_server(tmp_path, leaf, version=ssl.TLSVersion.TLSv1_1, ciphers="ALL:@SECLEVEL=0") as port:
        ran = cli("verify", f"127.0.0.1:{port}")
    assert ran.code == 1
    assert mentions(ran.err, "TLS 1.2", "TLS 1.3")


def test_a_web_server_without_tls_is_said_so(cli: Cli, grid: Authority) -> None:
    def refuse(stream: socket.socket) -> None:
        stream.recv(4096)
        stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket_server(refuse) as port:
        ran = cli("verify", f"127.0.0.1:{port}")
    assert ran.code == 1
    assert f"no TLS at 127.0.0.1:{port}" in ran.err


def test_a_handshake_that_fails_otherwise_is_told_in_the_words_of_the_library(cli: Cli, grid: Authority) -> None:
    def answer_with_an_empty_hello(stream: socket.socket) -> None:
        stream.recv(4096)
        stream.sendall(bytes.fromhex("160303000402000000"))
        stream.recv(4096)

    with socket_server(answer_with_an_empty_hello) as port:
        ran = cli("verify", f"127.0.0.1:{port}")
    assert ran.code == 1
    assert f"the TLS handshake with 127.0.0.1:{port} failed: length" in ran.err


def test_a_port_that_closes_is_not_claimed_to_be_more_than_that(cli: Cli, grid: Authority) -> None:
    with socket_server(lambda stream: None) as port:
        ran = cli("verify", f"127.0.0.1:{port}")
    assert ran.code == 1
    assert mentions(ran.err, "closed the connection during the TLS handshake", "or")


def test_a_port_that_says_nothing_ends_with_the_time(cli: Cli, grid: Authority) -> None:
    with socket_server(lambda stream: [stream.recv(4096) for _ in range(2)] and None) as port:
        ran = cli("verify", f"127.0.0.1:{port}", "--timeout", "0.3")
    assert ran.code == 1
    assert "does not answer a TLS handshake" in ran.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("127.0.0.1:1", "--ca", "gone.pem"), "gone.pem"),
        (("127.0.0.1:1", "--cert", "gone.pem"), "gone.pem"),
        (("127.0.0.1:1", "--key", "ca-key.pem"), "--cert"),
        (("127.0.0.1:1", "--cert", "ca.pem", "--key", "ca-key.pem"), "authority"),
        (("127.0.0.1:1", "--name", "a"), "--role"),
        (("127.0.0.1:1", "--role", "master", "--server-name", "a"), "not both"),
        (("127.0.0.1",), "127.0.0.1"),
    ],
)
def test_faults_of_our_own_side_are_named_before_the_network_is_used(
    cli: Cli, grid: Authority, arguments: tuple[str, ...], word: str
) -> None:
    ran = cli("verify", *arguments)
    assert ran.code == 2
    assert word in ran.err


def test_the_files_for_the_master_are_used_too(
    cli: Cli, grid: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = issued(grid, Role.VIEWER, name="alice")
    write_pair(Path("alice.pem"), Path("other-key.pem"), own.certificate_pem, own.key_pem)
    Path("ca.pem").rename("moved.pem")
    for name, file in (("CA", "moved.pem"), ("CERT", "alice.pem"), ("KEY", "other-key.pem")):
        monkeypatch.setenv(f"SUTRA_GRID_TLS_{name}", file)
    with grpc_server(issued(grid, Role.MASTER), grid.certificate_pem) as port:
        assert "viewer alice" in " ".join(cli("verify", f"127.0.0.1:{port}").out.split())
    monkeypatch.setenv("SUTRA_GRID_TLS_CERT", "gone.pem")
    assert cli("show", "alice.pem").code == 0


def test_the_authority_must_be_known(cli: Cli) -> None:
    ran = cli("verify", "127.0.0.1:1")
    assert ran.code == 2
    assert "--ca FILE" in ran.err


def test_a_chain_that_the_server_sends_leads_to_its_authority(cli: Cli, tmp_path: Path) -> None:
    """Certificates of other tools may have an authority between theirs and the root."""
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert("127.0.0.1")
    root.cert_pem.write_to_path("ca.pem")
    first, *others = (pem.bytes() for pem in leaf.cert_chain_pems)
    served = IssuedCertificate(first, leaf.private_key_pem.bytes(), "", NOW)
    with tls_server(tmp_path, served, chain=b"".join(others)) as port:
        assert fault_of(cli("verify", f"127.0.0.1:{port}", "-o", "json")) == ""
    trustme.CA().cert_pem.write_to_path("ca.pem")
    (tmp_path / "served.pem").unlink()
    (tmp_path / "served-key.pem").unlink()
    with tls_server(tmp_path, served, chain=b"".join(others)) as port:
        assert fault_of(cli("verify", f"127.0.0.1:{port}", "-o", "json")) == "other_authority"


@pytest.fixture
def redis(cli: Cli, grid: Authority) -> Iterator[str]:
    """The address of a redis-server that requires certificates of the grid."""
    if shutil.which("redis-server") is None:
        skip_for("the Debian package redis-server")
    assert cli("cert", "create", "--role", "agent", "--name", "r-1", "--host", "127.0.0.1").code == 0
    port = free_port()
    command = (
        f"redis-server --port 0 --tls-port {port} --bind 127.0.0.1 --save '' --tls-ca-cert-file ca.pem "
        "--tls-cert-file r-1.pem --tls-key-file r-1-key.pem --tls-auth-clients yes"
    )
    process = subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: not is_port_free(port), message="redis-server does not listen")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_redis_is_verified_with_a_client_certificate_and_not_without(cli: Cli, redis: str) -> None:
    assert cli("cert", "create", "--role", "client", "--name", "c-1").code == 0
    ran = cli("verify", redis, "-o", "json")
    assert (ran.code, fault_of(ran)) == (5, "client_certificate_needed")
    assert cli("verify", redis, "--cert", "c-1.pem", "--role", "agent", "--name", "r-1").code == 0
