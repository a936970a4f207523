"""Which folder of the agent may import which: each folder's docstring says the same."""

import ast
from pathlib import Path

import pytest

AGENT = Path(__file__).resolve().parents[2] / "sutra_grid" / "agent"
NOT_IMPORTED = {
    "processes": {"limits", "state", "supervision"},
    "state": {"limits", "processes", "supervision"},
    "limits": {"state", "supervision"},
    "resources": {"state", "supervision"},
}


def folders_imported_by(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    names = [node.module.split(".") for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name[2] for name in names if name[:2] == ["sutra_grid", "agent"] and len(name) > 2}


@pytest.mark.parametrize("folder", NOT_IMPORTED)
def test_a_folder_imports_only_what_is_below_it(folder: str) -> None:
    modules = sorted((AGENT / folder).glob("*.py"))
    assert modules
    for path in modules:
        assert not folders_imported_by(path) & NOT_IMPORTED[folder], path.name
