import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.texts import logs, mentions

from sutra_grid import __version__
from sutra_grid.core.errors import AlreadyExists
from sutra_grid.runtime.config import Config, ConfigError, Fault, Key, Schema, Section
from sutra_grid.runtime.daemon import LOGGING_SECTION, Checks, Flag, daemon_command

SCHEMA = Schema([Section("demo", [Key("listen", "str", "127.0.0.1:1"), Key("workers", "int", 8)]), LOGGING_SECTION])
FLAGS = [Flag("--listen", "demo.listen", "Where it listens"), Flag("--threads", "demo.workers")]


def invoke(
    *arguments: str,
    error: BaseException | None = None,
    check_error: ConfigError | None = None,
    warn: Sequence[Fault] = (),
) -> Result:
    def run(config: Config) -> int:
        if error is not None:
            raise error
        print(f"ran with {config.section('demo')['listen']} and {config.section('demo')['workers']}")
        return 3

    def check(_config: Config) -> None:
        if check_error is not None:
            raise check_error

    def warnings(_config: Config) -> list[Fault]:
        return warn

    command = daemon_command(
        "sutra-demo", help="A demo.", schema=SCHEMA, run=run, checks=Checks(check, warnings), flags=FLAGS
    )
    return CliRunner().invoke(command, arguments)


def test_it_runs_with_the_configuration_and_passes_the_exit_code_on() -> None:
    result = invoke("--listen", "[::1]:5", "--threads", "2")
    assert result.output == "ran with [::1]:5 and 2\n"
    assert result.exit_code == 3


def test_help_and_version_are_answered() -> None:
    assert "Where it listens" in invoke("--help").output
    assert invoke("--version").output == f"sutra-demo, version {__version__}\n"


def test_a_wrong_configuration_ends_with_2_and_one_message(tmp_path: Path) -> None:
    file = tmp_path / "demo.toml"
    file.write_text("[demo]\nlisten = 1\n")
    result = invoke("--config", str(file))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"sutra-demo: {file}:2: demo.listen: ")
    assert mentions(line, "found 1")


def test_a_wrong_flag_is_named() -> None:
    result = invoke("--threads", "many")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("sutra-demo: --threads: demo.workers: ")
    assert mentions(line, '"many"')


def test_checking_does_not_run(tmp_path: Path) -> None:
    file = tmp_path / "demo.toml"
    file.write_text("[demo]\n")
    result = invoke("--config", str(file), "--check-config")
    assert (result.exit_code, result.stderr) == (0, "")
    assert mentions(result.output, file)
    assert not mentions(result.output, "ran")


def test_a_warning_is_printed_by_a_check_and_logged_by_a_start() -> None:
    warn = [Fault("f:1", "demo.listen", "is unusual")]
    result = invoke("--check-config", warn=warn)
    assert (result.exit_code, result.stderr) == (0, "warning: f:1: demo.listen: is unusual\n")
    started = invoke(warn=warn)
    assert started.exit_code == 3
    assert mentions(started.stderr, "WARNING", "is unusual", "demo.listen", "f:1")


def test_checking_tells_faults_between_keys() -> None:
    result = invoke("--check-config", check_error=ConfigError([Fault("f:1", "demo.listen", "is odd")]))
    assert (result.exit_code, result.stderr) == (2, "sutra-demo: f:1: demo.listen: is odd\n")


@pytest.mark.parametrize(
    "error", [AlreadyExists("port 1 is taken", hint="Use another"), OSError(13, "Permission denied")]
)
def test_a_failed_start_ends_with_1_and_one_message(error: Exception) -> None:
    result = invoke(error=error)
    assert result.exit_code == 1
    assert result.stderr == f"sutra-demo: {error}\n"


def test_a_fault_of_the_program_is_logged_and_ends_with_1() -> None:
    result = invoke(error=ZeroDivisionError("oops"))
    assert result.exit_code == 1
    assert logs(result.stderr, daemon="sutra-demo", error='"ZeroDivisionError: oops"')


def test_help_of_a_daemon_loads_nothing_heavy() -> None:
    program = (
        "import sys, sutra_grid.runtime.daemon, sutra_grid.runtime.net, sutra_grid.runtime.files\n"
        "print(sorted({'grpc', 'psutil', 'toml', 'rich', 'google.protobuf'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_fork_support_of_grpc_must_be_decided_before_grpc_is_imported() -> None:
    program = (
        "import os, sys\n"
        "from sutra_grid.runtime.daemon import disable_grpc_fork_support as disable\n"
        "assert 'grpc' not in sys.modules\n"
        "disable(); assert os.environ['GRPC_ENABLE_FORK_SUPPORT'] == '0'\n"
        "import grpc\n"
        "try: disable()\n"
        "except RuntimeError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "refused\n"
