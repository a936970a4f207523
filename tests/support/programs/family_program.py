"""A program whose child serves the port, for tests of launches that are more than one process.

Leader and child note their pids in ``STORAGE_PATH/leaders`` and ``STORAGE_PATH/children``. A process that gets the stop
signal notes ``SIGNALLED`` and how it ended in its own file, ``STORAGE_PATH/PID``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_SOURCE = r"""
import argparse, fcntl, os, signal, socket, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--storage-path")
parser.add_argument("--own-session", action="store_true", help="the child calls setsid, and has no environment")
parser.add_argument("--child-ignores-term", action="store_true")
parser.add_argument("--child-needs", type=float, default=0.0, help="seconds from the stop signal to the end")
parser.add_argument("--leader-waits", action="store_true", help="the leader ends after its child, and ignores SIGTERM")
parser.add_argument("--child", action="store_true")
args = parser.parse_args()
os.chdir("/")
def note(name, text):
    with open(os.path.join(args.storage_path, name), "a") as stream:
        stream.write(f"{text}\n")
def serve():
    lock = open(os.path.join(args.storage_path, "lock"), "a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        note("twice", os.getpid())
    def end(*_):
        note(str(os.getpid()), "signalled")
        if not args.child_ignores_term:
            time.sleep(args.child_needs)
            note(str(os.getpid()), "flushed")
            os._exit(0)
    signal.signal(signal.SIGTERM, end)
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", args.port))
    server.listen()
    note("children", os.getpid())
    while True:
        time.sleep(60)
if args.child:
    serve()
note("leaders", os.getpid())
words = [sys.executable, "-SE", *sys.argv, "--child"]
if os.fork() == 0:
    if args.own_session:
        os.setsid()
        os.execve(sys.executable, words, {})
    os.execv(sys.executable, words)
signal.signal(signal.SIGTERM, signal.SIG_IGN if args.leader_waits else signal.SIG_DFL)
os.wait()
"""


def family_engine(directory: Path, *flags: str, shell: bool = False, **keys: Any) -> dict[str, Any]:
    """The program, written below ``directory``, as an agent's ``[engines.NAME]`` table.

    ``shell``: a shell without ``exec`` runs the child, as wrappers of operators do.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "family.py"
    path.write_text(f"#!{sys.executable} -SE\n{_SOURCE}")
    path.chmod(0o755)
    words = ["--port", "{port}", "--storage-path", "{storage_path}", *flags]
    table = {"health_probe": "tcp", "stop_grace_secs": 5.0, **keys}
    if shell:
        command = " ".join([f"echo $$ >> {{storage_path}}/leaders; {path}", *words, "--child; true"])
        return {"binary_path": "/bin/sh", "args": ["-c", command], **table}
    return {"binary_path": str(path), "args": words, **table}


def noted(storage_path: str | Path, name: str) -> list[str]:
    """The lines of a note."""
    file = Path(storage_path) / name
    return file.read_text().split() if file.exists() else []


def children(storage_path: str | Path) -> list[int]:
    """The pids of all children that ever listened, oldest first."""
    return [int(pid) for pid in noted(storage_path, "children")]
