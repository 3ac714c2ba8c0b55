-- Publish the next version of the risk rules; no row comes back when that version or its beginning was taken meanwhile.
INSERT INTO risk_rules (
    version, valid_from, published_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(version)b,
    %(valid_from)b,
    %(published_at)b,
    %(digest)b,
    %(document)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING version
