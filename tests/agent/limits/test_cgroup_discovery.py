"""Where an agent finds that it can make control groups."""

import os
from pathlib import Path

import pytest
from support.fakes.cgroup_host import V1_GROUP, V2_GROUP, Host, fill, proc_with, v2_host

from sutra_grid.agent.limits.cgroup_discovery import CgroupsUnavailable, find_parent


def test_the_parent_is_found_and_existing_groups_are_not_changed(host: Host) -> None:
    before = {path: path.read_text() for path in host.mount.rglob("*") if path.is_file()}
    place = host.place()
    assert (place.hierarchy.name, place.directory) == (f"cgroup v{host.version}", host.home)
    assert {path: path.read_text() for path in host.mount.rglob("*") if path.is_file()} == before


def test_v2_climbs_to_the_group_that_delegates_the_controller(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    fill(host.home / "agent.service" / "inner", {**V2_GROUP, "cgroup.controllers": ""})
    (host.proc / "self/cgroup").write_text("0::/system.slice/agent.service/inner\n")
    assert host.place().directory == host.home


def test_v2_opens_the_true_root_but_no_containers(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    (host.proc / "self/cgroup").write_text("0::/\n")
    (host.mount / "cgroup.subtree_control").write_text("")
    assert host.place().directory == host.mount
    assert (host.mount / "cgroup.subtree_control").read_text() == "+memory"
    (host.mount / "cgroup.subtree_control").write_text("")
    (host.mount / "cgroup.type").write_text("domain\n")
    with pytest.raises(CgroupsUnavailable, match="delegates its memory controller"):
        host.place()


def test_v2_without_the_controller_and_a_host_without_groups_say_so(tmp_path: Path) -> None:
    host = v2_host(tmp_path)
    (host.mount / "cgroup.subtree_control").write_text("")
    (host.mount / "cgroup.controllers").write_text("hugetlb\n")
    (host.proc / "self/cgroup").write_text("0::/\n")
    with pytest.raises(CgroupsUnavailable, match="no memory controller"):
        host.place()
    (host.proc / "self/mountinfo").write_text("30 23 0:28 / / rw - ext4 /dev/vda rw\n")
    with pytest.raises(CgroupsUnavailable, match="no hierarchy"):
        host.place()
    with pytest.raises(CgroupsUnavailable, match="can't be read"):
        find_parent(tmp_path / "nowhere")


def test_where_nothing_may_be_made_the_reason_names_the_directory(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CgroupsUnavailable, match=str(host.home)):
        host.place()


def test_a_container_sees_its_own_group_at_the_mount(tmp_path: Path) -> None:
    own = fill(tmp_path / "memory", V1_GROUP)
    mountinfo = f"32 31 0:3 /docker/c1 {own} rw master:5 - cgroup cgroup rw,memory\n"
    proc = proc_with(tmp_path / "proc", mountinfo, "4:memory:/docker/c1\n")
    assert find_parent(proc).directory == own
    (proc / "self/cgroup").write_text("4:memory:/elsewhere\n")
    with pytest.raises(CgroupsUnavailable, match="not visible"):
        find_parent(proc)
