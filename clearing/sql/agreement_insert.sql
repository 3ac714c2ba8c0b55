-- Publish the next version of an agreement; no row comes back when that version or its beginning was taken meanwhile.
INSERT INTO agreement (
    partner, version, valid_from, valid_to, announced_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(partner)b,
    %(version)b,
    %(valid_from)b,
    %(valid_to)b,
    %(announced_at)b,
    %(digest)b,
    %(document)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING version
