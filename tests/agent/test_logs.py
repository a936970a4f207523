from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.agent.logs import NodeLogs
from sutra_grid.core.errors import InvalidArgument, NotFound


@pytest.fixture
def logs(tmp_path: Path) -> NodeLogs:
    return NodeLogs(tmp_path, max_bytes=100, keep_files=2)


def write(logs: NodeLogs, text: str) -> None:
    with open(logs.directory / "n.log", "a") as stream:
        stream.write(text)


def test_the_tail_is_the_last_lines_and_bounded(logs: NodeLogs) -> None:
    write(logs, "\n".join(f"line {n}" for n in range(50)) + "\n" + "x" * 2000 + "\n")
    tail = logs.tail("n")
    assert len(tail) == 20
    assert tail[0] == "line 31"
    assert len(tail[-1]) == 500
    assert logs.tail("nobody") == ()


def test_reading_on_from_the_cursor_gives_each_byte_once(logs: NodeLogs) -> None:
    write(logs, "one\ntwo\n")
    first = logs.read("n", max_bytes=5)
    second = logs.read("n", cursor=first.cursor)
    assert first.data + second.data == b"one\ntwo\n"
    assert logs.read("n", cursor=second.cursor).data == b""
    write(logs, "three\n")
    assert logs.read("n", cursor=second.cursor).data == b"three\n"


def test_a_cursor_holds_across_rotations(logs: NodeLogs) -> None:
    write(logs, "a" * 60 + "\n")
    cursor = logs.read("n").cursor
    write(logs, "b" * 60 + "\n")
    assert logs.rotate("n")
    assert (logs.directory / "n.log").stat().st_size == 0
    write(logs, "c\n")
    chunk = logs.read("n", cursor=cursor)
    assert (chunk.data, chunk.rotated) == (b"b" * 60 + b"\nc\n", False)


def test_rotation_keeps_a_bounded_number_of_files_and_says_what_is_lost(logs: NodeLogs) -> None:
    for letter in "abcd":
        write(logs, letter * 120)
        logs.rotate_all()
    assert len(list(logs.directory.iterdir())) == 3
    chunk = logs.read("n", cursor="5")
    assert chunk.rotated
    assert chunk.data == b"c" * 120 + b"d" * 120
    assert not logs.read("n", cursor=chunk.cursor).rotated


def test_a_small_file_is_not_rotated(logs: NodeLogs) -> None:
    write(logs, "a")
    assert not logs.rotate("n")
    assert not logs.rotate("nobody")


def test_a_writer_that_appends_goes_on_after_a_rotation(logs: NodeLogs) -> None:
    with open(logs.directory / "n.log", "ab", buffering=0) as node:
        node.write(b"x" * 150)
        assert logs.rotate("n")
        node.write(b"after\n")
    assert (logs.directory / "n.log").read_bytes() == b"after\n"


def test_the_tail_reaches_into_rotated_files(logs: NodeLogs) -> None:
    write(logs, "old\n" * 30)
    logs.rotate("n")
    write(logs, "new\n")
    assert logs.read("n", tail_lines=3).data == b"old\nold\nnew\n"
    assert logs.tail("n", 2) == ("old", "new")


def test_a_tail_begins_at_a_lines_begin(logs: NodeLogs) -> None:
    write(logs, "one\ntwo\nthree")
    assert logs.read("n", tail_lines=2).data == b"two\nthree"
    assert logs.read("n", tail_lines=9).data == b"one\ntwo\nthree"


def test_a_node_without_a_log_and_a_foreign_cursor_are_refused(logs: NodeLogs) -> None:
    with pytest.raises(NotFound) as missing:
        logs.read("n")
    assert mentions(missing.value.message, "n")
    write(logs, "x")
    with pytest.raises(InvalidArgument) as refused:
        logs.read("n", cursor="-1")
    assert "'-1'" in refused.value.message


@pytest.mark.parametrize("node_id", ["../secret", "/etc/passwd", "", "a/b"])
def test_a_name_never_leads_out_of_the_directory(tmp_path: Path, node_id: str) -> None:
    (tmp_path / "secret.log").write_text("secret")
    inside = tmp_path / "logs"
    inside.mkdir()
    logs = NodeLogs(inside, max_bytes=100, keep_files=2)
    with pytest.raises(NotFound):
        logs.read(node_id)
    assert logs.tail(node_id) == ()
