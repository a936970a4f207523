"""``tls revoke``, ``tls restore``, ``tls revocations`` and ``tls certs``: what the master knows of certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.options import confirm_or_refuse, yes_option
from sutra_grid.cli.context import GridCommand, options_of
from sutra_grid.cli.output.printer import Listing, emit, list_text, one_text
from sutra_grid.cli.output.table import Column
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client import credentials
from sutra_grid.core.access.revocations import Revoked, revoked_of
from sutra_grid.core.age import age
from sutra_grid.wire import access_pb2 as pb

what = click.argument("what", metavar="SERIAL|ROLE/NAME")


@click.command(cls=GridCommand)
@what
@click.option("--reason", metavar="TEXT", default="", help="Why; lists and events show it.")
@yes_option
@click.pass_context
def revoke(ctx: click.Context, what: str, reason: str, yes: bool) -> None:
    """Revoke a certificate, or every one of an identity such as agent/agent-1.

    The master refuses it at once, agents and the admin within a heartbeat. An agent that is
    revoked by its name can't join again under its id; its nodes run on.
    """
    options, revoked = options_of(ctx), _revoked(what)
    confirm_or_refuse(f"Revoke {_name(revoked)}? It is refused from now on.", yes=yes)
    with connect(options) as client:
        made = credentials.revoke_certificate(
            client,
            pb.RevokeCertificateRequest(serial=revoked.serial, role=revoked.role, name=revoked.name, reason=reason),
        )
    emit(one_text(options, made, _row_name(made), lambda colored: f"{_name(revoked)} revoked"))


@click.command(cls=GridCommand)
@what
@click.pass_context
def restore(ctx: click.Context, what: str) -> None:
    """Take a revocation back. Name what was revoked as 'tls revocations' shows it."""
    options, revoked = options_of(ctx), _revoked(what)
    with connect(options) as client:
        credentials.restore_certificate(
            client, pb.RestoreCertificateRequest(serial=revoked.serial, role=revoked.role, name=revoked.name)
        )
    if options.output in ("table", "wide", "name"):
        emit(_text(revoked) if options.output == "name" else f"{_name(revoked)} restored")


@click.command(cls=GridCommand)
@click.pass_context
def revocations(ctx: click.Context) -> None:
    """List what is revoked, by whom and why."""
    options = options_of(ctx)
    with connect(options) as client:
        found = credentials.list_revocations(client)
    emit(list_text(options, REVOCATIONS, found))


@click.command(cls=GridCommand)
@click.argument("name", metavar="[NAME]", default="")
@click.pass_context
def certs(ctx: click.Context, name: str) -> None:
    """List the certificates that the master has issued."""
    options = options_of(ctx)
    with connect(options) as client:
        found = credentials.list_certificates(client, name)
    emit(list_text(options, CERTIFICATES, found, filtered=bool(name)))


#: For the group ``tls``.
COMMANDS: Final = (revoke, restore, revocations, certs)


def _revoked(text: str) -> Revoked:
    """What the argument names. Raises ``InvalidArgument``."""
    role, slash, name = text.partition("/")
    return revoked_of("", role, name) if slash else revoked_of(text, "", "")


def _text(revoked: Revoked) -> str:
    return revoked.serial or f"{revoked.role}/{revoked.name}"


def _name(revoked: Revoked) -> str:
    return str(revoked) if revoked.serial else f"every certificate of {revoked}"


def _row_name(row: pb.Revocation) -> str:
    return row.serial or f"{row.role}/{row.name}"


def _revocation_columns(now_ms: int) -> Sequence[Column[pb.Revocation]]:
    return [
        Column("REVOKED", _row_name, cut="middle", min_width=12),
        Column("WHEN", lambda r: age(r.at_ms, now_ms)),
        Column("BY", lambda r: r.by, cut="middle", min_width=8),
        Column("REASON", lambda r: r.reason, cut="end", min_width=10),
        Column("AT", lambda r: clock_time(r.at_ms), wide=True),
    ]


def _certificate_columns(now_ms: int) -> Sequence[Column[pb.IssuedCertificate]]:
    return [
        Column("SERIAL", lambda c: c.serial),
        Column("HOLDER", lambda c: f"{c.role}/{c.name}", cut="middle", min_width=12),
        Column("STATUS", lambda c: "revoked" if c.revoked else "expired" if c.not_after_ms < now_ms else "valid"),
        Column("ISSUED", lambda c: age(c.issued_at_ms, now_ms)),
        Column("EXPIRES", lambda c: clock_time(c.not_after_ms), wide=True),
        Column("FOR", lambda c: c.issued_for, wide=True),
    ]


REVOCATIONS: Final[Listing[pb.Revocation]] = Listing(
    "revocations", _revocation_columns, _row_name, "Nothing is revoked.", "Nothing matches."
)
CERTIFICATES: Final[Listing[pb.IssuedCertificate]] = Listing(
    "certificates",
    _certificate_columns,
    lambda row: row.serial,
    "The master has issued no certificate.",
    "The master has issued no certificate to that name.",
)
