-- Keep what was signed. One call may carry orders of several batches: its evidence is written once.
INSERT INTO evidence (
    lane,
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
)
SELECT
    %(lane)b,
    new_row.evidence_id,
    new_row.kind,
    new_row.key_id,
    new_row.signed_at,
    new_row.base,
    new_row.signature,
    new_row.digest,
    new_row.meta,
    new_row.kek_id,
    new_row.wrapped,
    new_row.seal_nonce,
    new_row.box
FROM unnest(
    %(evidence_id)b::uuid[],
    %(kind)b::text[],
    %(key_id)b::text[],
    %(signed_at)b::timestamptz[],
    %(base)b::bytea[],
    %(signature)b::bytea[],
    %(digest)b::bytea[],
    %(meta)b::bytea[],
    %(kek_id)b::text[],
    %(wrapped)b::bytea[],
    %(seal_nonce)b::bytea[],
    %(box)b::bytea[]
) AS new_row (
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
)
ON CONFLICT (lane, evidence_id) DO NOTHING
