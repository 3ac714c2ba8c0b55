"""The tables of the program's own store."""

# `member` is moved, `operation` remembers every id, `effect` has one row for each real effect, `lot` says which points are whose age.
SCHEMA = """
CREATE TABLE IF NOT EXISTS member (
    number TEXT PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('active', 'frozen', 'closed')),
    tier TEXT NOT NULL,
    balance INTEGER NOT NULL, -- below zero only where the program claws back what was spent
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    opening INTEGER NOT NULL,
    opened_at INTEGER NOT NULL -- milliseconds
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS account (
    token TEXT PRIMARY KEY,
    number TEXT NOT NULL REFERENCES member (number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS operation (
    id TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    account TEXT NOT NULL,
    unit TEXT NOT NULL,
    amount INTEGER NOT NULL,
    refers TEXT,
    result TEXT NOT NULL CHECK (result IN ('done', 'pending', 'declined', 'hidden')),
    reason TEXT,
    remaining INTEGER NOT NULL DEFAULT 0, -- of a hold: still held; of a capture, debit, credit: not yet reversed
    ended TEXT, -- of a hold: captured, released, expired
    expires_at INTEGER, -- of an open hold
    decides_at INTEGER, -- when what is undecided is decided
    decision TEXT -- what will then be decided: done or declined
);
CREATE INDEX IF NOT EXISTS operation_expires ON operation (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS operation_decides ON operation (decides_at) WHERE decides_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS effect (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL, -- of the order
    exchange TEXT NOT NULL, -- the part of the order id that all orders of an exchange share
    operation TEXT NOT NULL,
    account TEXT NOT NULL,
    amount INTEGER NOT NULL,
    change INTEGER NOT NULL, -- of the member's balance
    at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS lot ( -- filled only where the program keeps lots
    number TEXT NOT NULL REFERENCES member (number),
    lot TEXT NOT NULL, -- the id of the credit that made it
    earned_at INTEGER NOT NULL,
    expires_at INTEGER, -- NULL: never
    amount INTEGER NOT NULL CHECK (amount >= 0), -- free to spend; what is held or gone stands in lot_use
    PRIMARY KEY (number, lot)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lot_expires ON lot (expires_at) WHERE amount > 0;
CREATE TABLE IF NOT EXISTS lot_use ( -- what one operation took of a lot, made or gave back
    id TEXT NOT NULL,
    lot TEXT NOT NULL,
    amount INTEGER NOT NULL,
    remaining INTEGER NOT NULL CHECK (remaining >= 0), -- taken and not given back
    PRIMARY KEY (id, lot)
);
CREATE TABLE IF NOT EXISTS fault_seen (
    id TEXT NOT NULL,
    fault TEXT NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (id, fault)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nonce (
    key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (key_id, nonce)
) WITHOUT ROWID;
"""
