-- Publish the next version of the calendar; no row comes back when it was taken, or its content published before.
INSERT INTO calendar_version (
    version, begins_at, published_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(version)b,
    %(begins_at)b,
    %(published_at)b,
    %(digest)b,
    %(document)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING version
