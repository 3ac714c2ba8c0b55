"""Settlement: every table of settlement.tables, and what the application role may do with it."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE book (
    partner TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    window_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    lines INTEGER NOT NULL,
    debit BIGINT NOT NULL,
    credit BIGINT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_from TEXT NOT NULL,
    evidence_id UUID,
    PRIMARY KEY (partner, sequence),
    CONSTRAINT sequence_counts CHECK (sequence > 0),
    CONSTRAINT totals CHECK (lines >= 0 AND debit >= 0 AND credit >= 0),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE book IS 'local';

CREATE TABLE book_line (
    partner TEXT NOT NULL,
    window_id INTEGER NOT NULL,
    line BIGINT NOT NULL,
    exchange_id UUID,
    reference TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    amount BIGINT NOT NULL,
    points BIGINT,
    status TEXT NOT NULL,
    PRIMARY KEY (partner, window_id, line),
    CONSTRAINT moves CHECK (amount <> 0),
    CONSTRAINT status_known CHECK (status IN ('final', 'pending'))
);
COMMENT ON TABLE book_line IS 'local';

CREATE TABLE break_item (
    break_id UUID NOT NULL,
    partner TEXT NOT NULL,
    window_id INTEGER NOT NULL,
    run BIGINT NOT NULL,
    class TEXT NOT NULL,
    our_id UUID,
    line BIGINT,
    suggested UUID,
    amount BIGINT NOT NULL,
    dated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    known BOOLEAN NOT NULL,
    owner TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    provisional BIGINT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    resolution TEXT,
    PRIMARY KEY (break_id),
    CONSTRAINT class_known CHECK (class IN ('TIMING',
        'MISSING_OURS',
        'MISSING_THEIRS',
        'AMOUNT_MISMATCH',
        'RATE_MISMATCH',
        'DUPLICATE_OURS',
        'DUPLICATE_THEIRS',
        'WRONG_WINDOW',
        'STATUS_MISMATCH',
        'UNIDENTIFIED')),
    CONSTRAINT state_known CHECK (
        state IN ('open', 'seconded', 'filed', 'contested', 'escalated', 'posting', 'resolved', 'cleared')),
    CONSTRAINT has_an_item CHECK (num_nulls(our_id, line) < 2),
    CONSTRAINT ended CHECK ((state IN ('resolved', 'cleared')) = (ended_at IS NOT NULL))
);
CREATE INDEX break_due ON break_item (due_at) WHERE ended_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX break_of_window ON break_item (partner, window_id);
CREATE INDEX break_timing ON break_item (dated_at) WHERE ended_at IS NULL AND class = 'TIMING';
COMMENT ON TABLE break_item IS 'local';

CREATE TABLE break_step (
    break_id UUID NOT NULL,
    number INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    decision TEXT NOT NULL,
    books BIGINT NOT NULL,
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    key_id TEXT,
    evidence_id UUID,
    PRIMARY KEY (break_id, number),
    CONSTRAINT number_counts CHECK (number > 0),
    CONSTRAINT decision_known CHECK (
        decision IN ('accept_ours', 'accept_theirs', 'split', 'write_off', 'dispute', 'contest', 'concede',
            'escalate', 'uphold', 'drop')),
    CONSTRAINT state_known CHECK (
        state IN ('open', 'seconded', 'filed', 'contested', 'escalated', 'posting', 'resolved', 'cleared')),
    CONSTRAINT signed CHECK ((key_id IS NULL) = (evidence_id IS NULL))
);
COMMENT ON TABLE break_step IS 'local';

CREATE TABLE break_turn (
    partner TEXT NOT NULL,
    turn BIGINT NOT NULL,
    PRIMARY KEY (partner),
    CONSTRAINT turn_counts CHECK (turn > 0)
);
COMMENT ON TABLE break_turn IS 'local';

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

CREATE TABLE match_our (
    run BIGINT NOT NULL,
    our_id UUID NOT NULL,
    match BIGINT NOT NULL,
    pass_number SMALLINT NOT NULL,
    PRIMARY KEY (run, our_id)
);
COMMENT ON TABLE match_our IS 'local';

CREATE TABLE match_run (
    run BIGINT NOT NULL,
    partner TEXT NOT NULL,
    window_id INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    our_lines BIGINT NOT NULL,
    our_debit BIGINT NOT NULL,
    our_credit BIGINT NOT NULL,
    their_lines BIGINT NOT NULL,
    their_debit BIGINT NOT NULL,
    their_credit BIGINT NOT NULL,
    PRIMARY KEY (run),
    CONSTRAINT run_counts CHECK (run > 0)
);
CREATE INDEX run_of_window ON match_run (partner, window_id, run);
COMMENT ON TABLE match_run IS 'local';

CREATE TABLE match_theirs (
    run BIGINT NOT NULL,
    line BIGINT NOT NULL,
    match BIGINT NOT NULL,
    pass_number SMALLINT NOT NULL,
    PRIMARY KEY (run, line)
);
COMMENT ON TABLE match_theirs IS 'local';

CREATE TABLE our_line (
    run BIGINT NOT NULL,
    our_id UUID NOT NULL,
    reference TEXT,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    amount BIGINT NOT NULL,
    points BIGINT NOT NULL,
    PRIMARY KEY (run, our_id)
);
COMMENT ON TABLE our_line IS 'local';

CREATE TABLE outside_report (
    program TEXT NOT NULL,
    reference TEXT NOT NULL,
    lane SMALLINT NOT NULL,
    window_id INTEGER NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    opening BIGINT NOT NULL,
    issued BIGINT NOT NULL,
    redeemed BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    reported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (program, reference),
    CONSTRAINT amounts CHECK (least(issued, redeemed, expired) >= 0),
    CONSTRAINT outside_report_once UNIQUE (program, window_id)
);
COMMENT ON TABLE outside_report IS 'local';

CREATE TABLE settlement_bank_file (
    run TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    content TEXT NOT NULL,
    version TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    evidence_id UUID,
    answer JSONB NOT NULL,
    PRIMARY KEY (run, fingerprint),
    CONSTRAINT fingerprint_whole CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    CONSTRAINT content_whole CHECK (content ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE settlement_bank_file IS 'local';

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
    payer TEXT NOT NULL,
    payee TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    received BIGINT NOT NULL,
    value_date DATE NOT NULL,
    state TEXT NOT NULL,
    bank_reference TEXT,
    booked_on DATE,
    differs TEXT,
    rejected_at TIMESTAMP WITH TIME ZONE,
    accrued_until DATE,
    PRIMARY KEY (instruction),
    CONSTRAINT two_parties CHECK (payer <> payee),
    CONSTRAINT not_negative CHECK (paid >= 0 AND received >= 0 AND minor >= 0 AND paid + received + minor > 0),
    CONSTRAINT state_known CHECK (state IN ('waiting', 'due', 'differs', 'rejected', 'confirmed', 'settled')),
    CONSTRAINT reference_fits CHECK (length(instruction) <= 35)
);
CREATE INDEX settlement_instruction_of_payee ON settlement_instruction (payee, run);
CREATE INDEX settlement_instruction_of_payer ON settlement_instruction (payer, run);
COMMENT ON TABLE settlement_instruction IS 'local';

CREATE TABLE settlement_invoice (
    invoice TEXT NOT NULL,
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    run TEXT NOT NULL,
    partner TEXT NOT NULL,
    kind TEXT NOT NULL,
    corrects TEXT,
    tax_table TEXT NOT NULL,
    currency TEXT NOT NULL,
    digits INTEGER NOT NULL,
    net BIGINT NOT NULL,
    tax BIGINT NOT NULL,
    issued_on DATE NOT NULL,
    of_window INTEGER NOT NULL,
    document BYTEA NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (invoice),
    CONSTRAINT kind_known CHECK (kind IN ('invoice', 'credit_note')),
    CONSTRAINT kind_is_sign CHECK ((kind = 'credit_note') = (net < 0)),
    CONSTRAINT number_counts CHECK (number > 0),
    CONSTRAINT hash_whole CHECK (sha256 = encode(sha256(document), 'hex')),
    CONSTRAINT settlement_invoice_number UNIQUE (series, year, number)
);
CREATE INDEX settlement_invoice_of ON settlement_invoice (partner, issued_on);
CREATE INDEX settlement_invoice_run ON settlement_invoice (run, partner);
COMMENT ON TABLE settlement_invoice IS 'local';

CREATE TABLE settlement_invoice_file (
    invoice TEXT NOT NULL,
    form TEXT NOT NULL,
    content BYTEA NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (invoice, form),
    CONSTRAINT form_known CHECK (form IN ('json', 'pdf')),
    CONSTRAINT hash_whole CHECK (sha256 = encode(sha256(content), 'hex'))
);
COMMENT ON TABLE settlement_invoice_file IS 'local';

CREATE TABLE settlement_invoice_series (
    series TEXT NOT NULL,
    year INTEGER NOT NULL,
    last INTEGER NOT NULL,
    issued_on DATE NOT NULL,
    PRIMARY KEY (series, year),
    CONSTRAINT counts CHECK (last >= 0)
);
COMMENT ON TABLE settlement_invoice_series IS 'local';

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
    turn INTEGER NOT NULL,
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

CREATE TABLE settlement_share (
    run TEXT NOT NULL,
    contract TEXT NOT NULL,
    window_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    micros BIGINT NOT NULL,
    before JSONB NOT NULL,
    after JSONB NOT NULL,
    closing BOOLEAN NOT NULL,
    PRIMARY KEY (run, contract, window_id),
    CONSTRAINT version_positive CHECK (version > 0),
    CONSTRAINT not_negative CHECK (micros >= 0)
);
COMMENT ON TABLE settlement_share IS 'local';

CREATE TABLE settlement_share_undone (
    run TEXT NOT NULL,
    contract TEXT NOT NULL,
    window_id INTEGER NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (run, contract, window_id),
    CONSTRAINT forward CHECK (since >= 0 AND since < until)
);
COMMENT ON TABLE settlement_share_undone IS 'local';

CREATE TABLE settlement_statement (
    statement TEXT NOT NULL,
    run TEXT NOT NULL,
    partner TEXT NOT NULL,
    currency TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lines BIGINT NOT NULL,
    root TEXT NOT NULL,
    key_id TEXT NOT NULL,
    PRIMARY KEY (statement),
    CONSTRAINT lines_counted CHECK (lines >= 0)
);
CREATE INDEX settlement_statement_of ON settlement_statement (partner, made_at);
CREATE UNIQUE INDEX settlement_statement_once ON settlement_statement (run, partner);
COMMENT ON TABLE settlement_statement IS 'local';

CREATE TABLE settlement_statement_file (
    statement TEXT NOT NULL,
    form TEXT NOT NULL,
    content BYTEA NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (statement, form),
    CONSTRAINT form_known CHECK (form IN ('jsonl', 'csv', 'xlsx', 'pdf', 'svg')),
    CONSTRAINT hash_whole CHECK (sha256 = encode(sha256(content), 'hex'))
);
COMMENT ON TABLE settlement_statement_file IS 'local';
"""

UPDATABLE: dict[str, tuple[str, ...]] = {
    "settlement_run": ("state", "previewed_by", "approved_by", "turn"),
    "settlement_run_window": ("live",),
    "settlement_parked": ("resumed_by",),
    "settlement_instruction": ("state", "bank_reference", "booked_on", "differs", "rejected_at", "accrued_until"),
    "break_turn": ("turn",),
    "break_item": (
        "run",
        "class",
        "our_id",
        "line",
        "suggested",
        "amount",
        "dated_at",
        "known",
        "owner",
        "due_at",
        "state",
        "provisional",
        "ended_at",
        "resolution",
    ),
    "settlement_invoice_series": ("last", "issued_on"),
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
