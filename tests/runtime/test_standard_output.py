"""No output of a program ends in a traceback: neither a full disk, nor a terminal without a character."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
DOTS = "…"
LATIN_1 = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PROGRAMS = {
    "sutra-grid-cli": "sutra_grid.cli.main",
    "sutra-grid-master": "sutra_grid.master.daemon",
    "sutra-grid-agent": "sutra_grid.agent.daemon",
    "sutra-grid-admin": "sutra_grid.admin.daemon",
    "sutra-storage-server": "sutra_grid.storage.daemon",
}
GUARDED = "import sys; from sutra_grid.runtime.standard_output import run_program\n{}\nsys.exit(run_program('p', main))"


def run_guarded(body: str, shell_redirection: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``main`` with this body as a guarded program."""
    program = GUARDED.format(f"def main():\n  {body}")
    command = ["sh", "-c", f'exec "$0" -c "$1" {shell_redirection}', sys.executable, program]
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == "PYTHONPATH"
    }
    return subprocess.run(command, capture_output=True, env={**inherited, **variables}, check=False)


@pytest.mark.parametrize("body", ["print('x')", "print('x', flush=True)", "sys.stdout.buffer.write(b'x'); return 7"])
def test_output_that_cannot_be_written_is_one_line_and_exit_code_1(body: str) -> None:
    done = run_guarded(body, "> /dev/full")
    assert (done.returncode, done.stderr) == (1, b"p: the output can't be written: No space left on device\n")


def test_a_failure_that_the_program_ignored_is_told_at_its_end() -> None:
    done = run_guarded("\n  try: print('x', flush=True)\n  except OSError: pass", "> /dev/full")
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_went_away_is_no_error() -> None:
    program = GUARDED.format("def main(): print('x' * 1_000_000)")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_standard_error_does_not_change_the_exit_code() -> None:
    body = "print('lost', file=sys.stderr); print('kept'); sys.exit(4)"
    done = run_guarded(body, "2> /dev/full")
    assert (done.returncode, done.stdout) == (4, b"kept\n")
    assert run_guarded(body, "> /dev/full 2>&1").returncode == 1


@pytest.mark.parametrize(("closed", "left"), [(">&-", b"e\n"), ("2>&-", b"o\n"), (">&- 2>&-", b"")])
def test_a_closed_stream_takes_its_text_and_its_number_is_not_given_to_another_file(closed: str, left: bytes) -> None:
    done = run_guarded("print('o'); print('e', file=sys.stderr); return int(open('/etc/passwd').fileno() < 3)", closed)
    assert (done.returncode, done.stdout + done.stderr) == (0, left)


@pytest.mark.parametrize("variables", [LATIN_1, ASCII, {"PYTHONIOENCODING": "ascii:strict"}])
def test_a_character_that_the_terminal_does_not_have_is_replaced(variables: dict[str, str]) -> None:
    done = run_guarded("import click; print('a\\u2026'); click.echo('b\\u2026'); print('c\\ud800')", **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"a?\nb?\nc?\n", b"")


def test_a_terminal_that_has_the_character_gets_it() -> None:
    assert run_guarded("print('\\u2026')", PYTHONIOENCODING="utf-8").stdout.decode() == f"{DOTS}\n"
    assert run_guarded("print('\\xe9')", **LATIN_1).stdout == b"\xe9\n"


def test_standard_error_escapes_what_a_log_line_says() -> None:
    done = run_guarded("print('\\u2026', file=sys.stderr)", **ASCII)
    assert done.stderr == b"\\u2026\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_guards_its_output(name: str) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", PROGRAMS[name], "--version"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() in (
        [f"{name}: the output can't be written: No space left on device"],
        ["error: the output can't be written: No space left on device"],
    )


@pytest.mark.parametrize(("encoding", "written"), [("latin-1", b'"\\u00e9\\u2026"'), ("utf-8", f'"é{DOTS}"'.encode())])
def test_data_for_programs_is_escaped_where_it_would_be_replaced(encoding: str, written: bytes) -> None:
    body = "from sutra_grid.cli.output.formats import to_json, to_yaml; print(to_json('\\xe9\\u2026'))"
    assert run_guarded(body, PYTHONIOENCODING=encoding).stdout.strip() == written
