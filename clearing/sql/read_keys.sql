-- Whether these keys are live, read while the lane is locked: a revocation is effective at once.
SELECT
    key_id,
    not_before,
    expires_at,
    revoked_at
FROM key
WHERE key_id = any(%(key_id)b::text[])
