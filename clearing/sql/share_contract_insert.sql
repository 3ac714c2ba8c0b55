-- Publish the next version of a sharing contract; no row comes back when it was taken, or its content published before.
INSERT INTO share_contract (
    contract, version, valid_from, published_at, digest, document, proposed_by, confirmed_by, evidence_id
)
VALUES (
    %(contract)b,
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
