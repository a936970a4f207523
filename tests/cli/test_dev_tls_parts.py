"""The parts of a dev grid with TLS: its certificates, ports, configuration files, and how other commands find it."""

import os
import stat
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.cli.client import Credentials
from sutra_grid.cli.context import Options
from sutra_grid.cli.dev.certificates import LIFETIME, DevTls, ensure_certificates, members
from sutra_grid.cli.dev.configs import write_configs
from sutra_grid.cli.dev.layout import GridPlan, Layout
from sutra_grid.cli.dev.ports import PortWishes, plan_grid
from sutra_grid.cli.main import run
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from sutra_grid.runtime.certificates.authority import AUTHORITY_LIFETIME
from sutra_grid.runtime.certificates.files import read_pair
from sutra_grid.runtime.tls.member import member_files

NOW = datetime.now(UTC)
AGENTS = ("agent-1", "agent-2")
ALL = ["ca", "master", "admin", "operator", *AGENTS]


@pytest.fixture
def tls(tmp_path: Path) -> DevTls:
    return DevTls(tmp_path / "tls")


def ensure(tls: DevTls, agents: Sequence[str] = AGENTS, now: datetime = NOW) -> list[str]:
    return ensure_certificates(tls, members(agents), now)


def everything_free(_port: int) -> bool:
    return True


def test_every_member_gets_a_certificate_of_its_own_that_only_the_owner_can_use(tls: DevTls) -> None:
    assert ensure(tls) == ALL
    assert stat.S_IMODE(tls.directory.stat().st_mode) == 0o700
    for name in ALL[1:]:
        files = tls.files(name)
        assert stat.S_IMODE(files.key_file.stat().st_mode) == 0o600
        role = "agent" if name in AGENTS else name
        assert member_files(files).current().identity == read_pair(files.cert_file, files.key_file).identity
        assert str(read_pair(files.cert_file, files.key_file).identity) == f"spiffe://dev/{role}/{name}"
    assert stat.S_IMODE(tls.ca_key.stat().st_mode) == 0o600
    assert not [path for path in tls.directory.iterdir() if path.name.startswith(".")]


def test_certificates_are_kept_and_those_of_new_agents_are_added(tls: DevTls) -> None:
    ensure(tls)
    before = {path: path.read_bytes() for path in tls.directory.iterdir()}
    assert ensure(tls, (*AGENTS, "agent-3")) == ["agent-3"]
    assert {path: path.read_bytes() for path in before} == before


def test_certificates_are_made_again_before_they_end(tls: DevTls) -> None:
    ensure(tls)
    soon = NOW + LIFETIME - timedelta(days=20)
    assert ensure(tls, now=soon) == ALL[1:]
    files = tls.files("admin")
    assert read_pair(files.cert_file, files.key_file).not_after > soon + timedelta(days=300)


def test_an_authority_that_ends_takes_all_certificates_with_it(tls: DevTls) -> None:
    ensure(tls)
    assert ensure(tls, now=NOW + AUTHORITY_LIFETIME - timedelta(days=20)) == ALL


@pytest.mark.parametrize("harm", ["missing", "damaged", "of another", "readable"])
def test_a_certificate_that_can_not_be_used_is_made_again(tls: DevTls, harm: str) -> None:
    ensure(tls)
    files = tls.files("agent-1")
    match harm:
        case "missing":
            files.cert_file.unlink()
        case "damaged":
            files.cert_file.write_text("-----BEGIN CERTIFICATE-----\n")
        case "of another":
            files.cert_file.write_bytes(tls.files("agent-2").cert_file.read_bytes())
            files.key_file.write_bytes(tls.files("agent-2").key_file.read_bytes())
        case "readable":
            files.key_file.chmod(0o644)
    assert ensure(tls) == ["agent-1"]
    assert ensure(tls) == []


def test_an_authority_that_can_not_be_used_is_named_with_the_way_out(tls: DevTls) -> None:
    ensure(tls)
    tls.ca_key.unlink()
    with pytest.raises(FailedPrecondition) as refused:
        ensure(tls)
    assert mentions(str(refused.value), tls.ca_key, f"rm -r {tls.directory}")


def test_a_grid_with_tls_has_a_port_for_tokens_and_keeps_it() -> None:
    plan = plan_grid(None, 3, 3, everything_free, with_tls=True)
    assert plan.token_port == 7002
    assert [agent.port for agent in plan.agents] == [7001, 7003, 7004]
    assert plan_grid(plan, None, None, everything_free) == plan
    assert plan_grid(plan, None, None, everything_free, with_tls=True) == plan


def test_a_grid_that_gets_tls_later_keeps_the_ports_of_its_agents() -> None:
    before = plan_grid(None, 3, 3, everything_free)
    assert before.token_port == 0
    after = plan_grid(before, None, None, everything_free, with_tls=True)
    assert after.agents == before.agents
    assert after.token_port == 7004


def test_the_port_for_tokens_may_be_asked_for() -> None:
    assert plan_grid(None, 1, 1, everything_free, PortWishes(token=7100), with_tls=True).token_port == 7100
    with pytest.raises(AlreadyExists) as taken:
        plan_grid(None, 1, 1, lambda port: port != 7100, PortWishes(token=7100), with_tls=True)
    assert mentions(taken.value.message, "--token-port", 7100)
    with pytest.raises(InvalidArgument):
        plan_grid(None, 1, 1, everything_free, PortWishes(token=7100, admin=7100), with_tls=True)


