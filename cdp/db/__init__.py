"""PostgreSQL: the embedded server, migrations, the pool that binds a connection to a workspace, query files."""
