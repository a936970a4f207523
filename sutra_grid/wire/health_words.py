"""Why a server does not serve, in words. The health protocol has only a status, so they travel in a trailer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sutra_grid.wire.text import shorten

TRAILER: Final = "sutra-grid-health-bin"
"""Of a response of ``grpc.health.v1.Health/Check``; UTF-8. Other clients ignore it."""

MAX_BYTES: Final = 800
"""Peers limit all trailers together to 8 KiB, after base64."""


def to_trailer(why: str) -> tuple[tuple[str, bytes], ...]:
    """The trailers of a response; none without words."""
    return ((TRAILER, shorten(why, MAX_BYTES).encode()),) if why else ()


def from_trailers(trailers: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The words of a response; "" from a server of another kind."""
    for name, value in trailers or ():
        if name == TRAILER and isinstance(value, bytes):
            return shorten(" ".join(value.decode(errors="replace").split()), MAX_BYTES)
    return ""
