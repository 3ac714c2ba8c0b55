-- Exchanges in review without an open case.
SELECT exchange.exchange_id
FROM exchange
WHERE
    exchange.lane = %(lane)b
    AND exchange.state = 'review'
    AND NOT EXISTS (
        SELECT 1
        FROM review_case
        WHERE
            review_case.lane = exchange.lane
            AND review_case.exchange_id = exchange.exchange_id
            AND review_case.closed_at IS NULL
    )
ORDER BY exchange.exchange_id
LIMIT 20
