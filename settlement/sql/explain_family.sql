-- An exchange and its reversals: their ids, who asked for them, where the first began in the log, and when the last of them moved; NULL
-- when one still may.
SELECT
    array_agg(DISTINCT exchange.exchange_id) AS exchange_id,
    array_agg(DISTINCT exchange.partner) AS partner,
    min(exchange.reserved_seq) AS first,
    CASE WHEN bool_and(exchange.ended_at IS NOT NULL AND orders.due_at IS NULL)
            THEN max(greatest(exchange.ended_at, orders.answered_at))
    END AS moved_at
FROM exchange
LEFT JOIN orders ON exchange.lane = orders.lane AND exchange.exchange_id = orders.exchange_id
WHERE
    exchange.lane = %(lane)b
    AND (exchange.exchange_id = %(exchange_id)b::uuid OR exchange.original_id = %(exchange_id)b::uuid)
