"""The session file: what is kept, and what happens to damaged files."""

from pathlib import Path

import pytest

from sutra_grid.agent.state.session import SessionFile

SESSION = "0018bcfe568000-1a2b3c4d"


def test_the_next_process_knows_the_last_session(tmp_path: Path) -> None:
    assert SessionFile(tmp_path).last == ""
    kept = SessionFile(tmp_path)
    kept.save("0018bcfe567fff-1a2b3c4d")
    kept.save(SESSION)
    assert kept.last == SESSION
    assert SessionFile(tmp_path).last == SESSION
    assert [path.name for path in tmp_path.iterdir()] == ["session"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"\n"])
def test_a_file_that_holds_no_session_is_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "session").write_bytes(content)
    assert SessionFile(tmp_path).last == ""


def test_a_file_that_can_not_be_read_or_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    kept = SessionFile(tmp_path)
    assert kept.last == ""
    kept.save(SESSION)
    assert kept.last == SESSION
