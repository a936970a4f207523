"""Cursors are bound to their list, and nothing that a client makes up gets past them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import mentions

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.registry.lists.paging import MAX_LIMIT, fingerprint_of, limit_of, read_cursor, write_cursor

FINGERPRINT = fingerprint_of("nodes", "restarts")


def encoded(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode()


@given(
    key=st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    row_id=st.text(),
)
def test_a_cursor_is_read_as_it_was_written(key: str | int | float, row_id: str) -> None:
    cursor = write_cursor(FINGERPRINT, key, row_id)
    assert read_cursor(cursor, FINGERPRINT, type(key)) == (key, row_id)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_of_another_list_is_refused_with_the_way_out() -> None:
    cursor = write_cursor(fingerprint_of("nodes", "id"), 5, "node-1")
    with pytest.raises(InvalidArgument) as caught:
        read_cursor(cursor, FINGERPRINT, int)
    assert mentions(caught.value.message, "cursor", "filter", "sort")
    assert caught.value.hint


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "ä",
        "!!!!",
        "AAAA",
        encoded({}),
        encoded([FINGERPRINT, 5]),
        encoded([FINGERPRINT, 5, 7]),
        encoded([FINGERPRINT, "5", "node-1"]),
        encoded([FINGERPRINT, True, "node-1"]),
        encoded([FINGERPRINT, None, "node-1"]),
        encoded("[" * 100_000),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_cursor_that_was_never_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidArgument, match="cursor") as caught:
        read_cursor(cursor, FINGERPRINT, int)
    assert not mentions(caught.value.message, "filter"), "that is said of a cursor of another list"


@pytest.mark.parametrize("key", [float("nan"), float("inf")])
def test_a_cursor_holds_no_number_that_can_not_be_compared(key: float) -> None:
    with pytest.raises(InvalidArgument):
        read_cursor(encoded([FINGERPRINT, key, "node-1"]), FINGERPRINT, float)


@given(st.text(max_size=50))
def test_no_text_at_all_makes_it_fail(cursor: str) -> None:
    with pytest.raises(InvalidArgument):
        read_cursor(cursor, FINGERPRINT, int)


def test_a_page_has_one_row_at_least_and_not_too_many() -> None:
    assert [limit_of(limit) for limit in (-1, 0, 1, MAX_LIMIT, MAX_LIMIT + 1)] == [1, 1, 1, MAX_LIMIT, MAX_LIMIT]
