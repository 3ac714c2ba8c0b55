-- Evidence in the order of its ids, after one of them.
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
WHERE lane = %(lane)b AND evidence_id > %(after)b
ORDER BY evidence_id
LIMIT %(most)b
