-- Keep one request that changes members or links, in the transaction of the change.
INSERT INTO evidence (
    lane, evidence_id, kind, key_id, signed_at, base, signature, digest, meta, kek_id, wrapped, seal_nonce, box
)
VALUES (
    %(lane)b,
    %(evidence_id)b,
    %(kind)b,
    %(key_id)b,
    %(signed_at)b,
    %(base)b,
    %(signature)b,
    %(digest)b,
    %(meta)b,
    %(kek_id)b,
    %(wrapped)b,
    %(seal_nonce)b,
    %(box)b
)
