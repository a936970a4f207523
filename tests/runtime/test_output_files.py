"""A process opens its own log again, by the name that the log had at its start."""

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, sys
from sutra_grid.runtime.output_files import OutputFiles
files = OutputFiles.of_this_process()
os.write(2, b"first\\n")
for line in sys.stdin:
    print(files.reopen() if line == "reopen\\n" else line.strip(), flush=True)
    os.write(2, line.encode())
"""


def test_output_goes_to_the_new_file_of_the_old_name(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    with (
        open(log, "ab") as stream,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("one\n")
        process.stdin.flush()
        assert process.stdout.readline() == "one\n"
        log.rename(tmp_path / "daemon.log.1")
        process.stdin.write("reopen\ntwo\n")
        process.stdin.close()
        assert process.stdout.read() == f"{[str(log)]}\ntwo\n", "a pipe is not opened again"
    assert (tmp_path / "daemon.log.1").read_text() == "first\none\n"
    assert log.read_text() == "reopen\ntwo\n"
