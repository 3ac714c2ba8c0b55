-- Which of these nonces were used, and by which request.
SELECT
    nonce.key_id,
    nonce.nonce,
    nonce.request_id
FROM unnest(%(key_id)b::text[], %(nonce)b::text[]) AS asked (key_id, nonce)
INNER JOIN nonce ON nonce.lane = %(lane)b AND nonce.key_id = asked.key_id AND nonce.nonce = asked.nonce
