"""The kernel gives a stranger the very pid that a node had. In a pid namespace, where a test can have that."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults.pid_namespaces import run_scene_or_skip

from faults import scene_of_a_reused_pid as scene

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("name", scene.SCENES)
def test_a_stranger_with_the_nodes_pid_is_never_signalled(name: str, tmp_path: Path) -> None:
    run_scene_or_skip(scene.__name__, name, str(tmp_path))
