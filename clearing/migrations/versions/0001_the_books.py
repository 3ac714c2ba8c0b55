"""The books as they began: every table of clearing.tables, and what the application role may do with it."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE account (
    lane SMALLINT NOT NULL,
    account UUID NOT NULL,
    program TEXT NOT NULL,
    number_index BYTEA,
    number_mask TEXT NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped BYTEA,
    seal_nonce BYTEA NOT NULL,
    box BYTEA NOT NULL,
    linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    merged_into UUID,
    erased_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (lane, account),
    CONSTRAINT erased_whole CHECK (
        (erased_at IS NOT NULL) = (wrapped IS NULL) AND (wrapped IS NULL) = (number_index IS NULL)),
    CONSTRAINT erased_is_closed CHECK (erased_at IS NULL OR closed_at IS NOT NULL),
    CONSTRAINT merged_is_closed CHECK (merged_into IS NULL OR (closed_at IS NOT NULL AND merged_into <> account))
);
CREATE INDEX account_by_number ON account (lane, program, number_index);
CREATE UNIQUE INDEX account_open ON account (lane, program, number_index) WHERE closed_at IS NULL;
COMMENT ON TABLE account IS 'sharded';

CREATE TABLE account_evidence (
    lane SMALLINT NOT NULL,
    account UUID NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (lane, account, evidence_id)
);
COMMENT ON TABLE account_evidence IS 'sharded';

CREATE TABLE adjustment (
    lane SMALLINT NOT NULL,
    adjustment_id UUID NOT NULL,
    kind TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    window_id INTEGER,
    of_window INTEGER,
    reason TEXT NOT NULL,
    reference TEXT,
    lines TEXT NOT NULL,
    evidence_id UUID,
    PRIMARY KEY (lane, adjustment_id),
    CONSTRAINT kind_known CHECK (kind IN ('adjusted', 'paid', 'lodged')),
    CONSTRAINT only_money_has_no_window CHECK ((kind <> 'adjusted') = (window_id IS NULL))
);
CREATE INDEX adjustment_lodged ON adjustment (lane, reference) WHERE kind = 'lodged';
COMMENT ON TABLE adjustment IS 'sharded';

CREATE TABLE agreement (
    partner TEXT NOT NULL,
    version INTEGER NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_to TIMESTAMP WITH TIME ZONE,
    announced_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT,
    confirmed_by TEXT,
    evidence_id UUID,
    PRIMARY KEY (partner, version),
    CONSTRAINT ends_later CHECK (valid_to IS NULL OR valid_to > valid_from),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT signed_after_the_first CHECK (version > 0 AND (version = 1 OR proposed_by IS NOT NULL)),
    CONSTRAINT two_keys CHECK (num_nulls(proposed_by, confirmed_by, evidence_id) IN (0, 3)),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT agreement_begins_once UNIQUE (partner, valid_from),
    CONSTRAINT agreement_digest UNIQUE (digest)
);
COMMENT ON TABLE agreement IS 'reference';

CREATE TABLE bank_details (
    partner TEXT NOT NULL,
    version INTEGER NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (partner, version),
    CONSTRAINT version_positive CHECK (version > 0),
    CONSTRAINT cooled_off CHECK (valid_from >= published_at),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT bank_details_digest UNIQUE (digest)
);
COMMENT ON TABLE bank_details IS 'reference';

CREATE TABLE budget_slice (
    lane SMALLINT NOT NULL,
    campaign TEXT NOT NULL,
    units BIGINT,
    value BIGINT,
    units_used BIGINT NOT NULL,
    value_used BIGINT NOT NULL,
    PRIMARY KEY (lane, campaign),
    CONSTRAINT units_within CHECK (units_used >= 0 AND units_used <= coalesce(units, units_used)),
    CONSTRAINT value_within CHECK (value_used >= 0 AND value_used <= coalesce(value, value_used))
);
COMMENT ON TABLE budget_slice IS 'sharded';

CREATE TABLE calendar (
    window_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    code TEXT NOT NULL,
    opens_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closes_at TIMESTAMP WITH TIME ZONE NOT NULL,
    scheme_version INTEGER,
    advice_date DATE,
    value_date DATE,
    PRIMARY KEY (window_id),
    CONSTRAINT forward CHECK (opens_at < closes_at),
    CONSTRAINT dated_by_a_scheme CHECK (num_nulls(scheme_version, advice_date, value_date) IN (0, 3)),
    CONSTRAINT dates_in_order CHECK (advice_date <= value_date),
    CONSTRAINT scheme_published CHECK (scheme_version <= version)
);
COMMENT ON TABLE calendar IS 'reference';

CREATE TABLE calendar_version (
    version INTEGER NOT NULL,
    begins_at TIMESTAMP WITH TIME ZONE NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (version),
    CONSTRAINT version_positive CHECK (version > 0),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT calendar_version_digest UNIQUE (digest)
);
COMMENT ON TABLE calendar_version IS 'reference';

CREATE TABLE campaign_budget (
    campaign TEXT NOT NULL,
    version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    units BIGINT,
    value BIGINT,
    digest TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (campaign, version),
    CONSTRAINT version_positive CHECK (version > 0),
    CONSTRAINT limited CHECK (num_nonnulls(units, value) > 0),
    CONSTRAINT not_negative CHECK (coalesce(units, 0) >= 0 AND coalesce(value, 0) >= 0),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT campaign_budget_digest UNIQUE (digest)
);
COMMENT ON TABLE campaign_budget IS 'reference';

CREATE TABLE cap_slice (
    lane SMALLINT NOT NULL,
    account INTEGER NOT NULL,
    granted BIGINT NOT NULL,
    position BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    PRIMARY KEY (lane, account),
    CONSTRAINT limits CHECK (granted >= 0 AND pending >= 0)
);
COMMENT ON TABLE cap_slice IS 'sharded';

CREATE TABLE claim (
    lane SMALLINT NOT NULL,
    claim UUID NOT NULL,
    program TEXT NOT NULL,
    account UUID NOT NULL,
    partner TEXT NOT NULL,
    reference TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    units BIGINT,
    claimed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    evidence_id UUID NOT NULL,
    rejected_at TIMESTAMP WITH TIME ZONE,
    rejected_reason TEXT,
    rejection_id UUID,
    PRIMARY KEY (lane, claim),
    CONSTRAINT units_positive CHECK (units > 0),
    CONSTRAINT rejected_whole CHECK (num_nulls(rejected_at, rejected_reason, rejection_id) IN (0, 3))
);
CREATE UNIQUE INDEX claim_once ON claim (lane, partner, reference, account);
COMMENT ON TABLE claim IS 'sharded';

CREATE TABLE consent (
    lane SMALLINT NOT NULL,
    link UUID NOT NULL,
    number INTEGER NOT NULL,
    scope TEXT[] NOT NULL,
    channels TEXT[] NOT NULL,
    partner TEXT NOT NULL,
    key_id TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    given_at TIMESTAMP WITH TIME ZONE NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    withdrawn_by TEXT,
    PRIMARY KEY (lane, link, number),
    CONSTRAINT scope_known CHECK (cardinality(scope) > 0 AND scope <@ ARRAY['exchange', 'redemption', 'accrual']),
    CONSTRAINT channels_named CHECK (cardinality(channels) > 0),
    CONSTRAINT withdrawn_whole CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE UNIQUE INDEX consent_live ON consent (lane, link) WHERE withdrawn_at IS NULL;
COMMENT ON TABLE consent IS 'sharded';

CREATE TABLE entry (
    lane SMALLINT NOT NULL,
    seq BIGINT NOT NULL,
    line SMALLINT NOT NULL,
    account INTEGER NOT NULL,
    window_id INTEGER,
    amount BIGINT NOT NULL,
    exchange_id UUID NOT NULL,
    PRIMARY KEY (lane, seq, line),
    CONSTRAINT amount_moves CHECK (amount <> 0)
);
CREATE INDEX entry_in_transit ON entry (lane, account, seq) INCLUDE (amount) WHERE window_id IS NULL;
COMMENT ON TABLE entry IS 'sharded';

CREATE TABLE evidence (
    lane SMALLINT NOT NULL,
    evidence_id UUID NOT NULL,
    kind TEXT NOT NULL,
    key_id TEXT NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    base BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    digest BYTEA,
    meta BYTEA NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped BYTEA,
    seal_nonce BYTEA NOT NULL,
    box BYTEA NOT NULL,
    PRIMARY KEY (lane, evidence_id),
    CONSTRAINT kind_known CHECK (kind IN ('request', 'call'))
);
COMMENT ON TABLE evidence IS 'sharded';

CREATE TABLE exchange (
    lane SMALLINT NOT NULL,
    exchange_id UUID NOT NULL,
    path TEXT NOT NULL,
    original_id UUID,
    partner TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    request_id UUID NOT NULL,
    quote_id UUID NOT NULL,
    terms_version TEXT NOT NULL,
    state TEXT NOT NULL,
    reserved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    posted_at TIMESTAMP WITH TIME ZONE,
    window_id INTEGER,
    ended_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    source_program TEXT,
    target_program TEXT,
    source_account UUID,
    target_account UUID,
    sent BIGINT NOT NULL,
    received BIGINT NOT NULL,
    debit BIGINT NOT NULL,
    funding BIGINT NOT NULL,
    credit BIGINT NOT NULL,
    fee BIGINT NOT NULL,
    rounding BIGINT NOT NULL,
    reversed BIGINT NOT NULL,
    kept_leg SMALLINT NOT NULL,
    cancelled BOOLEAN NOT NULL,
    reserved_seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE,
    reference TEXT,
    capture_by TIMESTAMP WITH TIME ZONE,
    captured BIGINT NOT NULL,
    bearer TEXT,
    bonus BIGINT NOT NULL,
    bonus_credit BIGINT NOT NULL,
    bonus_due TIMESTAMP WITH TIME ZONE,
    shares TEXT,
    device BYTEA,
    charges TEXT,
    PRIMARY KEY (lane, exchange_id),
    CONSTRAINT path_known CHECK (
        path IN ('held', 'debited', 'issued', 'charged', 'authorised', 'reversal', 'clawback', 'refund')),
    CONSTRAINT kind_known CHECK (
        kind IN ('exchange', 'transfer', 'gift', 'donation', 'cash_back', 'accrual', 'purchase', 'redemption')),
    CONSTRAINT state_known CHECK (
        state IN ('reserved', 'source_held', 'credited', 'completed', 'releasing', 'reversed', 'unknown', 'review')),
    CONSTRAINT balances CHECK (debit + funding = credit + fee),
    CONSTRAINT amounts CHECK (sent >= 0 AND received >= 0 AND debit >= 0 AND funding >= 0 AND credit >= 0),
    CONSTRAINT source_sends CHECK (
        (source_program IS NULL) = (sent = 0) AND (source_program IS NULL) = (source_account IS NULL)),
    CONSTRAINT target_receives CHECK (
        (target_program IS NULL) = (target_account IS NULL) AND num_nulls(source_program, target_program) < 2),
    CONSTRAINT rounding_inside_fee CHECK (rounding >= 0 AND fee >= rounding),
    CONSTRAINT bonus_paid CHECK (
        bonus >= 0 AND bonus_credit >= 0 AND bonus_credit <= credit AND funding >= bonus_credit),
    CONSTRAINT captured_at_most_held CHECK (captured >= 0 AND captured <= sent),
    CONSTRAINT reversed_at_most_whole CHECK (reversed >= 0 AND reversed <= greatest(sent, received)),
    CONSTRAINT reversal_has_original CHECK ((path IN ('reversal', 'clawback', 'refund')) = (original_id IS NOT NULL)),
    CONSTRAINT bearer_of_reversal CHECK (
        bearer IS NULL OR (bearer IN ('partner', 'program', 'member_negative') AND original_id IS NOT NULL)),
    CONSTRAINT ended_in_time CHECK ((state IN ('completed', 'reversed')) = (ended_at IS NOT NULL))
);
CREATE INDEX exchange_by_device ON exchange (device, lane, reserved_at) WHERE device IS NOT NULL;
CREATE UNIQUE INDEX exchange_by_idempotency_key ON exchange (idempotency_key, lane, partner);
CREATE INDEX exchange_by_member ON exchange (source_account, lane, reserved_at);
CREATE UNIQUE INDEX exchange_by_quote ON exchange (quote_id, lane) WHERE original_id IS NULL;
CREATE INDEX exchange_by_reference ON exchange (partner, reference, lane) WHERE reference IS NOT NULL;
CREATE INDEX exchange_by_target ON exchange (target_account, lane, reserved_at);
CREATE INDEX exchange_reversals ON exchange (original_id, lane) WHERE original_id IS NOT NULL;
COMMENT ON TABLE exchange IS 'sharded';

CREATE TABLE key (
    key_id TEXT NOT NULL,
    partner TEXT,
    purpose TEXT NOT NULL,
    environment TEXT NOT NULL,
    alg TEXT NOT NULL,
    jwk JSONB NOT NULL,
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    compromised_since TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (key_id),
    CONSTRAINT purpose_known CHECK (purpose IN ('requests', 'answers', 'operator', 'house')),
    CONSTRAINT environment_known CHECK (environment IN ('sandbox', 'live')),
    CONSTRAINT partner_signs CHECK ((purpose IN ('requests', 'answers')) = (partner IS NOT NULL))
);
COMMENT ON TABLE key IS 'reference';

CREATE TABLE lane (
    lane SMALLINT NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    size BIGINT NOT NULL,
    frontier BYTEA[] NOT NULL,
    window_id INTEGER NOT NULL,
    writer UUID NOT NULL,
    calendar INTEGER NOT NULL,
    members_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (lane),
    CONSTRAINT size_counts CHECK (size >= 0)
);
COMMENT ON TABLE lane IS 'sharded';

CREATE TABLE lane_window (
    lane SMALLINT NOT NULL,
    window_id INTEGER NOT NULL,
    opened_size BIGINT NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE,
    sealed_size BIGINT,
    sealed_root BYTEA,
    PRIMARY KEY (lane, window_id),
    CONSTRAINT sealed_whole CHECK ((sealed_at IS NULL) = (sealed_root IS NULL)),
    CONSTRAINT sealed_sized CHECK ((sealed_at IS NULL) = (sealed_size IS NULL))
);
COMMENT ON TABLE lane_window IS 'sharded';

CREATE TABLE leaf (
    lane SMALLINT NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    exchange_id UUID,
    salt BYTEA NOT NULL,
    event BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (lane, seq)
);
COMMENT ON TABLE leaf IS 'sharded';

CREATE TABLE link (
    lane SMALLINT NOT NULL,
    link UUID NOT NULL,
    source_program TEXT NOT NULL,
    source_account UUID NOT NULL,
    target_program TEXT NOT NULL,
    target_account UUID NOT NULL,
    one_card BOOLEAN NOT NULL,
    evidence_id UUID NOT NULL,
    linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    moved_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_reason TEXT,
    PRIMARY KEY (lane, link),
    CONSTRAINT two_programs CHECK (source_program <> target_program),
    CONSTRAINT ended_whole CHECK ((ended_at IS NULL) = (ended_reason IS NULL)),
    CONSTRAINT ended_known CHECK (ended_reason IN ('unlinked', 'account_closed', 'account_erased', 'already_linked'))
);
CREATE INDEX link_by_source ON link (lane, source_account);
CREATE INDEX link_by_target ON link (lane, target_account);
CREATE UNIQUE INDEX link_card_of_source ON link (lane, source_account, target_program) WHERE ended_at IS NULL AND one_card;
CREATE UNIQUE INDEX link_card_of_target ON link (lane, target_account, source_program) WHERE ended_at IS NULL AND one_card;
CREATE UNIQUE INDEX link_pair ON link (lane, source_account, target_account) WHERE ended_at IS NULL;
COMMENT ON TABLE link IS 'sharded';

CREATE TABLE low_water (
    partner TEXT NOT NULL,
    number INTEGER NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    room BIGINT NOT NULL,
    agreed BIGINT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (partner, number),
    CONSTRAINT number_positive CHECK (number > 0),
    CONSTRAINT below CHECK (room < agreed)
);
CREATE UNIQUE INDEX low_water_now ON low_water (partner) WHERE ended_at IS NULL;
COMMENT ON TABLE low_water IS 'local';

CREATE TABLE nonce (
    lane SMALLINT NOT NULL,
    key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    request_id UUID NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (lane, key_id, nonce)
);
COMMENT ON TABLE nonce IS 'sharded';

CREATE TABLE orders (
    lane SMALLINT NOT NULL,
    exchange_id UUID NOT NULL,
    leg SMALLINT NOT NULL,
    operation TEXT NOT NULL,
    program TEXT NOT NULL,
    account UUID NOT NULL,
    amount BIGINT NOT NULL,
    refers TEXT,
    state TEXT NOT NULL,
    lease UUID,
    due_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER NOT NULL,
    answered_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    evidence_id UUID,
    PRIMARY KEY (lane, exchange_id, leg),
    CONSTRAINT state_known CHECK (
        state IN ('waiting', 'sent', 'done', 'pending', 'declined', 'unknown', 'not_found', 'differs')),
    CONSTRAINT amount_positive CHECK (amount > 0)
);
CREATE INDEX orders_due ON orders (lane, due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE orders IS 'sharded';

CREATE TABLE paper (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_until DATE NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (kind, name),
    CONSTRAINT kind_known CHECK (kind IN ('rate_set', 'tax_table')),
    CONSTRAINT ends_later CHECK (valid_from <= valid_until),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT paper_digest UNIQUE (digest)
);
COMMENT ON TABLE paper IS 'reference';

CREATE TABLE partner (
    partner TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (partner),
    CONSTRAINT number_positive CHECK (number > 0),
    CONSTRAINT partner_number UNIQUE (number)
);
COMMENT ON TABLE partner IS 'reference';

CREATE TABLE position_slice (
    lane SMALLINT NOT NULL,
    window_id INTEGER NOT NULL,
    account INTEGER NOT NULL,
    debits BIGINT NOT NULL,
    credits BIGINT NOT NULL,
    PRIMARY KEY (lane, window_id, account),
    CONSTRAINT sums CHECK (debits >= 0 AND credits >= 0)
);
COMMENT ON TABLE position_slice IS 'sharded';

CREATE TABLE program (
    program TEXT NOT NULL,
    number INTEGER NOT NULL,
    partner TEXT NOT NULL,
    name TEXT NOT NULL,
    unit_name TEXT NOT NULL,
    adapter TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    capabilities JSONB NOT NULL,
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    nature TEXT NOT NULL,
    PRIMARY KEY (program),
    CONSTRAINT number_positive CHECK (number > 0),
    CONSTRAINT nature_known CHECK (nature IN ('points', 'charity', 'money')),
    CONSTRAINT program_number UNIQUE (number)
);
COMMENT ON TABLE program IS 'reference';

CREATE TABLE proposal (
    digest TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    partner TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    proposed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (digest, number),
    CONSTRAINT kind_known CHECK (
        kind IN ('agreement', 'cover', 'card', 'risk_rules', 'campaign', 'calendar', 'bank_details',
            'rate_set', 'tax_table', 'share_contract')),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT number_positive CHECK (number > 0)
);
COMMENT ON TABLE proposal IS 'reference';

CREATE TABLE rate_card (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    version INTEGER NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    announced_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT,
    confirmed_by TEXT,
    evidence_id UUID,
    PRIMARY KEY (source, target, version),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT signed_after_the_first CHECK (version > 0 AND (version = 1 OR proposed_by IS NOT NULL)),
    CONSTRAINT two_keys CHECK (num_nulls(proposed_by, confirmed_by, evidence_id) IN (0, 3)),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT rate_card_begins_once UNIQUE (source, target, valid_from),
    CONSTRAINT rate_card_digest UNIQUE (digest)
);
COMMENT ON TABLE rate_card IS 'reference';

CREATE TABLE review_case (
    lane SMALLINT NOT NULL,
    seq BIGINT NOT NULL,
    exchange_id UUID NOT NULL,
    leg SMALLINT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    detail TEXT NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    decision TEXT,
    closed_by TEXT,
    PRIMARY KEY (lane, seq)
);
CREATE INDEX case_open ON review_case (lane, due_at) WHERE closed_at IS NULL;
COMMENT ON TABLE review_case IS 'sharded';

CREATE TABLE risk_rules (
    version INTEGER NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (version),
    CONSTRAINT version_positive CHECK (version > 0),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT risk_rules_begin_once UNIQUE (valid_from),
    CONSTRAINT risk_rules_digest UNIQUE (digest)
);
COMMENT ON TABLE risk_rules IS 'reference';

CREATE TABLE share_contract (
    contract TEXT NOT NULL,
    version INTEGER NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest TEXT NOT NULL,
    document JSONB NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT NOT NULL,
    evidence_id UUID NOT NULL,
    PRIMARY KEY (contract, version),
    CONSTRAINT version_positive CHECK (version > 0),
    CONSTRAINT never_back CHECK (valid_from >= published_at),
    CONSTRAINT digest_whole CHECK (digest ~ '^[0-9a-f]{64}$'),
    CONSTRAINT keys_differ CHECK (proposed_by <> confirmed_by),
    CONSTRAINT share_contract_begins_once UNIQUE (contract, valid_from),
    CONSTRAINT share_contract_digest UNIQUE (digest)
);
COMMENT ON TABLE share_contract IS 'reference';

CREATE TABLE tile (
    lane SMALLINT NOT NULL,
    level SMALLINT NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (lane, level, place)
);
COMMENT ON TABLE tile IS 'sharded';
"""

