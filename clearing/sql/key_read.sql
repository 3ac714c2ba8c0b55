-- One key by its thumbprint.
SELECT
    key_id,
    partner,
    purpose,
    environment,
    jwk,
    registered_at,
    not_before,
    expires_at,
    revoked_at,
    compromised_since
FROM key
WHERE key_id = %(key_id)b
