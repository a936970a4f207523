"""What a search finds in a log that comes in chunks, and what it says about the part that it did not search."""

from __future__ import annotations

from sutra_grid.admin.reads.log_search import MAX_LINE_CHARACTERS, Found, search
from sutra_grid.wire import grid_pb2 as pb


def chunks(*pieces: str, more: bool = False) -> list[pb.LogChunk]:
    """The pieces of a log, whose cursors are 1, 2 and so on."""
    last = len(pieces)
    return [
        pb.LogChunk(data=piece.encode(), cursor=str(at), more=more or at < last) for at, piece in enumerate(pieces, 1)
    ]


def found(log: list[pb.LogChunk], text: str, max_bytes: int = 1 << 20) -> Found:
    return search(log, text, max_lines=3, max_characters=10_000, max_bytes=max_bytes)


def test_lines_are_found_in_either_case_and_a_pattern_is_only_text() -> None:
    log = chunks("One error\nfine\nERROR two\nerr.r\n")
    assert found(log, "error").lines == ("One error", "ERROR two")
    assert found(log, "err.r").lines == ("err.r",)
    assert found(log, "nothing").matches == 0


def test_a_line_that_two_chunks_share_is_found_whole_and_once() -> None:
    result = found(chunks("a\nthe err", "or is here\nb\n", "the last error"), "error")
    assert result.lines == ("the error is here", "the last error")
    assert (result.matches, result.cursor, result.end_cursor) == (2, "", "3")


def test_the_last_lines_are_kept_and_all_are_counted() -> None:
    result = found(chunks("".join(f"error {count}\n" for count in range(10))), "error")
    assert result.lines == ("error 7", "error 8", "error 9")
    assert result.matches == 10


def test_a_search_that_reaches_its_limit_says_so_and_goes_on_without_missing_a_line() -> None:
    log = chunks("error 1\nerr", "or 2\nerror 3\ner", "ror 4\nerror 5\n")
    first = found(log, "error", max_bytes=12)
    assert first.lines == ("error 1", "error 2")
    assert first.cursor == "1"
    rest = found(log[1:], "error")
    assert rest.lines == ("error 3", "error 4", "error 5")
    assert rest.cursor == ""


def test_a_log_that_did_not_end_in_time_is_not_said_to_be_searched() -> None:
    assert found(chunks("a\n", "error\n", more=True), "error").cursor == "1"
    assert found(chunks("error\n", more=True), "error") == Found(("error",), 1, 6, "1", "1")


def test_lost_lines_are_told_and_do_not_join_their_neighbours() -> None:
    log = [pb.LogChunk(data=b"err", cursor="1", more=True), pb.LogChunk(data=b"or\n", cursor="9", rotated=True)]
    result = found(log, "error")
    assert (result.matches, result.gap) == (0, True)


def test_a_long_line_is_shown_around_its_match() -> None:
    [line] = found(chunks("x" * 100_000 + "error" + "y" * 100_000), "error").lines
    assert "error" in line
    assert len(line) < MAX_LINE_CHARACTERS + 40
