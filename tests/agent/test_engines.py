from dataclasses import replace
from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.agent.engines import Engine
from sutra_grid.agent.placeholders import unknown_placeholders
from sutra_grid.core.errors import FailedPrecondition, NotFound
from sutra_grid.core.types import NodeSpec, Reason

SPEC = NodeSpec("x", 50051, "/data/n", 256)


def test_placeholders_are_filled_and_other_braces_left_alone() -> None:
    engine = Engine("x", "/bin/sh", args=("{port}", '{"a": 1}', "--dir={storage_path}/{node_id}"))
    assert engine.command("n", SPEC, "10.0.0.5") == ("/bin/sh", "50051", '{"a": 1}', "--dir=/data/n/n")
    assert unknown_placeholders(["{port}", '{"a": 1}', "{what}"]) == ["what"]


@pytest.mark.parametrize(
    ("text", "limit", "filled"),
    [
        ("{memory_limit_mb*0.75}mb", 256, "192mb"),
        ("{memory_limit_mb * .5}", 255, "127"),
        ("{memory_limit_mb*1}/{memory_limit_mb}", 256, "256/256"),
        ("{memory_limit_mb*0.29}", 100, "29"),
        ("{memory_limit_mb*0.001}", 64, "1"),
        ("{port*2} {memory_limit*0.5} {memory_limit_mbs}", 64, "{port*2} {memory_limit*0.5} {memory_limit_mbs}"),
    ],
)
def test_a_share_of_the_memory_limit_is_rounded_down_and_at_least_1(text: str, limit: int, filled: str) -> None:
    spec = replace(SPEC, memory_limit_mb=limit)
    engine = Engine("x", "/bin/sh", (text,), {"LIMIT": text})
    assert engine.command("n", spec, "10.0.0.5")[1] == filled
    assert engine.variables("n", spec, "10.0.0.5") == {"LIMIT": filled}


def test_the_default_engine_has_exactly_the_contracts_arguments() -> None:
    engine = Engine.storage("/bin/sh")
    contract = ("--port", "50051", "--storage-path", "/data/n", "--node-id", "n")
    assert engine.command("n", SPEC, "10.0.0.5")[1:] == contract
    assert engine.variables("n", SPEC, "10.0.0.5") == {
        "SUTRA_STORAGE_MEMORY_LIMIT_MB": "256",
        "SUTRA_STORAGE_LISTEN": "10.0.0.5",
    }
    assert engine.is_told_host


def test_a_name_is_found_in_path_and_a_missing_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "my-store"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Engine("x", "my-store").binary() == program
    with pytest.raises(NotFound) as missing:
        Engine("x", "no-store").binary()
    assert mentions(missing.value.message, "no-store", "x")
    assert missing.value.reason is Reason.BINARY_MISSING


def test_the_projects_own_storage_server_is_found_beside_the_interpreter() -> None:
    assert Engine.storage("sutra-storage-server").binary().name == "sutra-storage-server"


def test_a_file_that_is_not_executable_is_named(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.touch(mode=0o644)
    with pytest.raises(FailedPrecondition) as refused:
        Engine("x", str(file)).binary()
    assert mentions(refused.value.message, file, "x")
    assert refused.value.reason is Reason.BINARY_NOT_EXECUTABLE
    with pytest.raises(NotFound):
        Engine("x", str(tmp_path)).binary()


@pytest.mark.parametrize(("host", "address"), [("10.0.0.5", "10.0.0.5:50051"), ("fd00::5", "[fd00::5]:50051")])
def test_a_program_is_told_where_to_listen(host: str, address: str) -> None:
    engine = Engine("e", "/bin/sh", ("--bind", "{host}"), {"URL": "http://{address}"})
    assert engine.command("n", SPEC, host) == ("/bin/sh", "--bind", host)
    assert engine.variables("n", SPEC, host) == {"URL": f"http://{address}"}
    assert engine.is_told_host
    assert not Engine("e", "/bin/sh", ("--port", "{port}"), {"BRACES": "{hosts}"}).is_told_host
