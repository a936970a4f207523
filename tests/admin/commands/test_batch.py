"""Several commands of one request."""

from sutra_grid.admin.commands.batch import MAX_CONCURRENT_COMMANDS, run_batch
from sutra_grid.core.errors import FailedPrecondition, GridError
from sutra_grid.runtime import correlation_id


def test_what_came_of_each_stands_in_their_order() -> None:
    def command(number: int) -> int:
        if number % 2:
            raise FailedPrecondition(f"not {number}")
        return number

    results = run_batch(command, range(3 * MAX_CONCURRENT_COMMANDS))
    assert results[::2] == list(range(0, 3 * MAX_CONCURRENT_COMMANDS, 2))
    assert all(isinstance(result, GridError) for result in results[1::2])


def test_what_is_logged_of_them_belongs_to_the_request() -> None:
    with correlation_id.bound("of-this-request"):
        assert run_batch(lambda _: correlation_id.current(), range(20)) == ["of-this-request"] * 20
