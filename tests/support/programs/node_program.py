"""A small program that behaves as a storage node, well or badly, for tests of the agent.

It notes each of its starts in ``STORAGE_PATH/starts`` (one pid a line) and holds a lock on
``STORAGE_PATH/lock``: a second process at the same time notes itself in ``STORAGE_PATH/twice``.
"""

import sys
from pathlib import Path

_SOURCE = r"""
import argparse, fcntl, os, signal, socket, subprocess, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--storage-path")
parser.add_argument("--node-id")
parser.add_argument("--exit", type=int, default=None, help="end at once with this code")
parser.add_argument("--lives", type=float, default=None, help="end with code 1 after so many seconds")
parser.add_argument("--ignore-term", action="store_true")
parser.add_argument("--deaf", action="store_true", help="never listen")
parser.add_argument("--child", action="store_true", help="start a child that outlives its parent")
args = parser.parse_args()
def note(name):
    with open(os.path.join(args.storage_path, name), "a") as stream:
        stream.write(f"{os.getpid()}\n")
lock = open(os.path.join(args.storage_path, "lock"), "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    note("twice")
note("starts")
print(f"node {args.node_id} starts", flush=True)
if args.exit is not None:
    print(f"node {args.node_id} gives up", file=sys.stderr, flush=True)
    sys.exit(args.exit)
signal.signal(signal.SIGTERM, signal.SIG_IGN if args.ignore_term else lambda *_: sys.exit(0))
if args.child:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(os.path.join(args.storage_path, "child"), "w") as stream:
        stream.write(str(child.pid))
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", args.port))
if not args.deaf:
    server.listen()
if args.lives is not None:
    time.sleep(args.lives)
    sys.exit(1)
while True:
    time.sleep(60)
"""


def write_node_program(directory: Path) -> Path:
    """An executable file that takes the storage node's arguments."""
    path = directory / "node-program"
    path.write_text(f"#!{sys.executable} -SE\n{_SOURCE}")
    path.chmod(0o755)
    return path


def starts(storage_path: Path) -> list[int]:
    """The pids under which it ever ran on that path."""
    noted = storage_path / "starts"
    return [int(line) for line in noted.read_text().splitlines()] if noted.exists() else []


def ran_twice(storage_path: Path) -> bool:
    """Whether two of it ever ran at the same time on that path."""
    return (storage_path / "twice").exists()
