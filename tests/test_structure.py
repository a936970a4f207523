"""The rules for imports, sizes and signals, held by reading the modules."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "sutra_grid"
GENERATED = ("_pb2.py", "_pb2_grpc.py", "_pb2_comments.py")
MAX_LINES = 400

#: What each package may import of the others: core <- runtime <- wire, registry <- client <- the roles.
MAY_IMPORT = {
    "core": set[str](),
    "runtime": {"core"},
    "wire": {"core", "runtime"},
    "registry": {"core", "runtime"},
    "client": {"core", "runtime", "wire"},
    "master": {"core", "runtime", "wire", "registry", "client"},
    "admin": {"core", "runtime", "wire", "registry", "client"},
    "agent": {"core", "runtime", "wire", "client"},
    "storage": {"core", "runtime", "wire", "client"},
    "cli": {"core", "runtime", "wire", "client"},
}
#: Folders that never import these others of their own package.
NEVER_IMPORTS = {
    # Processes are started, proved and signalled without knowing why; supervision decides that.
    "agent/processes": {"agent/supervision"},
}
ROLES = {"master", "agent", "storage", "admin", "cli"}
DATABASE_LIBRARIES = {"sqlalchemy", "alembic", "psycopg", "sqlite3"}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if not path.name.endswith(GENERATED))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def package_of(path: Path) -> str:
    """``core``, ``master`` … of a module; empty for one that stands at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[str]:
    """Every dotted name that the module imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_packages(path: Path) -> set[str]:
    """The packages of the grid that a module imports, its own left out."""
    names = (name.split(".") for name in imports(path))
    found = {name[1] for name in names if name[0] == "sutra_grid" and len(name) > 1}
    return (found & MAY_IMPORT.keys()) - {package_of(path)}


def folders(path: Path) -> set[str]:
    """``agent/supervision`` and its like: two levels of whatever a module imports of the grid."""
    names = (name.split(".") for name in imports(path))
    return {"/".join(name[1:3]) for name in names if name[0] == "sutra_grid" and len(name) > 2}


def libraries(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)} - {"sutra_grid"}


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def of_package(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", [path for path in MODULES if package_of(path) == name], ids=name_of)


@of_package("core")
def test_core_imports_the_standard_library_only(path: Path) -> None:
    assert libraries(path) <= sys.stdlib_module_names
    assert own_packages(path) == set()


@of_package("core")
def test_core_reads_no_clock_starts_no_thread_and_does_no_io(path: Path) -> None:
    forbidden = {"time", "threading", "socket", "subprocess", "os", "io", "pathlib", "logging", "asyncio"}
    assert libraries(path) & forbidden == set()


@every_module
def test_packages_import_only_what_stands_below_them(path: Path) -> None:
    if package := package_of(path):
        assert own_packages(path) <= MAY_IMPORT[package]


def test_every_package_has_its_rule_and_no_role_imports_another() -> None:
    assert {package_of(path) for path in MODULES} - {""} == MAY_IMPORT.keys()
    assert all(not allowed & ROLES for allowed in MAY_IMPORT.values())


def test_core_node_imports_nothing_outside_core() -> None:
    nodes = [path for path in MODULES if name_of(path).startswith("core/node/")]
    assert nodes
    for path in nodes:
        assert {name.split(".")[1] for name in imports(path) if name.startswith("sutra_grid.")} <= {"core"}, name_of(
            path
        )


@pytest.mark.parametrize("folder", sorted(NEVER_IMPORTS))
def test_folders_never_import_what_is_built_on_them(folder: str) -> None:
    modules = [path for path in MODULES if name_of(path).startswith(f"{folder}/")]
    assert modules
    for path in modules:
        assert not folders(path) & NEVER_IMPORTS[folder], name_of(path)


@every_module
def test_only_the_registry_imports_a_database_library(path: Path) -> None:
    if package_of(path) != "registry":
        assert libraries(path) & DATABASE_LIBRARIES == set()


@every_module
def test_every_module_says_its_role_in_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@every_module
def test_no_module_outgrows_one_role(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@every_module
def test_nothing_waits_by_sleeping(path: Path) -> None:
    assert "time.sleep" not in set(imports(path))
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    assert not any(isinstance(call, ast.Attribute) and call.attr == "sleep" for call in calls)


#: The one place where the agent signals by a pid: where the kernel has no pidfd, after the proof.
SIGNALS_BY_PID = {("agent/processes/process.py", "os.kill"), ("agent/processes/member_signals.py", "os.kill")}


def test_the_agent_signals_no_pid_that_was_not_proved() -> None:
    """Everything else goes through a pidfd that was opened before the proof."""
    ways = {"os.kill", "os.killpg", "signal.pthread_kill"}
    found = [
        (name_of(path), ast.unparse(node.func))
        for path in MODULES
        if package_of(path) == "agent"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ways
    ]
    assert set(found) == SIGNALS_BY_PID
    assert len(found) == len(SIGNALS_BY_PID)
    imported = {name for path in MODULES if package_of(path) == "agent" for name in imports(path)}
    assert not imported & ways, "signals are sent by their full name, so that this test sees them"
