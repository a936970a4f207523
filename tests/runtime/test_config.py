from pathlib import Path
from typing import Any

import pytest
from support.texts import mentions, numbers_in

from sutra_grid.runtime.config import (
    Config,
    ConfigError,
    Key,
    Schema,
    Section,
    at_least,
    between,
    host_port,
    load,
    not_empty,
)

SCHEMA = Schema(
    sections=[
        Section(
            "agent",
            [
                Key("agent_id", "str", help="its name", check=not_empty),
                Key("master_host", "str", "127.0.0.1:7000", check=host_port(7000)),
                Key("platform", "str", "desktop", choices=("docker", "k8s", "aws", "desktop")),
                Key("max_storage_nodes", "int", 10, check=between(1, 1000)),
                Key("labels", "dict[str,str]", {}),
                Key("tags", "list[str]", ["a"]),
                Key("note", "str", ""),
            ],
        ),
        Section("storage", [Key("data_path", "path", "~/data"), Key("spare_path", "path", None)]),
        Section(
            "monitoring",
            [
                Key("heartbeat_interval_secs", "float", 5, unit="seconds", check=at_least(0.1)),
                Key("restart_failed_nodes", "bool", True),
            ],
        ),
    ],
    tables=[
        Section(
            "engines", [Key("binary_path", "path"), Key("args", "list[str]", []), Key("grace_seconds", "float", 10)]
        )
    ],
)

MINIMAL = '[agent]\nagent_id = "agent-1"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def read(
    file: Path, text: str, environ: dict[str, str] | None = None, overrides: dict[str, Any] | None = None
) -> Config:
    file.write_text(text)
    return load(SCHEMA, file, environ=environ or {}, overrides=overrides or {})


