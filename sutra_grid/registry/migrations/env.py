"""Run by Alembic: migrates on the connection that ``registry.database.schema`` passes.

The transaction is the caller's; nothing here commits.
"""

from alembic import context

from sutra_grid.registry.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
