"""The admin's client of the master: how long its calls may take, what its hints name, and its idempotency keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from sutra_grid.admin.config import DEFAULT_MASTER_PORT
from sutra_grid.client.hints import Hints
from sutra_grid.client.master_client import ClientConfig, MasterClient, fresh_key
from sutra_grid.client.retry import RetryPolicy
from sutra_grid.runtime.net import format_host_port, parse_host_port
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.wire.keepalive import DENSE_KEEPALIVE
from sutra_grid.wire.tls import TlsOpener

MAX_KEY_CHARACTERS: Final = 128
HINTS: Final = Hints(
    list_nodes="GET /nodes",
    show_node="GET /nodes/{}",
    show_agent="GET /agents/{}",
    remove_agent="DELETE /agents/{}",
    check_change="Check with GET /nodes and GET /agents. A request with an Idempotency-Key may also be sent again: "
    "it takes effect once",
)
# A request holds a thread while it waits. Only a change that may have been applied is worth that, and not for long.
RETRY: Final = RetryPolicy(never_reached_seconds=0, not_applied_seconds=0, uncertain_seconds=5)


def make_client(address: str, command_timeout_secs: float, tls: CredentialFiles | None = None) -> MasterClient:
    """A client for all requests of a worker. It connects with the first call, and so after gunicorn has forked."""
    target = format_host_port(*parse_host_port(address, DEFAULT_MASTER_PORT, free_port=False))
    opener = TlsOpener(tls, keepalive=DENSE_KEEPALIVE) if tls else None
    return MasterClient(ClientConfig(target, HINTS, change_seconds=command_timeout_secs, retry=RETRY, opener=opener))


def keys_of(key: str) -> Callable[[str], str]:
    """Idempotency keys for the changes of one request, by the id of what is changed; fresh ones without a ``key``.

    The same request sent again changes nothing twice.
    """
    return (lambda target: derived_key(key, target)) if key else fresh_key


def derived_key(key: str, part: str) -> str:
    """The idempotency key of one of several changes that one ``key`` of a request stands for."""
    derived = f"{key}#{part}"
    if len(derived) <= MAX_KEY_CHARACTERS:
        return derived
    return hashlib.sha256(derived.encode()).hexdigest()
