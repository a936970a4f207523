import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.core.errors import AlreadyExists, FailedPrecondition
from sutra_grid.runtime.files import lock_file, write_atomically


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_content_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names_in(tmp_path) == ["node.json"]


def test_the_content_before_is_kept_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    for content in (b"one", b"two", b"three"):
        write_atomically(path, content, keep_previous=True)
    assert path.read_bytes() == b"three"
    assert (tmp_path / "node.json.previous").read_bytes() == b"two"
    assert names_in(tmp_path) == ["node.json", "node.json.previous"]


def test_what_a_crash_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    path.write_bytes(b"one")
    (tmp_path / ".node.json.tmp").write_bytes(b"half")
    (tmp_path / ".node.json.previous.tmp").write_bytes(b"half")
    write_atomically(path, b"two", keep_previous=True)
    assert path.read_bytes() == b"two"
    assert names_in(tmp_path) == ["node.json", "node.json.previous"]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    path = tmp_path / "node.json"
    path.write_bytes(b"old")
    (tmp_path / ".node.json.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["node.json"]


def test_a_lock_is_free_again_after_its_context_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_file(path, "agent agent-1"):
        assert path.read_text() == f"{os.getpid()} agent agent-1\n"
    assert path.read_text() == ""
    with lock_file(path):
        pass


def test_a_lock_is_free_again_after_a_failure_inside(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), lock_file(path):
        raise ZeroDivisionError
    with lock_file(path):
        pass


def test_the_second_who_locks_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_file(path, "agent agent-1"):
        with pytest.raises(AlreadyExists) as raised, lock_file(path):
            pass
        assert path.read_text() == f"{os.getpid()} agent agent-1\n"
    assert mentions(raised.value.message, path, os.getpid(), "agent agent-1")
    assert "python" in raised.value.message


def test_a_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import sys\nfrom pathlib import Path\nfrom sutra_grid.runtime.files import lock_file\n"
        "with lock_file(Path(sys.argv[1]), 'test'): print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(AlreadyExists, match=rf"\b{process.pid}\b"), lock_file(path):
            pass
        process.kill()
        process.wait(10)
    with lock_file(path):
        pass


def test_a_locked_file_that_does_not_name_its_holder_is_refused_as_well(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(AlreadyExists, match=str(path)), lock_file(path):
            pass


def test_a_lock_file_in_a_missing_directory_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="absent") as refused, lock_file(tmp_path / "absent" / "lock"):
        pass
    assert mentions(refused.value.hint, "directory")
