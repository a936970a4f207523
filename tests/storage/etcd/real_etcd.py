"""A real etcd (Debian's package etcd-server, 3.4) as the reference that a node is compared with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from support.harness.ports import free_port
from support.needs import skip_for
from support.waiting import eventually

from storage.server import clean_environ
from sutra_grid.wire import storage_pb2 as pb
from sutra_grid.wire import storage_pb2_grpc as rpc

START_SECONDS = 30.0
STOP_SECONDS = 30.0


class RealEtcd:
    """One etcd with an empty store, of one member. Killed at the end of its context."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("etcd")
        if program is None:
            skip_for("etcd (Debian package etcd-server)")
        self.address = f"127.0.0.1:{free_port()}"
        self.data = directory / "etcd"
        self.log = directory / "etcd.log"
        peer = f"http://127.0.0.1:{free_port()}"
        self._command = [
            *(program, "--name", "reference", "--data-dir", str(self.data), "--logger", "zap"),
            *("--listen-client-urls", f"http://{self.address}", "--advertise-client-urls", f"http://{self.address}"),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"reference={peer}"),
        ]

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environ()
            )
        try:
            eventually(self._answers, START_SECONDS, "etcd answers")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        with grpc.insecure_channel(self.address) as channel:
            try:
                rpc.KVStub(channel).Range(pb.RangeRequest(key=b"a"), timeout=2)
            except grpc.RpcError:
                return False
        return True

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait(STOP_SECONDS)
