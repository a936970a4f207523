r"""Standard output and error of a program, so that no output ends in a traceback.

    sys.exit(run_program("sutra-grid-cli", main))

A character that the terminal's encoding does not have is written as ``?``, on standard error as ``\u2026``.
Standard output that can't be written (a full disk, ``/dev/full``) ends the program with one line and exit code 1; a
reader that went away (``| head``) ends it quietly. Text for standard error that can't be written is lost: there is
nowhere to tell it, and the exit code stays.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import IO, Any, Final

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE: Final = 141  # 128 + SIGPIPE

_STDOUT: Final = 1
_STDERR: Final = 2


class OutputFailed(OSError):
    """Standard output can't be written. ``str`` is a sentence for people."""

    def __str__(self) -> str:
        """What failed and why."""
        return f"the output can't be written: {self.strerror}"


class OutputClosed(OSError):
    """The reader of standard output went away. It has no errno, because click ends with 1 for EPIPE."""


def run_program(name: str, program: Callable[[], object]) -> int:
    """Run ``program`` with guarded output and return the exit code.

    ``program`` returns a code, or raises SystemExit with one. Everything that it printed is written before.
    """
    guard_output()
    try:
        code = _code_of(program)
        flush_output()
    except OutputClosed:
        return EXIT_BROKEN_PIPE
    except OutputFailed as error:
        print(f"{name}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


def guard_output() -> None:
    """Replace ``sys.stdout`` and ``sys.stderr``. Call it before anything is opened.

    A descriptor that the caller closed leads to ``/dev/null``: otherwise the next socket would get its number.
    """
    if sys.stdout is None:
        sys.stdout = _null(_STDOUT)
    if sys.stderr is None:
        sys.stderr = _null(_STDERR)
    sys.stdout = _guarded(sys.stdout, _STDOUT)
    sys.stderr = _guarded(sys.stderr, _STDERR)


def flush_output() -> None:
    """Write what is buffered. Raises OutputFailed or OutputClosed, also for an earlier write that failed."""
    sys.stdout.flush()
    if isinstance(sys.stdout, _Text) and sys.stdout.descriptor.failure is not None:
        raise sys.stdout.descriptor.failure


def failure_was_told() -> None:
    """The caller has told that the output failed: nothing else should."""
    if isinstance(sys.stdout, _Text):
        sys.stdout.descriptor.failure = None


def has_unicode(stream: IO[str] | None = None) -> bool:
    """Whether ``stream`` (standard output when None) has every character."""
    stream = stream or sys.stdout
    declared = getattr(stream, "declared_encoding", None) or getattr(stream, "encoding", None) or "utf-8"
    return _canonical(declared).startswith("utf")


class _Descriptor(io.FileIO):
    """Writes to descriptor 1 or 2. After a failure it takes everything and writes nothing, so that exit is quiet."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        self._number = number
        self.failure: OSError | None = None
        self._failed = False

    def write(self, data: Any, /) -> int:
        """Write some of ``data``. Raises OutputClosed or OutputFailed for standard output, once."""
        size = memoryview(data).nbytes
        if self._failed:
            return size
        try:
            return super().write(data)
        except OSError as error:
            if self._number == _STDERR:
                return size
            self._failed = True
            if error.errno == errno.EPIPE:
                self.failure = OutputClosed("the reader of the output went away")
            else:
                self.failure = OutputFailed(error.errno, os.strerror(error.errno or errno.EIO))
            raise self.failure from error


class _Text(io.TextIOWrapper):
    """A text stream that replaces a character that the encoding does not have.

    click writes UTF-8 past a stream that calls itself ASCII. So ASCII is told as UTF-8, and other
    characters are replaced before.
    """

    def __init__(self, former: io.TextIOWrapper, raw: _Descriptor) -> None:
        self.declared_encoding = former.encoding
        self.descriptor = raw
        self._is_ascii = _canonical(former.encoding) == "ascii"
        super().__init__(
            io.BufferedWriter(raw),
            encoding="utf-8" if self._is_ascii else former.encoding,
            # Standard error escapes by default, which keeps what a log line says.
            errors="backslashreplace" if former.errors == "backslashreplace" else "replace",
            line_buffering=former.line_buffering,
            write_through=former.write_through,
        )

    def write(self, text: str, /) -> int:
        """Write ``text``; see the class."""
        if self._is_ascii and not text.isascii():
            super().write(text.encode("ascii", self.errors or "replace").decode("ascii"))
            return len(text)
        return super().write(text)


def _null(number: int) -> IO[str]:
    """A stream for a descriptor that is closed."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return open(number, "w", encoding="utf-8", closefd=False)


def _guarded(stream: Any, number: int) -> Any:
    """The guarded form of ``stream`` if it is this process's own."""
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, _Text):
        return stream  # replaced by a test
    with contextlib.suppress(OSError, ValueError):  # a descriptor that is closed
        if stream.fileno() == number:
            stream.flush()
            return _Text(stream, _Descriptor(number))
    return stream


def _code_of(program: Callable[[], object]) -> int:
    try:
        code = program()
    except SystemExit as end:
        code = end.code
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return EXIT_FAILED
    return code if isinstance(code, int) else 0


def _canonical(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return encoding
