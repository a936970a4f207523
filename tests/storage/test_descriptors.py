"""How descriptors are divided."""

from __future__ import annotations

import pytest

from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.storage.descriptors import MIN_LIMIT, RESERVED, DescriptorBudget


@pytest.mark.parametrize(
    ("limit", "tables", "connections"), [(192, 64, 64), (1024, 320, 640), (4096, 512, 3520), (65_536, 512, 64_960)]
)
def test_the_store_gets_its_share_before_connections(limit: int, tables: int, connections: int) -> None:
    budget = DescriptorBudget.of(limit)
    assert (budget.tables, budget.connections) == (tables, connections)
    assert budget.tables + budget.connections + RESERVED == limit


def test_too_few_are_refused_with_the_number_that_is_needed() -> None:
    with pytest.raises(FailedPrecondition, match=str(MIN_LIMIT)):
        DescriptorBudget.of(MIN_LIMIT - 1)
