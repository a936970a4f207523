"""``tls show``: what certificates say."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from support.texts import mentions
from support.tls_servers import tls_server
from support.values.cli_records import Ran
from support.values.issued import NOW, facts_of, issued

from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.certificates.authority import Authority, create_authority

Cli = Callable[..., Ran]


def test_files_are_shown_in_lines_that_fit(cli: Cli, grid: Authority) -> None:
    hosts = [f"--host=node-{n}.example.net" for n in range(9)]
    assert cli("cert", "create", "--role", "master", "--name", "master-1", *hosts).code == 0
    ran = cli("show", "ca.pem", "master-1.pem")
    assert (ran.code, ran.err) == (0, "")
    assert mentions(ran.out, "certificate authority of grid 'grid'", "master master-1", "node-8.example.net", "left")
    assert mentions(ran.out, facts_of("master-1.pem").serial, facts_of("ca.pem").fingerprint)
    assert max(len(line) for line in ran.out.splitlines()) <= 80


def test_expired_and_early_certificates_are_said_to_be_so(cli: Cli, grid: Authority) -> None:
    for name, at in (("old", -3.0), ("new", 3.0)):
        leaf = issued(create_authority("grid", NOW - timedelta(days=9)), Role.VIEWER, at=at)
        Path(f"{name}.pem").write_bytes(leaf.certificate_pem)
    assert "EXPIRED 2d ago" in cli("show", "old.pem").out.replace("47h", "2d")
    assert "NOT YET VALID" in cli("show", "new.pem").out


def test_files_that_have_no_certificate_are_named_and_the_others_shown(cli: Cli, grid: Authority) -> None:
    Path("text.pem").write_text("hello")
    ran = cli("show", "gone.pem", "ca-key.pem", "text.pem", "ca.pem")
    assert ran.code == 2
    assert mentions(ran.err, "gone.pem does not exist", "ca-key.pem has a private key", "text.pem is not a PEM file")
    assert "certificate authority of grid" in ran.out


def test_a_certificate_of_a_stranger_cannot_move_the_cursor(cli: Cli, grid: Authority, tmp_path: Path) -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "\x1b[2Jevil\nmaster")])
    builder = x509.CertificateBuilder(subject, subject, grid.key.public_key(), 1, NOW, NOW + timedelta(days=1))
    pem = builder.sign(grid.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    Path("evil.pem").write_bytes(pem)
    ran = cli("show", "evil.pem")
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "\nmaster" not in ran.out


def test_the_certificate_of_a_server_is_shown_and_not_judged(cli: Cli, tmp_path: Path) -> None:
    other = create_authority("other", NOW - timedelta(days=9))
    with tls_server(tmp_path, issued(other, Role.ADMIN, at=-3)) as port:
        ran = cli("show", f"127.0.0.1:{port}")
    assert ran.code == 0
    assert mentions(ran.out, "admin m-1 of grid 'other'", "EXPIRED")


def test_a_shell_completes_files() -> None:
    environ = {"COMP_WORDS": "sutra-grid-cli tls show ca", "COMP_CWORD": "3"}
    result = subprocess.run(
        [sys.executable, "-c", "from sutra_grid.cli.main import main; main()"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
        env={**environ, "_SUTRA_GRID_CLI_COMPLETE": "bash_complete"},
    )  # fmt: skip
    assert result.stdout.split() == ["file,ca"]
