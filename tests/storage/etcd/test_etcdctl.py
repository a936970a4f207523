"""The real etcdctl (Debian's package etcd-client) against a real node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.server import StorageServer, clean_environ, run_to_end


class Etcdctl:
    """Runs the program; calling it returns its output and raises ``CalledProcessError`` when it fails."""

    def __init__(self, program: str, address: str) -> None:
        self._command = [program, "--endpoints", address]
        self._environ = {**clean_environ(), "ETCDCTL_API": "3"}

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        return self.run(*arguments, stdin=stdin, check=True).stdout

    def run(self, *arguments: str, stdin: str = "", check: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=check,
            env=self._environ,
        )


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("etcdctl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("etcdctl is missing: apt-get install etcd-client")
        pytest.skip("etcdctl is missing: apt-get install etcd-client")
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StorageServer]:
    with StorageServer(tmp_path / "store") as server:
        yield server


@pytest.fixture
def etcdctl(program: str, server: StorageServer) -> Etcdctl:
    return Etcdctl(program, server.address)


@pytest.fixture
def fruit(etcdctl: Etcdctl) -> Etcdctl:
    """fruit/1=apple, fruit/2=pear, fruit/3=plum, nut/1=hazel; revisions 2 to 5."""
    for key, value in [("fruit/1", "apple"), ("fruit/2", "pear"), ("fruit/3", "plum"), ("nut/1", "hazel")]:
        assert etcdctl("put", key, value) == "OK\n"
    return etcdctl


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["fruit/1"], ["fruit/1", "apple"]),
        (["fruit/1", "--print-value-only"], ["apple"]),
        (["missing"], []),
        (["fruit/", "--prefix", "--keys-only"], ["fruit/1", "", "fruit/2", "", "fruit/3", ""]),
        (["fruit/", "--prefix", "--limit", "2", "--print-value-only"], ["apple", "pear"]),
        (["fruit/2", "nut/2", "--print-value-only"], ["pear", "plum", "hazel"]),
        (["fruit/3", "--from-key", "--print-value-only"], ["plum", "hazel"]),
        (["", "--prefix", "--sort-by", "value", "--order", "descend", "--print-value-only"],
         ["plum", "pear", "hazel", "apple"]),
        (["", "--prefix", "--sort-by", "modify", "--limit", "1", "--print-value-only"], ["apple"]),
        (["fruit/1", "--rev", "5", "--print-value-only"], ["apple"]),
    ],
)  # fmt: skip
def test_get(fruit: Etcdctl, arguments: list[str], output: list[str]) -> None:
    assert fruit("get", *arguments).splitlines() == output


def test_get_as_json_has_revisions_and_version(fruit: Etcdctl) -> None:
    fruit("put", "fruit/1", "fig")
    answer = json.loads(fruit("get", "fruit/1", "-w", "json"))
    (pair,) = answer["kvs"]
    assert (pair["create_revision"], pair["mod_revision"], pair["version"]) == (2, 6, 2)
    assert (answer["header"]["revision"], answer["count"]) == (6, 1)


def test_put_answers_the_value_before(fruit: Etcdctl) -> None:
    assert fruit("put", "--prev-kv", "fruit/1", "fig").splitlines() == ["OK", "fruit/1", "apple"]
    assert fruit("put", "--ignore-value", "fruit/1") == "OK\n"
    assert fruit("get", "fruit/1", "--print-value-only") == "fig\n"


def test_an_older_revision_is_compacted(fruit: Etcdctl) -> None:
    done = fruit.run("get", "fruit/1", "--rev", "2")
    assert done.returncode != 0
    assert "required revision has been compacted" in done.stderr


def test_del(fruit: Etcdctl) -> None:
    assert fruit("del", "--prev-kv", "fruit/1").splitlines() == ["1", "fruit/1", "apple"]
    assert fruit("del", "--prefix", "fruit/") == "2\n"
    assert fruit("del", "missing") == "0\n"
    assert fruit("get", "", "--prefix", "--keys-only").split() == ["nut/1"]


def test_txn(fruit: Etcdctl) -> None:
    script = 'value("fruit/1") = "apple"\nversion("fruit/2") = "1"\n\nput fruit/1 fig\nget fruit/1\n\nput never 1\n\n'
    output = fruit("txn", "--interactive=false", stdin=script).split()
    assert output == ["SUCCESS", "OK", "fruit/1", "fig"]
    assert fruit("txn", stdin=script).split() == ["FAILURE", "OK"]
    assert fruit("get", "never", "--print-value-only") == "1\n"


def test_snapshot_save_and_restore(fruit: Etcdctl, tmp_path: Path) -> None:
    file = tmp_path / "backup.snapshot"
    assert "Snapshot saved" in fruit("snapshot", "save", str(file))
    fruit("del", "--prefix", "")
    done = run_to_end(["--restore", str(file), "--storage-path", str(tmp_path / "restored")])
    assert done.returncode == 0, done.stderr
    with StorageServer(tmp_path / "restored") as restored:
        again = Etcdctl(shutil.which("etcdctl") or "", restored.address)
        assert again("get", "", "--prefix", "--print-value-only").split() == ["apple", "pear", "plum", "hazel"]
        assert json.loads(again("put", "x", "1", "-w", "json"))["header"]["revision"] == 6


def test_endpoint_status_health_and_hash(fruit: Etcdctl) -> None:
    (status,) = json.loads(fruit("endpoint", "status", "-w", "json"))
    assert status["Status"]["header"]["revision"] == 5
    assert status["Status"]["version"].startswith("3.4.0+sutra-grid")
    assert status["Status"]["leader"] == status["Status"]["header"]["member_id"]
    health = fruit.run("endpoint", "health", check=True)
    assert "is healthy" in health.stdout + health.stderr
    assert len(json.loads(fruit("endpoint", "hashkv", "-w", "json"))) == 1


def test_upkeep(fruit: Etcdctl) -> None:
    assert "Finished defragmenting" in fruit("defrag")
    assert fruit("compaction", "5") == "compacted revision 5\n"
    assert fruit("alarm", "list") == ""


def test_commands_for_all_members_find_the_node(fruit: Etcdctl, server: StorageServer) -> None:
    (member,) = json.loads(fruit("member", "list", "-w", "json"))["members"]
    assert (member["name"], member["clientURLs"]) == ("node-1", [f"http://{server.address}"])
    (status,) = json.loads(fruit("endpoint", "status", "--cluster", "-w", "json"))
    assert status["Endpoint"] == f"http://{server.address}"
    assert status["Status"]["header"]["member_id"] == member["ID"]
    assert len(json.loads(fruit("endpoint", "hashkv", "--cluster", "-w", "json"))) == 1
    health = fruit.run("endpoint", "health", "--cluster", check=True)
    assert "is healthy" in health.stdout + health.stderr
    assert fruit("alarm", "disarm") == ""


def test_everything_is_deleted_and_written_in_one_transaction(fruit: Etcdctl) -> None:
    script = '\ndel "" --prefix\nput fruit/1 fig\n\n\n'
    assert fruit("txn", "--interactive=false", stdin=script).split() == ["SUCCESS", "4", "OK"]
    assert fruit("get", "", "--prefix", "--print-value-only") == "fig\n"


@pytest.mark.parametrize("arguments", [["lease", "grant", "10"], ["member", "remove", "1"], ["auth", "enable"]])
def test_what_is_not_there_says_so(etcdctl: Etcdctl, arguments: list[str]) -> None:
    done = etcdctl.run(*arguments)
    assert done.returncode != 0
    assert "Unimplemented" in done.stderr