def faults_of(file: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read(file, text, environ)
    return [str(fault).replace(str(file), "FILE") for fault in raised.value.faults]


def is_told(fault: str, where: str, *found: object) -> bool:
    """Whether ``fault`` begins with its place and key, and mentions what was found and what is allowed."""
    return fault.startswith(f"{where}: ") and mentions(fault.removeprefix(f"{where}: "), *found)


# -- values --------------------------------------------------------------------


def test_the_file_of_the_design_is_read_as_it_is(file: Path) -> None:
    config = read(
        file,
        """
[agent]
agent_id = "agent-1"   # who
master_host = "master.sutra.internal:7000"
platform = "docker"
max_storage_nodes = 10
[storage]
data_path = "/data/sutra"
[monitoring]
heartbeat_interval_secs = 5
restart_failed_nodes = true
""",
    )
    assert config.section("agent")["master_host"] == "master.sutra.internal:7000"
    assert config.section("storage")["data_path"] == Path("/data/sutra")
    assert config.section("monitoring") == {"heartbeat_interval_secs": 5.0, "restart_failed_nodes": True}
    assert isinstance(config.section("monitoring")["heartbeat_interval_secs"], float)


def test_missing_keys_have_their_defaults_and_a_section_may_be_missing(file: Path) -> None:
    config = read(file, MINIMAL)
    assert config.section("agent")["max_storage_nodes"] == 10
    assert config.section("storage") == {"data_path": Path.home() / "data", "spare_path": None}


def test_defaults_are_not_shared_between_two_loads(file: Path) -> None:
    read(file, MINIMAL).section("agent")["tags"].append("mine")
    assert read(file, MINIMAL).section("agent")["tags"] == ["a"]


def test_paths_become_absolute_with_the_home_directory_expanded(file: Path) -> None:
    config = read(file, MINIMAL + '[storage]\ndata_path = "~/x"\nspare_path = "/rel/y"')
    assert config.section("storage") == {"data_path": Path.home() / "x", "spare_path": Path("/rel/y")}


def test_a_relative_path_is_refused_unless_it_is_a_flag(file: Path) -> None:
    (fault,) = faults_of(file, MINIMAL + '[storage]\ndata_path = "rel/y"')
    assert is_told(fault, "FILE:4", "rel/y", "an absolute path", f"{Path.cwd()}/rel/y")
    (fault,) = faults_of(file, MINIMAL, environ={"SUTRA_GRID_STORAGE__DATA_PATH": "rel"})
    assert is_told(fault, "SUTRA_GRID_STORAGE__DATA_PATH", "an absolute path")
    given = read(file, MINIMAL, overrides={"storage.data_path": "rel"})
    assert given.section("storage")["data_path"] == Path.cwd() / "rel"


def test_tables_are_read_by_name(file: Path) -> None:
    config = read(
        file,
        MINIMAL + '[engines.redis]\nbinary_path = "/usr/bin/redis-server"\nargs = ["--port", "{port}"]\n'
        '[engines.etcd-3]\nbinary_path = "/usr/bin/etcd"\n',
    )
    engines = config.table("engines")
    assert list(engines) == ["etcd-3", "redis"]
    assert engines["redis"] == {
        "binary_path": Path("/usr/bin/redis-server"),
        "args": ["--port", "{port}"],
        "grace_seconds": 10.0,
    }


def test_no_tables_are_an_empty_table(file: Path) -> None:
    assert read(file, MINIMAL).table("engines") == {}


# -- precedence ----------------------------------------------------------------


def test_the_environment_beats_the_file_and_a_flag_beats_both(file: Path) -> None:
    environ = {"SUTRA_GRID_AGENT__AGENT_ID": "from-env", "SUTRA_GRID_AGENT__PLATFORM": "aws", "PATH": "/bin"}
    config = read(file, MINIMAL, environ, {"agent.agent_id": "from-flag", "agent.master_host": None})
    assert config.section("agent")["agent_id"] == "from-flag"
    assert config.section("agent")["platform"] == "aws"
    assert config.source("agent.agent_id") == "--agent-id"
    assert config.source("agent.platform") == "SUTRA_GRID_AGENT__PLATFORM"
    assert config.source("agent.master_host") == "default"


def test_a_source_names_the_line_of_the_file(file: Path) -> None:
    config = read(file, "\n# comment\n" + MINIMAL + '[engines.redis]\nargs = [\n "a",\n]\nbinary_path = "/r"\n')
    assert config.source("agent.agent_id") == f"{file}:4"
    assert config.source("engines.redis.args") == f"{file}:6"
    assert config.source("engines.redis.binary_path") == f"{file}:9"


@pytest.mark.parametrize(
    ("variable", "text", "section", "key", "value"),
    [
        ("AGENT__MAX_STORAGE_NODES", "12", "agent", "max_storage_nodes", 12),
        ("AGENT__TAGS", "a, b,", "agent", "tags", ["a", "b"]),
        ("AGENT__LABELS", "zone=a,rack=7", "agent", "labels", {"zone": "a", "rack": "7"}),
        ("MONITORING__RESTART_FAILED_NODES", "no", "monitoring", "restart_failed_nodes", False),
        ("MONITORING__HEARTBEAT_INTERVAL_SECS", "0.5", "monitoring", "heartbeat_interval_secs", 0.5),
        ("STORAGE__DATA_PATH", "~/z", "storage", "data_path", Path.home() / "z"),
    ],
)
def test_the_environment_is_read_by_the_kind_of_the_key(
    file: Path, variable: str, text: str, section: str, key: str, value: object
) -> None:
    config = read(file, MINIMAL, {f"SUTRA_GRID_{variable}": text})
    assert config.section(section)[key] == value


def test_the_environment_reaches_into_tables_and_can_add_one(file: Path) -> None:
    environ = {
        "SUTRA_GRID_ENGINES__ETCD_3__GRACE_SECONDS": "3",
        "SUTRA_GRID_ENGINES__REDIS__BINARY_PATH": "/usr/bin/redis-server",
    }
    engines = read(file, MINIMAL + '[engines.etcd-3]\nbinary_path = "/e"', environ).table("engines")
    assert engines["etcd-3"]["grace_seconds"] == 3.0
    assert engines["redis"]["binary_path"] == Path("/usr/bin/redis-server")


def test_variables_of_other_daemons_are_left_alone(file: Path) -> None:
    read(file, MINIMAL, {"SUTRA_GRID_MASTER__LISTEN": "x", "SUTRA_GRID_NODE_ID": "node-1", "SUTRA_GRID_AGENT": "y"})


def test_without_a_file_the_environment_is_enough() -> None:
    config = load(SCHEMA, None, environ={"SUTRA_GRID_AGENT__AGENT_ID": "a"}, overrides={})
    assert config.section("agent")["agent_id"] == "a"


# -- faults --------------------------------------------------------------------


def test_every_fault_is_told_at_once_with_its_line(file: Path) -> None:
    text = '[agent]\nagent_id = "a"\nmax_storage_node = 3\nplatform = "dokcer"\n\n[monitring]\nx = 1\n'
    key, value, section, variable = faults_of(file, text, {"SUTRA_GRID_AGENT__MAX_STORAGE_NODES": "many"})
    known = "agent_id, master_host, platform, max_storage_nodes, labels, tags, note"
    assert is_told(key, "FILE:3: agent.max_storage_node", known, "did you mean max_storage_nodes")
    assert is_told(value, "FILE:4: agent.platform", '"dokcer"', '"docker" | "k8s" | "aws" | "desktop"')
    sections = "[agent], [storage], [monitoring], [engines]"
    assert is_told(section, "FILE:6: monitring", sections, "did you mean monitoring")
    where = "SUTRA_GRID_AGENT__MAX_STORAGE_NODES: agent.max_storage_nodes"
    assert is_told(variable, where, '"many"', "whole number")


def test_the_message_says_how_many_faults_there_are(file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read(file, "[agent]\na = 1\nb = 2")
    first, *rest = str(raised.value).splitlines()
    assert numbers_in(first) == {"3"}
    assert len(rest) == 3


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("max_storage_nodes = true", ["whole number"]),
        ("max_storage_nodes = 3.0", ["whole number"]),
        ("max_storage_nodes = 0", [1, 1000]),
        ('master_host = "a:b"', ["host:port", 7000]),
        ("master_host = 7000", ["quotes"]),
        ("tags = [1, 2]", ["list"]),
        ("labels = {a = 1}", ["table"]),
    ],
)
def test_a_value_of_the_wrong_kind_says_what_was_found_and_what_is_allowed(
    file: Path, line: str, allowed: list[object]
) -> None:
    key, _, value = line.partition(" = ")
    (fault,) = faults_of(file, MINIMAL + line)
    assert is_told(fault, f"FILE:3: agent.{key}", value, *allowed)


