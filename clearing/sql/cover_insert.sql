-- Book the next movement of a partner's cover; no row comes back when that number or its reference was taken meanwhile.
INSERT INTO cover (partner, number, at, amount, reference, digest, proposed_by, confirmed_by, evidence_id)
VALUES (
    %(partner)b,
    %(number)b,
    %(at)b,
    %(amount)b,
    %(reference)b,
    %(digest)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING number
