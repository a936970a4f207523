"""Thousands of bad requests to one port: malformed, oversized, half-sent, of the wrong method or protocol.

Bounded in number, in time, and in what is open at once; what it opens it closes.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import grpc

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 2.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
HUGE_MESSAGE = bytes(17 * 1024 * 1024)
"""Above the 16 MiB that a server takes."""

HUGE_SHARE = 1 / 300

Payload = Callable[[random.Random], bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    """An HTTP/2 frame (RFC 9113, section 4.1); ``length`` may lie."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


GRPC_PAYLOADS: dict[str, Payload] = {
    "nothing": lambda rng: b"",
    "noise": lambda rng: rng.randbytes(rng.randrange(1, 2_000)),
    "an HTTP/1 request": lambda rng: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a TLS hello": lambda rng: b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + rng.randbytes(100),
    "half a preface": lambda rng: PREFACE[: rng.randrange(1, len(PREFACE))],
    "a preface and nothing": lambda rng: PREFACE + SETTINGS,
    "a preface and noise": lambda rng: PREFACE + rng.randbytes(rng.randrange(1, 2_000)),
    "half a header frame": lambda rng: PREFACE + SETTINGS + frame(1, 4, 1, b"\x82\x86", length=500),
    "broken header compression": lambda rng: PREFACE + SETTINGS + frame(1, 4, 1, rng.randbytes(40)),
    "headers without an end": lambda rng: (
        PREFACE + SETTINGS + frame(1, 0, 1, b"\x82") + frame(9, 0, 1, rng.randbytes(20)) * 20
    ),
    "a frame larger than allowed": lambda rng: PREFACE + SETTINGS + frame(0, 0, 1, bytes(1_000), length=2**24 - 1),
    "data of no stream": lambda rng: PREFACE + SETTINGS + frame(0, 1, 7, b"abc"),
    "an illegal stream": lambda rng: PREFACE + SETTINGS + frame(1, 5, 0, b"\x82"),
    "many pings": lambda rng: PREFACE + SETTINGS + frame(6, 0, 0, bytes(8)) * 50,
    "many resets": lambda rng: (
        PREFACE + SETTINGS + b"".join(frame(3, 0, 2 * n + 1, struct.pack(">I", 8)) for n in range(50))
    ),
    "illegal settings": lambda rng: PREFACE + frame(4, 0, 0, rng.randbytes(7)),
}

HTTP_PAYLOADS: dict[str, Payload] = {
    "nothing": lambda rng: b"",
    "noise": lambda rng: rng.randbytes(rng.randrange(1, 2_000)),
    "an HTTP/2 preface": lambda rng: PREFACE + SETTINGS,
    "a TLS hello": lambda rng: b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + rng.randbytes(100),
    "half a request line": lambda rng: b"GET /nod",
    "half a header": lambda rng: b"GET /nodes HTTP/1.1\r\nHost: a\r\nAccept: app",
    "half a body": lambda rng: post(b'{"port": ', length=500),
    "a wrong length": lambda rng: b"POST /nodes HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "two lengths": lambda rng: b"POST /nodes HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx",
    "a broken chunk": lambda rng: b"POST /nodes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "an unknown method": lambda rng: b"BREW /nodes HTTP/1.1\r\nHost: a\r\n\r\n",
    "the wrong method": lambda rng: b"PUT /nodes HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "an unknown version": lambda rng: b"GET / HTTP/9.9\r\n\r\n",
    "a long request line": lambda rng: b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": lambda rng: b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
    "a long header": lambda rng: b"GET / HTTP/1.1\r\nA: " + b"x" * 50_000 + b"\r\n\r\n",
    "a body that is no JSON": lambda rng: post(rng.randbytes(50)),
    "deep JSON": lambda rng: post(b"[" * 5_000),
    "a body that is too large": lambda rng: post(b" " * 200_000),
    "a claim of a huge body": lambda rng: post(b"x", length=2**60),
}


def post(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"POST /nodes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Target:
    """A port, the raw payloads for it, and the RPC methods that get malformed calls (none: HTTP)."""

    name: str
    address: str
    payloads: dict[str, Payload]
    methods: tuple[str, ...] = ()


def abuse(target: Target, count: int, seed: int) -> None:
    """Send ``count`` bad requests; the same ones for the same seed. Returns when all are done and closed."""
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="abuse") as pool, calls(target) as call:
        list(pool.map(lambda number: one(target, call, random.Random(seed * 1_000_003 + number), number), range(count)))


Call = Callable[[random.Random], None]


def one(target: Target, call: Call, rng: random.Random, number: int) -> None:
    """Two of three go over a connection of their own, the third is a call over a good one."""
    if target.methods and number % 3 == 0:
        call(rng)
        return
    payload = list(target.payloads.values())[number % len(target.payloads)](rng)
    # A server that cuts a bad connection off has done what it should.
    with suppress(OSError), socket.create_connection(endpoint(target.address), timeout=CONNECT_SECONDS) as connection:
        connection.sendall(payload)
        if number % 2:
            connection.settimeout(ANSWER_SECONDS)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass


@contextmanager
def calls(target: Target) -> Iterator[Call]:
    """Malformed calls over well-formed HTTP/2: noise as a message, unknown methods, too large a message."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target.address, options=options) as channel:

        def call(rng: random.Random) -> None:
            path = rng.choice([*target.methods, "/grid.GridMaster/NoSuchMethod", "/no.such.Service/Method", "/", "//"])
            stream = rng.random() < 0.1
            message = HUGE_MESSAGE if rng.random() < HUGE_SHARE else rng.randbytes(rng.randrange(0, 300))
            with suppress(grpc.RpcError):
                if stream:
                    channel.stream_unary(path)(iter([message, message]), timeout=ANSWER_SECONDS)
                else:
                    channel.unary_unary(path)(message, timeout=ANSWER_SECONDS)

        yield call


def endpoint(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@contextmanager
def held_open(target: Target, count: int) -> Iterator[None]:
    """``count`` connections that began a request and send nothing more until the block ends."""
    begun = [payload for name, payload in target.payloads.items() if name.startswith("half")]
    connections = []
    try:
        for number in range(count):
            connection = socket.create_connection(endpoint(target.address), timeout=CONNECT_SECONDS)
            connections.append(connection)
            connection.sendall(begun[number % len(begun)](random.Random(number)))
        yield
    finally:
        for connection in connections:
            connection.close()