def test_a_port_for_tokens_that_another_part_got_meanwhile_is_chosen_again() -> None:
    before = plan_grid(None, 1, 1, everything_free, with_tls=True)
    without = plan_grid(before, None, None, everything_free, PortWishes(agents=range(7002, 7003)))
    after = plan_grid(without, None, None, everything_free, with_tls=True)
    assert after.agents[0].port == 7002
    assert after.token_port == 7003


def test_a_port_for_tokens_needs_tls(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dev", "--token-port", "7100"]) == 2
    assert mentions(capsys.readouterr().err, "--tls")


def test_a_plan_from_before_tls_is_still_read(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (tmp_path / "grid.json").write_text(
        '{"format": 1, "master_port": 7000, "admin_port": 7080, "nodes_per_agent": 1, "agents": []}'
    )
    assert layout.load_plan() == GridPlan(7000, 7080, 1)
    layout.save_plan(GridPlan(7000, 7080, 1, token_port=7002))
    assert layout.load_plan() == GridPlan(7000, 7080, 1, token_port=7002)


def test_each_daemon_is_configured_with_its_own_files_and_without_tls_with_none(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    plan = plan_grid(None, 1, 1, everything_free, with_tls=True)
    layout.make_subdirectories(plan)

    def configs() -> dict[str, dict[str, dict[str, object]]]:
        names = ("master", "admin", "agent-1")
        return {name: tomllib.loads(layout.config(name).read_text()) for name in names}

    def files(name: str) -> dict[str, object]:
        own = layout.tls.files(name)
        return {"cert_file": str(own.cert_file), "key_file": str(own.key_file), "ca_file": str(layout.tls.ca)}

    write_configs(layout, plan, Path("/bin/true"), with_tls=True)
    written = configs()
    assert written["master"]["tls"] == files("master") | {"ca_key_file": str(layout.tls.ca_key)}
    assert written["master"]["master"]["token_listen"] == "127.0.0.1:7002"
    assert written["agent-1"]["tls"] == files("agent-1")
    assert written["agent-1"]["storage"]["tls"] is True
    assert written["admin"]["master_tls"] == files("admin")
    assert written["admin"]["tls"].keys() == {"cert_file", "key_file"}
    assert written["admin"]["admin"]["hsts_secs"] == 0, "other programs at localhost stay without HTTPS"
    write_configs(layout, plan, Path("/bin/true"))
    assert not [name for name, sections in configs().items() if {"tls", "master_tls"} & sections.keys()]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DevTls:
    """A directory with the files that a running dev grid with TLS has below it."""
    monkeypatch.chdir(tmp_path)
    layout = Layout(tmp_path / "sutra-grid-dev")
    layout.directory.mkdir()
    ensure(layout.tls)
    own = layout.tls.files("operator")
    layout.address_file.write_text("127.0.0.1:7300\n")
    layout.tls_file.write_text(f"{own.ca_file}\n{own.cert_file}\n{own.key_file}\n")
    return layout.tls


def options(tmp_path: Path, **given: str) -> Options:
    environ = {name: given.pop(name) for name in list(given) if name.isupper()}
    return Options(**given, environ={"HOME": str(tmp_path), **environ})  # type: ignore[arg-type]


def shown(given: Options) -> str:
    """Who the command line is to the master by its certificate."""
    files = Credentials.of(given).files
    return str(files.current().identity) if files else ""


def test_other_commands_are_the_operator_of_the_dev_grid_here(here: DevTls, tmp_path: Path) -> None:
    assert shown(options(tmp_path)) == "spiffe://dev/operator/operator"


def test_another_master_gets_no_certificate_of_the_dev_grid(here: DevTls, tmp_path: Path) -> None:
    assert not shown(options(tmp_path, master="127.0.0.1:7400"))
    assert not shown(options(tmp_path, SUTRA_GRID_MASTER="127.0.0.1:7400"))


def test_a_certificate_that_is_named_wins_and_the_authority_is_found(here: DevTls, tmp_path: Path) -> None:
    admin = here.files("admin")
    named = options(tmp_path, tls_cert=str(admin.cert_file), tls_key=str(admin.key_file))
    assert shown(named) == "spiffe://dev/admin/admin"


def test_a_dev_grid_without_tls_is_called_without(here: DevTls, tmp_path: Path) -> None:
    (here.directory.parent / "master.tls").unlink()
    assert Credentials.of(options(tmp_path)).files is None


def test_a_token_is_shown_over_tls(here: DevTls, tmp_path: Path) -> None:
    found = Credentials.of(options(tmp_path, SUTRA_GRID_TOKEN="sgt_x"))
    assert found.files is not None
    assert found.token == "sgt_x"


def test_the_start_says_whether_tls_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, bool]] = []
    monkeypatch.setattr("sutra_grid.cli.dev.session.run", lambda *given, with_tls: asked.append((given[2], with_tls)))
    assert run(["dev", "--dir", str(tmp_path)]) == 0
    assert run(["dev", "--tls", "--data-dir", str(tmp_path)]) == 0
    assert asked == [(tmp_path, False), (tmp_path, True)]
    assert os.listdir(tmp_path) == []
