"""Descriptors, space or a disk are missing: what passes is tried again by the node itself, a failed sync never is."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.faults.tmpfs import fill, small_disk
from support.needs import skip_for
from support.waiting import eventually

from storage.server import StorageServer, command
from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.agent.processes.probes import ProbeTarget, run_probe
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

CLIENTS = 1174
LIMIT = 1024
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What a client of HTTP/2 sends first, and empty settings: from then on its connection is idle."""
VALUE_BYTES = 100_000
PROBE = ProbeSpec(kind="grpc", timeout_seconds=5)
RECOVERY_SECONDS = 20.0


@pytest.fixture
def many_sockets() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CLIENTS:
        skip_for(f"a limit of {2 * CLIENTS} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CLIENTS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Client:
    """Writes numbered keys and remembers those that were acknowledged."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        self.kv = rpc.KVStub(self.channel)
        self.acknowledged: list[bytes] = []
        self._tried = 0

    def put(self) -> grpc.RpcError | None:
        """One write; the error when it was refused."""
        key = b"k%06d" % self._tried
        self._tried += 1
        try:
            self.kv.Put(pb.PutRequest(key=key, value=os.urandom(VALUE_BYTES)), timeout=10)
        except grpc.RpcError as error:
            return error
        self.acknowledged.append(key)
        return None

    def put_until_refused(self) -> grpc.RpcError:
        for _ in range(2000):
            if error := self.put():
                return error
        raise AssertionError("never refused")

    def keys(self) -> list[bytes]:
        answer = self.kv.Range(pb.RangeRequest(key=b"k", range_end=b"l", keys_only=True), timeout=10)
        return [pair.key for pair in answer.kvs]

    def health(self) -> int:
        stub = health_pb2_grpc.HealthStub(self.channel)
        return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StorageServer]:
    with StorageServer(tmp_path / "store", prefix=["prlimit", f"--nofile={LIMIT}:{LIMIT}"]) as server:
        yield server


@pytest.fixture
def client(server: StorageServer) -> Iterator[Client]:
    client = Client(server.address)
    with client.channel:
        assert client.put() is None
        yield client


def port_of(server: StorageServer) -> int:
    return int(server.address.rpartition(":")[2])


def probed(server: StorageServer) -> str:
    """The problem that the agent's probe has."""
    return run_probe(PROBE, ProbeTarget(port_of(server), ("127.0.0.1",), "127.0.0.1")).problem


def descriptors_of(server: StorageServer) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


@contextlib.contextmanager
def idle_connections(server: StorageServer, first_bytes: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(CLIENTS):
            sockets.append(stack.enter_context(socket.create_connection(("127.0.0.1", port_of(server)), 5)))
            with contextlib.suppress(OSError):  # the server closed it already
                sockets[-1].sendall(first_bytes)
        yield sockets


@pytest.mark.parametrize("first_bytes", [PREFACE, b""], ids=["http2", "silent"])
def test_more_idle_clients_than_descriptors_stop_no_write(
    server: StorageServer, client: Client, many_sockets: None, first_bytes: bytes
) -> None:
    with idle_connections(server, first_bytes):
        assert descriptors_of(server) < LIMIT
        refusals = [error for _ in range(600) if (error := client.put())]  # some table files
        assert refusals == []
        assert client.health() == health_pb2.HealthCheckResponse.SERVING
    eventually(lambda: descriptors_of(server) < LIMIT / 2, 30)
    late = Client(server.address)
    with late.channel:
        assert late.keys() == client.acknowledged
        assert late.put() is None


def test_a_node_whose_files_run_out_writes_again_when_it_can_open_files(server: StorageServer, client: Client) -> None:
    pid = server.process.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors_of(server), LIMIT))
    error = client.put_until_refused()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "Too many open files" in error.details()
    known = list(client.acknowledged)
    eventually(lambda: client.health() == health_pb2.HealthCheckResponse.NOT_SERVING)
    assert set(known) <= set(client.keys())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    eventually(lambda: client.put() is None, RECOVERY_SECONDS, "writes again")
    eventually(lambda: client.health() == health_pb2.HealthCheckResponse.SERVING)
    assert set(client.acknowledged) <= set(client.keys())
    assert server.process.pid == pid
    assert "the shortage is over" in server.log.read_text()


def test_the_probe_of_the_agent_says_why(server: StorageServer, client: Client) -> None:
    assert probed(server) == ""
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (descriptors_of(server) + 2, LIMIT))
    client.put_until_refused()
    eventually(lambda: client.health() == health_pb2.HealthCheckResponse.NOT_SERVING)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (descriptors_of(server) + 2, LIMIT))
    problem = eventually(lambda: probed(server))
    assert "NOT_SERVING" in problem
    assert "Too many open files" in problem
    assert "by itself" in problem


def test_a_node_whose_disk_was_full_writes_again_when_there_is_room(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 24) as disk,
        StorageServer(disk / "store", log=tmp_path / "server.log") as server,
    ):
        client = Client(server.address)
        with client.channel:
            filler = fill_to(disk, 8 << 20)
            error = client.put_until_refused()
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "No space left" in error.details()
            eventually(lambda: client.health() == health_pb2.HealthCheckResponse.NOT_SERVING)
            assert set(client.acknowledged) <= set(client.keys())
            filler.unlink()
            eventually(lambda: client.put() is None, RECOVERY_SECONDS, "writes again")
            eventually(lambda: client.health() == health_pb2.HealthCheckResponse.SERVING)
            kept = client.keys()
            assert set(client.acknowledged) <= set(kept)
        server.kill()
        server.start()
        again = Client(server.address)
        with again.channel:
            assert set(client.acknowledged) <= set(again.keys())


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_failed_sync_is_never_tried_again_and_says_that_it_needs_a_restart(
    server: StorageServer, client: Client, error: str
) -> None:
    with failing_syncs(server, error):
        refusal = client.put_until_refused()
    assert "restart the node" in str(refusal.trailing_metadata()) + refusal.details()
    eventually(lambda: client.health() == health_pb2.HealthCheckResponse.NOT_SERVING)
    problem = probed(server)
    assert "a sync to the disk failed" in problem
    assert "restart the node" in problem
    for _ in range(3):
        assert client.put() is not None
    assert set(client.acknowledged) == set(client.keys())
    server.stop()
    server.start()
    again = Client(server.address)
    with again.channel:
        assert set(client.acknowledged) <= set(again.keys())
        assert again.put() is None


def test_a_limit_below_the_least_is_refused_at_the_start(tmp_path: Path) -> None:
    limited = ["prlimit", "--nofile=100:100", *command(tmp_path / "store")]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "100 files" in done.stderr
    assert "ulimit -n" in done.stderr


def fill_to(disk: Path, left_bytes: int) -> Path:
    """Leave so many bytes; the file to remove."""
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - left_bytes)
    return filler


@contextlib.contextmanager
def failing_syncs(server: StorageServer, error: str) -> Iterator[None]:
    """Every sync of the server fails with this error, as on a broken disk."""
    if shutil.which("strace") is None:
        skip_for("strace")
    inject = f"inject=fsync,fdatasync,sync_file_range:error={error}"
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(server.process.pid), "-e", "trace=fsync,fdatasync,sync_file_range", "-e", inject],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        if "attached" not in first:
            skip_for(f"the right to trace a process: {first}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
