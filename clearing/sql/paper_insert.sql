-- Publish a paper under its name; no row comes back when the name was taken, or its content published before.
INSERT INTO paper (
    kind, name, valid_from, valid_until, published_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(kind)b,
    %(name)b,
    %(valid_from)b,
    %(valid_until)b,
    %(published_at)b,
    %(digest)b,
    %(document)b,
    %(proposed_by)b,
    %(confirmed_by)b,
    %(evidence_id)b
)
ON CONFLICT DO NOTHING
RETURNING name
