-- All keys of a partner, or those of the house and its operators, oldest first.
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
WHERE partner IS NOT DISTINCT FROM %(partner)b::text
ORDER BY registered_at, key_id
