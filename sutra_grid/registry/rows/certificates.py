"""Rows of the certificates that masters have issued."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from sutra_grid.core.access.revocations import IssuedCertificate
from sutra_grid.registry.rows.codec import clean
from sutra_grid.registry.rows.statements import CERTIFICATES, insert_new

_NEWEST_FIRST = (CERTIFICATES.c.issued_at_ms.desc(), CERTIFICATES.c.serial)
_ALL = select(CERTIFICATES).order_by(*_NEWEST_FIRST).limit(bindparam("most"))
_OF_NAME = (
    select(CERTIFICATES)
    .where(CERTIFICATES.c.name == bindparam("key"))
    .order_by(*_NEWEST_FIRST)
    .limit(bindparam("most"))
)


def insert(connection: Connection, certificate: IssuedCertificate) -> None:
    """Store a certificate. One that is stored already stays as it is."""
    values = {
        "serial": certificate.serial,
        "role": certificate.role,
        "name": certificate.name,
        "issued_at_ms": certificate.issued_at_ms,
        "not_after_ms": certificate.not_after_ms,
        "issued_for": clean(certificate.issued_for),
    }
    insert_new(connection, CERTIFICATES, values)


def select_newest(connection: Connection, name: str, most: int) -> list[IssuedCertificate]:
    """Up to ``most`` certificates, the newest first: those of ``name``, or all for an empty name."""
    rows = connection.execute(_OF_NAME if name else _ALL, {"most": most, **({"key": name} if name else {})})
    return [
        IssuedCertificate(row.serial, row.role, row.name, row.issued_at_ms, row.not_after_ms, row.issued_for)
        for row in rows
    ]
