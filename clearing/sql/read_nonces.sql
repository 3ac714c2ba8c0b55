-- Which of these nonces were used, and by which request. It may find a neighbour's too; the caller looks only for its own.
SELECT
    key_id,
    nonce,
    request_id
FROM nonce
WHERE
    lane = %(lane)b
    AND key_id = any(%(key_id)b::text[])
    AND nonce = any(%(nonce)b::text[])
