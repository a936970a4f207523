"""The list of revoked certificates, as agents get it with a heartbeat's response."""

from __future__ import annotations

from sutra_grid.core.access.revocations import RevocationList, Revoked
from sutra_grid.wire import grid_pb2 as pb


def revocations_to_message(listed: RevocationList | None) -> pb.RevokedCertificates | None:
    """The message of the list; None for None."""
    if listed is None:
        return None
    entries = sorted(listed.revoked, key=lambda one: (one.serial, one.role, one.name))
    return pb.RevokedCertificates(
        version=listed.version,
        certificates=[pb.RevokedCertificate(serial=one.serial, role=one.role, name=one.name) for one in entries],
    )


def revocations_from_message(message: pb.RevokedCertificates) -> RevocationList:
    """The list of a message."""
    return RevocationList.of(message.version, (Revoked(one.serial, one.role, one.name) for one in message.certificates))
