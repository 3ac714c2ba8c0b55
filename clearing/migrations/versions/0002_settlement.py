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

CREATE TABLE settlement_bilateral (
    run TEXT NOT NULL,
    debtor TEXT NOT NULL,
    creditor TEXT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (run, debtor, creditor),
    CONSTRAINT two_parties CHECK (debtor <> creditor)
);
COMMENT ON TABLE settlement_bilateral IS 'local';

CREATE TABLE settlement_instruction (
    instruction TEXT NOT NULL,
    run TEXT NOT NULL,
    partner TEXT NOT NULL,
    direction TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    value_date DATE NOT NULL,
    state TEXT NOT NULL,
    bank_reference TEXT,
    booked_on DATE,
    differs TEXT,
    PRIMARY KEY (instruction),
    CONSTRAINT direction_known CHECK (direction IN ('pay_in', 'pay_out')),
    CONSTRAINT direction_is_sign CHECK ((direction = 'pay_in') = (micros > 0) AND micros <> 0 AND minor >= 0),
    CONSTRAINT state_known CHECK (state IN ('waiting', 'due', 'differs', 'confirmed', 'settled')),
    CONSTRAINT reference_fits CHECK (length(instruction) <= 35)
);
COMMENT ON TABLE settlement_instruction IS 'local';

CREATE TABLE settlement_net (
    run TEXT NOT NULL,
    party TEXT NOT NULL,
    currency TEXT NOT NULL,
    micros BIGINT NOT NULL,
    minor BIGINT NOT NULL,
    PRIMARY KEY (run, party, currency)
);
COMMENT ON TABLE settlement_net IS 'local';

CREATE TABLE settlement_parked (
    run TEXT NOT NULL,
    debtor TEXT NOT NULL,
    creditor TEXT NOT NULL,
    micros BIGINT NOT NULL,
    resumed_by TEXT,
    PRIMARY KEY (run, debtor, creditor),
    CONSTRAINT two_parties CHECK (debtor <> creditor)
);
COMMENT ON TABLE settlement_parked IS 'local';

CREATE TABLE settlement_run (
    run TEXT NOT NULL,
    state TEXT NOT NULL,
    held_because TEXT,
    inputs BYTEA NOT NULL,
    inputs_sha256 TEXT NOT NULL,
    result BYTEA,
    result_sha256 TEXT,
    value_date DATE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT NOT NULL,
    previewed_by TEXT,
    approved_by TEXT,
    PRIMARY KEY (run),
    CONSTRAINT state_known CHECK (
        state IN ('held', 'drafted', 'previewed', 'approved', 'frozen', 'instructed', 'paying', 'settled', 'aborted')),
    CONSTRAINT held_says_why CHECK ((result IS NULL) = (held_because IS NOT NULL)),
    CONSTRAINT result_whole CHECK ((result IS NULL) = (result_sha256 IS NULL)),
    CONSTRAINT hash_whole CHECK (inputs_sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT second_key CHECK (approved_by <> previewed_by AND (approved_by IS NULL OR previewed_by IS NOT NULL)),
    CONSTRAINT approved_first CHECK (approved_by IS NOT NULL OR state IN ('held', 'drafted', 'previewed', 'aborted'))
);
COMMENT ON TABLE settlement_run IS 'local';

CREATE TABLE settlement_run_event (
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    step TEXT NOT NULL,
    key_id TEXT,
    evidence_id UUID,
    detail TEXT,
    PRIMARY KEY (run, number),
    CONSTRAINT number_positive CHECK (number > 0)
);
COMMENT ON TABLE settlement_run_event IS 'local';

CREATE TABLE settlement_run_window (
    run TEXT NOT NULL,
    window_id INTEGER NOT NULL,
    live BOOLEAN NOT NULL,
    PRIMARY KEY (run, window_id)
);
CREATE UNIQUE INDEX settlement_run_window_once ON settlement_run_window (window_id) WHERE live;
COMMENT ON TABLE settlement_run_window IS 'local';
"""

UPDATABLE: dict[str, tuple[str, ...]] = {
    "settlement_run": ("state", "previewed_by", "approved_by"),
    "settlement_run_window": ("live",),
    "settlement_parked": ("resumed_by",),
    "settlement_instruction": ("state", "bank_reference", "booked_on", "differs"),
}
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
