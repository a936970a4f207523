"""No token, password, cookie or private key leaves a grid with TLS: each is used, and every output is searched.

The grid makes most of these secrets itself. Each is kept here with the outputs in which it has to be.
"""

from __future__ import annotations

import http.cookiejar
import secrets
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from support.browser.html import Page
from support.harness.daemons import Daemon, clean_environ, script, write_config
from support.harness.dev_run import DevRun
from support.harness.grid import Grid, GridSpec
from support.harness.outputs import (
    Outputs,
    key_lines,
    make_bundle,
    parts_of_bundle,
    readable_files,
    regular_files,
    told_by_processes,
)
from support.waiting import eventually

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.tokens import parse_token
from sutra_grid.core.redaction import redact_text

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(300)]

SSO_HEADER: Final = "X-Remote-User"
PAGES: Final = ("ui/", "ui/agents", "ui/agents/agent-1", "ui/nodes", "ui/events", "ui/login", "ui/nowhere")
API: Final = ("status", "agents", "nodes", "events", "metrics", "readyz", "openapi.json", "nowhere", "nodes?limit=x")


@dataclass
class Planted:
    """Secrets by place, what was told meanwhile, and what was told only to whom it belongs."""

    secrets: dict[str, set[str]] = field(default_factory=dict)
    told: Outputs = field(default_factory=dict)

    def keep(self, place: str, *values: str) -> str:
        """Remember secrets, without values that stand for nothing; the first one."""
        assert all(values), f"{place} is empty"
        self.secrets.setdefault(place, set()).update(values)
        return values[0]

    def keep_token(self, place: str, text: str) -> str:
        """Remember a token by the first half of its secret: its id is public, and a part of a secret is one too."""
        self.keep(place, parse_token(text).secret[:20])
        return text.strip()

    def example(self, place: str) -> str:
        """One of the secrets of a place."""
        return min(self.secrets[place])

    def leaks(self, place: str) -> set[str]:
        """The outputs that have a secret of that place."""
        return {name for name, text in self.told.items() for one in self.secrets[place] if one in text}


