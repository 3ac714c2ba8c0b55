-- A new claim. The unique index refuses a second one of the same receipt and account.
INSERT INTO claim (
    lane, claim, program, account, partner, reference, occurred_at, units, claimed_at, evidence_id
)
VALUES (
    %(lane)b,
    %(claim)b,
    %(program)b,
    %(account)b,
    %(partner)b,
    %(reference)b,
    %(occurred_at)b,
    %(units)b,
    %(claimed_at)b,
    %(evidence_id)b
)