@pytest.mark.parametrize("value", ["nan", "inf", "true", '"5"', "0"])
def test_a_number_must_be_one_and_in_range(file: Path, value: str) -> None:
    (told,) = faults_of(file, MINIMAL + f"[monitoring]\nheartbeat_interval_secs = {value}")
    assert "heartbeat_interval_secs" in told or "not supported" in told


def test_a_missing_key_is_told_with_its_help_and_variable(file: Path) -> None:
    (fault,) = faults_of(file, '[agent]\nplatform = "aws"')
    assert is_told(fault, "FILE:1: agent.agent_id", "missing", "its name", "SUTRA_GRID_AGENT__AGENT_ID")


def test_a_missing_key_that_has_a_flag_names_it() -> None:
    with pytest.raises(ConfigError, match=r"SUTRA_GRID_AGENT__AGENT_ID.* --id\b"):
        load(SCHEMA, None, environ={}, overrides={"agent.agent_id": None}, flags={"agent.agent_id": "--id"})


def test_a_missing_key_of_a_table_names_the_table(file: Path) -> None:
    (told,) = faults_of(file, MINIMAL + "[engines.redis]\ngrace_seconds = 1")
    assert is_told(told, "FILE:3: engines.redis.binary_path", "missing")


def test_a_wrong_required_key_is_told_once(file: Path) -> None:
    (fault,) = faults_of(file, "[agent]\nagent_id = 5")
    assert is_told(fault, "FILE:2: agent.agent_id", 5, "quotes")


def test_the_name_of_a_table_is_checked(file: Path) -> None:
    (told,) = faults_of(file, MINIMAL + '[engines."Red is"]\nbinary_path = "/r"')
    assert is_told(told, "FILE:3: engines", "'Red is'")


