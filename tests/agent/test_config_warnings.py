"""Memory limits in the arguments of engines: what is refused, and what is only warned of."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.texts import mentions
from support.values.certificates import TestAuthority, write_files

from sutra_grid.agent import config_warnings as module
from sutra_grid.agent.config import SCHEMA, agent_config
from sutra_grid.agent.config_warnings import config_warnings
from sutra_grid.agent.daemon import main
from sutra_grid.agent.limits.host_memory import host_memory
from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.config import Config, ConfigError, load
from sutra_grid.runtime.outgoing_ports import OutgoingPorts

HEAD = '[agent]\nagent_id = "a"\nmaster_host = "127.0.0.1:7000"\n[storage]\ndata_path = "/data"\n'
REDIS = '[engines.redis]\nbinary_path = "/usr/bin/redis-server"\n'
WHOLE = 'args = ["--port", "{port}", "--maxmemory", "{memory_limit_mb}mb"]\n'


@pytest.fixture(autouse=True)
def no_outgoing_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ports this machine gives to outgoing connections."""
    monkeypatch.setattr(module, "read_outgoing_ports", OutgoingPorts)


def read(tmp_path: Path, engine: str, limits: str = "") -> Config:
    file = tmp_path / "agent.toml"
    file.write_text(f"{HEAD}{limits}{REDIS}{engine}")
    config = load(SCHEMA, file, environ={}, overrides={})
    agent_config(config)
    return config


@pytest.mark.parametrize(
    "share",
    [
        "*0",
        "*0.0",
        "*1.01",
        "*2",
        "*",
        "*75%",
        "*-0.5",
        "*0.7.5",
        "*x",
        "/2",
        "-64",
        "*1e-1",
        "*0.75*0.5",
        ":75",
        " 75",
    ],
)
@pytest.mark.parametrize("key", ["args", "environment"])
def test_a_share_that_is_none_is_refused_with_line_and_key(tmp_path: Path, share: str, key: str) -> None:
    text = f"{{memory_limit_mb{share}}}"
    line = f'args = ["--port", "{{port}}", "{text}mb"]' if key == "args" else f'environment = {{ LIMIT = "{text}" }}'
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f"{line}\n")
    [fault] = refused.value.faults
    assert (fault.where, fault.key) == (f"{tmp_path}/agent.toml:8", f"engines.redis.{key}")
    assert mentions(fault.problem, "{memory_limit_mb*0.75}", "at most 1", text)


def test_other_braces_are_as_they_were(tmp_path: Path) -> None:
    read(
        tmp_path, """args = ['{"a": 1}', "{port*2}", "{memory_limit*2}", "{}", "{memory_limit_mb*0.5}", "{ port }"]\n"""
    )
    with pytest.raises(ConfigError):
        read(tmp_path, 'args = ["{memory}"]\n')


@pytest.mark.parametrize(
    ("engine", "key", "named"),
    [
        (WHOLE, "args", "'{memory_limit_mb}mb'"),
        ('args = ["-Xmx{memory_limit_mb*1.0}m"]\n', "args", "'-Xmx{memory_limit_mb*1.0}m'"),
        ('environment = { GOMEMLIMIT = "{memory_limit_mb}MiB" }\n', "environment", "'GOMEMLIMIT={memory_limit_mb}MiB'"),
    ],
)
def test_a_program_that_gets_the_whole_limit_is_warned_of(tmp_path: Path, engine: str, key: str, named: str) -> None:
    [warning] = config_warnings(read(tmp_path, engine))
    assert (warning.where, warning.key) == (f"{tmp_path}/agent.toml:8", f"engines.redis.{key}")
    assert mentions(warning.problem, named, "{memory_limit_mb*0.75}")


@pytest.mark.parametrize(
    ("engine", "limits"),
    [(WHOLE.replace("_mb}", "_mb*0.75}"), ""), (WHOLE, '[limits]\nmemory = "off"\n'), ('args = ["{port}"]\n', "")],
)
def test_a_share_and_a_limit_that_nobody_enforces_are_no_reason_to_warn(
    tmp_path: Path, engine: str, limits: str
) -> None:
    assert config_warnings(read(tmp_path, engine, limits)) == []


def test_a_default_limit_above_the_host_is_warned_of_and_accepted(tmp_path: Path) -> None:
    [warning] = config_warnings(read(tmp_path, "", f"default_memory_mb = {10**9}\n"))
    assert (warning.where, warning.key) == (f"{tmp_path}/agent.toml:6", "storage.default_memory_mb")
    assert mentions(warning.problem, 10**9, host_memory().limit_mb)


def test_checking_prints_the_warning_and_calls_the_file_valid(tmp_path: Path) -> None:
    read(tmp_path, WHOLE)
    file = tmp_path / "agent.toml"
    result = CliRunner().invoke(main, ["--config", str(file), "--check-config"])
    assert (result.exit_code, result.stdout) == (0, f"{file}: ok\n")
    [line] = result.stderr.splitlines()
    assert line.startswith(f"warning: {file}:8: engines.redis.args: ")


def test_the_examples_that_are_shipped_and_shown_leave_the_program_room(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    shipped = (root / "etc" / "agent-config.toml").read_text()
    lines = shipped[shipped.index("# [engines.redis]") : shipped.index("# Redis with TLS")].splitlines()
    commented = "\n".join(line.removeprefix("# ") for line in lines if not line.startswith(("# Redis", "# While")))
    shown = (root / "docs" / "agent.md").read_text()
    shown = shown[shown.index("[engines.redis]") :]
    for example in (commented, shown[: shown.index("```")]):
        file = tmp_path / "agent.toml"
        file.write_text(HEAD + example)
        config = load(SCHEMA, file, environ={}, overrides={})
        assert "{memory_limit_mb*0.45}mb" in agent_config(config).engines["redis"].args
        assert config_warnings(config) == []


# -- certificates of nodes --

TLS = 'args = ["--tls-port", "{port}", "--tls-cert-file", "{tls_cert}"]\n'


@pytest.mark.parametrize(
    ("engine", "words"),
    [(TLS, "engines.redis.tls: must be true"), ("tls = true\n" + TLS, "engines.redis.tls: needs cert_file, key_file")],
)
def test_certificates_that_nodes_do_not_get_are_a_fault(tmp_path: Path, engine: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, engine)
    assert words in str(caught.value)


def test_the_default_engine_with_certificates_needs_a_grid_with_tls(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f"{HEAD}tls = true\n")
    with pytest.raises(ConfigError, match=r"storage\.tls: needs cert_file, key_file and ca_file"):
        agent_config(load(SCHEMA, file, environ={}, overrides={}))


def test_a_certificate_that_the_program_is_not_told_is_warned_of(tmp_path: Path) -> None:
    ca, cert, key = write_files(tmp_path / "tls", TestAuthority().credentials(Role.AGENT, "a"))
    tls = f'[tls]\ncert_file = "{cert}"\nkey_file = "{key}"\nca_file = "{ca}"\n'
    told = config_warnings(read(tmp_path, "tls = true\n" + TLS, tls))
    untold = config_warnings(read(tmp_path, "tls = true\n", tls))
    assert "engines.redis.tls" not in {fault.key for fault in told}
    assert "engines.redis.tls" in {fault.key for fault in untold}
