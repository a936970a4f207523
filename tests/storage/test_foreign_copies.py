"""What is given to ``--restore`` and is no copy of a node, made by the real programs."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from rocksdict import Options, Rdict
from support.needs import skip_for

from storage.etcd.real_etcd import RealEtcd
from storage.server import StorageServer, clean_environ, command, run_to_end
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    """A node that runs, with two keys."""
    with StorageServer(tmp_path_factory.mktemp("own") / "store") as server:
        with grpc.insecure_channel(server.address) as channel:
            for key in (b"a", b"b"):
                rpc.KVStub(channel).Put(pb.PutRequest(key=key, value=b"1"))
        yield server


@pytest.fixture(scope="module")
def snapshot(own: StorageServer) -> bytes:
    """Its snapshot."""
    with grpc.insecure_channel(own.address) as channel:
        return b"".join(part.blob for part in rpc.MaintenanceStub(channel).Snapshot(pb.SnapshotRequest()))


def refused(source: Path, *words: str) -> None:
    """The restore fails with the words, and creates no store."""
    target = source.with_name("restored")
    done = run_to_end(["--restore", str(source), "--storage-path", str(target)])
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    for word in (str(source), *words):
        assert word in done.stderr
    left = {str(path.relative_to(target)) for path in target.rglob("*")} if target.exists() else set()
    assert left <= {"LOCK", "tmp"}


def test_a_snapshot_of_etcd_is_told(tmp_path: Path) -> None:
    etcdctl = shutil.which("etcdctl") or skip_for("etcdctl (Debian package etcd-client)")
    saved = tmp_path / "etcd.snapshot"
    with RealEtcd(tmp_path) as etcd:
        arguments = [etcdctl, "--endpoints", etcd.address, "snapshot", "save", str(saved)]
        environ = {**clean_environ(), "ETCDCTL_API": "3"}
        subprocess.run(arguments, env=environ, check=True, capture_output=True, timeout=30)
        refused(saved, "boltdb file, as a snapshot of etcd", "make-mirror")
        refused(etcd.data, "the data directory of an etcd", "make-mirror")
        refused(etcd.data / "member" / "snap" / "db", "boltdb file")


def tar_of(name: str, content: bytes) -> bytes:
    """A tar archive of one file, with the checksum of a snapshot."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return file.getvalue() + hashlib.sha256(file.getvalue()).digest()


NOISE = random.Random(7).randbytes(8 * 512)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda own: own[:-1_000], "is not that of a complete snapshot"),
        (lambda own: own[:-32], "is not that of a complete snapshot"),
        (lambda own: own + b"more", "is not that of a complete snapshot"),
        (lambda own: own[:-512], "its checksum is wrong: the file is damaged or incomplete"),
        (lambda own: own[:700] + b"X" + own[701:], "its checksum is wrong: the file is damaged or incomplete"),
        (lambda own: b"", "it is empty"),
        (lambda own: NOISE, "it does not begin as a snapshot of a storage node does"),
        (lambda own: NOISE + hashlib.sha256(NOISE).digest(), "it does not begin as a snapshot"),
        (lambda own: bytes(10_272), "it does not begin as a snapshot"),
        (gzip.compress, "it is compressed (gzip). Decompress it first"),
        (lambda own: tar_of("journal.json", b"{}"), "a tar archive that does not begin with snapshot.json"),
        (lambda own: tar_of("snapshot.json", b"{}"), "its snapshot.json is not that of a storage node"),
        (lambda own: tar_of("snapshot.json", b"[1]"), "its snapshot.json is not that of a storage node"),
        (
            lambda own: tar_of("snapshot.json", b'{"format": 2, "version": "9.0", "new": 1}'),
            "with version 9.0 or newer",
        ),
        (
            lambda own: tar_of(
                "snapshot.json", b'{"format": 1, "version": "0.1.0", "node_id": "n", "revision": 1, "keys": 0}'
            ),
            "it has no store",
        ),
    ],
)
def test_a_file_that_is_no_whole_snapshot_is_told(
    tmp_path: Path, snapshot: bytes, make: Callable[[bytes], bytes], words: str
) -> None:
    source = tmp_path / "given"
    source.write_bytes(make(snapshot))
    refused(source, words)


def test_a_registry_is_told(tmp_path: Path) -> None:
    source = tmp_path / "registry.db"
    with sqlite3.connect(source) as registry:
        registry.execute("CREATE TABLE agents (id)")
    refused(source, "it is an SQLite database")


def test_what_is_neither_file_nor_directory_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "neither a file nor a directory")
    refused(tmp_path / "nothing", "does not exist")


def test_a_directory_that_is_no_checkpoint_is_told(tmp_path: Path, own: StorageServer) -> None:
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "it has no file CURRENT")
    refused(own.path, "it is the storage path of a node", "checkpoints")


def test_the_store_of_a_node_that_runs_is_not_copied(own: StorageServer) -> None:
    done = run_to_end(["--restore", str(own.path / "db"), "--storage-path", str(own.path.with_name("copy"))])
    assert done.returncode == 1
    assert f"is locked by process {own.process.pid}" in done.stderr


def test_the_database_of_another_program_is_neither_restored_nor_used(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign" / "db"
    database = Rdict(str(foreign), Options(raw_mode=True))
    database[b"theirs"] = b"1"
    database.close()
    refused(foreign, "another program made it")

    done = run_to_end(command(foreign.parent)[3:])
    assert done.returncode == 1
    assert "another program made it" in done.stderr
    database = Rdict(str(foreign), Options(raw_mode=True))
    assert list(database.items()) == [(b"theirs", b"1")]
    database.close()


def test_a_snapshot_of_another_node_is_restored_and_told(tmp_path: Path, snapshot: bytes) -> None:
    source = tmp_path / "given"
    source.write_bytes(snapshot)
    for node, other in (("node-1", False), ("node-2", True)):
        target = tmp_path / node
        done = run_to_end(["--restore", str(source), "--storage-path", str(target), "--node-id", node])
        assert done.returncode == 0, done.stderr
        assert "copy_of=node-1" in done.stdout + done.stderr
        assert ("the snapshot is of another node" in done.stdout + done.stderr) is other