@pytest.mark.parametrize(
    ("text", "where", "belongs"),
    [
        ("agent = 1\n", "FILE:1: agent", "[agent]"),
        ("[[agent]]\n", "FILE:1: agent", "[agent]"),
        ("[engines]\nredis = 1\n", "FILE:2: engines.redis", "[engines.redis]"),
        ("x = 1\n", "FILE:1: x", "[agent]"),
    ],
)
def test_a_misplaced_value_is_told_with_where_it_belongs(file: Path, text: str, where: str, belongs: str) -> None:
    assert is_told(faults_of(file, text)[0], where, belongs)


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("[agent]\nagent_id = \n", "FILE:2:12", "Invalid value"),
        ("[agent]\na = 1\na = 2\n", "FILE:3:6", "Cannot overwrite a value"),
        ('[agent]\na = "x\n', "FILE:2:7", "Illegal character '\\n'"),
    ],
)
def test_a_syntax_error_is_one_message_with_line_and_column(file: Path, text: str, where: str, problem: str) -> None:
    (fault,) = faults_of(file, text)
    assert is_told(fault, where, "TOML", problem)


@pytest.mark.parametrize("line", ['tags = ["a", 1]', "platform = 2026-01-02"])
def test_toml_that_the_reader_does_not_take_is_refused_and_not_misread(file: Path, line: str) -> None:
    (told,) = faults_of(file, MINIMAL + line)
    assert told.startswith("FILE")


def test_a_file_that_is_missing_a_directory_or_not_text_is_one_message(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: .*No such file or directory"):
        load(SCHEMA, tmp_path / "absent.toml", environ={}, overrides={})
    with pytest.raises(ConfigError, match="Is a directory"):
        load(SCHEMA, tmp_path, environ={}, overrides={})
    file.write_bytes(b"[agent]\nagent_id = '\xff'\n")
    with pytest.raises(ConfigError, match=r"agent\.toml:2: .*UTF-8"):
        load(SCHEMA, file, environ={}, overrides={})


def test_a_file_that_can_not_be_a_configuration_is_not_read_to_its_end(file: Path) -> None:
    file.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match=r"agent\.toml"):
        load(SCHEMA, file, environ={}, overrides={})


def test_an_unknown_variable_of_a_known_section_is_a_fault(file: Path) -> None:
    (told,) = faults_of(file, MINIMAL, {"SUTRA_GRID_AGENT__AGENTID": "x"})
    assert is_told(told, "SUTRA_GRID_AGENT__AGENTID: agent.agentid", "did you mean agent_id")


def test_a_variable_of_a_table_without_a_key_is_a_fault(file: Path) -> None:
    (fault,) = faults_of(file, MINIMAL, {"SUTRA_GRID_ENGINES__REDIS": "x"})
    assert is_told(fault, "SUTRA_GRID_ENGINES__REDIS", "SUTRA_GRID_ENGINES__NAME__KEY")


def test_a_wrong_flag_is_named_as_the_user_wrote_it() -> None:
    with pytest.raises(ConfigError, match=r'^--max: agent\.max_storage_nodes: .*"x".*whole number'):
        load(
            SCHEMA,
            None,
            environ={"SUTRA_GRID_AGENT__AGENT_ID": "a"},
            overrides={"agent.max_storage_nodes": "x"},
            flags={"agent.max_storage_nodes": "--max"},
        )


def test_keys_inside_strings_over_many_lines_are_not_taken_for_keys(file: Path) -> None:
    text = '[agent]\nnote = """\nagent_id = 5\n"""\nagent_id = 7\n'
    (fault,) = faults_of(file, text)
    assert is_told(fault, "FILE:5: agent.agent_id", 7)


# -- description ---------------------------------------------------------------


def test_the_schema_describes_every_key() -> None:
    rows = {(row.section, row.key): row for row in SCHEMA.describe()}
    assert rows["agent", "agent_id"].default == "required"
    assert rows["agent", "platform"].help.endswith("(docker, k8s, aws, desktop)")
    assert rows["agent", "tags"].default == '["a"]'
    assert rows["storage", "spare_path"].default == ""
    assert rows["monitoring", "heartbeat_interval_secs"].unit == "seconds"
    assert rows["monitoring", "restart_failed_nodes"].default == "true"
    assert rows["engines.NAME", "binary_path"].kind == "path"
