"""The limit of open files of this process, and what is left of it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from sutra_grid.runtime.descriptors import descriptor_limit, descriptors_free, raise_descriptor_limit


@pytest.fixture(autouse=True)
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def open_now() -> int:
    return max(int(name) for name in os.listdir("/proc/self/fd"))


def test_the_limit_is_raised_to_what_the_system_allows(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    assert raise_descriptor_limit(1000) == min(1000, limits[1]) == descriptor_limit()


def test_a_higher_limit_stays(limits: tuple[int, int]) -> None:
    assert raise_descriptor_limit(10) == limits[0] == descriptor_limit()


def test_free_descriptors_are_found_and_given_back() -> None:
    before = os.listdir("/proc/self/fd")
    limit = open_now() + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    assert descriptors_free(5)
    assert not descriptors_free(limit)
    assert os.listdir("/proc/self/fd") == before
