"""How Alembic runs here: forward only, on the connection that `clearing.database.migrate` gives, one process at a time."""

from alembic import context
from sqlalchemy import text

LOCK_KEY = 0x636C656172  # "clear"; held by one migration at a time

connection = context.config.attributes["connection"]
connection.execute(text("SET LOCAL lock_timeout = '30s'"))  # a migration that waits makes everybody behind it wait
connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
context.configure(connection=connection)
context.run_migrations()
