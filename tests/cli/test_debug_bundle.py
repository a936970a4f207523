"""``debug bundle``: what is in the archive, what is listed as missing, and what is not told."""

import json
import re
import stat
import tarfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from support.fakes.fake_master import FakeMaster
from support.texts import mentions
from support.values.cli_records import Ran, agent, cluster, node

from sutra_grid.cli.commands.debug import LOGS
from sutra_grid.core.errors import Unavailable
from sutra_grid.wire import grid_pb2 as pb

Cli = Callable[..., Ran]


def unpacked(file: Path) -> dict[str, str]:
    """The contents by name, without the folder that they lie in."""
    with tarfile.open(file) as archive:
        members = archive.getmembers()
        texts = [archive.extractfile(member) for member in members]
        return {m.name.partition("/")[2]: t.read().decode() for m, t in zip(members, texts, strict=True) if t}


def a_grid(master: FakeMaster) -> None:
    master.answers["GetClusterStatus"] = cluster()
    master.answers["ListAgents"] = pb.AgentList(agents=[agent("a"), agent("b")])
    nodes = [node("n1", agent_id="a"), node("n2", agent_id="b"), node("n3", agent_id="b")]
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=nodes)
    event = pb.Event(event_id=7, kind="node.started", message="redis://u:s3cret@h/0")
    master.answers["ListEvents"] = pb.EventList(events=[event], last_event_id=7)
    master.answers["ReadNodeLog"] = pb.LogChunk(data=b"ready\npassword=s3cret\n")


def bundle(cli: Cli, tmp_path: Path, *arguments: str) -> tuple[dict[str, str], dict[str, Any]]:
    file = tmp_path / "b.tar.gz"
    ran = cli("debug", "bundle", "--file", str(file), *arguments)
    assert ran.code == 0, ran.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    parts = unpacked(file)
    return parts, json.loads(parts["manifest.json"])


def test_it_holds_the_grid_the_host_and_what_was_named(master: FakeMaster, cli: Cli, tmp_path: Path) -> None:
    a_grid(master)
    state = tmp_path / "state"
    (state / "nodes").mkdir(parents=True)
    (state / "nodes" / "n1.json").write_text('{"node_id": "n1", "password": "s3cret"}')
    (state / "nodes" / "n2.json").write_text('{"damaged')
    (state / "host_id").write_text("h")
    config = tmp_path / "agent.toml"
    config.write_text('# s3cret\n[agent]\nagent_id = "a"\n[engines.redis.environment]\nX = "s3cret"\n')
    log = tmp_path / "master.log"
    log.write_text("one\ntwo\nthree\n")
    arguments = ["--state-path", str(state), "--config", str(config), "--log", str(log), "--log-lines", "2"]
    parts, manifest = bundle(cli, tmp_path, *arguments)
    names = "\n".join(parts)
    assert manifest["missing"] == []
    assert {part["name"] for part in manifest["parts"]} == set(parts) - {"manifest.json"}
    assert {"host/versions.json", "host/environment.json", "grid/status.json", "grid/agents.json"} <= set(parts)
    assert {"grid/nodes.json", "grid/events.json", "logs/n1.log", "logs/n2.log", "logs/n3.log"} <= set(parts)
    assert "nodes/n1.json" in names
    assert any(name.endswith("nodes/n2.json") and text == '{"damaged' for name, text in parts.items())
    assert any(name.endswith("master.log") and text == "two\nthree\n" for name, text in parts.items())
    assert any(name.endswith("files.txt") and "host_id" in text for name, text in parts.items())
    assert "s3cret" not in "".join(parts.values())
    assert json.loads(parts["grid/events.json"])["events"][0]["message"] == "redis://u:***@h/0"
    versions = json.loads(parts["host/versions.json"])
    assert "sutra-grid-master" in versions["daemons"]["master"]
    assert versions["libraries"]["grpcio"]


def test_without_a_master_the_rest_is_collected(master: FakeMaster, cli: Cli, tmp_path: Path) -> None:
    master.stop()
    parts, manifest = bundle(cli, tmp_path, "--state-path", str(tmp_path / "none"), "--config", str(tmp_path / "no"))
    assert "host/versions.json" in parts
    missing = {each["name"]: each["why"] for each in manifest["missing"]}
    assert mentions(missing["grid"], master.address)
    assert any("FileNotFoundError" in why for name, why in missing.items() if name.startswith("state/"))
    assert any("FileNotFoundError" in why for name, why in missing.items() if name.startswith("config/"))


