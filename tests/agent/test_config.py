import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.texts import mentions
from support.values.certificates import TestAuthority, write_files

from sutra_grid.agent.config import SCHEMA, AgentConfig, agent_config
from sutra_grid.core.access.identity import Role
from sutra_grid.runtime.config import ConfigError, load

# The file of the first published specification, word for word.
PUBLISHED = """
[agent]
agent_id = "agent-1"
master_host = "master.sutra.internal:7000"
platform = "docker"
max_storage_nodes = 10
[storage]
binary_path = "/usr/local/bin/storage-server"
data_path = "/data/sutra"
default_memory_mb = 2048
default_port_range = "50051-50060"
[monitoring]
heartbeat_interval_secs = 5
health_check_interval_secs = 10
restart_failed_nodes = true
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], AgentConfig]:
    def read_text(text: str) -> AgentConfig:
        file = tmp_path / "agent.toml"
        file.write_text(text)
        return agent_config(load(SCHEMA, file, environ={}, overrides={}))

    return read_text


def test_the_published_file_is_accepted_as_it_is(read: Callable[[str], AgentConfig]) -> None:
    config = read(PUBLISHED)
    assert config.agent_id == "agent-1"
    assert config.master == ("master.sutra.internal", 7000)
    assert config.platform == "docker"
    assert config.max_storage_nodes == 10
    assert list(config.ports) == list(range(50051, 50061))
    assert config.data_path == Path("/data/sutra")
    assert config.state_path == Path("/data/sutra/.agent")
    assert config.listen == ("127.0.0.1", 7001)
    assert (config.heartbeat_interval_seconds, config.probe_interval_seconds) == (5, 10)
    assert config.restart.enabled
    storage = config.engines["storage"]
    assert storage.binary_path == "/usr/local/bin/storage-server"
    assert storage.args == ("--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}")


@pytest.mark.parametrize("platform", ["docker", "k8s", "aws", "desktop", "hetzner", "bare-metal", "x86", "a" * 32])
def test_a_platform_is_any_lower_case_name(read: Callable[[str], AgentConfig], platform: str) -> None:
    assert read(PUBLISHED.replace('"docker"', f'"{platform}"')).platform == platform


@pytest.mark.parametrize("platform", ["", "Docker", "bare metal", "-x", "a" * 33, "größe", "x\\n"])
def test_another_platform_is_refused_with_what_is_allowed(read: Callable[[str], AgentConfig], platform: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(PUBLISHED.replace('"docker"', f'"{platform}"'))
    assert mentions(str(refused.value), "agent.platform", "lower-case", "hyphens")


def test_the_shipped_file_is_accepted() -> None:
    file = Path(__file__).parents[2] / "etc" / "agent-config.toml"
    agent_config(load(SCHEMA, file, environ={}, overrides={}))


def test_every_commented_key_of_the_shipped_file_is_known(read: Callable[[str], AgentConfig], tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "etc" / "agent-config.toml").read_text()
    ca, cert, key = write_files(tmp_path / "tls", TestAuthority().credentials(Role.AGENT, "agent-1"))
    for name, path in {"agent.pem": cert, "agent-key.pem": key, "ca.pem": ca}.items():
        text = text.replace(f"/etc/sutra-grid/tls/{name}", str(path))
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    config = read("\n".join(line for line in lines if line.startswith("[") or " = " in line))
    assert config.engines["redis"].args[:2] == ("--bind", "{host}")
    assert config.engines["redis-tls"].tls
    assert config.labels == {"rack": "a3"}


def test_an_engine_has_its_arguments_signal_and_probe(read: Callable[[str], AgentConfig]) -> None:
    engine = """
[engines.redis]
binary_path = "redis-server"
args = ["--port", "{port}", "--maxmemory", "{memory_limit_mb}mb"]
environment = { DIR = "{storage_path}" }
health_probe = "none"
stop_signal = "SIGINT"
stop_grace_secs = 0.5
"""
    redis = read(PUBLISHED + engine).engines["redis"]
    assert redis.stop_signal == signal.SIGINT
    assert redis.probe.kind == "none"
    assert redis.environment == {"DIR": "{storage_path}"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ('default_port_range = "50060-50051"', "two ports"),
        ('default_port_range = "50051"', "two ports"),
        ('default_port_range = "1-70000"', "two ports"),
        ("default_memory_mb = 0", "default_memory_mb"),
        ('stop_signal = "SIGFOO"', "SIGTERM"),
        ('health_probe = "telnet"', "grpc"),
        ('binary_path = ""', "binary_path"),
        ("data_paht = 1", "data_path"),
    ],
)
def test_a_wrong_value_names_the_key_and_what_is_allowed(
    read: Callable[[str], AgentConfig], wrong: str, words: str
) -> None:
    key = wrong.partition(" =")[0]
    lines = [line for line in PUBLISHED.splitlines() if not line.startswith(f"{key} ")]
    at = lines.index("[storage]") + 1
    with pytest.raises(ConfigError) as error:
        read("\n".join([*lines[:at], wrong, *lines[at:]]))
    assert key in str(error.value)
    assert words in str(error.value)


def test_a_required_mount_must_be_at_or_above_the_data(read: Callable[[str], AgentConfig]) -> None:
    text = PUBLISHED.replace('data_path = "/data/sutra"', 'data_path = "/data/sutra"\nrequire_mount = "{}"')
    for point in ("/data", "/data/sutra", "/"):
        assert read(text.format(point)).require_mount == Path(point)
    with pytest.raises(ConfigError) as refused:
        read(text.format("/data/other"))
    assert mentions(str(refused.value), "storage.require_mount", "/data/other", "data_path")


def test_a_placeholder_that_nothing_fills_is_a_fault(read: Callable[[str], AgentConfig]) -> None:
    with pytest.raises(ConfigError, match=r"\{prot\}"):
        read(PUBLISHED + '[engines.x]\nbinary_path = "/x"\nargs = ["{prot}"]\n')


def test_an_engine_may_name_secrets_that_its_nodes_get(read: Callable[[str], AgentConfig]) -> None:
    config = read(PUBLISHED + '[engines.backup]\nbinary_path = "/bin/backup"\npass_secrets = ["VAULT_TOKEN"]\n')
    assert config.engines["backup"].pass_secrets == ("VAULT_TOKEN",)
    assert config.engines["storage"].pass_secrets == ()


@pytest.mark.parametrize("name", ["SUTRA_GRID_TOKEN", "NOTIFY_SOCKET", "A=b", ""])
def test_a_node_is_never_passed_what_is_the_agents_own(read: Callable[[str], AgentConfig], name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(PUBLISHED + f'[engines.x]\nbinary_path = "/bin/x"\npass_secrets = ["{name}"]\n')
    assert "engines.x.pass_secrets" in str(caught.value)
