"""``config check``: the daemon is asked what it thinks of its file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.texts import has_line, mentions
from support.values.cli_records import Ran

Cli = Callable[..., Ran]

SYSCTL = Path("/proc/sys/net/ipv4")
GOOD = {
    "master": '[master]\nlisten = "127.0.0.1:7000"\n',
    "admin": '[admin]\nlisten = "127.0.0.1:7080"\n',
    "agent": '[agent]\nagent_id = "agent-1"\nmaster_host = "127.0.0.1:7000"\n'
    '[storage]\ndata_path = "/data"\ndefault_port_range = "20000-20009"\n',
}


@pytest.mark.parametrize("role", list(GOOD))
def test_the_role_is_told_from_the_sections(cli: Cli, tmp_path: Path, role: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(GOOD[role])
    ran = cli("config", "check", str(file))
    assert (ran.code, ran.err) == (0, "")
    assert mentions(ran.out, file, role)


def test_warnings_are_printed_and_the_file_stays_valid(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(GOOD["agent"].replace("127.0.0.1:7000", "master:7000"))
    ran = cli("config", "check", str(file))
    assert ran.code == 0
    assert has_line(ran.err, "warning:", "agent.listen", "127.0.0.1", "master")
    assert mentions(ran.out, file, "valid")


def test_ports_that_outgoing_connections_of_this_host_may_get_are_warned_of(cli: Cli, tmp_path: Path) -> None:
    if (SYSCTL / "ip_local_reserved_ports").read_text().strip():
        pytest.skip("ports are reserved on this host")
    first = int((SYSCTL / "ip_local_port_range").read_text().split()[0])
    ports = f"{first}-{first + 9}"
    file = tmp_path / "x.toml"
    file.write_text(GOOD["agent"].replace("20000-20009", ports))
    ran = cli("config", "check", str(file))
    assert ran.code == 0
    assert has_line(ran.err, "warning:", "storage.default_port_range", f"ip_local_reserved_ports={ports}")


def test_a_misspelt_key_is_named_with_its_line_and_what_is_meant(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('[master]\nlisen = "127.0.0.1:7000"\n')
    ran = cli("config", "check", str(file))
    assert ran.code == 2
    assert f"{file}:2: master.lisen" in ran.err
    assert "listen" in ran.err


def test_one_wrong_file_does_not_hide_the_others(cli: Cli, tmp_path: Path) -> None:
    wrong, good = tmp_path / "wrong.toml", tmp_path / "good.toml"
    wrong.write_text("[master]\nlisen = 1\n")
    good.write_text(GOOD["admin"])
    ran = cli("config", "check", str(wrong), str(tmp_path / "gone.toml"), str(good))
    assert ran.code == 2
    assert has_line(ran.err, f"{wrong}:2", "master.lisen")
    assert has_line(ran.err, tmp_path / "gone.toml")
    (line,) = ran.out.splitlines()
    assert mentions(line, good, "admin")


@pytest.mark.parametrize("text", ["x = [", "[other]\n", "[master]\n[agent]\n"])
def test_a_file_whose_role_cannot_be_told_is_refused_by_name(cli: Cli, tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    ran = cli("config", "check", str(file))
    assert ran.code == 2
    assert ran.err.startswith(f"error: {file} ")


def test_the_role_can_be_given(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("")
    assert cli("config", "check", "--role", "master", str(file)).code == 0
    assert cli("config", "check", "--role", "agent", str(file)).code == 2
