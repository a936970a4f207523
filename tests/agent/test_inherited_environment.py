"""Which variables nodes get of the environment that the agent was started with."""

from pathlib import Path

from sutra_grid.agent.inherited_environment import InheritedEnvironment
from sutra_grid.runtime.start_environment import start_environment

NEEDED = {
    "PATH": "/usr/bin",
    "LANG": "de_DE.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    "TZ": "Europe/Berlin",
    "HOME": "/root",
    "http_proxy": "http://proxy.internal:3128",
    "NO_PROXY": "127.0.0.1",
    "LD_LIBRARY_PATH": "/opt/lib",
    "PYTHONPATH": "/opt/python",
    "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "/etc/ssl/ca.pem",
    "POSTGRES_PASSWORD_FILE": "/run/secrets/pg",
    "TOKENIZERS_PARALLELISM": "false",
}
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "x",
    "VAULT_TOKEN": "x",
    "PGPASSWORD": "x",
    "MYSQL_PWD": "x",
    "REDISCLI_AUTH": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/root/key.json",
    "SSH_AUTH_SOCK": "/tmp/agent.1",
    "DATABASE_URL": "postgresql://u:p@db/x",
    "TLS": "-----BEGIN PRIVATE KEY-----",
    "ANYTHING": "sgt_0123456789abcdef",
}
OF_THE_AGENT = {
    "SUTRA_GRID_AGENT__AGENT_ID": "a",
    "SUTRA_GRID_TOKEN": "sgt_0123456789",
    "SUTRA_STORAGE_TLS_CERT": "/etc/node.pem",
    "WATCHDOG_USEC": "1",
    "JOURNAL_STREAM": "1:2",
    "CREDENTIALS_DIRECTORY": "/run/c",
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "GRPC_VERBOSITY": "debug",
}


def test_what_a_node_needs_is_passed_and_secrets_are_withheld() -> None:
    inherited = InheritedEnvironment.of(NEEDED | SECRETS | OF_THE_AGENT)
    assert inherited.passed == NEEDED
    assert inherited.withheld == SECRETS


def test_an_engine_gets_the_secrets_that_it_names_and_nothing_of_the_agent() -> None:
    inherited = InheritedEnvironment.of(NEEDED | SECRETS | OF_THE_AGENT)
    given = inherited.for_engine(["VAULT_TOKEN", "SUTRA_GRID_TOKEN", "NOT_SET"])
    assert given == NEEDED | {"VAULT_TOKEN": "x"}


def test_the_values_are_not_in_the_representation() -> None:
    assert "AKIA" not in repr(InheritedEnvironment.of(SECRETS))


def test_the_environment_of_the_start_is_read_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "environ"
    file.write_bytes(b"A=1\0B=x=y\0nothing\0=odd\0A=2\0BYTES=\xff\0")
    assert start_environment(file) == {"A": "1", "B": "x=y", "BYTES": "\udcff"}
