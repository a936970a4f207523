"""Why an address can't be listened on, as errors: the same words for every server of the grid.

Pure: who holds a taken port is looked up by a callable (as ``runtime.net.port_holder``).
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from sutra_grid.core.errors import AlreadyExists, GridError, InvalidArgument, PermissionDenied, Unavailable
from sutra_grid.core.types import Reason

DescribeHolder = Callable[[int], str | None]
"""Who listens on a port, in words; None when that is not known."""


def no_such_host(error: OSError, address: str) -> InvalidArgument:
    """The host's name has no address."""
    return InvalidArgument(
        f"can't listen on {address}: {error.strerror}",
        reason=Reason.INVALID_ARGUMENT,
        hint="Use an address of this host",
    )


def bind_fault(error: OSError, address: str, port: int, describe_holder: DescribeHolder | None) -> GridError:
    """What ``error`` of a bind or listen at ``address`` means."""
    if error.errno == errno.EADDRINUSE:
        return port_taken(address, port, describe_holder)
    if error.errno == errno.EACCES:
        hint = "Ports below 1024 need a privilege; use a higher one"
        return PermissionDenied(f"can't listen on {address}: {error.strerror}", reason=Reason.FORBIDDEN, hint=hint)
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidArgument(
            f"can't listen on {address}: it is no address of this host",
            reason=Reason.INVALID_ARGUMENT,
            hint="Use an address of this host, or 0.0.0.0 for all of them",
        )
    return Unavailable(
        f"can't listen on {address}: {error.strerror}",
        reason=Reason.UNSUPPORTED,
        hint="Use another address or port",
    )


def port_taken(address: str, port: int, describe_holder: DescribeHolder | None) -> AlreadyExists:
    """Somebody else listens there."""
    holder = describe_holder(port) if describe_holder else None
    return AlreadyExists(
        f"can't listen on {address}: the port is taken by {holder or 'another process'}",
        reason=Reason.PORT_TAKEN,
        hint="Stop what listens there, or choose another port",
    )
