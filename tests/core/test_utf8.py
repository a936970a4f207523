"""Characters are cut at their bounds, wherever a stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sutra_grid.core.utf8 import first_whole, whole_length


@given(st.text(), st.integers(0, 200))
def test_the_two_pieces_of_a_text_are_whole_characters(text: str, at: int) -> None:
    data = text.encode(errors="replace")
    cut = whole_length(data[:at])
    assert data[:cut].decode() + data[cut:].decode() == text.encode(errors="replace").decode()
    assert 0 <= len(data[:at]) - cut <= 3


@given(st.text(min_size=1), st.integers(0, 200))
def test_what_is_left_of_a_text_without_its_begin_is_whole_after_the_first_bytes(text: str, at: int) -> None:
    rest = text.encode(errors="replace")[at:]
    assert "\ufffd" not in rest[first_whole(rest) :].decode(errors="replace") or "\ufffd" in text


@pytest.mark.parametrize(
    "data", [b"", b"abc", b"\xff", b"a\xff\xff", "é".encode("latin-1") + b"\n", b"\x80\x80\x80\x80"]
)
def test_bytes_that_are_no_text_are_never_held_back(data: bytes) -> None:
    assert whole_length(data) == len(data)
