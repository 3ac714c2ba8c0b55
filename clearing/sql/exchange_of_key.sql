-- The exchange or reversal that a partner asked for under an idempotency key, and what a repeat must equal.
SELECT
    exchange_id,
    fingerprint
FROM exchange
WHERE
    lane = %(lane)b
    AND partner = %(partner)b
    AND idempotency_key = %(idempotency_key)b
