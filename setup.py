"""Metadata stands in setup.cfg; here is only the command that generates the protobuf code.

python setup.py generate_proto            write sutra_grid/wire/*_pb2*
python setup.py generate_proto --check    compare instead, exit 1 on a difference
"""

import filecmp
import pathlib
import sys
import tempfile

from setuptools import Command, setup

ROOT = pathlib.Path(__file__).resolve().parent
WIRE = pathlib.Path("sutra_grid/wire")
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


class GenerateProto(Command):
    """Generate sutra_grid/wire from proto/ with grpcio-tools (extra ``dev``)."""

    description = "generate the protobuf code in sutra_grid/wire from proto/"
    user_options = [("check", None, "compare with what is checked in, and write nothing")]
    boolean_options = ["check"]

    def initialize_options(self) -> None:
        self.check = False

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        if not self.check:
            generate(ROOT)
            return
        with tempfile.TemporaryDirectory() as name:
            fresh = pathlib.Path(name)
            (fresh / WIRE).mkdir(parents=True)
            generate(fresh)
            differing = compare(fresh / WIRE, ROOT / WIRE)
        if differing:
            sys.exit(f"generated code differs from proto/: {', '.join(differing)}. Run: python setup.py generate_proto")


def generate(out: pathlib.Path) -> None:
    from grpc_tools import protoc

    include = pathlib.Path(protoc.__file__).parent / "_proto"
    protos = sorted(path.name for path in (ROOT / "proto").glob("*.proto"))
    # The virtual path makes the generated modules import each other by their full package name.
    arguments = ["protoc", f"-I{WIRE}={ROOT / 'proto'}", f"-I{include}"]
    arguments += [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    if protoc.main(arguments + [f"{WIRE}/{name}" for name in protos]) != 0:
        sys.exit("protoc failed; its messages stand above")


def compare(fresh: pathlib.Path, kept: pathlib.Path) -> list[str]:
    names = {path.name for folder in (fresh, kept) for pattern in GENERATED for path in folder.glob(pattern)}
    _, mismatch, missing = filecmp.cmpfiles(fresh, kept, sorted(names), shallow=False)
    return mismatch + missing


setup(cmdclass={"generate_proto": GenerateProto})
