"""The admin over HTTPS: real connections to a real gunicorn."""

from __future__ import annotations

import json
import shutil
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.harness.daemons import run_program, write_config
from support.harness.https_admin import HOST, HttpsAdmin, Site, received, running
from support.texts import mentions
from support.values.certificates import DAY, TestAuthority, write_files
from support.waiting import eventually

from sutra_grid.admin.http.security_headers import HEADERS
from sutra_grid.core.access.identity import Role

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsAdmin]:
    root = tmp_path_factory.mktemp("https")
    with running(HttpsAdmin(root, Site(root))) as made:
        yield made


def _site(admin: HttpsAdmin) -> Site:
    assert admin.site is not None
    return admin.site


def test_it_serves_https_and_tells_browsers_to_keep_to_it(admin: HttpsAdmin) -> None:
    status, headers = admin.get("/livez")
    assert status == 200
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "scheme=https" in admin.daemon.log_text()


@pytest.mark.parametrize(
    ("version", "is_served"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_tls_1_2_is_the_least(admin: HttpsAdmin, version: ssl.TLSVersion, is_served: bool) -> None:
    context = _site(admin).context()
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # else this side refuses
    context.minimum_version = context.maximum_version = version
    assert admin.get("/livez", context)[0] == (200 if is_served else 0)


def test_tls_1_3_is_taken_where_both_have_it(admin: HttpsAdmin) -> None:
    with admin.raw() as plain, _site(admin).context().wrap_socket(plain, server_hostname=HOST) as secured:
        assert secured.version() == "TLSv1.3"


def test_plain_http_gets_nothing_and_is_logged_once(admin: HttpsAdmin) -> None:
    for _ in range(20):
        with admin.raw() as connection:
            connection.sendall(b"GET /nodes HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" not in received(connection)
    eventually(lambda: "TLS handshake failed" in admin.daemon.log_text())
    assert admin.daemon.log_text().count("TLS handshake failed") < 5
    assert admin.get("/livez")[0] == 200


def test_slow_handshakes_keep_nobody_out(admin: HttpsAdmin) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01"  # the beginning of a TLS record that never comes
    with ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(admin.raw())
            if number % 2:
                connection.sendall(hello)
        for _ in range(5):
            assert admin.get("/livez")[0] == 200
    assert "Traceback" not in admin.daemon.log_text()


def test_silence_after_the_handshake_keeps_nobody_out(admin: HttpsAdmin) -> None:
    with ExitStack() as stack:
        for _ in range(30):
            plain = stack.enter_context(admin.raw())
            stack.enter_context(_site(admin).context().wrap_socket(plain, server_hostname=HOST))
        assert admin.get("/livez")[0] == 200


def test_a_connection_is_kept_for_more_requests(admin: HttpsAdmin) -> None:
    connection = admin.connection()
    for _ in range(3):
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (200, "alive")
    connection.close()


def test_a_certificate_that_is_replaced_is_served_without_a_restart(admin: HttpsAdmin) -> None:
    before = admin.served_certificate()
    kept = admin.connection()
    kept.request("GET", "/livez")
    kept.getresponse().read()
    _site(admin).replace("admin-2")
    eventually(lambda: admin.served_certificate() != before, message="the new certificate is served")
    kept.request("GET", "/livez")
    assert kept.getresponse().status == 200, "a connection in use stays"
    kept.close()


def test_files_that_can_not_be_used_leave_the_ones_before(admin: HttpsAdmin) -> None:
    site = _site(admin)
    good, kept = admin.served_certificate(), site.key_file.read_bytes()
    site.key_file.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")

    def is_told() -> bool:
        assert admin.served_certificate() == good
        return "the ones before stay in use" in admin.daemon.log_text()

    eventually(is_told, message="the log says so")
    site.key_file.write_bytes(kept)


# -- what gunicorn answers itself --


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsAdmin]:
    with running(HttpsAdmin(tmp_path_factory.mktemp("http"), None)) as made:
        yield made


LONG = b"x" * 16_000


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: " + LONG + b"\r\n\r\n", 431),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"X-Many: 1\r\n" * 500 + b"\r\n", 431),
        (b"GET /" + LONG + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403),
        (b"GET http://evil.example/livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403),
    ],
)
def test_a_request_that_can_not_be_read_is_a_problem_with_all_headers(
    plain: HttpsAdmin, request_text: bytes, status: int
) -> None:
    with plain.raw() as connection:
        connection.sendall(request_text)
        head, _, body = received(connection).partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    assert int(lines[0].split()[1]) == status
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines[1:])}
    assert headers["content-type"] == "application/problem+json"
    assert set(map(str.lower, HEADERS)) <= set(headers)
    assert json.loads(body)["status"] == status
    assert len(body) < 1000


