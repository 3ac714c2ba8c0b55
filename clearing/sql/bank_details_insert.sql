-- Publish the next version of a partner's bank details; no row comes back when it was taken, or its content published before.
INSERT INTO bank_details (
    partner, version, valid_from, published_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(partner)b,
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
