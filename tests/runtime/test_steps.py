"""Steps are names and nothing else: nobody in the package looks at them, and every one has its case."""

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.agents import test_agent_killed
from faults.master import test_master_killed

import sutra_grid
from sutra_grid.runtime import steps
from sutra_grid.runtime.steps import Step, reached

PACKAGE = Path(sutra_grid.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

DAEMONS = (
    "sutra_grid.master.daemon",
    "sutra_grid.agent.daemon",
    "sutra_grid.admin.daemon",
    "sutra_grid.storage.daemon",
)


def uses_of_on_step(path: Path) -> Iterator[ast.AST]:
    """Wherever the module writes or imports a thing of that name."""
    for node in ast.walk(ast.parse(path.read_text())):
        named = isinstance(node, ast.Name) and node.id == "on_step"
        attribute = isinstance(node, ast.Attribute) and node.attr == "on_step"
        imported = isinstance(node, ast.alias) and node.name == "on_step"
        text = isinstance(node, ast.Constant) and node.value == "on_step"  # setattr
        if named or attribute or imported or text:
            yield node


def test_no_module_of_the_package_installs_an_observer() -> None:
    users = {path: list(uses_of_on_step(path)) for path in MODULES}
    own = users.pop(PACKAGE / "runtime" / "steps.py")
    assert [path for path, uses in users.items() if uses] == []
    (bound,) = [node for node in own if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    (definition,) = [
        node
        for node in ast.parse((PACKAGE / "runtime" / "steps.py").read_text()).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == bound.id
    ]
    assert isinstance(definition.value, ast.Constant)
    assert definition.value.value is None


def test_with_the_whole_package_imported_nobody_looks() -> None:
    found = pkgutil.walk_packages([str(PACKAGE)], "sutra_grid.")
    names = [module.name for module in found if ".migrations" not in module.name and not module.name.endswith("wsgi")]
    program = "import importlib, sys\n[importlib.import_module(name) for name in sys.argv[1:]]\n"
    program += "from sutra_grid.runtime import steps\nassert steps.on_step is None\n"
    assert set(DAEMONS) <= set(names)
    subprocess.run([sys.executable, "-c", program, *names], check=True, timeout=60)


def test_a_step_that_nobody_looks_at_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reached(Step.NODE_JOURNALED, "running")
    seen: list[tuple[Step, str]] = []
    monkeypatch.setattr(steps, "on_step", lambda *step: seen.append(step))
    reached(Step.NODE_JOURNALED, "running")
    assert seen == [(Step.NODE_JOURNALED, "running")]


def test_the_daemons_are_killed_at_every_step() -> None:
    points = (*test_agent_killed.EVERY, *test_master_killed.EVERY)
    assert {point.step for point in points} == set(Step)


def test_every_step_is_reached_somewhere_in_the_package() -> None:
    calls = [
        argument.attr
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reached"
        for argument in node.args[:1]
        if isinstance(argument, ast.Attribute)
    ]
    assert {Step[name] for name in calls} == set(Step)
