"""``tls show`` and ``tls verify``: what certificates say, and what is wrong with those of a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem
from cryptography import x509

from sutra_grid.cli.commands.each import Many, for_each
from sutra_grid.cli.context import GridCommand, Options, options_of
from sutra_grid.cli.output.certificates import facts_dict, facts_text, findings_text
from sutra_grid.cli.output.formats import to_json, to_yaml
from sutra_grid.cli.output.printer import emit
from sutra_grid.core.access.identity import Role
from sutra_grid.core.errors import FailedPrecondition, InvalidArgument, Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.describe import describe, is_signed_by
from sutra_grid.runtime.certificates.files import read_bundle, read_certificate, read_pair, time_warning
from sutra_grid.runtime.certificates.handshake import ClientFiles, Look, is_trusted, look
from sutra_grid.runtime.certificates.verdict import Check, Expected, Finding, judge
from sutra_grid.runtime.net import parse_host_port

path_type: Final = click.Path(path_type=Path)
DEFAULT_CA: Final = Path("ca.pem")
#: Longer than any handshake between hosts that reach each other, and short for a person.
LOOK_SECONDS: Final = 10.0

client_cert_option = click.option(
    "--cert",
    type=path_type,
    default=None,
    metavar="FILE",
    help="The certificate of the client. [default: --tls-cert]",
)
client_key_option = click.option(
    "--key",
    type=path_type,
    default=None,
    metavar="FILE",
    help="Its private key. [default: --tls-key, or NAME-key.pem beside NAME.pem]",
)


def _complete_files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


@click.command(cls=GridCommand)
@click.argument("targets", metavar="FILE|HOST:PORT...", nargs=-1, required=True, shell_complete=_complete_files)
@client_cert_option
@client_key_option
@click.pass_context
def show(ctx: click.Context, targets: tuple[str, ...], cert: Path | None, key: Path | None) -> None:
    """Show what the certificates in files say, or that of a server.

    A file is read without the network. A server's certificate is shown, not judged: `tls verify` does that.
    """
    options = options_of(ctx)
    client = _client_files(options, cert, key) if any(_is_server(target) for target in targets) else None
    shown: list[dict[str, Any]] = []

    def show_one(target: str) -> list[x509.Certificate]:
        if not _is_server(target):
            return list(read_certificate(Path(target)))
        host, port = parse_host_port(target, free_port=False)
        return [look(host, port, client, _seconds(options)).certificate]

    def act(target: str) -> tuple[str, list[x509.Certificate]]:
        return target, show_one(target)

    def tell(result: tuple[str, list[x509.Certificate]]) -> None:
        target, certificates = result
        for certificate in certificates:
            facts = describe(certificate)
            shown.append({"source": target, **facts_dict(facts)})
            if options.output in ("table", "wide"):
                emit(("\n" if len(shown) > 1 else "") + facts_text(target, facts, datetime.now(UTC)))
            elif options.output == "name":
                emit(str(facts.identity or facts.subject))

    try:
        for_each(options, targets, act, tell, Many("certificates", "shown"))
    finally:
        if options.output in ("json", "yaml"):
            emit((to_json if options.output == "json" else to_yaml)({"certificates": shown}))


@click.command(cls=GridCommand)
@click.argument("target", metavar="HOST:PORT")
@click.option(
    "--ca",
    type=path_type,
    default=None,
    metavar="FILE",
    help=f"The authorities that a client trusts. [default: --tls-ca, {DEFAULT_CA} here, or those of a dev grid here]",
)
@client_cert_option
@client_key_option
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=None,
    help="The role that the server should have.",
)
@click.option("--name", default="", metavar="NAME", help="The name that the server should have, with --role.")
@click.option("--server-name", default="", metavar="HOST", help="The host name or address to check instead.")
@click.pass_context
def verify(
    ctx: click.Context, /, target: str, ca: Path | None, cert: Path | None, key: Path | None, **wanted: Any
) -> None:
    """Check the certificate of a server as a client does.

    Connects, and says what is wrong with the certificate of the server, or with yours (--cert).
    A certificate of a master or an agent is checked for its identity in the grid, any other for the host.
    """
    options = options_of(ctx)
    wanted["role"] = None if wanted["role"] is None else Role(wanted["role"])
    _check_wanted(**wanted)
    if ca is None and not options.tls_paths()[0] and not DEFAULT_CA.exists():
        ca, cert, key = _dev_files(options, cert, key)
    ca = _authorities(options, ca)
    host, port = parse_host_port(target, free_port=False)
    bundle, client = read_bundle(ca), _client_files(options, cert, key)
    now, who = datetime.now(UTC), ""
    if client is not None:
        pair = read_pair(client.cert, client.key)
        who = f"{pair.identity.role} {pair.identity.name}"
        if warning := time_warning(client.cert, pair, now):
            click.echo(f"warning: {warning}", err=True)
        if not is_signed_by(pair.chain, bundle.authorities):
            click.echo(f"warning: {client.cert} is not signed by an authority in {ca}", err=True)
    seen = look(host, port, client, _seconds(options))
    trusted = is_signed_by((seen.certificate,), bundle.authorities) or is_trusted(
        seen, bundle.pem, client, _seconds(options)
    )
    expected = Expected(bundle, str(ca), trusted, client=who, **wanted)
    findings = judge(seen, expected, now)
    _print_findings(options, seen, findings)
    _raise_first(seen, findings)


def _check_wanted(role: Role | None, name: str, server_name: str) -> None:
    if name and role is None:
        raise click.UsageError("--name is the name of a role: give --role too.")
    if role is not None and server_name:
        raise click.UsageError("give --role or --server-name, not both.")


def _print_findings(options: Options, seen: Look, findings: list[Finding]) -> None:
    checks = [{"check": f.check.value, "fault": f.fault.value, "message": f.message, "hint": f.hint} for f in findings]
    answer = {
        "source": seen.target,
        "tls_version": seen.tls_version,
        "certificate": facts_dict(seen.facts),
        "checks": checks,
    }
    match options.output:
        case "json":
            emit(to_json(answer))
        case "yaml":
            emit(to_yaml(answer))
        case "name":
            emit(str(seen.facts.identity or seen.facts.subject))
        case _:
            emit(findings_text(seen, findings))


def _raise_first(seen: Look, findings: list[Finding]) -> None:
    """End with the first fault, and its exit code: 5 when the server refuses the client, else 1."""
    for finding in findings:
        if finding.fault and finding.check is Check.CLIENT:
            raise Unauthenticated(f"{seen.target}: {finding.message}", reason=Reason.UNAUTHENTICATED, hint=finding.hint)
        if finding.fault:
            subject = "" if finding.message.startswith("the ") else "the certificate "
            verb = "is " if finding.message.startswith("issued") else ""
            raise FailedPrecondition(
                f"{seen.target}: {subject}{verb}{finding.message}",
                reason=Reason.CERTIFICATE_INVALID,
                hint=finding.hint,
            )


def _dev_files(options: Options, cert: Path | None, key: Path | None) -> tuple[Path | None, Path | None, Path | None]:
    """The authority of the dev grid here, if any, with its certificate and key unless others are named."""
    dev_ca, dev_cert, dev_key = options.dev_tls_paths()
    if dev_ca and cert is None and key is None and not options.tls_paths()[1]:
        cert, key = Path(dev_cert), Path(dev_key)
    return Path(dev_ca) if dev_ca else None, cert, key


def _authorities(options: Options, ca: Path | None) -> Path:
    """The file of --ca, of the global options, or of this directory."""
    everywhere, _, _ = options.tls_paths()
    if ca is None and not everywhere and not DEFAULT_CA.exists():
        raise click.UsageError(f"there is no {DEFAULT_CA} here. Name the certificate authority with --ca FILE.")
    return ca or Path(everywhere or DEFAULT_CA)


def _client_files(options: Options, cert: Path | None, key: Path | None) -> ClientFiles | None:
    """The files of --cert and --key, or those of the global options."""
    if cert is None and key is not None:
        raise click.UsageError("--key belongs to a certificate: give --cert too.")
    if cert is None:
        _, cert_everywhere, key_everywhere = options.tls_paths()
        if not cert_everywhere:
            return None
        cert, key = Path(cert_everywhere), Path(key_everywhere) if key_everywhere else None
    files = ClientFiles(cert, key or cert.with_name(f"{cert.stem}-key{cert.suffix}"))
    read_pair(files.cert, files.key)  # every fault of the files is named before the network is used
    return files


def _is_server(target: str) -> bool:
    """Whether it is an address, and not the name of a file that looks like one."""
    if Path(target).exists():
        return False
    try:
        parse_host_port(target, free_port=False)
    except InvalidArgument:
        return False
    return True


def _seconds(options: Options) -> float:
    return options.timeout_seconds if options.timeout_given else LOOK_SECONDS
