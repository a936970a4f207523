"""docs/deploying.md as written, on two hosts: a closed grid comes of it, and a stranger gets nothing from any port.

The hosts are network namespaces with a cable between them. Each command of the page is run as it stands there, but for
what ``SUBSTITUTIONS`` and ``left_out`` say.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.faults.namespaces import Cable, Namespace, cable_or_skip
from support.harness.daemons import Daemon, clean_environ, script
from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for
from support.values.certificates import TestAuthority, write_files
from support.waiting import eventually

from sutra_grid.core.access.identity import Role

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(600)]

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "deploying.md").read_text()
PASSWORD = "correct horse battery"
NEEDED = ("curl", "etcdctl", "sed", "nsenter", "ss")
#: Lines of the page that a test can't run: they change the host itself. The daemons are started by the test instead.
LEFT_OUT = ("python3 -m venv", "/opt/sutra-grid/bin/pip", "useradd", "chown", "cp etc/", "systemctl", "/etc/init.d/")
OPEN_TO_STRANGERS = ("GET /livez", "GET /readyz", "GET /ui/login", "POST /ui/login", "POST /ui/logout", "GET /static/x")
SECRETS_OF_THE_FLEET = ("agent-1", "agent-2", "node-", "sqlite", "registry.db", "50051", "alice")


@dataclass
class Host:
    """A namespace with directories of its own in place of those of the page."""

    namespace: Namespace
    address: str
    root: Path
    daemons: list[Daemon] = field(default_factory=list)

    def substituted(self, text: str, **more: str) -> str:
        """The text of the page for this host. All that differs from the page stands here."""
        places = {
            "/opt/sutra-grid/bin": str(script("sutra-grid-cli").parent),
            "/etc/sutra-grid": f"{self.root}/etc",
            "/var/lib/sutra-grid": f"{self.root}/lib",
            "/data/sutra": f"{self.root}/data",
            **more,
        }
        for ours, theirs in places.items():
            text = text.replace(ours, theirs)
        return text

    def run(self, commands: str, stdin: str = "", **more: str) -> str:
        """Run lines of the page in one shell; what they print. A line that fails ends the test."""
        lines = [line for line in self.substituted(commands, **more).splitlines() if not left_out(line)]
        done = self.shell("set -e\n" + "\n".join(lines), stdin)
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, text: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        home = {"HOME": str(self.root), "XDG_CONFIG_HOME": str(self.root)}
        return subprocess.run(
            [*self.namespace.run_in, "sh", "-c", text],
            input=stdin,
            env={**clean_environ(), **home},
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def write(self, block: str, **more: str) -> None:
        """Write a configuration of the page to the file that its first line names."""
        text = self.substituted(block, **more)
        Path(text.split("\n", 1)[0].removeprefix("# ")).write_text(text)

    def start(self, program: str) -> None:
        """What ``systemctl enable --now`` does."""
        file = self.root / "etc" / f"{program.removeprefix('sutra-grid-')}.toml"
        daemon = Daemon(program, program, file, ready=lambda: True, run_in=self.namespace.run_in)
        self.daemons.append(daemon)
        daemon.start()
        daemon.wait_ready(60)

    def listening(self) -> list[str]:
        """The addresses of all that listens in the namespace."""
        done = self.shell("ss --listening --tcp --numeric --no-header")
        return [re.sub(r"\[::ffff:([\d.]+)\]", r"\1", line.split()[3]) for line in done.stdout.splitlines()]


def left_out(line: str) -> bool:
    return line.startswith(LEFT_OUT)


def part(title: str) -> list[str]:
    """The blocks of one part of the page, in their order."""
    [text] = [each for each in re.split(r"^## ", PAGE, flags=re.MULTILINE) if each.startswith(title)]
    return re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    for program in NEEDED:
        if not any((Path(folder) / program).exists() for folder in os.environ["PATH"].split(os.pathsep)):
            skip_for(program)
    with cable_or_skip() as made:
        yield made


@dataclass
class Deployed:
    """The grid that came of the page."""

    first: Host
    second: Host
    environment: str
    endpoint: str = ""


@pytest.fixture(scope="module")
def grid(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    ends = ((cable.left, "first"), (cable.right, "second"))
    first, second = (Host(end.namespace, end.address, tmp_path_factory.mktemp(name)) for end, name in ends)
    try:
        yield deploy(first, second)
    finally:
        for host in (first, second):
            for daemon in reversed(host.daemons):
                daemon.kill()
            kill_and_wait(processes_below(host.root))


def deploy(first: Host, second: Host) -> Deployed:
    """The page from step 2 on."""
    addresses = {"10.0.0.1": first.address}
    certificates, master, admin, check, start, people = part("2. The master's host")
    first.run(certificates, **addresses)
    first.write(master, **addresses)
    first.write(admin, **addresses)
    first.run(check)
    assert "systemctl enable --now sutra-grid-master sutra-grid-admin" in start
    first.start("sutra-grid-master")
    first.start("sutra-grid-admin")
    printed = first.run(people, f"{PASSWORD}\n", **addresses, **{"user add alice": "user add alice --password-stdin"})
    [api_token] = re.findall(r"^sgt_\S+$", printed, re.MULTILINE)
    [join_token] = re.findall(r"^sgj_\S+$", printed, re.MULTILINE)
    join, data = part("3. Each host with data")
    for host, name in ((first, "agent-1"), (second, "agent-2")):
        files = f"--dir {host.root}/etc/tls --config {host.root}/etc/agent.toml"  # the defaults are those of the page
        own = {" TOKEN ": f" {join_token} ", "--agent-id agent-1": f"--agent-id {name} {files}"}
        host.run(join, **addresses, **own)
        config = host.root / "etc" / "agent.toml"
        config.write_text(config.read_text().replace('"/var/lib/sutra-grid/data"', f'"{host.root}/lib/data"'))
        host.run(data)
        assert f'data_path = "{host.root}/data"' in config.read_text()
        host.start("sutra-grid-agent")
    verify, client = part("5. Verify")
    environment = second.substituted(verify.splitlines()[0], **addresses, **{"sgt_...": api_token})
    eventually(lambda: second.shell(f"{environment}\n{cli()} agents list").stdout.count("healthy") == 2, 30)
    shown = second.run(verify, **addresses, **{"sgt_...": api_token})
    assert shown.count("healthy") >= 3, shown
    [endpoint] = re.findall(
        rf"{re.escape(first.address)}:\d+", second.shell(f"{environment}\n{cli()} nodes list").stdout
    )
    assert first.run(client, ENDPOINT=endpoint).endswith("OK\n")
    return Deployed(first, second, environment, endpoint)


def cli() -> str:
    return str(script("sutra-grid-cli"))


def test_every_block_of_the_steps_is_run() -> None:
    counts = [len(part(title)) for title in ("2. The master's host", "3. Each host with data", "5. Verify")]
    assert counts == [6, 2, 2]
    assert all(left_out(line) for block in part("1. Install") for line in block.splitlines())


def test_a_person_logs_in_on_the_pages(grid: Deployed) -> None:
    base = f"https://{grid.first.address}:7080"
    curl = f"curl -sS --cacert {grid.second.root}/etc/tls/ca.pem -b jar -c jar"
    page = grid.second.shell(f"cd {grid.second.root} && {curl} {base}/ui/login").stdout
    [token] = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = f"--data-urlencode csrf_token={token} --data-urlencode name=alice --data-urlencode 'password={PASSWORD}'"
    answer = grid.second.shell(f"cd {grid.second.root} && {curl} -i -e {base}/ui/login {form} {base}/ui/login").stdout
    assert answer.startswith("HTTP/1.1 303"), answer
    overview = grid.second.shell(f"cd {grid.second.root} && {curl} {base}/ui/").stdout
    assert "agent-1" in overview
    assert "alice" in overview


def test_a_node_answers_a_certificate_and_nobody_else(grid: Deployed) -> None:
    tls = f"cd {grid.first.root}/etc/tls && etcdctl --command-timeout=3s --endpoints https://{grid.endpoint}"
    files = "--cacert ca.pem --cert shop.pem --key shop-key.pem"
    assert grid.first.shell(f"{tls} {files} get greeting --print-value-only").stdout == "hello\n"
    assert grid.first.shell(f"{tls} --cacert ca.pem get greeting").returncode != 0
    plain = tls.replace("https://", "http://")
    assert grid.first.shell(f"{plain} get greeting").returncode != 0


def test_an_operator_with_a_token_changes_nodes_and_manages_no_access(grid: Deployed) -> None:
    spawned = grid.second.shell(f"{grid.environment}\n{cli()} nodes spawn --agent agent-2 -o name")
    assert spawned.returncode == 0, spawned.stderr
    refused = grid.second.shell(f"{grid.environment}\n{cli()} token list")
    assert refused.returncode != 0
    assert "operator" in refused.stderr


def test_a_stranger_gets_nothing_from_any_port(grid: Deployed, tmp_path: Path) -> None:
    write_files(tmp_path, TestAuthority().credentials(Role.ADMIN, "stranger"))
    reached = [
        address
        for host in (grid.first, grid.second)
        for address in host.listening()
        if host is grid.second or not address.startswith(("127.", "[::1]"))
    ]
    assert len(reached) >= 6, reached  # master 2, admin, two agents, a node
    command = [*grid.second.namespace.run_in, sys.executable, "-m", "support.programs.stranger"]
    done = subprocess.run(
        [*command, str(grid.second.root / "etc/tls/ca.pem"), str(tmp_path), *reached],
        env={**clean_environ(), "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for address, attempts in found.items():
        for attempt, answers in attempts.items():
            for request, answer in answers.items():
                judge(f"{address}: {attempt}: {request}", request, answer, address.endswith(":7080"))
    # Where no certificate is asked for, the attempts did reach what refuses them.
    [with_token] = [attempts["grpc over tls"] for address, attempts in found.items() if address.endswith(":7002")]
    assert set(with_token.values()) == {"UNAUTHENTICATED", "UNIMPLEMENTED"}
    [admin] = [attempts["https"] for address, attempts in found.items() if address.endswith(":7080")]
    assert admin["GET /nodes"][0] == "401"


def judge(what: str, request: str, answer: object, is_admin: bool) -> None:
    """Nothing but a closed connection, a refusal, and from the admin its way to the login."""
    if isinstance(answer, str):
        assert answer in {"UNAVAILABLE", "UNAUTHENTICATED", "UNIMPLEMENTED"}, f"{what}: {answer}"
        return
    assert isinstance(answer, list)
    status, text = answer
    if status in {"closed", "401"}:
        return
    assert is_admin, f"{what}: {status} {text[:200]}"
    leads_to_login = status in {"302", "303"} and "/ui/login" in text
    assert leads_to_login or status in {"400", "403"} or request in OPEN_TO_STRANGERS, f"{what}: {status} {text[:200]}"
    assert not any(secret in text for secret in SECRETS_OF_THE_FLEET), f"{what}: {text}"
