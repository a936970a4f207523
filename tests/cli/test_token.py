"""``token``, ``login``, ``logout``, ``whoami`` and ``tls revoke`` against a master, as a user sees them."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.harness.master_harness import MasterHarness

from sutra_grid.cli.client import Credentials
from sutra_grid.cli.context import Options
from sutra_grid.cli.login_file import login_path
from sutra_grid.cli.main import run
from sutra_grid.core.errors import InvalidArgument

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def master(tmp_path: Path) -> Iterator[MasterHarness]:
    """A master without TLS: tokens work on loopback, and nobody can join."""
    made = MasterHarness(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def cli(
    master: MasterHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SUTRA_GRID_TOKEN", raising=False)
    monkeypatch.setenv("COLUMNS", "140")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(["--master", master.master.address, *arguments])
        out, err = capfd.readouterr()
        return status, out, err

    return call


def new_token(cli: Command, role: str = "viewer", name: str = "grafana") -> str:
    status, out, _ = cli("token", "create", "--kind=api", f"--role={role}", f"--name={name}", "--ttl=1h", "-o", "name")
    assert status == 0
    return out.strip()


def test_a_token_stands_alone_on_standard_output(cli: Command) -> None:
    assert len(new_token(cli)) == 56


def test_a_token_is_shown_once_and_listed_without_its_secret(cli: Command) -> None:
    status, out, _ = cli("token", "create", "--kind=api", "--role=viewer", "--name=grafana", "--ttl=1h30m")
    assert status == 0
    text = out.splitlines()[0]
    token_id, secret = text[4:12], text[13:]
    assert f"Token {token_id} of grafana, role viewer" in out
    assert " is valid until " in out
    status, listed, _ = cli("token", "list", "-o", "wide")
    assert status == 0
    assert token_id in listed
    assert secret not in listed
    (row,) = json.loads(cli("token", "list", "-o", "json")[1])["tokens"]
    assert (row["status"], row["created_by"]) == ("valid", "this machine at 127.0.0.1")


def test_a_revoked_token_is_refused_with_the_reason(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    text = new_token(cli)
    assert cli("token", "revoke", text[4:12])[1].endswith("revoked\n")
    assert "revoked" in cli("token", "list")[1]
    monkeypatch.setenv("SUTRA_GRID_TOKEN", text)
    status, _, err = cli("status")
    assert status == 5
    assert "the token was revoked" in err


def test_what_is_asked_wrong_is_told(cli: Command) -> None:
    assert cli("token", "create", "--kind=api", "--role=viewer", "--name=x", "--ttl=soon")[0] == 2
    status, _, err = cli("token", "create", "--kind=api", "--role=viewer", "--ttl=1h")
    assert (status, "--name" in err) == (2, True)
    status, _, err = cli("token", "create", "--kind=join")
    assert (status, "ca_key_file" in err) == (1, True)
    status, _, err = cli("token", "revoke", "ffffffff")
    assert (status, "sutra-grid-cli token list" in err) == (3, True)


def test_the_variable_says_who_one_is_and_the_role_decides(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "this machine, with the role admin" in cli("whoami")[1]
    monkeypatch.setenv("SUTRA_GRID_TOKEN", new_token(cli))
    assert "token grafana with the role viewer" in cli("whoami")[1]
    assert cli("status")[0] == 0
    status, _, err = cli("token", "list")
    assert status == 5
    assert "token grafana has the role viewer" in err


def test_a_login_is_kept_for_its_master_alone_and_forgotten(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = new_token(cli)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))
    status, out, _ = cli("login", "--token-stdin")
    assert status == 0
    assert "as token grafana with the role viewer" in out
    assert text not in out
    file = login_path({"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "token grafana" in cli("whoami")[1]
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert Credentials.of(Options(master="127.0.0.1:1", environ=environ)).token == ""
    assert cli("logout")[1].startswith("logged out")
    assert not file.exists()
    assert "this machine" in cli("whoami")[1]
    assert cli("logout")[1].startswith("not logged in")


def test_a_token_that_the_master_refuses_is_not_kept(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTRA_GRID_TOKEN", f"sgt_01234567_{'x' * 43}")
    status, _, err = cli("login")
    assert status == 5
    assert "does not know the token" in err
    assert not (tmp_path / "config").exists()
    monkeypatch.setenv("SUTRA_GRID_TOKEN", "hunter2")
    status, out, err = cli("login")
    assert status == 2
    assert "hunter2" not in out + err


def test_a_file_of_logins_that_others_may_read_is_refused(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTRA_GRID_TOKEN", new_token(cli))
    assert cli("login")[0] == 0
    monkeypatch.delenv("SUTRA_GRID_TOKEN")
    login_path({"XDG_CONFIG_HOME": str(tmp_path / "config")}).chmod(0o644)
    status, _, err = cli("status")
    assert status == 2
    assert "chmod 600" in err


def test_a_token_is_not_sent_in_the_clear() -> None:
    options = Options(master="10.0.0.1:7002", environ={"SUTRA_GRID_TOKEN": "sgt_x"})
    with pytest.raises(InvalidArgument, match="without TLS"):
        Credentials.of(options)


def test_certificates_are_revoked_listed_and_restored(cli: Command) -> None:
    assert cli("tls", "revoke", "agent/agent-1")[0] == 2  # asks, and there is no terminal
    status, out, _ = cli("tls", "revoke", "agent/agent-1", "--yes", "--reason", "the disk was sold")
    assert (status, out) == (0, "every certificate of agent agent-1 revoked\n")
    assert cli("tls", "revoke", "00:AB:12", "--yes", "-o", "name")[1] == "ab12\n"
    listed = cli("tls", "revocations")[1]
    assert "agent/agent-1" in listed
    assert "the disk was sold" in listed
    assert cli("tls", "restore", "agent/agent-1")[1] == "every certificate of agent agent-1 restored\n"
    status, _, err = cli("tls", "restore", "agent/agent-1")
    assert (status, "tls revocations" in err) == (3, True)
    assert cli("tls", "revocations", "-o", "name")[1] == "ab12\n"
    assert cli("tls", "certs")[1] == "The master has issued no certificate.\n"
    assert "certificate.revoked" in cli("events")[1]
