"""``tls ca create`` and ``tls cert create``: files are made without the network."""

import json
import os
import socket
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from support.texts import mentions
from support.values.cli_records import Ran
from support.values.issued import NOW, facts_of

from sutra_grid.runtime.certificates.authority import Authority, create_authority
from sutra_grid.runtime.certificates.files import read_pair, write_pair

Cli = Callable[..., Ran]


def test_two_commands_make_a_grid_and_say_what_was_written_and_what_comes_next(cli: Cli) -> None:
    ran = cli("ca", "create", "--grid", "prod-eu")
    assert (ran.code, ran.err) == (0, "")
    assert mentions(ran.out, "prod-eu", "ca.pem", "ca-key.pem", "secret", "tls cert create --role master")
    ran = cli(
        "cert", "create", "--role", "master", "--name", "master-1", "--host", "10.0.0.1", "--host", "m1.example.net"
    )
    assert (ran.code, ran.err) == (0, "")
    assert mentions(ran.out, "master-1.pem", "master-1-key.pem", "prod-eu", "10.0.0.1", "m1.example.net", "tls show")
    pair = read_pair(Path("master-1.pem"), Path("master-1-key.pem"))
    assert str(pair.identity) == "spiffe://prod-eu/master/master-1"
    facts = facts_of("master-1.pem")
    assert facts.dns_names == ("master.prod-eu.sutra-grid", "m1.example.net")
    assert facts.addresses == ("10.0.0.1",)
    assert 364 < (facts.not_after - NOW).days + 1 <= 366
    for name, mode in (("ca.pem", 0o644), ("ca-key.pem", 0o600), ("master-1.pem", 0o644), ("master-1-key.pem", 0o600)):
        assert stat.S_IMODE(Path(name).stat().st_mode) == mode
    assert "PRIVATE" not in ran.out


@pytest.mark.parametrize("role", ["master", "admin", "agent"])
def test_a_server_without_hosts_gets_those_of_this_host(cli: Cli, grid: Authority, role: str) -> None:
    assert cli("cert", "create", "--role", role, "--name", "n-1").code == 0
    facts = facts_of("n-1.pem")
    assert {"localhost", socket.gethostname().lower()} <= set(facts.dns_names)
    assert set(facts.addresses) == {"127.0.0.1", "::1"}


@pytest.mark.parametrize("role", ["operator", "viewer", "client"])
def test_people_get_certificates_that_name_no_host(cli: Cli, grid: Authority, role: str) -> None:
    ran = cli("cert", "create", "--role", role, "--name", "alice", "--days", "30")
    assert ran.code == 0
    assert "hosts" not in ran.out
    facts = facts_of("alice.pem")
    assert (facts.may_call, facts.may_serve, facts.addresses) == (True, False, ())
    assert cli("cert", "create", "--role", role, "--name", "bob", "--host", "x").code == 2
    assert not Path("bob.pem").exists()


def test_nothing_is_overwritten(cli: Cli, grid: Authority) -> None:
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    ran = cli("ca", "create")
    assert ran.code == 1
    assert mentions(ran.err, "ca-key.pem", "never overwritten", "--dir")
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
    assert cli("cert", "create", "--role", "viewer", "--name", "ca").code == 1


def test_files_go_to_and_come_from_other_directories(cli: Cli) -> None:
    Path("authority").mkdir()
    Path("out").mkdir()
    ran = cli("ca", "create", "--dir", "authority")
    assert "--dir authority" in ran.out
    assert cli("cert", "create", "--role", "viewer", "--name", "a", "--dir", "authority").code == 0
    ran = cli("cert", "create", "--role", "viewer", "--name", "b", "--dir", "out", "--ca", "authority/ca.pem")
    assert (ran.code, sorted(os.listdir("out"))) == (0, ["b-key.pem", "b.pem"])
    ran = cli("cert", "create", "--role", "viewer", "--name", "c", "--dir", "out")
    assert ran.code == 2
    assert "out/ca.pem does not exist" in ran.err
    ran = cli("ca", "create", "--dir", "gone")
    assert ran.code == 1
    assert "mkdir -p -m 700 gone" in ran.err


def test_no_certificate_outlives_its_authority_and_that_is_said(cli: Cli) -> None:
    assert cli("ca", "create", "--days", "10").code == 0
    ran = cli("cert", "create", "--role", "viewer", "--name", "a")
    assert ran.code == 0
    assert mentions(ran.err, "warning", "instead of 365", "authority")
    assert facts_of("a.pem").not_after == facts_of("ca.pem").not_after


def test_an_authority_that_has_expired_issues_nothing(cli: Cli) -> None:
    old = create_authority("grid", NOW - timedelta(days=20), timedelta(days=10))
    write_pair(Path("ca.pem"), Path("ca-key.pem"), old.certificate_pem, old.key_pem)
    ran = cli("cert", "create", "--role", "viewer", "--name", "a")
    assert ran.code == 1
    assert mentions(ran.err, "expired", "tls ca create")


@pytest.mark.parametrize(
    "arguments",
    [
        ("ca", "create", "--grid", "Two Words"),
        ("ca", "create", "--days", "0"),
        ("cert", "create", "--role", "node", "--name", "n"),
        ("cert", "create", "--role", "viewer", "--name", "../a"),
        ("cert", "create", "--role", "viewer", "--name", ""),
        ("cert", "create", "--role", "agent", "--name", "a", "--host", "master.grid.sutra-grid"),
        ("cert", "create", "--role", "agent", "--name", "a", "--host", "a:7000"),
        ("cert", "create", "--role", "agent"),
    ],
)
def test_what_can_never_be_made_is_refused_and_leaves_no_file(
    cli: Cli, grid: Authority, arguments: tuple[str, ...]
) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert mentions(ran.err, "error:", "hint:")
    assert sorted(path.name for path in Path().iterdir()) == ["ca-key.pem", "ca.pem"]


def test_programs_get_the_facts(cli: Cli, grid: Authority) -> None:
    ran = cli("cert", "create", "--role", "agent", "--name", "agent-1", "--host", "10.0.0.2", "-o", "json")
    answer = json.loads(ran.out)
    assert answer["certificate_file"] == "agent-1.pem"
    assert answer["key_file"] == "agent-1-key.pem"
    assert (answer["identity"], answer["addresses"]) == ("spiffe://grid/agent/agent-1", ["10.0.0.2"])
    (shown,) = json.loads(cli("show", "agent-1.pem", "-o", "json").out)["certificates"]
    assert shown["source"] == "agent-1.pem"
    assert shown["serial"] == answer["serial"] == facts_of("agent-1.pem").serial
    assert shown["not_after_ms"] - shown["not_before_ms"] > 365 * 86_400_000
    assert cli("cert", "create", "--role", "viewer", "--name", "a", "-o", "name").out == "a.pem\n"
    assert cli("show", "ca.pem", "a.pem", "-o", "name").out == "grid certificate authority\nspiffe://grid/viewer/a\n"
