"""``tls``: makes the certificates of a grid, and looks at those of files and servers."""

from __future__ import annotations

import shlex
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from sutra_grid.cli.commands.tls_look import show, verify
from sutra_grid.cli.commands.tls_revocations import COMMANDS as OF_THE_MASTER
from sutra_grid.cli.context import GridCommand, GridGroup, Options, options_of
from sutra_grid.cli.output.certificates import Made, made_text
from sutra_grid.cli.output.printer import emit
from sutra_grid.core.access.identity import DEFAULT_GRID, Role, make_identity
from sutra_grid.runtime.certificates.authority import create_authority
from sutra_grid.runtime.certificates.describe import describe
from sutra_grid.runtime.certificates.files import read_authority, read_certificate, write_pair
from sutra_grid.runtime.net import is_host

MAX_DAYS: Final = 36_500
CA_DAYS: Final = 3_650
CERT_DAYS: Final = 365
#: The roles that a person can make a certificate for; a storage node gets its own from its agent.
ROLES: Final = (Role.MASTER, Role.ADMIN, Role.AGENT, Role.OPERATOR, Role.VIEWER, Role.CLIENT)
SERVERS: Final = (Role.MASTER, Role.ADMIN, Role.AGENT)

path_type: Final = click.Path(path_type=Path)
days_type: Final = click.IntRange(1, MAX_DAYS)


@click.group(cls=GridGroup)
def tls() -> None:
    """Make certificates, look at them, and revoke them."""


@tls.group(cls=GridGroup)
def ca() -> None:
    """Make the certificate authority of a grid."""


@ca.command("create", cls=GridCommand)
@click.option("--grid", default=DEFAULT_GRID, show_default=True, metavar="NAME", help="The name of the grid.")
@click.option(
    "--dir",
    "directory",
    type=path_type,
    default=Path(),
    metavar="DIR",
    help="Where the files are written. [default: here]",
)
@click.option("--days", type=days_type, default=CA_DAYS, show_default=True, metavar="N", help="How long it is valid.")
@click.pass_context
def create_ca(ctx: click.Context, grid: str, directory: Path, days: int) -> None:
    """Make a certificate authority: ca.pem, and its private key ca-key.pem.

    Existing files are never overwritten. Nothing is sent anywhere.
    """
    authority = create_authority(grid, _now(), timedelta(days=days))
    cert, key = directory / "ca.pem", directory / "ca-key.pem"
    write_pair(cert, key, authority.certificate_pem, authority.key_pem)
    place = "" if directory == Path() else f" --dir {shlex.quote(str(directory))}"
    made = Made(
        what=f"certificate authority of grid {grid!r}",
        facts=describe(authority.certificate),
        cert=cert,
        key=key,
        cert_note="copy it to every host of the grid; it is not secret",
        key_note="secret: whoever has it can be anyone in the grid",
        next_command=f"sutra-grid-cli tls cert create --role master --name master-1{place}",
    )
    _tell(options_of(ctx), made)


@tls.group(cls=GridGroup)
def cert() -> None:
    """Make certificates of daemons and people."""


@cert.command("create", cls=GridCommand)
@click.option("--role", type=click.Choice([str(role) for role in ROLES]), required=True, help="What its holder is.")
@click.option("--name", required=True, metavar="NAME", help="The name of its holder; for an agent, its agent id.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A name or IP address that clients connect to; may be repeated. [default: this host and loopback]",
)
@click.option(
    "--dir",
    "directory",
    type=path_type,
    default=Path(),
    metavar="DIR",
    help="Where the files are written. [default: here]",
)
@click.option(
    "--ca", "ca_file", type=path_type, metavar="FILE", default=None, help="The authority. [default: ca.pem in --dir]"
)
@click.option(
    "--ca-key",
    "ca_key_file",
    type=path_type,
    metavar="FILE",
    default=None,
    help="Its private key. [default: ca-key.pem beside --ca]",
)
@click.option("--days", type=days_type, default=CERT_DAYS, show_default=True, metavar="N", help="How long it is valid.")
@click.pass_context
def create_cert(
    ctx: click.Context, /, role: str, name: str, hosts: tuple[str, ...], days: int, **paths: Path | None
) -> None:
    """Make a private key and its certificate: NAME-key.pem and NAME.pem.

    master, admin and agent serve connections, so their certificates name hosts. operator, viewer and client only
    connect. Existing files are never overwritten. Nothing is sent anywhere.
    """
    if hosts and Role(role) not in SERVERS:
        raise click.UsageError(f"--host is for servers, and a certificate of role {role} is for connecting only.")
    directory = paths["directory"] or Path()
    ca_file = paths["ca_file"] or directory / "ca.pem"
    ca_key_file = paths["ca_key_file"] or ca_file.with_name("ca-key.pem")
    now = _now()
    authority = read_authority(ca_file, ca_key_file)
    identity = make_identity(authority.grid, Role(role), name)
    named = hosts or (default_hosts() if identity.role in SERVERS else ())
    issued = authority.issue(identity, named, timedelta(days=days), now)
    cert_file, key_file = directory / f"{name}.pem", directory / f"{name}-key.pem"
    write_pair(cert_file, key_file, issued.certificate_pem, issued.key_pem)
    facts = describe(read_certificate(cert_file)[0])
    made = Made(
        what=f"certificate of {role} {name} of grid {authority.grid!r}",
        facts=facts,
        cert=cert_file,
        key=key_file,
        cert_note="not secret",
        key_note="secret: copy it to the host of its holder only",
        next_command=f"sutra-grid-cli tls show {shlex.quote(str(cert_file))}",
        warnings=[_shortened(days, facts.not_after, now)] if facts.not_after < now + timedelta(days=days - 1) else [],
    )
    _tell(options_of(ctx), made)


for command in (show, verify, *OF_THE_MASTER):
    tls.add_command(command)


def default_hosts() -> tuple[str, ...]:
    """The names and addresses of this host that are known without asking the network."""
    name = socket.gethostname()
    return tuple(dict.fromkeys([*([name] if is_host(name) else []), "localhost", "127.0.0.1", "::1"]))


def _shortened(days: int, end: datetime, now: datetime) -> str:
    return f"valid for {(end - now).days} days instead of {days}: no certificate outlives its authority"


def _tell(options: Options, made: Made) -> None:
    for warning in made.warnings:
        click.echo(f"warning: {warning}", err=True)
    emit(made_text(options, made))


def _now() -> datetime:
    return datetime.now(UTC)
