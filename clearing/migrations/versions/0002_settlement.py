"""Settlement: every table of settlement.tables, and what the application role may do with it."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE expiry_report (
    program TEXT NOT NULL,
    reference TEXT NOT NULL,
    lane SMALLINT NOT NULL,
    window_id INTEGER NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    points BIGINT NOT NULL,
    reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (program, reference),
    CONSTRAINT points_positive CHECK (points > 0)
);
COMMENT ON TABLE expiry_report IS 'local';
"""

UPDATABLE: dict[str, tuple[str, ...]] = {}
DELETABLE: tuple[str, ...] = ()


def upgrade() -> None:
    """Make the tables, and let the application's role write them."""
    op.execute(TABLES)
    op.execute(
        "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO clearing_app; REVOKE INSERT ON alembic_version FROM clearing_app"
    )
    for table, columns in UPDATABLE.items():
        op.execute(f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO clearing_app")
    for table in DELETABLE:
        op.execute(f"GRANT DELETE ON {table} TO clearing_app")


def downgrade() -> None:
    """Books are not unwritten."""
    message = "migrations go forward only"
    raise NotImplementedError(message)
