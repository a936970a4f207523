"""What a stranger gets from ports: ``python -m support.programs.stranger CA_FILE DIRECTORY HOST:PORT…``.

Prints one JSON object: for each address, what came back of each attempt. ``DIRECTORY`` has a certificate and key of
another authority, ``cert.pem`` and ``key.pem``. The grid's own authority is not secret, so a stranger has it.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc

from sutra_grid.core.access.route_rules import ROUTE_RULES
from sutra_grid.core.access.rpc_rules import RPC_RULES

SECONDS = 10.0
TLS_ALERT = 0x15
MORE_CALLS = (
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/etcdserverpb.KV/Range",
    "/no.Such/Call",
)


def http_answer(connection: socket.socket, method: str, path: str) -> tuple[str, str]:
    """The status of an HTTP answer and all of its text; ``closed`` when there is none."""
    host, port = connection.getpeername()[:2]
    request = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    received = b""
    try:
        connection.sendall(request.encode())
        while part := connection.recv(65_536):
            received += part
    except TimeoutError:
        return ("no answer", "") if not received else ("not closed", received.decode(errors="replace"))
    except OSError:
        pass
    if not received.startswith(b"HTTP/"):
        is_alert = received[:1] == bytes([TLS_ALERT])
        return ("closed", "") if is_alert or not received else ("bytes", received.decode(errors="replace"))
    return received.split(b" ", 2)[1].decode(), received.decode(errors="replace")


def opened(address: tuple[str, int], certificate: Path | None, *, plain: bool = False) -> socket.socket:
    raw = socket.create_connection(address, timeout=SECONDS)
    if plain:
        return raw
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return context.wrap_socket(raw)


def requests() -> Iterator[tuple[str, str]]:
    for route in ROUTE_RULES:
        method, _, rule = route.partition(" ")
        path = "".join(part.partition(">")[2] if ">" in part else part for part in rule.replace("<", "x<").split("<"))
        yield method, path


def over_http(address: tuple[str, int], certificate: Path | None, *, plain: bool) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for method, path in requests():
        try:
            with opened(address, certificate, plain=plain) as connection:
                found[f"{method} {path}"] = http_answer(connection, method, path)
        except OSError:
            found[f"{method} {path}"] = ("closed", "")
        if len(found) > 2 and all(status == "closed" for status, _ in found.values()):
            break  # there is no HTTP here
    return found


def over_grpc(address: tuple[str, int], ca: Path, certificate: Path | None, *, plain: bool) -> dict[str, str]:
    target = f"{address[0]}:{address[1]}"
    options = [("grpc.ssl_target_name_override", name)] if (name := name_of(address, plain)) else []
    if plain:
        channel = grpc.insecure_channel(target)
    else:
        key = certificate.with_name("key.pem").read_bytes() if certificate else None
        chain = certificate.read_bytes() if certificate else None
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca.read_bytes(), key, chain), options)
    found = {}
    with channel:
        for path in (*RPC_RULES, *MORE_CALLS):
            call = channel.stream_stream(path)(iter([b""]), timeout=SECONDS)
            try:
                found[path] = f"answered {next(iter(call), b'')!r}"
            except grpc.RpcError as error:
                found[path] = error.code().name
    return found


def name_of(address: tuple[str, int], plain: bool) -> str:
    """A name of the server's certificate, for a client that looks at the authority alone."""
    if plain:
        return ""
    try:
        pem = ssl.get_server_certificate(address, timeout=SECONDS)
    except OSError:
        return ""
    from cryptography import x509

    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return next(iter(names.value.get_values_for_type(x509.DNSName)), "")


def main() -> None:
    ca, other = Path(sys.argv[1]), Path(sys.argv[2]) / "cert.pem"
    result = {}
    for text in sys.argv[3:]:
        host, _, port = text.rpartition(":")
        address = (host.strip("[]"), int(port))
        result[text] = {
            "http": over_http(address, None, plain=True),
            "https": over_http(address, None, plain=False),
            "https, other authority": over_http(address, other, plain=False),
            "grpc": over_grpc(address, ca, None, plain=True),
            "grpc over tls": over_grpc(address, ca, None, plain=False),
            "grpc over tls, other authority": over_grpc(address, ca, other, plain=False),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
