-- One piece of evidence.
SELECT
    evidence_id,
    kind,
    key_id,
    signed_at,
    base,
    signature,
    digest,
    meta,
    kek_id,
    wrapped,
    seal_nonce,
    box
FROM evidence
WHERE lane = %(lane)b AND evidence_id = %(evidence_id)b
