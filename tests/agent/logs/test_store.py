from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.agent.logs import NodeLogs
from sutra_grid.agent.report import NodeView
from sutra_grid.core.errors import InvalidArgument, NotFound
from sutra_grid.core.node.record import NodeRecord, NodeRuntime
from sutra_grid.core.types import Assignment, Desired


@pytest.fixture
def logs(tmp_path: Path) -> NodeLogs:
    return NodeLogs(tmp_path, max_bytes=100, keep_files=2)


def write(logs: NodeLogs, text: str) -> None:
    with open(logs.directory / "n.log", "a") as stream:
        stream.write(text)


def rotated(logs: NodeLogs) -> bool:
    """Look once; whether that rotated the log."""
    live = logs.directory / "n.log"
    before = live.stat().st_size if live.exists() else 0
    logs.look([])
    return before > (live.stat().st_size if live.exists() else 0)


@contextmanager
def kept(logs: NodeLogs) -> Iterator[None]:
    """As long as the agent has the node, without a process."""
    view = NodeView(NodeRuntime(NodeRecord(Assignment("n", 1, Desired.STOPPED))))
    logs.look([view])
    yield
    logs.close()


def test_the_tail_is_the_last_lines_and_bounded(logs: NodeLogs) -> None:
    write(logs, "\n".join(f"line {n}" for n in range(50)) + "\n" + "x" * 2000 + "\n")
    tail = logs.tail("n")
    assert len(tail) == 20
    assert tail[0] == "line 31"
    assert len(tail[-1]) == 500
    assert tail[-1].endswith("(2000 characters)"), "what was cut is told"
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
    assert rotated(logs)
    assert (logs.directory / "n.log").stat().st_size == 0
    write(logs, "c\n")
    chunk = logs.read("n", cursor=cursor)
    assert (chunk.data, chunk.rotated) == (b"b" * 60 + b"\nc\n", False)


def test_rotation_keeps_a_bounded_number_of_files_and_says_what_is_lost(logs: NodeLogs) -> None:
    for letter in "abcd":
        write(logs, letter * 120)
        logs.look([])
    assert len(list(logs.directory.iterdir())) == 3, "the live file and two parts"
    chunk = logs.read("n", cursor="5")
    assert chunk.rotated
    assert chunk.data == b"c" * 120 + b"d" * 120
    assert not logs.read("n", cursor=chunk.cursor).rotated


def test_a_small_file_is_not_rotated(logs: NodeLogs) -> None:
    write(logs, "a")
    assert not rotated(logs)
    assert not rotated(logs)


def test_a_writer_that_appends_goes_on_after_a_rotation(logs: NodeLogs) -> None:
    with open(logs.directory / "n.log", "ab", buffering=0) as node:
        node.write(b"x" * 150)
        assert rotated(logs)
        node.write(b"after\n")
    assert (logs.directory / "n.log").read_bytes() == b"after\n"


def test_the_tail_reaches_into_rotated_files(logs: NodeLogs) -> None:
    write(logs, "old\n" * 30)
    rotated(logs)
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


def test_a_page_never_cuts_a_character(logs: NodeLogs) -> None:
    text = "".join("語" * 33 + "é𝄞a\n" for _ in range(3))
    write(logs, text)
    logs.look([])  # over a rotation as well
    write(logs, text)
    read, cursor = "", "0"
    while (chunk := logs.read("n", cursor=cursor, max_bytes=7)).data:
        assert chunk.more == (int(chunk.cursor) < 2 * len(text.encode()))
        read, cursor = read + chunk.data.decode(), chunk.cursor
    assert read == text * 2


def test_a_character_that_is_not_complete_yet_waits_for_its_rest(logs: NodeLogs) -> None:
    with open(logs.directory / "n.log", "ab", buffering=0) as node:
        node.write("ab語".encode()[:-1])
        first = logs.read("n")
        assert (first.data, first.more) == (b"ab", False)
        assert logs.read("n", cursor=first.cursor).data == b""
        node.write("語".encode()[-1:])
        assert logs.read("n", cursor=first.cursor).data.decode() == "語"


def test_a_tail_that_does_not_fit_says_how_many_lines_are_missing_and_where_they_are(tmp_path: Path) -> None:
    logs = NodeLogs(tmp_path, max_bytes=1 << 20, keep_files=2)
    lines = [f"{number} " + "語" * 300 for number in range(100)]
    write(logs, "\n".join(["older", *lines]) + "\n")
    chunk = logs.read("n", tail_lines=100, max_bytes=10_000)
    shown = chunk.data.decode().splitlines()
    assert shown == lines[-len(shown) :], "whole lines, the newest"
    assert chunk.omitted_lines == 100 - len(shown) > 0
    read, cursor, more = "", chunk.omitted_cursor, True
    while more:
        piece = logs.read("n", cursor=cursor, max_bytes=10_000)
        read, cursor, more = read + piece.data.decode(), piece.cursor, piece.more
    assert read.splitlines() == lines
    assert logs.read("n", tail_lines=100, max_bytes=1 << 20).omitted_lines == 0


def test_a_tail_of_one_line_that_is_longer_than_the_page_is_its_end(logs: NodeLogs) -> None:
    write(logs, "x\n" + "語" * 20 + "\n")
    chunk = logs.read("n", tail_lines=1, max_bytes=10)
    assert (chunk.data.decode(), chunk.omitted_lines, chunk.omitted_cursor) == ("語語語\n", 1, "2")


def test_a_tail_counts_empty_lines(logs: NodeLogs) -> None:
    write(logs, "one\n\n\n")
    assert logs.read("n", tail_lines=2).data == b"\n\n"


def test_a_file_of_another_name_is_not_a_part(logs: NodeLogs) -> None:
    for suffix in ("1", "2.gz", "20260102", "00000000000000000000.gz"):
        (logs.directory / f"n.log.{suffix}").write_text("foreign\n")
    write(logs, "own\n")
    assert logs.read("n").data == b"own\n"


def test_parts_of_the_first_version_stay_readable(logs: NodeLogs) -> None:
    (logs.directory / f"n.log.{0:020d}").write_text("one\n")
    (logs.directory / f"n.log.{4:020d}").write_text("two\n")
    write(logs, "three\n")
    assert logs.read("n").data == b"one\ntwo\nthree\n"
    assert logs.read("n", cursor="4").data == b"two\nthree\n"


def test_offsets_go_on_when_another_program_truncates_the_log(logs: NodeLogs) -> None:
    write(logs, "one\ntwo\n")
    cursor = logs.read("n").cursor
    with kept(logs):
        logs.read("n")
        (logs.directory / "n.log").write_text("")
        write(logs, "new\n")
        chunk = logs.read("n", cursor=cursor)
        assert (chunk.data, chunk.rotated) == (b"new\n", True)
        write(logs, "more\n")
        assert logs.read("n", cursor=chunk.cursor).data == b"more\n"
