"""The pure decision which processes look like a node without being proved to be one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes.sightings import FakeSighting

from sutra_grid.agent.processes.launch_tag import LaunchTag
from sutra_grid.agent.processes.lookalikes import NodeTraits, find_suspect, is_log_of, node_of_log
from sutra_grid.agent.processes.sightings import OpenFile, file_key
from sutra_grid.core.node.record import ProcessIdentity, Suspect
from sutra_grid.core.types import NodeSpec

HOST = "f" * 32
CLEAN = FakeSighting(variables={"PATH": "/bin"})


@pytest.fixture
def traits(tmp_path: Path) -> NodeTraits:
    (tmp_path / "data").mkdir()
    (tmp_path / "node-1.log").touch()
    spec = NodeSpec("redis", 50051, str(tmp_path / "data"), 64)
    command = ("/usr/bin/env", "-i", "/usr/bin/redis-server", "--port", "50051", "--dir", spec.storage_path)
    return NodeTraits("node-1", spec, command, tmp_path / "node-1.log", HOST)


def suspect(traits: NodeTraits, *sightings: FakeSighting, never: tuple[int, ...] = ()) -> Suspect | None:
    return find_suspect(traits, sightings, None, "boot", never=never)


def output(path: Path, name: str | None = None) -> tuple[OpenFile, ...]:
    key = file_key(path)
    assert key is not None
    return (OpenFile(key, name or str(path)),)


def test_a_process_that_shows_nothing_of_the_node_is_none_of_it(traits: NodeTraits) -> None:
    assert suspect(traits, CLEAN, replace(CLEAN, name="redis-server", argv=("redis-server",))) is None


def test_one_that_writes_to_the_log_is_suspected_and_the_message_says_all(traits: NodeTraits) -> None:
    found = find_suspect(
        traits,
        [replace(CLEAN, name="sh", outputs=output(traits.log_path))],
        ProcessIdentity("boot", 12, 1, 1),
        "boot",
    )
    assert found == Suspect(
        ProcessIdentity("boot", 77, 770, 0),
        "pid 77 (sh) looks like its process: its output goes to the node's log. It is not proved, because the journal "
        "has pid 12, and its environment has no tag of a launch. Nothing is started beside it, and it is not "
        "signalled. If it should end, run on the agent's host: kill 77",
    )


@pytest.mark.parametrize("name", ["node-1.log.1", "node-1.log-20261130", "node-1.log.old"])
def test_a_renamed_log_is_still_the_log(traits: NodeTraits, name: str) -> None:
    renamed = traits.log_path.rename(traits.log_path.with_name(name))
    assert suspect(traits, replace(CLEAN, outputs=output(renamed)))


def test_a_deleted_log_is_still_the_log(traits: NodeTraits) -> None:
    held = output(traits.log_path, f"{traits.log_path} (deleted)")
    traits.log_path.unlink()
    assert suspect(traits, replace(CLEAN, outputs=held))


def test_the_log_of_another_node_is_not_its_log(traits: NodeTraits) -> None:
    other = traits.log_path.with_name("node-12.log")
    other.touch()
    assert suspect(traits, replace(CLEAN, outputs=output(other))) is None
    assert not is_log_of("node-1", "node-12.log")
    assert [node_of_log(name) for name in ("a.log", "a.log.1", "a.log (deleted)", "a.b.log", "x")] == [
        "a",
        "a",
        "a",
        "a.b",
        "",
    ]


def test_the_planned_arguments_without_their_wrapper_are_suspected(traits: NodeTraits) -> None:
    shown = ("/usr/bin/redis-server", *traits.command[3:])
    assert suspect(traits, replace(CLEAN, argv=shown))
    assert suspect(traits, replace(CLEAN, argv=("python3", "-SE", "x", *traits.command[1:])))
    assert suspect(traits, replace(CLEAN, argv=shown, shares_files=False)) is None, "a container's own paths"


def test_arguments_that_every_node_of_the_engine_has_mean_nothing(traits: NodeTraits) -> None:
    plain = replace(traits, command=("/bin/sleep", "60"))
    assert suspect(plain, replace(CLEAN, name="sleep", argv=("/bin/sleep", "60"))) is None


def test_its_program_in_its_directory_is_suspected_and_the_shell_of_a_person_is_not(traits: NodeTraits) -> None:
    here = replace(CLEAN, directory=traits.directory)
    assert suspect(traits, replace(here, name="redis-server", argv=("redis-server *:50051",), session=1))
    assert suspect(traits, replace(here, name="bash", has_terminal=True)) is None
    assert suspect(traits, replace(here, name="tail", session=1)) is None
    assert suspect(traits, replace(here, name="postgres")), "a daemon that a wrapper became"


def test_what_a_person_or_cron_started_in_the_directory_is_not_suspected(traits: NodeTraits) -> None:
    here = replace(CLEAN, directory=traits.directory)
    assert suspect(traits, replace(here, name="sh", argv=("sh", "-c", "tar cf /x ."), parent=4000)) is None
    assert suspect(traits, replace(here, name="sh", argv=("sh", "-c", "tar cf /x ."), parent=1)), "it may be an orphan"
    assert find_suspect(traits, [replace(here, name="sh", parent=4000)], None, "boot", adopters=(1, 4000))


def test_a_client_or_editor_that_is_given_the_port_or_directory_is_not_suspected(traits: NodeTraits) -> None:
    directory = traits.spec.storage_path
    assert suspect(traits, replace(CLEAN, name="vim", argv=("vim", "--dir", directory))) is None
    plain = replace(traits, command=("/usr/bin/redis-server", directory))
    assert suspect(plain, replace(CLEAN, name="vim", argv=("vim", directory))) is None
    assert suspect(plain, replace(CLEAN, name="tar", argv=("tar", "cf", "/x", directory))) is None
    assert suspect(plain, replace(CLEAN, name="redis-server", argv=("redis-server", directory)))


@pytest.mark.parametrize(
    ("command", "person", "node"),
    [
        (("/bin/sh", "-c", "redis-server; true"), ("sh", "-c", "tar cf /x ."), ("sh", "-c", "redis-server; true")),
        (("/usr/bin/python3", "/opt/a.py"), ("python3", "/srv/backup.py"), ("python3.11", "/opt/a.py")),
        (("/usr/bin/timeout", "60", "a"), ("timeout", "60", "tar"), ("timeout", "60", "a")),
    ],
)
def test_a_shell_interpreter_or_wrapper_is_the_program_only_with_the_same_script(
    traits: NodeTraits, command: tuple[str, ...], person: tuple[str, ...], node: tuple[str, ...]
) -> None:
    runs = replace(traits, command=command)
    here = replace(CLEAN, directory=traits.directory, session=1)
    assert suspect(runs, replace(here, name=person[0], argv=person)) is None
    assert suspect(runs, replace(here, name=command[0].rpartition("/")[2], argv=node))
    backup = replace(CLEAN, name=person[0], argv=(*person, traits.spec.storage_path))
    assert suspect(runs, backup) is None


def test_its_program_that_names_its_directory_is_suspected_and_a_backup_is_not(traits: NodeTraits) -> None:
    argv = ("/usr/bin/redis-server", f"--dir={traits.spec.storage_path}/")
    assert suspect(traits, replace(CLEAN, name="redis-server", argv=argv))
    assert suspect(traits, replace(CLEAN, name="tar", argv=("tar", "czf", "x", traits.spec.storage_path))) is None
    longer = ("redis-server", f"{traits.spec.storage_path}2")
    assert suspect(traits, replace(CLEAN, name="redis-server", argv=longer)) is None


def test_its_program_on_its_port_is_suspected_and_another_program_there_is_not(traits: NodeTraits) -> None:
    held = replace(traits, port_holders=[77])
    assert suspect(held, replace(CLEAN, name="redis-server"))
    assert suspect(held, replace(CLEAN, name="nginx")) is None


def test_what_is_proved_to_be_something_else_is_not_suspected(traits: NodeTraits) -> None:
    like = replace(CLEAN, outputs=output(traits.log_path))
    assert suspect(traits, replace(like, variables={"SUTRA_GRID_LAUNCH": f"{HOST}/node-2/1"})) is None
    assert suspect(traits, replace(like, group=LaunchTag(HOST, "node-2", 1))) is None
    assert suspect(traits, replace(like, still_lives=False)) is None
    assert suspect(traits, like, never=(77,)) is None


def test_an_unreadable_process_is_suspected_by_its_arguments(traits: NodeTraits) -> None:
    hidden = replace(CLEAN, variables=None, directory=None, outputs=None, argv=traits.command)
    found = suspect(traits, hidden)
    assert found is not None
    assert "its environment can't be read by the agent's user" in found.message


def test_a_process_of_another_state_directory_in_the_nodes_directory_is_suspected(traits: NodeTraits) -> None:
    other = replace(CLEAN, directory=traits.directory, variables={"SUTRA_GRID_LAUNCH": f"{'0' * 32}/node-1/4"})
    found = suspect(traits, other)
    assert found is not None
    assert "its tag is of another state directory" in found.message
