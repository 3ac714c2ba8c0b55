-- Use up these nonces.
INSERT INTO nonce (
    lane,
    key_id,
    nonce,
    request_id,
    expires_at
)
SELECT
    %(lane)b,
    new_row.key_id,
    new_row.nonce,
    new_row.request_id,
    new_row.expires_at
FROM unnest(
    %(key_id)b::text[],
    %(nonce)b::text[],
    %(request_id)b::uuid[],
    %(expires_at)b::timestamptz[]
) AS new_row (key_id, nonce, request_id, expires_at)