UPDATABLE: dict[str, tuple[str, ...]] = {
    "partner": ("name",),
    "program": ("endpoint", "capabilities"),
    "low_water": ("ended_at",),
    "key": ("expires_at", "revoked_at", "compromised_since"),
    "lane": ("last_at", "size", "frontier", "window_id", "writer", "calendar", "members_at"),
    "lane_window": ("sealed_at", "sealed_size", "sealed_root"),
    "account": ("number_index", "number_mask", "wrapped", "closed_at", "merged_into", "erased_at"),
    "link": ("source_account", "target_account", "moved_at", "ended_at", "ended_reason"),
    "consent": ("withdrawn_at", "withdrawn_by"),
    "claim": ("rejected_at", "rejected_reason", "rejection_id"),
    "exchange": (
        "state",
        "posted_at",
        "window_id",
        "ended_at",
        "reason",
        "reversed",
        "kept_leg",
        "cancelled",
        "captured",
    ),
    "orders": ("state", "lease", "due_at", "sent_at", "attempts", "answered_at", "reason", "evidence_id"),
    "evidence": ("wrapped",),
    "position_slice": ("debits", "credits"),
    "cap_slice": ("granted", "position", "pending"),
    "budget_slice": ("units", "value", "units_used", "value_used"),
    "review_case": ("closed_at", "decision", "closed_by"),
}
DELETABLE: tuple[str, ...] = ("nonce",)

ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'clearing_app') THEN
        CREATE ROLE clearing_app NOLOGIN NOINHERIT;
    END IF;
    EXECUTE format('GRANT clearing_app TO %I', current_user);
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO clearing_app', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO clearing_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO clearing_app;
REVOKE INSERT ON alembic_version FROM clearing_app;
COMMENT ON TABLE alembic_version IS 'local';
"""


def upgrade() -> None:
    """Make the tables, then the role that owns none of them."""
    op.execute(TABLES)
    op.execute(ROLE)
    for table, columns in UPDATABLE.items():
        op.execute(f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO clearing_app")
    for table in DELETABLE:
        op.execute(f"GRANT DELETE ON {table} TO clearing_app")


def downgrade() -> None:
    """Books are not unwritten."""
    message = "migrations go forward only"
    raise NotImplementedError(message)
