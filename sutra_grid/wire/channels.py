"""Client channels, with keepalive, fast reconnection and bounded messages."""

from __future__ import annotations

from typing import Final

import grpc

from sutra_grid.wire.keepalive import SPARSE_KEEPALIVE, Keepalive

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""The largest message that either side sends or takes; gRPC's own 4 MiB is short for bulk writes."""

FIRST_RECONNECT_SECONDS: Final = 0.25
MAX_RECONNECT_SECONDS: Final = 5


def open_channel(
    target: str,
    *,
    max_reconnect_seconds: float = MAX_RECONNECT_SECONDS,
    keepalive: Keepalive = SPARSE_KEEPALIVE,
    credentials: grpc.ChannelCredentials | None = None,
    server_name: str = "",
) -> grpc.Channel:
    """A channel to ``host:port``. Nothing is connected before the first call; thread-safe.

    A peer that comes back is reached within ``max_reconnect_seconds``. Every call through the channel
    needs a timeout of its own. Close it, or use it as a context manager. In a process that forks
    workers, open it in the worker.

    ``credentials`` are for TLS, see ``wire.tls``; without them the channel is plaintext. ``server_name`` is what the
    server's certificate must carry, where that is not the host of the target.
    """
    options = _options(max_reconnect_seconds, keepalive)
    if credentials is None:
        return grpc.insecure_channel(target, options=options)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return grpc.secure_channel(target, credentials, options=options)


def _options(max_reconnect_seconds: float, keepalive: Keepalive) -> list[tuple[str, int | str]]:
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", int(keepalive.time_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", int(keepalive.timeout_seconds * 1000)),
        # gRPC waits for the answer to a ping as long as the longer of two settings says; the second is a minute.
        ("grpc.http2.ping_timeout_ms", int(keepalive.timeout_seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.initial_reconnect_backoff_ms", int(FIRST_RECONNECT_SECONDS * 1000)),
        ("grpc.min_reconnect_backoff_ms", MAX_RECONNECT_SECONDS * 1000),  # how long one attempt may take
        ("grpc.max_reconnect_backoff_ms", int(max_reconnect_seconds * 1000)),
        # Channels to one target would share a connection, and a new channel would be as stuck as the old one.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),  # a retry of a change needs its idempotency key: callers decide
        ("grpc.enable_http_proxy", 0),  # hosts of a grid reach each other directly
    ]
