-- The whole log, in order.
SELECT
    seq,
    kind,
    exchange_id,
    salt,
    event,
    hash
FROM leaf
WHERE lane = %(lane)b
ORDER BY seq
