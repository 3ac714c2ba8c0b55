-- Revoke a key, of this partner or (null) of anybody; the earliest instants ever said are kept. Locks: the key's row.
UPDATE key
SET
    revoked_at = least(revoked_at, %(now)b::timestamptz),
    compromised_since = least(compromised_since, %(compromised_since)b::timestamptz)
WHERE
    key_id = %(key_id)b
    AND (%(partner)b::text IS NULL OR partner = %(partner)b::text)
RETURNING key_id
