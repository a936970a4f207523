from pathlib import Path

import pytest
from support.texts import mentions

from sutra_grid.agent.engines import Engine, unknown_placeholders
from sutra_grid.core.errors import FailedPrecondition, NotFound
from sutra_grid.core.types import NodeSpec, Reason

SPEC = NodeSpec("x", 50051, "/data/n", 256)


def test_placeholders_are_filled_and_other_braces_left_alone() -> None:
    engine = Engine("x", "/bin/sh", args=("{port}", '{"a": 1}', "--dir={storage_path}/{node_id}"))
    assert engine.command("n", SPEC) == ("/bin/sh", "50051", '{"a": 1}', "--dir=/data/n/n")
    assert unknown_placeholders(["{port}", '{"a": 1}', "{what}"]) == ["what"]


def test_the_default_engine_has_exactly_the_contracts_arguments() -> None:
    engine = Engine.storage("/bin/sh")
    assert engine.command("n", SPEC)[1:] == ("--port", "50051", "--storage-path", "/data/n", "--node-id", "n")
    assert engine.variables("n", SPEC) == {"SUTRA_STORAGE_MEMORY_LIMIT_MB": "256"}


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
