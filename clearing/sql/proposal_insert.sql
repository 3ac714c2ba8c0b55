-- Keep what one key proposed; no row comes back when the same was proposed before.
INSERT INTO proposal (digest, number, kind, partner, document, proposed_at, proposed_by, evidence_id)
VALUES (
    %(digest)b,
    1,
    %(kind)b,
    %(partner)b,
    %(document)b,
    %(proposed_at)b,
    %(proposed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING digest
