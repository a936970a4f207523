"""The example configurations can be uncommented line by line: each key lands in its table, and the file stays valid."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from support.values.certificates import TestAuthority

from sutra_grid.admin.config import SCHEMA as ADMIN_SCHEMA
from sutra_grid.admin.config import AdminConfig
from sutra_grid.agent.config import SCHEMA as AGENT_SCHEMA
from sutra_grid.agent.config import agent_config
from sutra_grid.core.access.identity import Role as Member
from sutra_grid.master.config import SCHEMA as MASTER_SCHEMA
from sutra_grid.master.config import master_config
from sutra_grid.runtime.config import Config, Schema, load

TLS_FILES: Final = "/etc/sutra-grid/tls"
FOLDER: Final = Path(__file__).parents[2] / "etc"
HEADER: Final = re.compile(r"(?P<mark># ?)?\[(?P<table>[\w.-]+)\]")
KEY: Final = re.compile(r"(?P<mark># ?)?(?P<key>[a-z][a-z0-9_]*) = (?P<value>.+)")


class Role(NamedTuple):
    schema: Schema
    check: Callable[[Config], object]


ROLES: Final = {
    "master": Role(MASTER_SCHEMA, master_config),
    "agent": Role(AGENT_SCHEMA, agent_config),
    "admin": Role(ADMIN_SCHEMA, AdminConfig.of),
}


class Commented(NamedTuple):
    """A commented key: its line, its name, and the line and name of the table above it."""

    line: int
    key: str
    header: int
    table: str


def lines_of(role: str) -> list[str]:
    return (FOLDER / f"{role}-config.toml").read_text().splitlines()


def commented_keys(role: str) -> list[Commented]:
    found, header, table = [], 0, ""
    for number, line in enumerate(lines_of(role)):
        if match := HEADER.fullmatch(line.strip()):
            header, table = number, match["table"]
        elif (match := KEY.match(line)) and match["mark"]:
            found.append(Commented(number, match["key"], header, table))
    return found


def uncommented(lines: list[str], numbers: set[int]) -> str:
    return "\n".join(re.sub("^# ?", "", line) if at in numbers else line for at, line in enumerate(lines))


def table_of(text: str, name: str) -> dict[str, Any]:
    found: Any = tomllib.loads(text)
    for part in name.split("."):
        found = found[part]
    assert isinstance(found, dict)
    return found


def check(role: str, text: str, directory: Path) -> None:
    file = directory / "config.toml"
    file.write_text(text.replace(TLS_FILES, str(directory)))
    ROLES[role].check(load(ROLES[role].schema, file, environ={}, overrides={}))


def is_engine(key: Commented) -> bool:
    return key.table.startswith("engines.")


def is_needed_by(key: Commented, other: Commented) -> bool:
    """Whether ``other`` is valid only with ``key``: an engine begins with its program, and files of TLS are a set."""
    if is_engine(other) and other.table.endswith("tls"):  # its certificates come from those of the agent
        return key.table in (other.table, "tls") and key.key != "insecure"
    if key.table != other.table:
        return False
    return key.key == "binary_path" if is_engine(key) else key.table.endswith("tls") and key.key.endswith("_file")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the examples name in ``TLS_FILES``."""
    directory, authority = tmp_path_factory.mktemp("tls"), TestAuthority()
    (directory / "ca.pem").write_bytes(authority.pem)
    pairs = {"ca": authority.key_pem}
    for name, role, holder in (
        ("master", Member.MASTER, "master-1"),
        ("agent", Member.AGENT, "agent-1"),
        ("admin", Member.ADMIN, "admin-1"),
        ("web", Member.ADMIN, "web"),
    ):
        certificate, pairs[name] = authority.issue(role, holder)
        (directory / f"{name}.pem").write_bytes(certificate)
    for name, key in pairs.items():
        (directory / f"{name}-key.pem").touch(mode=0o600)
        (directory / f"{name}-key.pem").write_bytes(key)
    return directory


@pytest.mark.parametrize("role", ROLES)
def test_every_line_alone_lands_in_its_table_and_the_file_stays_valid(role: str, certificates: Path) -> None:
    lines, keys = lines_of(role), commented_keys(role)
    for key in keys:
        also = {each.line for each in keys if is_needed_by(each, key)}
        text = uncommented(lines, {key.line, *also, *([key.header] if is_engine(key) else [])})
        assert key.key in table_of(text, key.table), f"{lines[key.line]} is not in [{key.table}]"
        check(role, text, certificates)


@pytest.mark.parametrize("role", ROLES)
def test_all_lines_together_are_valid(role: str, certificates: Path) -> None:
    lines, keys = lines_of(role), commented_keys(role)
    text = uncommented(lines, {number for key in keys for number in (key.line, key.header)})
    for key in keys:
        assert key.key in table_of(text, key.table)
    check(role, text, certificates)


@pytest.mark.parametrize("role", ROLES)
def test_the_file_as_it_is_is_valid(role: str, tmp_path: Path) -> None:
    check(role, "\n".join(lines_of(role)), tmp_path)
    assert commented_keys(role) or role == "admin"
