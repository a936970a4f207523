"""``admin.http`` knows Flask, not the grid."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "sutra_grid" / "admin" / "http"
ALLOWED = ("sutra_grid.admin.http", "sutra_grid.core", "sutra_grid.runtime", "sutra_grid.__version__")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_the_http_folder_imports_neither_the_wire_nor_the_registry_nor_the_rest_of_the_admin(path: Path) -> None:
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    own = [name for name in imported if name.startswith("sutra_grid")]
    assert [name for name in own if not name.startswith(ALLOWED)] == []