def test_a_header_without_an_end_costs_no_memory(plain: HttpsAdmin) -> None:
    with plain.raw() as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        sent = 0
        try:
            while sent < 64 << 20:
                connection.sendall(b"x" * 65_536)
                sent += 65_536
        except OSError:
            pass
    assert sent < 16 << 20, "the server closes the connection long before"
    assert plain.get("/livez")[0] == 200


def test_loopback_may_not_tell_gunicorn_its_scheme_and_path(plain: HttpsAdmin) -> None:
    status, headers = plain.get("/livez", X_Forwarded_Proto="https")
    assert status == 200
    assert "Strict-Transport-Security" not in headers
    for accept in ("application/json", "text/html"):
        told = {"X_Forwarded_Prefix": "//evil.example", "SCRIPT_NAME": "/evil", "Accept": accept}
        assert plain.get("/", **told)[1].get("Location", "/ui/") == "/ui/"


# -- the configuration --


def _check(root: Path, **tls: Path) -> tuple[int, str]:
    config = write_config(root / "checked.toml", {"tls": {name: str(path) for name, path in tls.items()}})
    outcome = run_program("sutra-grid-admin", "--check-config", "--config", str(config))
    return outcome.exit_code, outcome.stdout + outcome.stderr


def test_check_config_names_what_is_wrong_with_the_files(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert _check(tmp_path, cert_file=site.cert_file, key_file=site.key_file)[0] == 0
    other = tmp_path / "other"
    other.mkdir()
    alien = Site(other).key_file
    open_key = tmp_path / "open-key.pem"
    shutil.copy(site.key_file, open_key)
    open_key.chmod(0o644)
    missing = tmp_path / "none.pem"
    wrong = [
        ({"cert_file": site.cert_file}, ["tls.key_file", "is missing"]),
        ({"cert_file": missing, "key_file": site.key_file}, ["tls.cert_file", missing, "does not exist"]),
        ({"cert_file": site.cert_file, "key_file": alien}, ["tls.key_file", alien, "does not fit"]),
        ({"cert_file": site.cert_file, "key_file": open_key}, ["tls.key_file", open_key, "chmod 600"]),
        ({"cert_file": site.key_file, "key_file": site.key_file}, [site.key_file, "private key"]),
    ]
    for files, words in wrong:
        code, said = _check(tmp_path, **files)
        assert code == 2, said
        assert mentions(said, *words)


def test_check_config_warns_of_the_certificate_for_the_master_too(tmp_path: Path) -> None:
    ca, cert, key = write_files(tmp_path / "tls", TestAuthority().credentials(Role.ADMIN, "admin", ends=-DAY / 2))
    files = {"ca_file": str(ca), "cert_file": str(cert), "key_file": str(key)}
    config = write_config(tmp_path / "admin.toml", {"master_tls": files})
    outcome = run_program("sutra-grid-admin", "--check-config", "--config", str(config))
    assert outcome.exit_code == 0
    assert mentions(outcome.stdout + outcome.stderr, "master_tls.cert_file", cert, "expired at")
