-- Publish the next version of a rate card; no row comes back when that version or its beginning was taken meanwhile.
INSERT INTO rate_card (
    source, target, version, valid_from, announced_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(source)b,
    %(target)b,
    %(version)b,
    %(valid_from)b,
    %(announced_at)b,
    %(digest)b,
    %(document)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING version
