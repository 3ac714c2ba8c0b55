-- Register a key; no row comes back when its id is taken.
INSERT INTO key (key_id, partner, purpose, environment, alg, jwk, registered_at, not_before, expires_at)
VALUES (
    %(key_id)b,
    %(partner)b,
    %(purpose)b,
    %(environment)b,
    %(alg)b,
    %(jwk)b,
    %(registered_at)b,
    %(not_before)b,
    %(expires_at)b
)
ON CONFLICT DO NOTHING
RETURNING key_id
