"""Where a character of UTF-8 begins and ends in a piece of a byte stream. Pure."""

from __future__ import annotations

from typing import Final

LONGEST_CHARACTER: Final = 4  # bytes


def whole_length(data: bytes) -> int:
    """The length of ``data`` without a character at its end that is not complete yet.

    Bytes that are not UTF-8 are complete: they are never held back.
    """
    for back in range(1, min(LONGEST_CHARACTER, len(data) + 1)):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:  # the first byte of a character
            return len(data) - back if _length_by_first_byte(byte) > back else len(data)
    return len(data)


def first_whole(data: bytes) -> int:
    """How many bytes at the begin of ``data`` belong to a character that began before it."""
    count = 0
    while count < min(LONGEST_CHARACTER - 1, len(data)) and 0x80 <= data[count] < 0xC0:
        count += 1
    return count


def _length_by_first_byte(byte: int) -> int:
    if byte < 0xE0:
        return 2
    if byte < 0xF0:
        return 3
    return 4 if byte < 0xF5 else 1  # no character begins with a higher byte