def test_an_agent_that_does_not_answer_is_asked_once(master: FakeMaster, cli: Cli, tmp_path: Path) -> None:
    a_grid(master)

    def read(request: pb.LogRequest) -> pb.LogChunk:
        if request.node_id == "n1":
            return pb.LogChunk(data=b"ready\n")
        raise AssertionError  # pragma: no cover

    master.answers["ReadNodeLog"] = [read, Unavailable("agent b does not answer")]
    parts, manifest = bundle(cli, tmp_path)
    assert parts["logs/n1.log"] == "ready\n"
    assert {each["name"] for each in manifest["missing"]} == {"logs/n2.log", "logs/n3.log"}
    assert all("agent b does not answer" in each["why"] for each in manifest["missing"])
    assert len(master.calls["ReadNodeLog"]) == 2


def test_one_answer_that_fails_costs_only_its_part(master: FakeMaster, cli: Cli, tmp_path: Path) -> None:
    a_grid(master)
    master.answers["ListEvents"] = Unavailable("the registry is locked")
    parts, manifest = bundle(cli, tmp_path)
    assert [each["name"] for each in manifest["missing"]] == ["grid/events.json"]
    assert "logs/n1.log" in parts


def test_a_wrong_toml_is_listed_and_not_copied(master: FakeMaster, cli: Cli, tmp_path: Path) -> None:
    a_grid(master)
    config = tmp_path / "agent.toml"
    config.write_text('[agent]\ntoken = "s3cret\n')
    parts, manifest = bundle(cli, tmp_path, "--config", str(config))
    assert "TOMLDecodeError" in manifest["missing"][0]["why"]
    assert "s3cret" not in "".join(parts.values())


@pytest.mark.parametrize("where", ["none/b.tar.gz", "."])
def test_an_archive_that_cannot_be_written_is_told(master: FakeMaster, cli: Cli, tmp_path: Path, where: str) -> None:
    a_grid(master)
    ran = cli("debug", "bundle", "--file", str(tmp_path / where))
    assert ran.code == 1
    assert mentions(ran.err, tmp_path / where)
    assert not list(tmp_path.glob(".*.tmp"))


def test_programs_get_the_manifest(master: FakeMaster, cli: Cli, tmp_path: Path) -> None:
    a_grid(master)
    ran = cli("debug", "bundle", "--file", str(tmp_path / "b.tar.gz"), "-o", "json")
    facts = json.loads(ran.out)
    assert facts["file"] == str(tmp_path / "b.tar.gz")
    assert facts["missing"] == []


def test_the_logs_of_the_init_scripts_are_collected_when_none_is_named() -> None:
    scripts = sorted((Path(__file__).parents[2] / "etc" / "init.d").iterdir())
    assert scripts
    for script in scripts:
        (log,) = re.findall(r"^LOGFILE=(\S+)$", script.read_text(), re.MULTILINE)
        assert any(fnmatch(log.replace("$NAME", script.name), pattern) for pattern in LOGS), log


def test_a_secret_of_a_configuration_is_left_out_wherever_it_appears(
    master: FakeMaster, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_grid(master)
    monkeypatch.setenv("SUTRA_GRID_TOKEN", "s3cret-of-the-shell")
    password = tmp_path / "password"
    password.write_text("s3cret-of-the-file\n")
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[admin]\nregistry_password_file = "{password}"\nregistry_url = "postgresql://u:s3cret-of-the-url@db/x"\n'
        '[engines.redis]\nargs = ["--requirepass", "s3cret-of-an-argument"]\n'
        '[engines.redis.environment]\nX = "s3cret-of-an-engine"\n'
    )
    places = ("the-shell", "the-file", "the-url", "an-argument", "an-engine")
    told = " ".join(f"read s3cret-of-{place}," for place in places)
    master.answers["ReadNodeLog"] = pb.LogChunk(data=told.encode())
    log = tmp_path / "agent.log"
    log.write_text(told)
    parts, _ = bundle(cli, tmp_path, "--config", str(config), "--log", str(log))
    assert [name for name, text in parts.items() if "s3cret" in text] == []
    assert parts["logs/n1.log"] == "read ***, read ***, read ***, read ***, read ***,"
    assert str(password) in parts[next(name for name in parts if name.startswith("config/"))]
