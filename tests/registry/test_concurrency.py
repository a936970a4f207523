"""Writers of many threads and processes lose nothing; readers do not wait for them."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from support.values.grid_values import a_node, an_agent, an_event

from sutra_grid.core.errors import AlreadyExists
from sutra_grid.core.types import Desired
from sutra_grid.registry import IdempotencyRecord, Observations, Registry

ROUNDS = 25
THREADS = 3

CHANGE_DESIRED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from sutra_grid.core.types import Desired
from sutra_grid.registry import Registry
registry = Registry.open(sys.argv[1], migrate=False, lock_wait_seconds=60)
def change(_):
    for _ in range(int(sys.argv[2])):
        registry.change_desired("node-00000001", Desired.RUNNING)
with ThreadPoolExecutor(int(sys.argv[3])) as threads:
    list(threads.map(change, range(int(sys.argv[3]))))
"""


def test_read_modify_writes_of_threads_and_processes_all_count(registry: Registry, url: str) -> None:
    registry.save_agent(an_agent())
    registry.create_node(a_node(), record=None)
    command = [sys.executable, "-c", CHANGE_DESIRED, url, str(ROUNDS), str(THREADS)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    errors = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, errors
    node = registry.node("node-00000001")
    assert node is not None
    assert node.generation == 1 + 3 * THREADS * ROUNDS


def test_one_of_many_calls_with_the_same_key_wins(registry: Registry) -> None:
    registry.save_agent(an_agent())

    def spawn(number: int) -> bool:
        try:
            registry.create_node(
                a_node(f"node-{number}"), record=IdempotencyRecord("r", "Spawn", "f", f"node-{number}", 1)
            )
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(spawn, range(16)))
    assert won.count(True) == 1
    record = registry.idempotency_record("r")
    assert record is not None
    assert [node.node_id for node in registry.nodes()] == [record.node_id]


def test_a_follower_of_events_misses_none_and_reads_none_twice(registry: Registry) -> None:
    registry.save_agent(an_agent())
    count = 60

    def drain(number: int) -> None:
        event = an_event("agent.drained", message=str(number))
        registry.set_drained("agent-1", True, [event])

    followed: list[str] = []
    cursor = 0

    def read_on() -> None:
        nonlocal cursor
        for event in registry.events(after_event_id=cursor, limit=7) if cursor else registry.events(limit=1_000):
            followed.append(event.message)
            cursor = event.event_id

    with ThreadPoolExecutor(4) as threads:
        writes = [threads.submit(drain, number) for number in range(count)]
        while not all(write.done() for write in writes):
            read_on()
    for write in writes:
        write.result()
    while len(followed) < count and cursor < registry.last_event_id():
        read_on()
    assert sorted(followed, key=int) == [str(number) for number in range(count)]


def test_commands_and_write_behind_go_on_side_by_side(registry: Registry) -> None:
    registry.save_agent(an_agent())
    registry.create_node(a_node(), record=None)

    def observe(number: int) -> None:
        registry.write_observations(Observations(heartbeats={"agent-1": number}))

    def command(_number: int) -> None:
        registry.change_desired("node-00000001", Desired.RUNNING)
        registry.nodes()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(observe, range(40)))
        list(threads.map(command, range(40)))
    assert registry.nodes()[0].generation == 41
