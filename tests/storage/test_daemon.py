"""The process: its start and its refusals, its stop, a full disk."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.texts import mentions
from support.waiting import eventually

from storage.server import StorageServer, command, run_to_end
from sutra_grid.wire import node_pb2, node_pb2_grpc
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

FLAGS = ["--port", "0", "--node-id", "node-1"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StorageServer]:
    with StorageServer(tmp_path / "store") as server:
        yield server


@pytest.fixture
def kv(server: StorageServer) -> Iterator[rpc.KVStub]:
    with grpc.insecure_channel(server.address) as channel:
        yield rpc.KVStub(channel)


def refused(arguments: list[str], exit_code: int, *messages: str, **environ: str) -> None:
    """The process ends with that code and one message that has all these parts."""
    done = run_to_end(arguments, **environ)
    assert done.returncode == exit_code, done
    assert "Traceback" not in done.stderr
    for message in messages:
        assert message in done.stderr, done.stderr


class TestStart:
    def test_the_environment_stands_for_flags(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            environ = {
                "SUTRA_STORAGE_PORT": str(port),
                "SUTRA_STORAGE_PATH": str(tmp_path / "store"),
                "SUTRA_GRID_NODE_ID": "node-7",
                "SUTRA_STORAGE_MEMORY_LIMIT_MB": "128",
            }
            refused([], 1, f"127.0.0.1:{port}", str(os.getpid()), **environ)

    def test_a_second_process_on_one_path_is_refused_naming_the_first(self, server: StorageServer) -> None:
        refused(command(server.path)[3:], 1, f"process {server.process.pid}", str(server.path))

    def test_a_taken_port_is_refused_naming_its_holder(self, server: StorageServer, tmp_path: Path) -> None:
        port = int(server.address.rpartition(":")[2])
        refused(command(tmp_path / "other", port)[3:], 1, f"127.0.0.1:{port}", f"pid {server.process.pid}")

    @pytest.mark.parametrize(
        ("flags", "messages"),
        [
            (["--port", "70000"], ["--port", "70000", "65535"]),
            (["--memory-limit-mb", "10"], ["--memory-limit-mb", "64"]),
            (["--node-id", ""], ["--node-id", "not empty"]),
            (["--colour", "red"], ["--colour"]),
        ],
    )
    def test_a_wrong_flag_is_refused_by_name(self, tmp_path: Path, flags: list[str], messages: list[str]) -> None:
        refused(["--storage-path", str(tmp_path), *flags], 2, *messages)

    def test_a_storage_path_is_needed(self) -> None:
        refused(FLAGS, 2, "storage_path")

    def test_a_file_in_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("data")
        refused([*FLAGS, "--storage-path", str(tmp_path / "file")], 1, "not a directory", str(tmp_path / "file"))

    def test_a_path_that_cannot_be_made(self) -> None:
        refused([*FLAGS, "--storage-path", "/proc/sutra-grid"], 1, "/proc/sutra-grid")

    def test_a_read_only_file_system(self, tmp_path: Path) -> None:
        with mounted(tmp_path / "mount", "size=1m,ro"):
            refused([*FLAGS, "--storage-path", str(tmp_path / "mount" / "store")], 1, "can't be written")

    def test_a_full_file_system(self, tmp_path: Path) -> None:
        with mounted(tmp_path / "mount", "size=64k"):
            fill(tmp_path / "mount" / "ballast")
            refused([*FLAGS, "--storage-path", str(tmp_path / "mount" / "store")], 1, "No space left")

    def test_a_damaged_store(self, server: StorageServer) -> None:
        assert server.stop() == 0
        next((server.path / "db").glob("MANIFEST-*")).write_bytes(b"damaged" * 100)
        refused(command(server.path)[3:], 1, str(server.path / "db"), "Corruption", "restore")

    def test_version_and_help_need_nothing(self) -> None:
        assert "sutra-storage-server" in run_to_end(["--version"]).stdout
        assert "--storage-path" in run_to_end(["--help"]).stdout


class TestStop:
    def test_sigterm_under_load_answers_or_refuses_every_call_and_keeps_what_it_answered(
        self, server: StorageServer
    ) -> None:
        acknowledged: list[bytes] = []
        with ThreadPoolExecutor(8) as threads, grpc.insecure_channel(server.address) as channel:
            kv = rpc.KVStub(channel)
            writers = [threads.submit(write_until_refused, kv, number, acknowledged) for number in range(8)]
            eventually(lambda: len(acknowledged) > 500)
            assert server.stop() == 0
            for writer in writers:
                assert writer.result(40) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        server.start()
        with grpc.insecure_channel(server.address) as channel:
            answer = rpc.KVStub(channel).Range(pb.RangeRequest(key=b"\0", range_end=b"\0", keys_only=True))
        assert set(acknowledged) <= {pair.key for pair in answer.kvs}

    def test_data_and_revision_outlive_a_restart(self, server: StorageServer, kv: rpc.KVStub) -> None:
        kv.Put(pb.PutRequest(key=b"a", value=b"1"))
        kv.Put(pb.PutRequest(key=b"a", value=b"2"))
        assert server.stop() == 0
        server.start()
        with grpc.insecure_channel(server.address) as channel:
            answer = rpc.KVStub(channel).Range(pb.RangeRequest(key=b"a"))
        pair = answer.kvs[0]
        assert (answer.header.revision, pair.value, pair.create_revision, pair.version) == (3, b"2", 2, 2)


class TestFullDisk:
    def test_makes_the_node_read_only_and_says_so(self, server: StorageServer) -> None:
        with grpc.insecure_channel(server.address) as channel:
            kv = rpc.KVStub(channel)
            kv.Put(pb.PutRequest(key=b"a", value=b"1"))
            # A file may not grow beyond this: the kernel refuses the log's next pages as on a full disk.
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
            acknowledged = fill_up(kv)
            error = failure(lambda: kv.Put(pb.PutRequest(key=b"b", value=b"2")))
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "File too large" in error.details()
            assert kv.Range(pb.RangeRequest(key=b"a")).kvs[0].value == b"1"
            assert kv.Range(pb.RangeRequest(key=b"fill", range_end=b"film", count_only=True)).count == acknowledged
            status = rpc.MaintenanceStub(channel).Status(pb.StatusRequest())
            assert mentions(status.errors[0], "disk")
            alarms = rpc.MaintenanceStub(channel).Alarm(pb.AlarmRequest()).alarms
            assert [alarm.alarm for alarm in alarms] == [pb.NOSPACE]
            statistics = node_pb2_grpc.StorageNodeStub(channel).GetStatistics(node_pb2.StatisticsRequest())
            assert statistics.read_only
            copy = failure(lambda: node_pb2_grpc.StorageNodeStub(channel).Checkpoint(node_pb2.CheckpointRequest()))
            assert copy.code() is grpc.StatusCode.FAILED_PRECONDITION
            health = health_pb2_grpc.HealthStub(channel)
            not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
            eventually(lambda: health.Check(health_pb2.HealthCheckRequest()).status == not_serving)
        assert server.stop() == 0
        server.start()
        with grpc.insecure_channel(server.address) as channel:
            kv = rpc.KVStub(channel)
            assert kv.Range(pb.RangeRequest(key=b"fill", range_end=b"film", count_only=True)).count >= acknowledged
            kv.Put(pb.PutRequest(key=b"b", value=b"2"))

    def test_a_full_file_system_keeps_what_was_acknowledged(self, tmp_path: Path) -> None:
        store, log = tmp_path / "mount" / "store", tmp_path / "server.log"
        with (
            mounted(tmp_path / "mount", "size=4m"),
            StorageServer(store, log=log) as server,
            grpc.insecure_channel(server.address) as channel,
        ):
            kv = rpc.KVStub(channel)
            acknowledged = fill_up(kv)
            assert failure(lambda: kv.Put(pb.PutRequest(key=b"b"))).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            answer = kv.Range(pb.RangeRequest(key=b"fill", range_end=b"film", count_only=True))
            assert answer.count == acknowledged


class TestRestore:
    def test_from_a_checkpoint_and_back_to_a_serving_node(
        self, server: StorageServer, kv: rpc.KVStub, tmp_path: Path
    ) -> None:
        kv.Put(pb.PutRequest(key=b"a", value=b"1"))
        with grpc.insecure_channel(server.address) as channel:
            copy = node_pb2_grpc.StorageNodeStub(channel).Checkpoint(node_pb2.CheckpointRequest())
        kv.Put(pb.PutRequest(key=b"a", value=b"2"))
        done = run_to_end(["--restore", copy.path, "--storage-path", str(tmp_path / "restored")])
        assert done.returncode == 0, done.stderr
        assert "revision=2" in done.stderr
        with StorageServer(tmp_path / "restored") as restored, grpc.insecure_channel(restored.address) as channel:
            answer = rpc.KVStub(channel).Range(pb.RangeRequest(key=b"a"))
        assert (answer.kvs[0].value, answer.header.revision) == (b"1", 2)

    def test_over_a_store_is_refused(self, server: StorageServer, tmp_path: Path) -> None:
        server.stop()
        (tmp_path / "snapshot").write_bytes(b"")
        flags = ["--restore", str(tmp_path / "snapshot"), "--storage-path", str(server.path)]
        refused(flags, 1, "already has a store")


def write_until_refused(kv: rpc.KVStub, writer: int, acknowledged: list[bytes]) -> grpc.StatusCode:
    number = 0
    while True:
        key = b"%d-%d" % (writer, number)
        try:
            kv.Put(pb.PutRequest(key=key), timeout=30)  # longer than the grace of a stop
        except grpc.RpcError as error:
            return error.code()
        acknowledged.append(key)
        number += 1


def fill_up(kv: rpc.KVStub) -> int:
    """Write until the node refuses; the number of writes that it acknowledged."""
    for number in range(10_000):
        try:
            kv.Put(pb.PutRequest(key=b"fill%05d" % number, value=os.urandom(16_384)))
        except grpc.RpcError:
            return number
    raise AssertionError("never refused")


def failure(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def fill(path: Path) -> None:
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        return


class mounted:  # noqa: N801 used as a function
    """A tmpfs for the length of a context; skips the test where mounting is not permitted."""

    def __init__(self, path: Path, options: str) -> None:
        self._path = path
        self._options = options

    def __enter__(self) -> None:
        self._path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", self._options, "tmpfs", str(self._path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"needs the right to mount: {done.stderr.strip()}")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self._path)], check=True)
