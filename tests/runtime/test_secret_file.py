"""Files that hold one secret."""

import os
from pathlib import Path

import pytest
from support.needs import skip_for
from support.texts import mentions

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.runtime.secret_file import read_secret_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("p@ss word\n")
    path.chmod(0o600)
    return path


def test_the_secret_is_the_line_without_its_end(file: Path) -> None:
    assert read_secret_file(file) == "p@ss word"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o606, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused_with_the_remedy(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(InvalidArgument) as caught:
        read_secret_file(file)
    assert mentions(str(caught.value), str(file), f"{mode:04o}")
    assert caught.value.hint == f"Run: chmod 600 {file}"


def test_a_group_may_read_a_file_of_root_and_of_nobody_else(file: Path) -> None:
    if os.geteuid() != 0:
        skip_for("root")
    file.chmod(0o640)
    assert read_secret_file(file) == "p@ss word"
    os.chown(file, 65534, 65534)
    with pytest.raises(InvalidArgument):
        read_secret_file(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"a\nb\n", "one line"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * 5000, "4096"),
    ],
)
def test_what_is_no_secret_is_refused(file: Path, content: bytes, why: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidArgument, match=why):
        read_secret_file(file)


def test_a_missing_file_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("missing", "does not exist"), (".", "directory"), ("pipe", "regular")):
        with pytest.raises(InvalidArgument, match=why):
            read_secret_file(tmp_path / name)
