"""The migrations make what the mappings describe."""

from collections.abc import Sequence
from dataclasses import replace

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, create_engine, select
from support.fakes.clock import FakeClock
from support.values.registry_rows import AGENTS, nodes_of_every_kind

from sutra_grid.core.status import cluster_summary, facts_of
from sutra_grid.core.types import Agent, Node
from sutra_grid.registry import Registry
from sutra_grid.registry.database.engine import open_database
from sutra_grid.registry.database.schema import REVISIONS
from sutra_grid.registry.rows.agents import columns as agent_columns
from sutra_grid.registry.rows.facts import FACTS
from sutra_grid.registry.rows.nodes import columns as node_columns
from sutra_grid.registry.rows.statements import NODES
from sutra_grid.registry.tables import Base


def test_migrated_tables_are_those_of_the_mappings(registry: Registry, url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


def test_a_registry_of_the_first_schema_keeps_everything_and_gets_its_lists(url: str) -> None:
    # Its agents did not report whether a node is stable.
    nodes = [
        replace(node, report=replace(node.report, unstable=False)) if node.report else node
        for node in nodes_of_every_kind()
    ]
    make_first_schema(url, AGENTS, nodes)
    registry = Registry.open(url, migrate=True, clock=FakeClock(wall=5.0))
    try:
        assert registry.agents() == sorted(AGENTS, key=lambda agent: agent.agent_id)
        assert registry.nodes() == nodes
        assert registry.cluster_summary() == cluster_summary(AGENTS, nodes, now_ms=5_000)
        with registry._database.reading() as connection:
            migrated = connection.execute(select(NODES).order_by(NODES.c.node_id)).mappings().all()
        for node, row in zip(nodes, migrated, strict=True):
            assert FACTS[row["facts"]] == facts_of(node)
        for node in nodes:
            registry.adopt_node(node)  # writes the row again, as this program does
        with registry._database.reading() as connection:
            assert connection.execute(select(NODES).order_by(NODES.c.node_id)).mappings().all() == migrated
    finally:
        registry.close()


def make_first_schema(url: str, agents: Sequence[Agent], nodes: Sequence[Node]) -> None:
    """As a program before the lists left it."""
    database = open_database(url, wait_seconds=5)
    config = Config()
    config.set_main_option("script_location", "sutra_grid.registry:migrations")
    if database.file is not None:
        database.file.touch()
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, rows in (("agents", map(agent_columns, agents)), ("nodes", map(node_columns, nodes))):
            first = Table(table, MetaData(), autoload_with=connection)
            connection.execute(
                first.insert(), [{column.name: row[column.name] for column in first.columns} for row in rows]
            )
    database.dispose()


def test_the_list_of_revisions_is_that_of_the_files() -> None:
    config = Config()
    config.set_main_option("script_location", "sutra_grid.registry:migrations")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(reversed([script.revision for script in scripts])) == REVISIONS
