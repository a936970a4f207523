"""A fork of the tests' own process runs no handler of gRPC."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, subprocess, threading
IMPORT
import grpc
from concurrent.futures import ThreadPoolExecutor

assert "GRPC_ENABLE_FORK_SUPPORT" not in os.environ
server = grpc.server(ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary("/a/b")
ended = threading.Event()

def ask():
    while not ended.is_set():
        try: call(b"", timeout=5)
        except grpc.RpcError: pass

asking = threading.Thread(target=ask)
asking.start()
for _ in range(5):
    subprocess.run(["/bin/true"], preexec_fn=lambda: None)
ended.set()
asking.join()
server.stop(None)
"""


@pytest.mark.parametrize(("line", "says_so"), [("import support.grpc_forks", False), ("", True)])
def test_grpc_says_nothing_of_a_fork(line: str, says_so: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("IMPORT", line)],
        cwd=Path(__file__).parent,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ("fork() handlers" in done.stderr) == says_so, done.stderr
    assert says_so or done.returncode == 0