class Cli:
    """The command line of a person with a home of its own, whose outputs are searched."""

    def __init__(self, planted: Planted, home: Path, *options: str, **environ: str) -> None:
        self.planted, self.options = planted, options
        self.environ = {**clean_environ(), "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), **environ}

    def run(self, *words: str, typed: str = "", secret: bool = False, program: str = "sutra-grid-cli") -> str:
        """Standard output; ``secret`` for a command whose purpose is to print a secret once."""
        command = [str(script(program)), *self.options, *words]
        done = subprocess.run(
            command, input=typed, capture_output=True, text=True, timeout=60, env=self.environ, check=False
        )
        name = f"{' '.join(words[:3])} of {self.environ['HOME']}, {len(self.planted.told)}"
        self.planted.told[name] = done.stderr if secret else done.stdout + done.stderr
        return done.stdout


class Browser:
    """A browser that keeps cookies; what it is shown is searched for all but the tokens of its own forms."""

    def __init__(self, planted: Planted, url: str, ca: bytes | str) -> None:
        self.planted, self.url = planted, url
        self.cookies = http.cookiejar.CookieJar()
        text = ca if isinstance(ca, str) else ca.decode()
        context = ssl.create_default_context(cadata=text)
        handlers = (urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor(self.cookies))
        self.opener = urllib.request.build_opener(*handlers)

    def open(self, path: str, data: Mapping[str, str] | None = None, **headers: str) -> str:
        """A page after redirects, whatever its status."""
        given = {"Accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = None if data is None else urllib.parse.urlencode(data).encode()
        request = urllib.request.Request(f"{self.url}/{path}", body, given)
        try:
            with self.opener.open(request, timeout=30) as answer:
                text: str = answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
        shown = text.replace(path.rpartition("/")[2], "") if "sgt_" in path else text  # what the sender typed
        for form in Page(text).forms if "<form" in text else ():
            for name, value in form.values:
                if name == "csrf_token" and value:
                    shown = shown.replace(self.planted.keep("CSRF token", value), "")
        self.planted.told[f"{redact_text(path)} in a browser, {len(self.planted.told)}"] = shown
        return text

    def log_in(self, name: str, password: str) -> None:
        [form] = [form for form in Page(self.open("ui/login")).forms if form.method == "post"]
        self.open("ui/login", dict(form.values) | {"name": name, "password": password})
        for cookie in self.cookies:
            self.planted.keep("cookie", cookie.value or "")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A grid in which people and hosts use every kind of credential, right and wrong ones."""
    found, root = Planted(), tmp_path_factory.mktemp("keys").resolve()
    grid = closed_grid(root / "grid")
    with grid:
        assert grid.tls is not None
        certificate = grid.tls.options(Role.ADMIN, "test")
        admin = Cli(found, root / "admin-home", "--master", grid.master_address, *certificate)
        node_id = grid.grpc.spawn("agent-1").node_id
        use_tokens(found, grid, admin, root)
        use_passwords(found, grid, admin)
        admin.run("nodes", "explain", node_id)
        admin.run("events", "list", "-o", "json")
        admin.run("tls", "certs", "-o", "json")
        admin.run("tls", "show", str(grid.tls.ca_key))
        admin.run("tls", "show", grid.master_address)
        found.told |= told_by_processes(root)
        keep_keys(found, root)
        found.told |= _bundle(grid, root / "bundle.tar.gz", [*certificate])
        grid.master.kill()
        browser = Browser(found, f"https://{grid.admin_address}", grid.tls.authority.pem)
        browser.open("status", Authorization=f"Bearer sgt_01234567_{found.example('API token'):x<43}")
        admin.run("status")
        grid.master.start()
        grid.master.wait_ready()
        grid.wait_agents("healthy")
    found.told |= readable_files(root)
    found.told |= {f"file {path}": text for path, text in written(root).items()}
    return found


def closed_grid(root: Path) -> Grid:
    """A grid whose admin is reached over HTTPS, and whose daemons log all that they can."""
    log = {"logging": {"level": "debug"}}
    grid = Grid(root, GridSpec(with_tls=True, with_metrics=True, extra=log, master_extra=log))
    assert grid.tls is not None
    tls = grid.tls
    own = tls.section(Role.ADMIN, "web")
    key_file = root / "secret-key"
    key_file.touch(0o600)
    key_file.write_text(secrets.token_hex(32))
    settings = {
        "listen": grid.admin_address,
        "registry_url": grid.registry_url,
        "master": grid.master_address,
        "secret_key_file": str(key_file),
        "trusted_proxies": ["127.0.0.2"],
        "sso_header": SSO_HEADER,
    }
    sections = {
        "admin": settings,
        "tls": {"cert_file": own["cert_file"], "key_file": own["key_file"]},
        "master_tls": tls.section(Role.ADMIN, "admin"),
        **log,
    }

    def serves() -> bool:
        context = ssl.create_default_context(cadata=tls.authority.pem.decode())
        with suppress(OSError):
            return bool(urllib.request.urlopen(f"https://{grid.admin_address}/livez", timeout=15, context=context))
        return False

    config = write_config(root / "admin.toml", sections)
    grid.admin = Daemon("admin", "sutra-grid-admin", config, ready=serves)
    return grid


def use_tokens(found: Planted, grid: Grid, admin: Cli, root: Path) -> None:
    """Tokens for joining and for the API: used, used up, revoked, changed, and shown where they do not belong."""
    assert grid.tls is not None
    ca = grid.tls.directory / "agent-agent-1" / "ca.pem"
    for number, text in enumerate([_made(found, admin, "join token", "--kind=join") for _ in range(2)]):
        host = Cli(found, root / "host")
        files = (f"--dir={root}/host{number}", f"--config={root}/host{number}/agent.toml")
        join = ("join", grid.token_address, "-", "--agent-id=agent-9", *files)
        broken = found.keep_token("changed token", f"{text[:20]}{secrets.token_hex(4)}{text[28:]}")
        for typed in (text[:-4], broken, text, text):
            host.run(*join, typed=typed, program="sutra-grid-agent")
    kept = _made(found, admin, "API token", "--kind=api", "--role=operator", "--name=ann", "--ttl=1h")
    revoked = _made(found, admin, "API token", "--kind=api", "--role=viewer", "--name=bob", "--ttl=1h")
    admin.run("token", "revoke", revoked.split("_")[1])
    wrong = found.keep_token("changed token", f"sgt_{kept.split('_')[1]}_{secrets.token_urlsafe(32)}")
    cut = kept[:40]
    at_tokens = ("--master", grid.token_address, f"--tls-ca={ca}")
    for text in (kept, revoked, wrong, cut):
        person = Cli(found, root / "person", *at_tokens, SUTRA_GRID_TOKEN=text)
        person.run("nodes", "list")
        Cli(found, root / "person", *at_tokens).run("login", "--token-stdin", typed=text)
        browser = Browser(found, f"https://{grid.admin_address}", grid.tls.authority.pem)
        for path in (*API, f"ui/nodes?token={text}", f"nodes/{text}", f"ui/nodes/{text}"):
            browser.open(path, Authorization=f"Bearer {text}")
        browser.open("status", Authorization=f"Basic {text}")
        browser.open("status", X_Auth_Token=text)
    Cli(found, root / "person", *at_tokens).run("whoami")
    environ = {"HOME": str(root / "person"), "XDG_CONFIG_HOME": str(root / "person/.config"), "SUTRA_GRID_TOKEN": kept}
    parts = make_bundle(root / "person.tar.gz", at_tokens, (), environ)
    found.told["bundle of a person"] = "".join(parts.values())


def use_passwords(found: Planted, grid: Grid, admin: Cli) -> None:
    """Passwords of users: typed on the terminal, changed, and typed on the login page, also wrong ones."""
    assert grid.tls is not None
    first, second, wrong, as_name, short = (found.keep("password", f"pw-{secrets.token_urlsafe(12)}") for _ in range(5))
    admin.run("user", "add", "carol", "--role=operator", "--password-stdin", typed=first)
    admin.run("user", "add", "carol", "--role=operator", "--password-stdin", typed=first)
    admin.run("user", "add", "dave", "--role=nobody", "--password-stdin", typed=first)
    admin.run("user", "password", "carol", "--password-stdin", typed=second)
    admin.run("user", "password", "nobody", "--password-stdin", typed=short)
    browser = Browser(found, f"https://{grid.admin_address}", grid.tls.authority.pem)
    browser.log_in("carol", wrong)
    browser.log_in("carol", second)
    browser.open("ui/login", {"name": "carol", "password": second, "csrf_token": found.keep("CSRF token", wrong)})
    for path in (*PAGES, *API):
        browser.open(path)
    browser.open("ui/nodes", **{SSO_HEADER: "admin"})
    stranger = Browser(found, f"https://{grid.admin_address}", grid.tls.authority.pem)
    [form] = [form for form in Page(stranger.open("ui/login")).forms if form.method == "post"]
    stranger.planted = Planted()  # the form shows the name again, to whom has typed it
    stranger.open("ui/login", dict(form.values) | {"name": as_name, "password": wrong})
    [form] = [form for form in Page(browser.open("ui/")).forms if form.action.endswith("logout")]
    browser.open("ui/logout", dict(form.values))


def _made(found: Planted, admin: Cli, place: str, *options: str) -> str:
    return found.keep_token(place, admin.run("token", "create", *options, "-o", "name", secret=True))


def keep_keys(found: Planted, root: Path) -> None:
    """The private keys of all files, by what the files are called."""
    for path in regular_files(root):
        if lines := key_lines(path.read_text(errors="replace")):
            found.keep("private key", *lines)
    if secret_keys := [path.read_text().strip() for path in regular_files(root) if _is_secret(path)]:
        found.keep("secret_key_file", *secret_keys)


def _is_secret(path: Path) -> bool:
    return path.name == "secret-key"


def written(root: Path) -> Outputs:
    """All files, whoever may read them, but those that are made for a secret: keys, and logins of a person."""
    return {
        str(path.relative_to(root)): text
        for path in regular_files(root)
        if not key_lines(text := path.read_bytes().decode(errors="replace"))
        if path.name != "logins.json" and not _is_secret(path)
    }


def _bundle(grid: Grid, file: Path, certificate: list[str]) -> Outputs:
    parts = ["--state-path", str(grid.state_path("agent-1"))]
    for daemon in grid.daemons:
        parts += ["--config", str(daemon.config), "--log", str(daemon.log)]
    return make_bundle(file, ("--master", grid.master_address, *certificate), parts, {})


@pytest.mark.parametrize(
    "place",
    ["join token", "API token", "changed token", "password", "cookie", "CSRF token", "private key", "secret_key_file"],
)
def test_a_credential_is_in_no_output(planted: Planted, place: str) -> None:
    assert planted.leaks(place) == set()


def test_what_is_searched_is_not_empty(planted: Planted) -> None:
    assert len(planted.told) > 150
    logs = "".join(text for name, text in planted.told.items() if name.endswith(".log"))
    assert '"level":"debug"' in logs or " DEBUG " in logs
    assert "user logged in" in logs
    assert "/ui/nodes" in logs, "requests are in the admin's log"
    everything = "".join(planted.told.values())
    assert "agent.joined" in everything
    assert "file registry.db" not in planted.told, "other users of the host read the registry"
    assert "scrypt:" in planted.told["file grid/registry.db"] + planted.told.get("file grid/registry.db-wal", "")
    assert len(planted.secrets["private key"]) > 10


def test_a_dev_grid_with_tls_tells_its_secrets_only_on_the_terminal(tmp_path: Path) -> None:
    """Its user and its token are printed once; its directory and a bundle made beside it have neither."""
    found, dev = Planted(), DevRun(tmp_path, nodes=1, name="sutra-grid-dev")
    try:
        dev.start("--tls")
        text = dev.await_up()
        found.keep_token("API token", next(word[6:] for word in text.split() if word.startswith("TOKEN=")))
        found.keep("password", next(line.split()[1] for line in text.splitlines() if line.startswith("  password ")))
        eventually(lambda: "running" in _dev_command(dev, "nodes", "list"), 30, "its node runs")
        found.told |= told_by_processes(dev.directory)
        keep_keys(found, dev.directory)
        bundle = _dev_command(dev, "debug", "bundle", "--file", "bundle.tar.gz", *_states(dev))
        found.told |= {"output of bundle": bundle, **parts_of_bundle(tmp_path / "bundle.tar.gz")}
        assert {name.rpartition("_")[2] for name in found.told if "/config/" in name} >= {"master.toml.json"}
        assert any("/daemon-logs/" in name for name in found.told)
    finally:
        dev.end()
        dev.clean()
    found.told |= {f"file {path}": content for path, content in written(dev.directory).items()}
    assert not {place: leaks for place in found.secrets if (leaks := found.leaks(place))}


def _dev_command(dev: DevRun, *words: str) -> str:
    """The output of a command that runs beside the dev grid, which finds the grid by itself."""
    done = subprocess.run(
        [str(script("sutra-grid-cli")), *words],
        cwd=dev.directory.parent,
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def _states(dev: DevRun) -> list[str]:
    return ["--state-path", str(dev.directory / "agents" / "agent-1" / "state")]
