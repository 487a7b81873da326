"""What Alembic runs: the migrations, on the connection and in the transaction that `storage.migrate` opened."""

from alembic import context

from wstrust_sts.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
