"""What the documentation states in tables is what the program, or the suite, has."""

import ast
import re
import tomllib
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
from sutra_grid.wire.keepalive import PING_FLOOR_SECONDS

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
SUFFIXES = {".py", ".md", ".toml", ".cfg", ".ini", ".proto", ".yml", ".json"}
MAX_ROW = 200
"""Characters of a table's row: more can't be read in a terminal. The detail belongs into a paragraph below."""
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
    kinds = r"`((?:agent|node|registry|token|certificate|user)\.\w+)`"
    assert sorted(re.findall(kinds, section)) == sorted(EventKind)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_a_heading_find_it(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*\.md)?#([^)]+)\)", page.read_text()):
        assert anchor in anchors_of(page.parent / target if target else page), f"{page.name} links to {target}#{anchor}"


def paragraph_of(page: Path, pattern: str) -> str:
    """The first paragraph or row in which the pattern is found."""
    return next(text for text in re.split(r"\n\n|\n(?=\|)", page.read_text()) if re.search(pattern, text))


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "storage.md"], ids=lambda page: page.name)
def test_who_is_told_of_clients_of_etcd_is_told_what_is_not_there(page: Path) -> None:
    assert "#what-is-not-there)" in paragraph_of(page, r"\betcd(?:'s)? clients?\b")


def test_the_sysctl_of_the_page_reserves_the_ports_of_the_example() -> None:
    ports = tomllib.loads((ROOT / "etc/agent-config.toml").read_text())["storage"]["default_port_range"]
    assert f"'net.ipv4.ip_local_reserved_ports = {ports}' > /etc/sysctl.d/" in page_of("deploying.md")


@pytest.mark.parametrize("page", ["api.md", "master.md", "storage.md"])
def test_the_floor_of_keepalive_pings_is_told_with_what_happens_below_it(page: str) -> None:
    assert f" {PING_FLOOR_SECONDS} s, with or without calls" in " ".join(
        paragraph_of(DOCS / page, "too_many_pings").split()
    )


def names_of_tests(module: Path) -> set[str]:
    """The names of the test functions of a module."""
    functions = (node for node in ast.parse(module.read_text()).body if isinstance(node, ast.FunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def page_of(name: str) -> str:
    return (DOCS / name).read_text()


HOUR = "## One hour under faults"
AT_RANDOM = "## Random histories"
"""The section of docs/fault-tests.md with what is no fault of its own."""


def rows_of(text: str) -> list[list[str]]:
    """The cells of each row of the tables of faults in a page, without their heads."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:2] == "| "]
    return [row for row in rows if row[0] != "fault"]


def faults_with_tests() -> dict[str, list[tuple[str, str]]]:
    """Module and name of the tests of each fault that docs/fault-tests.md lists."""
    found: dict[str, list[tuple[str, str]]] = {}
    fault = ""
    for first, cell in rows_of(page_of("fault-tests.md")):
        fault = first or fault
        found.setdefault(fault, []).extend(re.findall(r"`([\w/]+\.py)::(\w+)`", cell))
    return found


def named_tests() -> list[tuple[str, str]]:
    """Module and name of each test that docs/fault-tests.md says shows something."""
    return [test for tests in faults_with_tests().values() for test in tests]


def test_every_named_test_exists() -> None:
    named = named_tests()
    assert len(named) > 50, "the reading of the page finds nothing"
    there = {
        module: names_of_tests(TESTS / module)
        for module in {module for module, _ in named}
        if (TESTS / module).exists()
    }
    gone = [f"{module}::{test}" for module, test in named if test not in there.get(module, set())]
    assert not gone, f"docs/fault-tests.md names tests that do not exist: {gone}"
    without = [row for row in rows_of(page_of("fault-tests.md")) if "::" not in row[1]]
    assert not without, f"rows of docs/fault-tests.md without a test: {without}"


def test_every_fault_that_operators_read_of_has_a_test() -> None:
    promised = [row[0] for row in rows_of(page_of("reliability.md").partition(HOUR)[0])]
    assert len(promised) > 50, "the reading of the page finds nothing"
    assert len(set(promised)) == len(promised), "a fault stands twice in docs/reliability.md"
    without = [fault for fault in promised if not faults_with_tests().get(fault)]
    assert not without, f"faults of docs/reliability.md without a test in docs/fault-tests.md: {without}"


def test_every_fault_with_a_test_is_told_to_operators() -> None:
    promised = {row[0] for row in rows_of(page_of("reliability.md").partition(HOUR)[0])}
    tested = {row[0] for row in rows_of(page_of("fault-tests.md").partition(AT_RANDOM)[0])} - {""}
    assert not tested - promised, f"docs/reliability.md does not have {sorted(tested - promised)}"


def test_every_test_of_a_fault_stands_in_the_table() -> None:
    named = set(named_tests())
    there = {
        (str(path.relative_to(TESTS)), test)
        for path in (TESTS / "faults").rglob("test_*.py")
        for test in names_of_tests(path)
    }
    assert not there - named, f"docs/fault-tests.md does not name {sorted(there - named)}"


def test_the_report_of_an_hour_has_every_kind_of_fault_that_the_soak_knows() -> None:
    _, _, report = page_of("reliability.md").partition(HOUR)
    shown = set(re.findall(r"^\| ([^|]+?) \| \d+ \|", report, re.MULTILINE))
    assert shown == set(FAULTS)
    assert "passed: no violation" in report


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_table_is_too_wide_to_read(page: Path) -> None:
    wide = [
        f"{page.name}:{number} has {len(line)} characters: {line[:60]}…"
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if line.startswith("|") and len(line) > MAX_ROW
    ]
    assert not wide, f"rows over {MAX_ROW} characters; move the detail into a paragraph: {wide}"


def test_the_names_of_tests_stay_out_of_the_pages_of_operators() -> None:
    naming = [page.name for page in PAGES if re.search(r"::test_|\btest_\w+\.py", page.read_text())]
    assert set(naming) <= {"fault-tests.md", "CONTRIBUTING.md", "architecture.md"}


def paths_in(page: str) -> set[str]:
    """The files and folders that a page names, as `code` or in a block of commands."""
    inline = re.findall(r"`([\w./-]+)`", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    blocks = re.findall(r"(?:tests|etc|docs|\.ci)/[\w./-]*\w", page)
    return set(blocks) | {name for name in inline if name[0] != "/" and ("/" in name or Path(name).suffix in SUFFIXES)}


def test_every_path_that_contributing_names_exists() -> None:
    named = paths_in((ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 40, "the reading of the page finds nothing"
    gone = [name for name in named if not any((top / name).exists() for top in (ROOT, ROOT / "sutra_grid"))]
    assert not gone, f"CONTRIBUTING.md names what does not exist: {sorted(gone)}"
