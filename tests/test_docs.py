"""What the documentation states in tables is what the program, or the suite, has."""

import ast
import re
from pathlib import Path

import pytest
from soak.faults import FAULTS

from sutra_grid.admin.config import SCHEMA as ADMIN
from sutra_grid.admin.http.problems import STATUSES
from sutra_grid.agent.config import SCHEMA as AGENT
from sutra_grid.cli.exit_codes import EXIT_CODES
from sutra_grid.core.errors import by_code
from sutra_grid.core.event_kinds import EventKind
from sutra_grid.master.config import SCHEMA as MASTER
from sutra_grid.runtime.config import Schema
from sutra_grid.storage.config import SCHEMA as STORAGE
from sutra_grid.wire.errors import STATUS_CODES

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
ROLES = {"master": MASTER, "agent": AGENT, "admin": ADMIN, "storage server": STORAGE}


def configuration_table(schema: Schema) -> str:
    """The Markdown table of a schema, as docs/configuration.md has it."""
    rows = ["| section | key | default | unit | what it is |", "|---|---|---|---|---|"]
    for row in schema.describe():
        default = f"`{row.default}`" if row.default and row.default != "required" else row.default or "unset"
        rows.append(
            f"| `{row.section}` | `{row.key}` | {default} | {row.unit} | {row.help.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("role", ROLES)
def test_every_key_default_and_unit_stands_in_the_configuration_reference(role: str) -> None:
    wanted = configuration_table(ROLES[role])
    assert wanted in (DOCS / "configuration.md").read_text(), f"docs/configuration.md needs for {role}:\n{wanted}"


def test_the_table_of_error_codes_is_that_of_the_program() -> None:
    text = (DOCS / "api.md").read_text()
    for code, exit_code in EXIT_CODES.items():
        row = re.search(rf"^\| `{code}` \| (\w+) \| ([^|]+) \| (\d+) \|$", text, re.MULTILINE)
        assert row, f"docs/api.md has no row for {code}"
        status, http, exits = row.groups()
        assert status == STATUS_CODES[by_code(code)].name
        assert str(int(STATUSES[by_code(code)])) in http
        assert int(exits) == exit_code


def test_every_kind_of_event_stands_in_the_list_of_events() -> None:
    section = (DOCS / "master.md").read_text().partition("\n## Events\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"`((?:agent|node|registry)\.\w+)`", section)) == sorted(EventKind)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def names_of_tests(module: Path) -> set[str]:
    """The names of the test functions of a module."""
    functions = (node for node in ast.parse(module.read_text()).body if isinstance(node, ast.FunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


HOUR = "## One hour under faults"


def named_tests() -> list[tuple[str, str]]:
    """Module and name of each test that docs/reliability.md says shows something."""
    found: list[tuple[str, str]] = re.findall(r"`([\w/]+\.py)::(\w+)`", (DOCS / "reliability.md").read_text())
    return found


def test_every_fault_names_a_test_that_exists() -> None:
    named = named_tests()
    assert len(named) > 50, "the reading of the page finds nothing"
    there = {
        module: names_of_tests(TESTS / module)
        for module in {module for module, _ in named}
        if (TESTS / module).exists()
    }
    gone = [f"{module}::{test}" for module, test in named if test not in there.get(module, set())]
    assert not gone, f"docs/reliability.md names tests that do not exist: {gone}"
    table, _, _ = (DOCS / "reliability.md").read_text().partition(HOUR)
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    without = [row for row in rows if "::" not in row and not row.startswith("| fault |")]
    assert not without, f"rows of docs/reliability.md without a test: {without}"


def test_every_test_of_a_fault_stands_in_the_table() -> None:
    named = set(named_tests())
    there = {
        (f"faults/{path.name}", test) for path in (TESTS / "faults").glob("test_*.py") for test in names_of_tests(path)
    }
    assert not there - named, f"docs/reliability.md does not name {sorted(there - named)}"


def test_the_report_of_an_hour_has_every_kind_of_fault_that_the_soak_knows() -> None:
    _, _, report = (DOCS / "reliability.md").read_text().partition(HOUR)
    shown = set(re.findall(r"^\| ([^|]+?) \| \d+ \|", report, re.MULTILINE))
    assert shown == set(FAULTS)
    assert "passed: no violation" in report
