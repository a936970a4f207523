"""The agent renews its certificate by itself, and keeps the one it has until the new one is on the disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.fakes.clock import FakeClock
from support.values.certificates import DAY, TestAuthority, write_files

from sutra_grid.agent.access.renewal import CertificateRenewal
from sutra_grid.core.access.identity import Role
from sutra_grid.core.errors import Unavailable
from sutra_grid.core.types import Reason
from sutra_grid.runtime.certificates.describe import describe
from sutra_grid.runtime.certificates.files import read_pair
from sutra_grid.runtime.tls.member import member_files
from sutra_grid.runtime.tls.section import TlsFiles

CA = TestAuthority()


@dataclass
class Master:
    """Signs for ``name``, unless it is away."""

    authority: TestAuthority = field(default_factory=lambda: CA)
    name: str = "agent-1"
    away: bool = False
    asked: list[Sequence[str]] = field(default_factory=list)

    def renew(self, request_pem: bytes, hosts: Sequence[str]) -> bytes:
        self.asked.append(hosts)
        if self.away:
            raise Unavailable("the master can't be reached", reason=Reason.MASTER_UNREACHABLE)
        return self.authority.sign(request_pem, Role.AGENT, self.name)


class Renewing:
    """An agent with a certificate of a day, which began a day ago; the clock begins now."""

    def __init__(self, directory: Path) -> None:
        ca, cert, key = write_files(directory, CA.credentials(Role.AGENT, "agent-1", begins=-DAY, ends=DAY))
        self.files = TlsFiles(cert, key, ca)
        self.clock = FakeClock(wall=time.time())
        self.master = Master()
        self.credentials = member_files(self.files, Role.AGENT, "agent-1")
        self.renewal = CertificateRenewal(
            self.files, self.credentials, self.master.renew, self.clock, chance=lambda: 0.0
        )

    @property
    def serial(self) -> str:
        return read_pair(self.files.cert_file, self.files.key_file).serial


@pytest.fixture
def agent(tmp_path: Path) -> Renewing:
    return Renewing(tmp_path)


def test_nothing_is_asked_before_two_thirds_of_the_life(agent: Renewing) -> None:
    agent.renewal.check()
    agent.clock.advance(0.3 * 86_400)
    agent.renewal.check()
    assert agent.master.asked == []


def test_a_new_certificate_for_the_same_key_and_hosts_replaces_the_old_one(agent: Renewing) -> None:
    before, key = agent.serial, agent.files.key_file.read_bytes()
    agent.clock.advance(0.4 * 86_400)
    agent.renewal.check()
    assert agent.serial != before
    assert agent.files.key_file.read_bytes() == key
    assert [sorted(hosts) for hosts in agent.master.asked] == [["127.0.0.1", "localhost"]]
    agent.renewal.check()  # before the new file is taken up, nothing more is asked
    assert len(agent.master.asked) == 1


def test_a_master_that_is_away_is_asked_again_later_and_less_often(agent: Renewing) -> None:
    before = agent.serial
    agent.master.away = True
    agent.clock.advance(0.4 * 86_400)
    for _ in range(100):
        agent.renewal.check()
        agent.clock.advance(2.0)
    assert 3 <= len(agent.master.asked) <= 10
    assert agent.serial == before
    agent.master.away = False
    agent.clock.advance(3600)
    agent.renewal.check()
    assert agent.serial != before


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_certificate_that_does_not_fit_is_not_written(agent: Renewing, wrong: str) -> None:
    before = agent.files.cert_file.read_bytes()
    if wrong == "name":
        agent.master.name = "agent-2"
    else:
        agent.master.authority = TestAuthority()
    agent.clock.advance(0.4 * 86_400)
    agent.renewal.check()
    assert len(agent.master.asked) == 1
    assert agent.files.cert_file.read_bytes() == before


def test_the_failure_is_told_once_for_each_cause(agent: Renewing, capfd: pytest.CaptureFixture[str]) -> None:
    from sutra_grid.runtime.logging import setup_logging

    setup_logging()
    agent.master.away = True
    agent.clock.advance(0.4 * 86_400)
    for _ in range(20):
        agent.renewal.check()
        agent.clock.advance(60)
    err = capfd.readouterr().err
    assert err.count("certificate not renewed") == 1
    agent.clock.advance(86_400)
    agent.renewal._told = ""  # the next cause
    agent.renewal.check()
    assert "join again with a token" in capfd.readouterr().err
    assert describe(read_pair(agent.files.cert_file, agent.files.key_file).chain[0]).identity is not None
