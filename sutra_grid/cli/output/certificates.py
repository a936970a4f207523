"""Certificates as text for people and as values for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sutra_grid.cli.context import Options
from sutra_grid.cli.output.formats import to_json, to_yaml
from sutra_grid.cli.output.table import terminal_width
from sutra_grid.cli.output.times import clock_time
from sutra_grid.core.age import duration
from sutra_grid.core.text import printable
from sutra_grid.runtime.certificates.describe import CertificateFacts, Validity
from sutra_grid.runtime.certificates.handshake import Look
from sutra_grid.runtime.certificates.verdict import Finding

LABEL_WIDTH: Final = 10


@dataclass(frozen=True)
class Made:
    """A certificate that was made: what it is, its files with a note for each, and what to do next."""

    what: str
    facts: CertificateFacts
    cert: Path
    key: Path
    cert_note: str
    key_note: str
    next_command: str
    warnings: Sequence[str] = field(default_factory=list)


def made_text(options: Options, made: Made) -> str:
    """The result of a command that makes a certificate, in the format of ``options``."""
    answer = {"certificate_file": str(made.cert), "key_file": str(made.key), **facts_dict(made.facts)}
    match options.output:
        case "json":
            return to_json(answer)
        case "yaml":
            return to_yaml(answer)
        case "name":
            return str(made.cert)
    width = max(len(str(made.cert)), len(str(made.key)))
    lines = [f"Made the {made.what}, valid until {_time(made.facts.not_after)}."]
    lines += [f"  {path!s:{width}}  {note}" for path, note in ((made.cert, made.cert_note), (made.key, made.key_note))]
    if made.facts.may_serve:
        lines += _field("hosts", ", ".join(_hosts(made.facts)))
    return "\n".join([*lines, f"Next: {made.next_command}"])


def facts_dict(facts: CertificateFacts) -> dict[str, Any]:
    """The facts for programs. Times are milliseconds since 1970."""
    identity = facts.identity
    return {
        "identity": str(identity or ""),
        "grid": identity.grid if identity else facts.grid,
        "role": str(identity.role) if identity else "",
        "name": identity.name if identity else "",
        "is_authority": facts.is_authority,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "dns_names": list(facts.dns_names),
        "addresses": list(facts.addresses),
        "uris": list(facts.uris),
        "serial": facts.serial,
        "not_before_ms": _ms(facts.not_before),
        "not_after_ms": _ms(facts.not_after),
        "fingerprint_sha256": facts.fingerprint,
        "key": facts.key_kind,
        "may_serve": facts.may_serve,
        "may_call": facts.may_call,
    }


def facts_text(source: str, facts: CertificateFacts, now: datetime) -> str:
    """What a certificate says, a line for each fact."""
    lines = [printable(f"{source}  {_headline(facts)}")]
    rows = [
        ("identity", str(facts.identity or ("" if facts.is_authority else "none in a grid"))),
        ("hosts", ", ".join(_hosts(facts)) if facts.may_serve else ""),
        ("URIs", "" if facts.identity or facts.grid else ", ".join(facts.uris)),
        ("valid", f"{_time(facts.not_before)} to {_time(facts.not_after)}, {_left(facts, now)}"),
        ("use", _use(facts)),
        ("issuer", facts.issuer),
        ("serial", facts.serial),
        ("key", facts.key_kind),
        ("SHA-256", facts.fingerprint),
    ]
    return "\n".join([*lines, *(line for label, text in rows if text for line in _field(label, text))])


def findings_text(seen: Look, findings: Sequence[Finding]) -> str:
    """What was checked at a server, a line for each check."""
    lines = [printable(f"{seen.target}  {_headline(seen.facts)}, {seen.tls_version}")]
    for finding in findings:
        result = "FAULT" if finding.fault else "ok"
        lines += _field(finding.check.value, f"{result:5} {finding.message}", 6)
    return "\n".join(lines)


def _headline(facts: CertificateFacts) -> str:
    if facts.identity:
        return f"{facts.identity.role} {facts.identity.name} of grid {facts.identity.grid!r}"
    if facts.is_authority:
        return (
            f"certificate authority of grid {facts.grid!r}" if facts.grid else f"certificate authority {facts.subject}"
        )
    return f"certificate of {facts.subject or 'an unnamed subject'}"


def _use(facts: CertificateFacts) -> str:
    if facts.is_authority:
        return "signs certificates"
    uses = [word for word, may in (("as server", facts.may_serve), ("as client", facts.may_call)) if may]
    return " and ".join(uses) or "neither as server nor as client"


def _left(facts: CertificateFacts, now: datetime) -> str:
    match facts.validity(now):
        case Validity.EXPIRED:
            return f"EXPIRED {duration((now - facts.not_after).total_seconds())} ago"
        case Validity.NOT_YET_VALID:
            return f"NOT YET VALID, begins in {duration((facts.not_before - now).total_seconds())}"
    return f"{duration((facts.not_after - now).total_seconds())} left"


def _hosts(facts: CertificateFacts) -> tuple[str, ...]:
    return (*facts.dns_names, *facts.addresses)


def _field(label: str, text: str, further: int = 0) -> list[str]:
    """A label and its text, wrapped to the terminal; ``further`` more columns of indentation for later lines."""
    indent = " " * (LABEL_WIDTH + 3)
    return textwrap.wrap(
        printable(text),
        max(40, terminal_width()),
        initial_indent=f"  {label:{LABEL_WIDTH}} ",
        subsequent_indent=indent + " " * further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _time(at: datetime) -> str:
    return clock_time(_ms(at))
