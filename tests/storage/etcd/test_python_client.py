"""A published Python client of etcd, ``etcd3`` of PyPI, against a real node."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from storage.server import StorageServer, clean_environ, run_to_end

SESSION = Path(__file__).with_name("etcd3_session.py")


@pytest.mark.skipif(importlib.util.find_spec("etcd3") is None, reason="needs the package etcd3 (extra test)")
def test_a_session_of_etcd3(tmp_path: Path) -> None:
    with StorageServer(tmp_path / "store") as server:
        port = server.address.rpartition(":")[2]
        done = subprocess.run(
            [sys.executable, str(SESSION), port, str(tmp_path / "snapshot")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**clean_environ(), "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"},
        )
    assert done.returncode == 0, done.stderr
    restored = run_to_end(["--restore", str(tmp_path / "snapshot"), "--storage-path", str(tmp_path / "restored")])
    assert restored.returncode == 0, restored.stderr
