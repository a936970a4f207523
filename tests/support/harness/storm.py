"""Many agents that call one master at once: over a few shared connections, or each over its own with a certificate."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from types import TracebackType
from typing import Any, Final, Protocol, Self

import grpc

from support.harness.grid import Grid
from support.harness.kv import CHANNEL_OPTIONS
from sutra_grid.core.access.identity import Role, master_server_name
from sutra_grid.wire import grid_pb2_grpc as rpc
from sutra_grid.wire.channels import open_channel

AT_ONCE: Final = 16

Call = Callable[[rpc.GridMasterStub, str], None]


class Fleet(Protocol):
    """A context manager around the connections of all agents."""

    def at_once(self, call: Call, calls: int = AT_ONCE) -> float:
        """Make a call for every agent, ``calls`` of them at the same time. Returns the seconds it took."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainFleet:
    """Plaintext; all agents share a few connections, which each round makes anew."""

    def __init__(self, grid: Grid, names: Sequence[str]) -> None:
        self._address = grid.master_address
        self._names = names

    def at_once(self, call: Call, calls: int = AT_ONCE) -> float:
        def some(first: int) -> None:
            # No options in common, so that each has a connection of its own.
            options = [*CHANNEL_OPTIONS, ("sutra.connection", first)]
            with grpc.insecure_channel(self._address, options=options) as channel:
                stub = rpc.GridMasterStub(channel)
                for name in islice(self._names, first, None, calls):
                    call(stub, name)

        return _timed(some, range(calls), calls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class TlsFleet:
    """Mutual TLS; each agent has its own key, certificate and connection, and keeps it from round to round.

    No TLS session is resumed: gRPC does so with a cache of sessions alone, which these channels do not have.
    """

    def __init__(self, grid: Grid, names: Sequence[str]) -> None:
        assert grid.tls is not None
        self._grid = grid
        self._names = names
        self._open = ExitStack()
        needed = 4 * len(names)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
        with ThreadPoolExecutor() as pool:
            made = list(pool.map(lambda name: grid.tls.authority.credentials(Role.AGENT, name), names))
        server_name = master_server_name(grid.tls.authority.grid)
        self._stubs: dict[str, rpc.GridMasterStub] = {}
        for name, one in zip(names, made, strict=True):
            credentials = grpc.ssl_channel_credentials(one.ca_pem, one.key_pem, one.certificate_pem)
            channel = open_channel(grid.master_address, credentials=credentials, server_name=server_name)
            self._stubs[name] = rpc.GridMasterStub(self._open.enter_context(channel))

    def at_once(self, call: Call, calls: int = AT_ONCE) -> float:
        return _timed(lambda name: call(self._stubs[name], name), self._names, calls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _timed(run: Callable[[Any], None], items: Sequence[Any], threads: int) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, items))
    return time.monotonic() - began
