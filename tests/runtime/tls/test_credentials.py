"""Files of certificates that are replaced while they are in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.values.certificates import TestAuthority, write_files

from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.tls import credentials
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.runtime.tls.member import member_files
from sutra_grid.runtime.tls.section import TlsFiles

CA = TestAuthority()


class Member:
    """The files of an agent, read again at each look, and the warnings that they caused."""

    def __init__(self, directory: Path, warnings: list[str]) -> None:
        self.ca, self.cert, self.key = write_files(directory, CA.credentials(Role.AGENT, "a"))
        self.files: CredentialFiles = member_files(TlsFiles(self.cert, self.key, self.ca), Role.AGENT, "a")
        self.warnings = warnings

    @property
    def version(self) -> int:
        return self.files.current().version


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Member:
    warnings: list[str] = []

    class Log:
        def warning(self, _event: str, **fields: Any) -> None:
            warnings.append(fields["error"])

        def info(self, _event: str, **_fields: Any) -> None:
            return None

    monkeypatch.setattr(credentials, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(credentials, "log", Log())
    return Member(tmp_path, warnings)


def test_a_new_key_that_others_may_read_is_used_once_its_mode_is_right(member: Member) -> None:
    """The mode changes neither the file's time nor its size."""
    fresh = CA.credentials(Role.AGENT, "a")
    member.cert.write_bytes(fresh.certificate_pem)
    member.key.write_bytes(fresh.key_pem)
    member.key.chmod(0o644)
    assert [member.version for _ in range(5)] == [1] * 5
    assert len(member.warnings) == 1
    member.key.chmod(0o600)
    assert member.version == 2
    assert member.files.current().certificate_pem == fresh.certificate_pem


def test_files_that_do_not_fit_for_a_while_leave_the_ones_before_in_use(member: Member) -> None:
    before, fresh = member.files.current(), CA.credentials(Role.AGENT, "a")
    member.cert.write_bytes(fresh.certificate_pem[:100])
    assert member.version == 1
    member.cert.write_bytes(fresh.certificate_pem)
    assert member.version == 1
    member.key.unlink()
    assert member.version == 1
    assert member.files.current() == before
    member.key.write_bytes(fresh.key_pem)
    member.key.chmod(0o600)
    assert member.version == 2
    assert len(member.warnings) == 3


def test_the_files_of_another_member_are_not_taken_up(member: Member) -> None:
    other, right = CA.credentials(Role.AGENT, "b"), CA.credentials(Role.AGENT, "a")
    for wanted, found in ((1, other), (2, right)):
        member.cert.write_bytes(found.certificate_pem)
        member.key.write_bytes(found.key_pem)
        assert member.version == wanted
